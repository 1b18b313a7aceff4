"""A pytest plugin that runs chosen tests once for each mutant, in a fork of its own.

All tests are collected once; then every fork puts the mutated code into the functions that are
loaded already, which spares it the imports. What runs at import is mutated in a fresh process.
The mutated file stands in this worker's copy of the tree, too, for the tests that start processes.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .mutants import Mutant, mutants_of

JOBS = "MUTATION_JOBS"
"""The variable that names the file with this worker's jobs, each with its mutant and its tests."""

BROKEN = 3
"""The exit status of a fork in which something else than a test has failed."""

MARGIN = 60.0
"""Seconds that a mutant may take beyond what its tests took without it."""


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the jobs in place of the tests."""
    file = Path(os.environ[JOBS])
    jobs = json.loads(file.read_text())
    items = {item.nodeid: item for item in session.items}
    _check_that_they_pass([items[test] for test in jobs[0]["tests"]])
    sources: dict[str, str] = {}
    with file.with_suffix(".results").open("a") as results:
        for job in jobs:
            module = job["name"][0]
            source = sources.setdefault(module, Path(module).read_text())
            [mutant] = [each for each in mutants_of(module, source) if [*each.name] == job["name"]]
            Path(module).write_text(ast.unparse(mutant.tree()))
            try:
                began = time.monotonic()
                died = _dies(mutant, source, [items[test] for test in job["tests"]], job["seconds"])
            finally:
                Path(module).write_text(source)
            told = {"name": job["name"], "died": died, "seconds": time.monotonic() - began}
            print(json.dumps(told), file=results, flush=True)
    return True


def _check_that_they_pass(items: list[pytest.Item]) -> None:
    """Stop where tests fail without any mutant, for then they kill every one."""
    if _in_a_fork(lambda: _fails(items), 3600.0):
        pytest.exit("tests fail without a mutant", returncode=1)


def _dies(mutant: Mutant, source: str, items: list[pytest.Item], seconds: float) -> bool:
    """Whether one of these tests fails, or does not end."""

    def fails() -> bool:
        swapped = mutant.in_body and _swap(mutant, source)
        return _fails(items) if swapped else _fails_afresh(items)

    return _in_a_fork(fails, 3 * seconds + MARGIN)


def _in_a_fork(fails: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    process = os.fork()
    if process == 0:
        os.setpgid(0, 0)
        status = BROKEN
        try:
            status = int(fails())
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(status)
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    try:
        os.killpg(process, signal.SIGKILL)  # itself, where it hangs, and the servers of its tests
    except ProcessLookupError:
        pass
    if not ended:
        os.waitpid(process, 0)
    if ended and os.waitstatus_to_exitcode(status) == BROKEN:
        pytest.exit("a mutant could not be made", returncode=1)
    return not ended or status != 0


def _swap(mutant: Mutant, source: str) -> bool:
    """Put the mutated code into every loaded function; return whether that was possible."""
    path = os.path.abspath(mutant.module)
    before = _codes(compile(source, path, "exec", dont_inherit=True))
    after = _codes(compile(mutant.tree(), path, "exec", dont_inherit=True))
    changed = {
        _place(old): new
        for name in before.keys() & after.keys()
        if len(before[name]) == len(after[name])
        for old, new in zip(before[name], after[name], strict=True)
        if old != new
    }
    # isinstance() would wake lazy objects, such as Django's.
    loaded = [each for each in gc.get_objects() if type(each) is types.FunctionType]
    done = False
    for function in loaded:
        new = changed.get(_place(function.__code__))
        if new is not None:
            if len(new.co_freevars) != len(function.__code__.co_freevars):
                return False
            function.__code__ = new
            done = True
    return done


def _place(code: types.CodeType) -> tuple[Any, ...]:
    """What tells a function's code from any other's, whatever the interpreter has made of it."""
    return code.co_filename, code.co_qualname, code.co_firstlineno, code.co_linetable


def _codes(code: types.CodeType) -> dict[tuple[str, int], list[types.CodeType]]:
    """Return the code of every function below, by its name and line; lambdas may share one."""
    found: dict[tuple[str, int], list[types.CodeType]] = {}
    left = [code]
    while left:
        code = left.pop()
        found.setdefault((code.co_qualname, code.co_firstlineno), []).append(code)
        left += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return found


def _fails(items: list[pytest.Item]) -> bool:
    watcher = _Watcher()
    config: Any = items[0].config
    config.pluginmanager.register(watcher)
    try:
        for item, following in zip(items, [*items[1:], None], strict=True):
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if watcher.failed:
                return True
    finally:
        items[0].session._setupstate.teardown_exact(None)
    return False


class _Watcher:
    failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = True
            print(report.nodeid, report.longreprtext, file=sys.__stderr__)


def _fails_afresh(items: list[pytest.Item]) -> bool:
    names = Path(os.environ[JOBS]).with_suffix(".tests")
    names.write_text("\n".join(item.nodeid for item in items))
    arguments = [
        "-q",
        "-x",
        "-n",
        "0",
        "--randomly-dont-reorganize",
        "-p",
        "no:cacheprovider",
        f"@{names}",
    ]
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], stdin=subprocess.DEVNULL)
    return done.returncode != 0
