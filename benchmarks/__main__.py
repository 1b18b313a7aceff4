"""``python -m benchmarks``: what verifying costs, beside the peers, in one run.

    python -m benchmarks                      the table, in under two minutes
    python -m benchmarks --quick              the same, roughly, in a quarter of a minute
    python -m benchmarks --json FILE          keep machine, versions and figures
    python -m benchmarks --plot FILE.svg      draw it
    python -m benchmarks --compare OLD NEW    name what got slower beyond the noise

Microseconds are for scale. The claims are the ratios, each measured in one run, interleaved.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .doors import doors
from .frames import frames
from .growth import growth
from .measuring import FULL, QUICK, Effort, Row, Section, measure
from .predicates import deciding
from .processes import all_processes
from .report import document, load, plot, slower, table
from .revoking import revoking
from .rotation import latencies
from .servers import servers
from .verifying import hits, key_sets, misses, quiet, refusals


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit status, 1 where a comparison found something."""
    options = _parser().parse_args(arguments)
    if options.compare is not None:
        return _compare(*options.compare)
    effort = QUICK if options.quick else FULL
    quiet()
    rows: list[Row] = []
    for block in _blocks(effort):
        print(table(block), flush=True)
        rows += block
    print(
        "\nus is CPU time of one call (of a request, for servers), ± the middle half of the "
        "rounds;\nx is the ratio to the first row of the section, % what is added to it."
    )
    if options.json is not None:
        options.json.write_text(json.dumps(document(rows), indent=1) + "\n", "utf-8")
    if options.plot is not None:
        plot(rows, options.plot)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what verifying costs, beside a bare signature check and the peers.",
    )
    parser.add_argument("--quick", action="store_true", help="roughly, in a quarter of a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw misses and hits")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("OLD", "NEW"),
        help="compare two files of --json; exit status 1 where something got slower",
    )
    return parser


def _blocks(effort: Effort) -> Iterator[list[Row]]:
    """Yield the rows, section by section, as they are measured."""
    for section in _sections(effort):
        yield measure(section, effort)
    yield list(frames())
    yield list(latencies(effort))
    yield list(servers(effort))
    yield list(all_processes(effort))


def _sections(effort: Effort) -> Iterator[Section]:
    yield from misses()
    yield from hits(effort)
    yield from refusals()
    yield from revoking()
    yield from key_sets()
    yield from growth()
    yield from deciding()
    yield from doors()


def _compare(old: Path, new: Path) -> int:
    found = slower(load(old), load(new))
    for sentence in found:
        print(sentence)
    if not found:
        print("nothing got slower beyond the noise")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
