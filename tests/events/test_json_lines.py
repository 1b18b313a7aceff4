"""The audit trail as lines of JSON: whole, bounded, and none lost in silence."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ConfigurationError, JSONLines, Principal
from jwt_middleware.events.kinds import Decided, KeyAdded, KeysLoaded
from jwt_middleware.events.record import CALLER_FIELDS
from jwt_middleware.principal import ClaimNames

from ..conftest import Clock

LOADED = KeysLoaded("gateway.pem", 1, ("k1",))
FORGED = 'k1"}\r\n{"event.name":"decided"}\x00\x1b[31m\u2028\x85\udcff'


def lines_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_an_event_is_one_line_of_json_with_the_time_in_utc(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "audit.jsonl"
    JSONLines(path, clock=clock)(LOADED)

    assert path.read_bytes() == (
        b'{"@timestamp":"2016-11-17T19:07:31.000000Z","event.name":"keys_loaded",'
        b'"jwt.source":"gateway.pem","jwt.keys":1,"jwt.key_ids":["k1"]}\n'
    )


@pytest.mark.parametrize("make", [io.StringIO, io.BytesIO])
def test_a_stream_of_text_or_bytes_is_written_and_flushed(make: Any) -> None:
    class Stream(make):  # type: ignore[misc]
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    JSONLines(stream)(LOADED)

    assert json.loads(stream.getvalue())["jwt.source"] == "gateway.pem"
    assert stream.flushed == 1


def test_log_injection_no_value_can_begin_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)
    lines(KeyAdded(FORGED, FORGED))
    lines.write(FORGED, value=FORGED)

    raw = path.read_bytes()
    assert len(raw.decode("ascii").splitlines()) == 2
    assert all(byte == 10 or 32 <= byte < 127 for byte in raw)
    assert lines_in(path)[0]["jwt.key_id"] == FORGED.replace("\udcff", r"\udcff")


def test_a_line_is_bounded_whatever_a_token_says(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    huge = "\U0001f512" * 100_000
    JSONLines(path)(Decided(True, **dict.fromkeys(CALLER_FIELDS, huge)))

    assert path.stat().st_size < 20_000
    assert len(lines_in(path)) == 1


def test_a_new_file_is_for_its_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    before = os.umask(0)
    try:
        JSONLines(path)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for _ in range(2):
        lines = JSONLines(path)
        lines(LOADED)
        lines.close()
    lines(LOADED)  # opens it again

    assert len(lines_in(path)) == 3


def test_a_file_that_cannot_be_opened_is_reported_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/audit.jsonl .*No such file.*folder"):
        JSONLines(tmp_path / "nowhere" / "audit.jsonl")
    with pytest.raises(ConfigurationError, match="Is a directory"):
        JSONLines(tmp_path)
    with pytest.raises(ConfigurationError, match="a path or a stream, not a int"):
        JSONLines(3)  # type: ignore[arg-type]


# --- rotation --------------------------------------------------------------------------------


def test_rotation_by_create_the_next_line_is_in_the_new_file(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    lines = JSONLines(path)
    lines(LOADED)
    path.rename(old)
    path.touch()
    lines(LOADED)

    assert (len(lines_in(old)), len(lines_in(path))) == (1, 1)


def test_rotation_by_moving_alone_makes_the_file_anew(tmp_path: Path) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    lines = JSONLines(path)
    lines(LOADED)
    path.rename(old)
    lines(LOADED)

    assert (len(lines_in(old)), len(lines_in(path))) == (1, 1)


def test_rotation_by_copytruncate_leaves_no_hole_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)
    lines(LOADED)
    os.truncate(path, 0)
    lines(LOADED)

    assert len(lines_in(path)) == 1


def test_a_rotation_amid_threads_loses_no_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)

    def write() -> None:
        for _ in range(200):
            lines(LOADED)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(5):
        if path.exists():
            path.rename(tmp_path / f"audit.{turn}")
    for thread in threads:
        thread.join()

    assert sum(len(lines_in(each)) for each in tmp_path.iterdir()) == 800


# --- a disk that is full ---------------------------------------------------------------------


def test_lines_that_cannot_be_written_are_counted_and_reported_once_and_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "audit.jsonl"
    lines = JSONLines(path, clock=clock)
    path.unlink()
    folder.rmdir()
    for _ in range(3):
        lines(LOADED)
    assert lines.lost == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "No such file or directory" in caplog.text

    folder.mkdir()
    lines(LOADED)
    lines(LOADED)
    first, *rest = lines_in(path)
    assert (first["event.name"], first["jwt.lines"]) == ("lines_lost", 3)
    assert len(rest) == 2
    assert lines.lost == 3


def test_a_full_disk_costs_the_line_and_not_the_request(caplog: pytest.LogCaptureFixture) -> None:
    lines = JSONLines("/dev/full")
    lines(LOADED)

    assert lines.lost == 1
    assert "No space left on device" in caplog.text


def test_a_line_that_a_full_disk_tore_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
        lines(LOADED)
    JSONLines(path)(LOADED)  # of another process

    torn, whole = path.read_bytes().splitlines()
    assert len(torn) == 20
    assert json.loads(whole)["event.name"] == "keys_loaded"
    assert lines.lost == 1


def test_a_line_after_a_torn_one_begins_anew_in_the_same_file_and_not_in_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, old = tmp_path / "audit.jsonl", tmp_path / "audit.jsonl.1"
    lines = JSONLines(path)
    write = os.write
    for move in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
            lines(LOADED)
        if move:
            path.rename(old)
        lines(LOADED)

    torn, lost, whole, again = old.read_bytes().split(b"\n")
    assert (len(torn), len(again)) == (20, 20)
    assert [json.loads(line)["event.name"] for line in (lost, whole)] == [
        "lines_lost",
        "keys_loaded",
    ]
    assert [line["event.name"] for line in lines_in(path)] == ["lines_lost", "keys_loaded"]


_LIMITED = """
import resource, signal, sys
from jwt_middleware import JSONLines
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lines = JSONLines(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for turn in range(40):
    lines.write("turn", number=turn)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
lines.write("last")
print(lines.lost)
"""


def test_where_the_system_cuts_a_line_only_that_line_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True
    )

    *good, torn, lost, last = path.read_bytes().splitlines()
    assert [json.loads(line)["app.number"] for line in good] == list(range(len(good)))
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert json.loads(lost)["jwt.lines"] == int(done.stdout) == 40 - len(good)
    assert json.loads(last)["event.name"] == "last"


def test_a_file_that_logging_has_closed_is_opened_again(tmp_path: Path) -> None:
    """As ``logging.config.dictConfig`` and the end of the process do with every handler."""
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)
    lines(LOADED)
    logging.shutdown([weakref.ref(lines._handler)])
    lines(LOADED)

    assert len(lines_in(path)) == 2
    assert lines.lost == 0


def test_a_pipe_whose_reader_is_slow_costs_lines_and_never_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ConfigurationError, match="No such device"):
        JSONLines(path)  # nobody reads
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        lines = JSONLines(path)
        for _ in range(1000):
            lines(KeysLoaded("x" * 256, 1, ()))
        assert lines.lost > 0
        assert os.strerror(errno.EAGAIN) in caplog.text
    finally:
        os.close(reader)
        lines.close()


def test_a_closed_stream_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    lines = JSONLines(stream)
    stream.close()
    lines(LOADED)

    assert lines.lost == 1
    assert caplog.records[0].levelno == logging.ERROR


# --- lines of the app's own ------------------------------------------------------------------


def test_the_app_writes_who_did_what(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "audit.jsonl"
    names = ClaimNames(application=("app",))
    ana = Principal(
        {"sub": "ana", "client_id": "c", "app": "Kiosk", "jti": "t-1", "iss": "i", "mail": "zeta"},
        names=names,
        key_id="k1",
    )
    JSONLines(path, clock=clock).write(
        "class_deleted", by=ana, class_id="MATH-101", seats=30, open=False, tags=["a"], room=None
    )

    assert lines_in(path) == [
        {
            "@timestamp": "2016-11-17T19:07:31.000000Z",
            "event.name": "class_deleted",
            "enduser.id": "ana",
            "jwt.client_id": "c",
            "jwt.application": "Kiosk",
            "jwt.token_id": "t-1",
            "jwt.issuer": "i",
            "jwt.key_id": "k1",
            "app.class_id": "MATH-101",
            "app.seats": 30,
            "app.open": False,
            "app.tags": ["a"],
        }
    ]


@pytest.mark.parametrize("value", [{"a": 1}, object(), b"x", [1], Principal({"sub": "ana"})])
def test_a_value_that_is_no_plain_one_is_refused(value: Any) -> None:
    stream = io.StringIO()
    with pytest.raises(TypeError, match="thing is a "):
        JSONLines(stream).write("x", thing=value)

    assert stream.getvalue() == ""
