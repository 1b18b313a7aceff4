"""A watched file: every way to replace it is seen, and no broken one loses the good reading."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jwt_middleware.background import watched_files as files
from jwt_middleware.background.watched_files import WatchedFile

from ..conftest import Clock


class Heard(list[object]):
    """What the file told."""


def read(content: bytes) -> str:
    if content == b"broken":
        raise ValueError("broken")
    return content.decode()


def watched(path: Path, clock: Clock) -> tuple[WatchedFile[str], Heard]:
    heard = Heard()
    return WatchedFile(path, read, heard.append, clock=clock), heard


def look(file: WatchedFile[str], clock: Clock) -> str:
    """Let a second pass, look, and return what the file says."""
    clock.now += 1
    flight = file.look_now()
    assert flight is not None
    assert flight.wait(10)
    return file.current()


def test_a_file_that_stays_is_read_once(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)

    assert look(file, clock) == "one"
    assert heard == []


def test_a_file_replaced_in_place_is_read_anew(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)
    path.write_text("two, longer")

    assert look(file, clock) == "two, longer"
    assert heard == ["two, longer"]


def test_a_file_replaced_by_rename_is_read_anew_even_with_the_same_size_and_time(
    tmp_path: Path, clock: Clock
) -> None:
    path, other = tmp_path / "key", tmp_path / "other"
    path.write_text("one")
    file, _ = watched(path, clock)
    other.write_text("two")
    found = path.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    other.replace(path)

    assert look(file, clock) == "two"


def test_the_symlink_swap_of_a_mounted_secret_is_seen(tmp_path: Path, clock: Clock) -> None:
    """Kubernetes: ``key`` points to ``..data/key``, and ``..data`` is swapped."""
    for name, text in (("..1", "one"), ("..2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(text)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    file, _ = watched(tmp_path / "key", clock)
    (tmp_path / "..new").symlink_to("..2")
    (tmp_path / "..new").rename(tmp_path / "..data")

    assert look(file, clock) == "two"


@pytest.mark.parametrize("fault", ["broken", "gone", "unreadable as text"])
def test_a_broken_replacement_keeps_the_good_reading_and_reports_once(
    tmp_path: Path, clock: Clock, fault: str
) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)
    if fault == "gone":
        path.unlink()
    else:
        path.write_bytes(b"broken" if fault == "broken" else b"\xff\xfe\xfd")

    assert [look(file, clock) for _ in range(3)] == ["one"] * 3
    assert len(heard) == 1
    assert isinstance(heard[0], Exception)


def test_a_file_that_is_mended_serves_again(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, _ = watched(path, clock)
    path.write_text("broken")
    look(file, clock)
    path.write_text("two")

    assert look(file, clock) == "two"


def test_a_fresh_reading_is_of_the_file_as_it_is_now(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)
    for text in ("two, longer", "three, longer still"):
        path.write_text(text)
        assert file.fresh() == text

    assert heard == ["two, longer", "three, longer still"]


def test_a_fresh_reading_of_a_broken_file_is_none(tmp_path: Path, clock: Clock) -> None:
    """Whoever asks for what counts now is not served what counted before."""
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)
    path.write_text("broken")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            file.fresh()
    assert file.current() == "one"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.fresh()
    path.write_text("one")

    assert file.fresh() == "one"
    assert [type(each) for each in heard] == [ValueError, FileNotFoundError, str]


def test_a_fresh_reading_sees_a_change_that_leaves_times_and_size(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two changes within one tick of the file system's clock do."""
    path = tmp_path / "key"
    path.write_text("one")
    file, heard = watched(path, clock)
    before = os.stat(path)
    monkeypatch.setattr(files, "os", SimpleNamespace(stat=lambda _: before))

    for text in ("two", "one", "six"):
        path.write_text(text)
        assert file.fresh() == text
        assert file.fresh() == text
    assert heard == ["two", "one", "six"]


def test_a_file_is_looked_at_once_a_second_at_most(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    path.write_text("one")
    file, _ = watched(path, clock)

    assert file.look_now() is None
    clock.now += 1
    flight = file.look_now()
    assert flight is not None
    flight.wait(10)
    assert file.look_now() is None


def test_the_first_reading_must_be_good(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "key"
    with pytest.raises(FileNotFoundError):
        watched(path, clock)
    path.write_text("broken")
    with pytest.raises(ValueError, match="broken"):
        watched(path, clock)


# --- many files, and one that does not answer ------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that were started."""
    names: list[str] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        names.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    return names


def looked_at(many: list[WatchedFile[str]]) -> bool:
    """Have files looked at, as requests do; return whether all of them were."""
    for file in many:
        file.current()
    flights = [file.look_now() for file in many]
    return all(flight is None or flight.wait(10) for flight in flights)


def test_a_thousand_files_start_no_thread_to_be_looked_at(
    tmp_path: Path, clock: Clock, started: list[str]
) -> None:
    paths = [tmp_path / str(number) for number in range(1000)]
    for path in paths:
        path.write_text("one")
    many = [watched(path, clock)[0] for path in paths]
    started.clear()

    for number in range(5):
        paths[number].write_text("two, longer")
        clock.now += 1
        assert looked_at(many)

    assert [file.reading for file in many] == ["two, longer"] * 5 + ["one"] * 995
    assert len(started) <= 2  # where the machine was so slow that a look seemed to hang


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], str]]:
    """A way to read that does not come to its end before the test does."""
    monkeypatch.setattr(files, "HANGS_AFTER", 0.05)
    ended = threading.Event()

    def read_slowly(content: bytes) -> str:
        if content == b"slow":
            assert ended.wait(30)
        return read(content)

    yield read_slowly
    ended.set()


def test_a_file_that_hangs_holds_up_no_other_and_no_request(
    tmp_path: Path, clock: Clock, hangs: Callable[[bytes], str], started: list[str]
) -> None:
    slow, other = tmp_path / "slow", tmp_path / "other"
    for path in (slow, other):
        path.write_text("one")
    hanging = WatchedFile(slow, hangs, Heard().append, clock=clock)
    file, _ = watched(other, clock)
    slow.write_text("slow")
    clock.now += 1
    flight = hanging.look_now()
    started.clear()

    for text in ("two, longer", "three, even longer"):
        other.write_text(text)
        assert look(file, clock) == text
        assert hanging.current() == "one"
        assert hanging.look_now() is flight  # a second look would only hang as well

    assert started == ["jwt_middleware-file"]


def test_a_file_that_has_hung_is_read_when_it_answers(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "HANGS_AFTER", 0.05)
    path, pipe, other = tmp_path / "key", tmp_path / "pipe", tmp_path / "other"
    for each in (path, other):
        each.write_text("one")
    file, _ = watched(path, clock)
    beside, _ = watched(other, clock)
    os.mkfifo(pipe)
    pipe.replace(path)
    clock.now += 1
    flight = file.look_now()
    assert flight is not None
    other.write_text("two, longer")
    assert look(beside, clock) == "two, longer"

    path.write_text("from the pipe")

    assert flight.wait(10)
    assert file.reading == "from the pipe"  # no further look: nobody writes into the pipe


def test_a_callback_that_fails_ends_no_watching(tmp_path: Path, clock: Clock) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    paths = [tmp_path / "bad", tmp_path / "good"]
    for path in paths:
        path.write_text("one")
    bad = WatchedFile(paths[0], read, fail, clock=clock)
    good, _ = watched(paths[1], clock)
    for text in ("two, longer", "three, even longer"):
        for path in paths:
            path.write_text(text)
        assert look(bad, clock) == text
        clock.now -= 1
        assert look(good, clock) == text
