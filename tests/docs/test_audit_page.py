"""The tables of the page on the audit trail name every field and every metric."""

from __future__ import annotations

import re
from pathlib import Path

from jwt_middleware import OpenTelemetry
from jwt_middleware.events.fields import NAMES
from jwt_middleware.events.kinds import Decided

from ..events.test_otel import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text("utf-8")
FOR_CODE = {"decision", "seconds"}


def table(title: str) -> set[str]:
    """The names in the first column of the table that begins with this title."""
    rows = PAGE[PAGE.index(f"| {title}") :].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_table_of_fields_names_every_field_of_a_decision() -> None:
    named = {NAMES.get(name, f"jwt.{name}") for name in Decided._fields if name not in FOR_CODE}

    assert table("field") == named | {"@timestamp", "event.name", "app.*"}


def test_the_table_of_metrics_names_every_metric() -> None:
    metrics = Metrics()
    made = vars(OpenTelemetry(metrics.provider))
    instruments = [*made.values(), *made["_counters"].values()]
    names = {getattr(each, "name", "").removeprefix("jwt_middleware.") for each in instruments}
    names.remove("")
    metrics.provider.shutdown()

    assert table("metric") == names
