"""What is measured in processes of its own: import, memory, and two threads side by side."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from jwt_middleware import Verifier
from jwt_middleware.testing import mint

from .material import LIFETIME, TRUE_FORM, large_claims, material, verifier
from .measuring import Effort, Row, spread

IMPORTS = {
    "an empty interpreter": "pass",
    "import jwt": "import jwt",
    "import jwt_middleware": "import jwt_middleware",
    "import joserfc.jwt": "import joserfc.jwt",
}
IMPORT = "import, CPU over an empty interpreter"
THREADS = "hits per second of two threads, against one"
MEMORY = "memory of a cached WSO2 token"
CACHED = 3_000

_GROWTH = """
import gc, os
from benchmarks.processes import CACHED, tokens_to_cache
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
known, tokens = tokens_to_cache()
for token in tokens[:100]:
    known.verify(token)
before = resident()
for token in tokens[100:]:
    known.verify(bytes(token))
print((resident() - before) / (CACHED - 100))
"""


def imports(effort: Effort) -> list[Row]:
    """Return what importing costs, in fresh interpreters that take turns."""
    times: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(max(3, effort.rounds)):
        for name, code in IMPORTS.items():
            times[name].append(_cpu_of(code))
    empty = times.pop("an empty interpreter")
    bare = {
        name: [one - none for one, none in zip(found, empty, strict=True)]
        for name, found in times.items()
    }
    base = bare["import jwt"]
    rows: list[Row] = []
    for name, found in bare.items():
        ratios = [one / other for one, other in zip(found, base, strict=True)]
        ratio = statistics.median(ratios)
        value = statistics.median(found) * 1e3
        rows.append(Row(IMPORT, name, value, "ms", spread(found), ratio, spread(ratios)))
    return rows


def _cpu_of(code: str) -> float:
    """Return the CPU seconds of an interpreter that runs this."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def tokens_to_cache() -> tuple[Verifier, list[bytearray]]:
    """Return a verifier with room, and tokens of one gateway that differ as real ones do."""
    kind = material("RS256", "wso2")
    base = large_claims()
    tokens = [
        bytearray(
            mint(
                kind.key,
                base | {"http://wso2.org/claims/enduser": f"user{number}@carbon.super"},
                form=TRUE_FORM,
                lifetime=LIFETIME + number,
            ).encode()
        )
        for number in range(CACHED)
    ]
    return verifier(kind, cache_size=CACHED), tokens


def memory(effort: Effort) -> list[Row]:
    """Return the bytes that a cached token takes, by the growth of a fresh process."""
    if not os.path.exists("/proc/self/statm"):
        return []
    found = [_growth() for _ in range(1 if effort.rounds < 5 else 3)]
    size = len(material("RS256", "wso2").token)
    note = f"of a token of {size:,} B, which is kept"
    return [Row(MEMORY, "this", statistics.median(found) / 1024, "KB", spread(found), note=note)]


def _growth() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _GROWTH], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def threads(effort: Effort) -> list[Row]:
    """Return the throughput of hits by one thread and by two, by the wall clock."""
    kind = material("RS256", "wso2")
    known, token = verifier(kind), kind.token.encode()
    known.verify(token)
    one: list[float] = []
    two: list[float] = []
    calls = max(2_000, round(effort.batch * 2_000_000))
    for _ in range(effort.rounds):
        one.append(_throughput(known, token, 1, calls))
        two.append(_throughput(known, token, 2, calls))
    ratios = [both / alone for both, alone in zip(two, one, strict=True)]
    ratio = statistics.median(ratios)
    return [
        Row(THREADS, "one thread", statistics.median(one) / 1e6, "M/s", spread(one), 1.0),
        Row(
            THREADS,
            "two threads",
            statistics.median(two) / 1e6,
            "M/s",
            spread(two),
            ratio,
            spread(ratios),
        ),
    ]


def _throughput(known: Verifier, token: bytes, number: int, calls: int) -> float:
    """Return the calls a second of so many threads together."""

    def work() -> None:
        view = memoryview(token)
        for _ in range(calls):
            known.verify(bytes(view))

    workers = [threading.Thread(target=work) for _ in range(number)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return number * calls / (time.perf_counter() - started)


def all_processes(effort: Effort) -> Iterator[Row]:
    """Yield every row of this module."""
    yield from threads(effort)
    yield from memory(effort)
    yield from imports(effort)
