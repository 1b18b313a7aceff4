"""The command: ``python -m tests.mutation --help``."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .coverage_map import ARRANGEMENTS, LEFT_OUT, CoverageMap
from .mutants import Mutant, mutants_of
from .worker import JOBS

MODULES = (
    "jwt_middleware/authorization/decorators.py",
    "jwt_middleware/authorization/exposure.py",
    "jwt_middleware/authorization/guards.py",
    "jwt_middleware/authorization/kept.py",
    "jwt_middleware/authorization/predicate.py",
    "jwt_middleware/authorization/predicates.py",
    "jwt_middleware/authorization/reach.py",
    "jwt_middleware/middleware/enforcing.py",
    "jwt_middleware/middleware/middleware.py",
    "jwt_middleware/middleware/originals.py",
    "jwt_middleware/verification/issuers.py",
    "jwt_middleware/revocation/check.py",
    "jwt_middleware/verification/bound.py",
    "jwt_middleware/verification/issuer.py",
    "jwt_middleware/verification/claims.py",
    "jwt_middleware/verification/cache.py",
    "jwt_middleware/verification/compact.py",
    "jwt_middleware/verification/verifier.py",
)
"""The modules that decide."""

SURVIVORS = Path(__file__).with_name("survivors.toml")
WORKERS = 2

Name = tuple[str, str, str]


def main() -> int:
    """Run a sample of the mutants; return 1 unless just those survive that are listed."""
    options = _options()
    everything = {
        mutant.name: mutant
        for module in MODULES
        for mutant in mutants_of(module, Path(module).read_text())
    }
    chosen = [name for name in everything if any(part in name[0] for part in options.only or ("",))]
    if options.survivors:
        chosen = [name for name in chosen if name in listed_survivors()]
    if options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        died = _run(Path(folder), [everything[name] for name in chosen], options)
    return _report(everything, died)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=500, help="how many mutants (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (default: 1)")
    parser.add_argument("--only", nargs="*", help="only modules with one of these in their path")
    parser.add_argument("--survivors", action="store_true", help="only the listed survivors")
    parser.add_argument(
        "--budget", type=float, default=40, help="seconds of tests for each mutant (default: 40)"
    )
    recorded = Path(tempfile.gettempdir(), f"mutation-map-{os.getuid()}")
    parser.add_argument(
        "--map", type=Path, default=recorded, help="folder of recorded coverage, kept between runs"
    )
    return parser.parse_args()


def _run(folder: Path, mutants: list[Mutant], options: argparse.Namespace) -> dict[Name, bool]:
    trees = [folder / str(number) for number in range(WORKERS)]
    for tree in trees:
        _copy(tree)
    recorded = CoverageMap(options.map)
    if not recorded.fits(MODULES):
        recorded.record(trees[0], _environment(trees[0]), MODULES)
    collected = _collected(trees[0])
    died = _work(folder / "first", trees, _jobs(mutants, recorded, options.budget, collected))
    listed = listed_survivors()
    left = [each for each in mutants if not died[each.name] and each.name not in listed]
    if left:
        died |= _work(folder / "second", trees, _jobs_of_all_cases(left, recorded, collected))
    return died


def _work(folder: Path, trees: list[Path], jobs: list[dict[str, Any]]) -> dict[Name, bool]:
    folder.mkdir()
    running = []
    for number, tree in enumerate(trees[: len(jobs)]):
        file = folder / f"{number}.jobs"
        file.write_text(json.dumps(jobs[number::WORKERS]))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.worker"]
        command += ["-n", "0", "--randomly-dont-reorganize", "-p", "no:cacheprovider"]
        command += [f"--ignore={path}" for path in LEFT_OUT]
        with (folder / f"{number}.log").open("w") as log:
            environment = _environment(tree) | {JOBS: str(file)}
            running.append(
                subprocess.Popen(command, cwd=tree, env=environment, stdout=log, stderr=log)
            )
    for number, process in enumerate(running):
        if process.wait() != 0:
            print((folder / f"{number}.log").read_text()[-5000:])
            raise SystemExit(f"worker {number} failed")
    results = (json.loads(line) for f in folder.glob("*.results") for line in f.open())
    return {tuple(each["name"]): each["died"] for each in results}


def _copy(tree: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for path in filter(os.path.isfile, listed):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tree / path)


def _environment(tree: Path) -> dict[str, str]:
    paths = os.pathsep.join([str(tree), str(tree / "adapters")])
    return os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


def _collected(tree: Path) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider"]
    command += ["-n", "0", "--randomly-dont-reorganize", *(f"--ignore={path}" for path in LEFT_OUT)]
    done = subprocess.run(command, cwd=tree, env=_environment(tree), capture_output=True, text=True)
    collected = [line for line in done.stdout.splitlines() if "::" in line]
    if done.returncode != 0 or not collected:
        raise SystemExit(f"no tests were collected:\n{done.stdout[-2000:]}")
    return collected


def _jobs(
    mutants: list[Mutant], recorded: CoverageMap, budget: float, collected: list[str]
) -> list[dict[str, Any]]:
    """Choose the tests of each mutant: the nearest first, then one case of each function."""
    known = set(collected)
    unrecorded = known - recorded.durations.keys()
    maps = {module: recorded.tests_by_line(module) for module in {each.module for each in mutants}}
    jobs = []
    for mutant in mutants:
        tests = _covering(mutant, maps[mutant.module]) & known
        new = sorted(test for test in unrecorded if _is_near(test, mutant.module))
        chosen = new + _nearest(mutant.module, tests, recorded.durations)
        kept: list[str] = []
        seconds = 0.0
        for test in chosen:
            seconds += recorded.durations.get(test, 0.0)
            if seconds > budget:
                break
            kept.append(test)
        jobs.append({"name": mutant.name, "tests": kept, "seconds": seconds})
    return jobs


def _jobs_of_all_cases(
    mutants: list[Mutant], recorded: CoverageMap, collected: list[str]
) -> list[dict[str, Any]]:
    """Choose every case of the tests that run a mutant, for what a choice of cases let live."""
    cases: dict[str, list[str]] = {}
    for test in collected:
        cases.setdefault(test.partition("[")[0], []).append(test)
    seconds = {test.partition("[")[0]: took for test, took in recorded.durations.items()}
    jobs = []
    for mutant in mutants:
        lines = recorded.tests_by_line(mutant.module)
        functions = {test.partition("[")[0] for test in _covering(mutant, lines)}
        if "/authorization/" in mutant.module:
            functions |= {name for name in cases if name.startswith(ARRANGEMENTS)}
        chosen = sorted(
            functions & cases.keys(), key=lambda name: not _is_near(name, mutant.module)
        )
        tests = [test for function in chosen for test in cases[function]]
        took = sum(seconds.get(name, 0.1) * len(cases[name]) for name in chosen)
        jobs.append({"name": mutant.name, "tests": tests, "seconds": took})
    return jobs


def _covering(mutant: Mutant, by_line: dict[int, set[str]]) -> set[str]:
    first, last = mutant.lines
    tests = set().union(*(by_line.get(line, set()) for line in range(first, last + 1)))
    return tests or set().union(*by_line.values())  # it runs at import: for all of the module


def _nearest(module: str, tests: Iterable[str], durations: dict[str, float]) -> list[str]:
    cases: Counter[str] = Counter()
    keyed = []
    for test in sorted(tests, key=lambda test: durations[test]):
        function = test.partition("[")[0]
        keyed.append((not _is_near(test, module), cases[function], durations[test], test))
        cases[function] += 1
    return [test for *_, test in sorted(keyed)]


def _is_near(test: str, module: str) -> bool:
    """Whether it stands in a file that is named after the module."""
    return re.search(rf"/test_{Path(module).stem}(_\w+)?\.py::", test) is not None


def listed_survivors() -> dict[Name, str]:
    entries = tomllib.loads(SURVIVORS.read_text()).get("survivor", [])
    return {
        (each["module"], each["function"], each["mutation"]): each["reason"] for each in entries
    }


def _report(everything: Iterable[Name], died: dict[Name, bool]) -> int:
    listed = listed_survivors()
    survived = [name for name, dead in died.items() if not dead]
    unknown = [name for name in survived if name not in listed]
    wrong = {
        "survives, and is not listed": unknown,
        "is listed, and dies": [name for name in listed if died.get(name)],
        "is listed, and is no mutant any more": sorted(listed.keys() - set(everything)),
    }
    for what, names in wrong.items():
        for module, function, text in sorted(names):
            print(f"{what}: {module} {function}: {text}")
    equivalent = len(survived) - len(unknown)
    killed = len(died) - len(survived)
    rate = 100 * killed / max(1, len(died) - equivalent)
    print(
        f"{len(died)} mutants: {killed} killed, {equivalent} equivalent, {len(unknown)} survived; "
        f"{rate:.1f} % of those that change something were noticed"
    )
    return int(any(wrong.values()))


if __name__ == "__main__":
    raise SystemExit(main())
