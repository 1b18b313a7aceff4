"""What the README says of the audit trail is so."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import JSONLines, OpenTelemetry
from jwt_middleware.events.fields import NAMES
from jwt_middleware.events.kinds import Decided
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .adapters.harness import call_asgi
from .events.test_otel import Metrics
from .test_readme import HEADER, README, app_of, ask, block

SECTION = README[README.index("## Audit trail") : README.index("## Limits")]
FOR_CODE = {"decision", "seconds"}
STAMP = r'(?<="@timestamp":")[^"]*'


def table(title: str) -> set[str]:
    """The names in the first column of the table that begins with this title."""
    rows = SECTION[SECTION.index(f"| {title}") :].split("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


@pytest.fixture
def in_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey) -> Path:
    """A folder with the gateway's certificate, as the examples find it."""
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_who_deleted_a_class_stands_in_the_lines_that_are_shown(
    in_site: Path, rsa_key: SigningKey
) -> None:
    app = app_of("JSONLines", "def delete_class")
    for role, status in (("registrar", 204), ("guest", 403)):
        headers = [(HEADER, mint(rsa_key, ucsd_claims(role=role))), ("X-Request-ID", "r-1")]
        assert call_asgi(app, "DELETE", "/classes/MATH-101", headers).status == status

    written = (in_site / "audit.jsonl").read_text()
    [*_, deleted, allowed, denied] = written.splitlines()
    shown = block("text", '"class_deleted"').splitlines()
    assert [re.sub(STAMP, "", each) for each in (deleted, allowed)] == [
        re.sub(STAMP, "", each) for each in shown
    ]
    assert json.loads(denied)["jwt.result"] == "denied"


def test_the_table_of_fields_names_every_field_of_a_decision() -> None:
    named = {NAMES.get(name, f"jwt.{name}") for name in Decided._fields if name not in FOR_CODE}

    assert table("field") == named | {"@timestamp", "event.name", "app.*"}


def test_the_table_of_metrics_names_every_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    made = vars(OpenTelemetry(metrics.provider))
    instruments = [*made.values(), *made["_counters"].values()]
    names = {getattr(each, "name", "").removeprefix("jwt_middleware.") for each in instruments}
    names.remove("")
    metrics.provider.shutdown()

    assert table("metric") == names


def test_the_audit_listener_receives_what_happens(
    rsa_key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "def audit(event)"), names)
    app = app_of("from fastapi import", keys=rsa_key.certificate_pem, listeners=[names["audit"]])
    ask(app, "asgi", "/reports", mint(rsa_key, ucsd_claims()))
    told = capsys.readouterr().out

    assert "GET /reports by jroe@carbon.super" in told
    assert "needs role registrar" in told


def test_a_log_record_carries_the_fields(
    rsa_key: SigningKey, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.WARNING, "jwt_middleware")
    lines = JSONLines(tmp_path / "audit.jsonl")
    app = app_of("from fastapi import", keys=rsa_key.certificate_pem, listeners=[lines])
    ask(app, "asgi", "/reports", mint(rsa_key, ucsd_claims()))

    [*_, record] = caplog.records
    assert vars(record)["jwt.code"] == "insufficient_permission"
    assert vars(record)["http.route"] == "/reports"
