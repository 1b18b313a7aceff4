"""One file of JSON lines, several processes: no line is torn, none is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from jwt_middleware import JSONLines
from jwt_middleware.events.kinds import KeysLoaded

LINES = 150
THREADS = 4
# Longer than a page, so that a write could be torn where it could be torn at all.
LONG = KeysLoaded("x" * 256, 1, ("y" * 250,) * 20)

_fork = multiprocessing.get_context("fork")


def write_many(lines: JSONLines, number: int) -> None:
    """Write from several threads, each line with the process's and the thread's number."""

    def write(thread: int) -> None:
        for turn in range(LINES):
            lines.write("turn", who=f"{number}-{thread}-{turn}")
            lines(LONG)

    threads = [threading.Thread(target=write, args=(each,)) for each in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    os._exit(1 if lines.lost else 0)


def read_all(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for path in folder.iterdir():
        found += [json.loads(line) for line in path.read_bytes().splitlines()]
    return found


def test_processes_and_threads_write_whole_lines_also_while_the_file_is_rotated(
    tmp_path: Path,
) -> None:
    path = tmp_path / "audit.jsonl"
    lines = JSONLines(path)  # made before the fork, as with gunicorn --preload
    workers = [_fork.Process(target=write_many, args=(lines, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    turn = 0
    while any(worker.is_alive() for worker in workers):
        workers[0].join(0.02)
        if path.exists() and turn < 20:
            path.rename(tmp_path / f"audit.{turn}")
            turn += 1
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0

    found = read_all(tmp_path)
    assert len(found) == 4 * THREADS * LINES * 2
    told = [line["app.who"] for line in found if line["event.name"] == "turn"]
    assert len(set(told)) == 4 * THREADS * LINES
    assert turn > 0


_ENDLESS = """
import sys
from jwt_middleware import JSONLines
lines = JSONLines(sys.argv[1])
turn = 0
while True:
    lines.write("turn", number=turn)
    print(turn, flush=True)
    turn += 1
"""


def test_kill_9_loses_no_line_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    worker = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    with worker.stdout:
        said = [int(worker.stdout.readline()) for _ in range(200)]
        worker.send_signal(signal.SIGKILL)
        said += [int(line) for line in worker.stdout if line.endswith("\n")]
    worker.wait()

    # The one that was being written is no line: it has no end.
    *lines, _ = path.read_text().split("\n")
    assert set(said) <= {json.loads(line)["app.number"] for line in lines}
