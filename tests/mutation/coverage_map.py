"""Which tests run which lines, and how long each of them takes: recorded once, then read."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import coverage
import pytest

ARRANGEMENTS = "tests/adapters/test_arrangements.py"
"""Every order of a guard and its neighbours: too many to record, asked where all else passes."""

LEFT_OUT = (
    "tests/test_benchmarks.py",
    "tests/test_packaging.py",
    "tests/test_peers.py",
)
"""Tests that say little of single lines, and take long."""

MOST_CASES = 8
"""How many cases of one test function are recorded, about."""

_DURATIONS = "MUTATION_DURATIONS"


class CoverageMap:
    """What was recorded in a folder; ``fits`` says whether it is of these sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.durations: dict[str, float] = {}

    def fits(self, modules: Iterable[str]) -> bool:
        """Load the recording; return whether it is of the modules as they are now."""
        try:
            digests = json.loads((self._folder / "digests.json").read_text())
            self.durations = json.loads((self._folder / "durations.json").read_text())
        except FileNotFoundError:
            return False
        return {module: digests.get(module) for module in modules} == _digests(modules)

    def record(self, tree: Path, environment: dict[str, str], modules: Iterable[str]) -> None:
        """Run all tests of a tree, once."""
        self._folder.mkdir(parents=True, exist_ok=True)
        own = {"COVERAGE_FILE": self._folder / "coverage"}
        own[_DURATIONS] = self._folder / "durations.json"
        options = ["-q", "-n", "2", "-p", __name__, "--randomly-dont-reorganize"]
        options += ["-o", "faulthandler_timeout=600"]
        settings = self._folder / "coveragerc"
        settings.write_text("[run]\ninclude =\n" + "".join(f"    {path}\n" for path in modules))
        options += ["--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
        options += [f"--ignore={path}" for path in (*LEFT_OUT, ARRANGEMENTS)]
        subprocess.run(
            [sys.executable, "-m", "pytest", *options],
            cwd=tree,
            env=environment | {name: str(path) for name, path in own.items()},
            check=True,
        )
        (self._folder / "digests.json").write_text(json.dumps(_digests(modules)))
        self.durations = json.loads(own[_DURATIONS].read_text())

    def tests_by_line(self, module: str) -> dict[int, set[str]]:
        """Return the tests that run each line of a module; none for what runs at import only."""
        data = coverage.CoverageData(str(self._folder / "coverage"))
        data.read()
        [path] = [path for path in data.measured_files() if path.endswith(f"/{module}")]
        return {
            line: {context.rpartition("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(path).items()
        }


def _digests(modules: Iterable[str]) -> dict[str, str]:
    return {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in modules}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out most cases of tests that have very many, evenly: to record them takes long."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    items[:] = [item for same in cases.values() for item in same[:: 1 + len(same) // MOST_CASES]]


_durations: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how long a test takes."""
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write it down, in the process that hears of all tests."""
    if not hasattr(session.config, "workerinput"):
        Path(os.environ[_DURATIONS]).write_text(json.dumps(_durations))
