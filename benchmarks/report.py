"""The table for a person, the file for a program, the picture, and what got slower since."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .measuring import Row

GOALS: tuple[tuple[str, str, float], ...] = (
    ("FastAPI under uvicorn", "this, hit", 0.86),
    ("FastAPI under uvicorn", "this, miss", 0.56),
    ("miss, RS256, wso2", "this, with speed", 1.48),
    ("miss, RS256, wso2", "this, without speed", 2.30),
    ("miss, RS256, small", "this, with speed", 1.40),
    ("miss, ES256, small", "this, with speed", 1.20),
    ("miss, EdDSA, small", "this, with speed", 1.12),
    ("hit, RS256", "this, hot, bytes", 0.035),
    ("hit with revocations", "sqlite", 2.0),
    ("hit with revocations", "redis", 2.0),
    # With the headers for caches; without them 8 and 7 points less.
    ("ASGI in process", "hit", 0.32),
    ("WSGI in process", "hit", 0.15),
    ("uvicorn", "hit", 0.12),
    ("refusal", "oversized, 20 KB", 0.08),
    ("refusal", "wrong algorithm", 0.22),
    ("refusal", "unknown key", 0.22),
    ("refusal", "garbage, 2.6 KB", 0.22),
    ("refusal", "bad signature", 1.33),
    ("import", "import jwt_middleware", 1.25),
    ("hits per second of two threads", "two threads", 0.95),
)
"""Section and row by how they begin, and the ratio aimed at: the least where more is better."""

_PACKAGES = (
    "jwt-assertion-middleware",
    "cryptography",
    "orjson",
    "pybase64",
    "PyJWT",
    "joserfc",
    "Authlib",
    "oxyjwt",
    "flask-jwt-extended",
    "starlette",
    "flask",
    "uvicorn",
    "gunicorn",
)
_LEAST_NOISE = 5.0
"""Percent. Two runs of one program on one machine differ by as much."""


def goal_of(row: Row) -> float | None:
    """Return the ratio that is aimed at, where there is one."""
    for section, name, goal in GOALS:
        if row.section.startswith(section) and row.name == name:
            return goal
    return None


def table(rows: Iterable[Row]) -> str:
    """Return the readable table, a block a section."""
    lines: list[str] = []
    section = None
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section]
        lines.append(_line(row))
    return "\n".join(lines)


def _line(row: Row) -> str:
    adds = "added to bare" in row.section
    ratio = "" if row.ratio is None else f"{row.ratio:+.1%}" if adds else f"x{row.ratio:.3f}"
    goal = goal_of(row)
    aimed = ""
    if goal is not None and row.ratio is not None:
        if row.unit.endswith("/s"):
            word = "ok" if row.ratio >= goal else "under"
        else:
            word = "ok" if row.ratio <= goal else "over"
        aimed = f"{word} (goal {goal:.0%})" if adds else f"{word} (goal {goal})"
    told = "  ".join(part for part in (aimed, row.note) if part)
    figure = f"{row.value:>10.2f} {row.unit:<3}" if row.value else " " * 14
    line = f"  {row.name:<34} {figure} ±{row.spread:>3.0f}%  {ratio:>9}  {told}"
    return line.rstrip()


def document(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the figures with the machine and the versions that gave them."""
    versions: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "taken": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": versions,
        "rows": [row._asdict() for row in rows],
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def slower(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what got slower beyond the noise from one document to another, a sentence each.

    Ratios are compared where there are some, since they hold across machines; else the values.
    """
    before = {(row["section"], row["name"]): Row(**row) for row in old["rows"]}
    found: list[str] = []
    for each in new["rows"]:
        now = Row(**each)
        then = before.get((now.section, now.name))
        if then is None:
            continue
        adds = "added to bare" in now.section
        one, other = _figure(then, adds), _figure(now, adds)
        if one <= 0:
            continue
        change = 100 * (other - one) / one
        better_when_more = now.unit.endswith("/s")
        worse = -change if better_when_more else change
        noise = max(_LEAST_NOISE, then.ratio_spread + now.ratio_spread, 0)
        if worse > noise:
            what = "of its base" if now.ratio is not None else now.unit
            found.append(
                f"{now.section}: {now.name}: {one:.3f} -> {other:.3f} {what}, "
                f"{worse:.0f} % worse (noise {noise:.0f} %)"
            )
    return found


def _figure(row: Row, adds: bool) -> float:
    if row.ratio is None:
        return row.value
    return row.ratio + 1 if adds else row.ratio


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw misses and hits as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    wanted = [row for row in rows if row.section.startswith(("miss, RS256, wso2", "hit, RS256"))]
    shown = [row for row in wanted if row.ratio is not None and "copy" not in row.name]
    shown.sort(key=lambda row: -(row.ratio or 0))
    figure, axes = pyplot.subplots(figsize=(9, 0.4 * len(shown) + 1.2))
    colours = ["#1f6f8b" if row.name.startswith("this") else "#b0b7bd" for row in shown]
    labels = [f"{row.name} ({row.section.partition(',')[0]})" for row in shown]
    bars = axes.barh(labels, [row.ratio or 0 for row in shown], color=colours)
    axes.bar_label(bars, [f"{row.ratio:.2f}" for row in shown], padding=3)
    axes.set_xlabel("times a bare RS256 signature check of the same token")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, format="svg")
    pyplot.close(figure)


def load(path: Path) -> dict[str, Any]:
    """Read a document."""
    document_: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document_
