"""OpenTelemetry: counters with bounded labels, one histogram, and who calls on the span."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from jwt_middleware import ConfigurationError, OpenTelemetry, RequestError, Verifier
from jwt_middleware.errors import Decision
from jwt_middleware.events.kinds import (
    Decided,
    KeyFetchFailed,
    KeysFetched,
    StaleKeysServed,
    StoreFailed,
)
from jwt_middleware.events.record import CALLER_FIELDS
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..adapters.apps import DOORS, Door

JWT = "X-JWT-Assertion"
DECISION = Decision(False, "insufficient_permission", "has_role('a')", "role a", "roles [zeta]")


class Metrics:
    """What a meter provider of a test has collected."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader])

    def points(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Every data point by the name of its metric: labels and value (a histogram's count)."""
        data = self._reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                assert scope.scope.name == "jwt_middleware"
                for metric in scope.metrics:
                    found[metric.name.removeprefix("jwt_middleware.")] = [
                        (dict(point.attributes or {}), getattr(point, "value", None) or point.count)  # type: ignore[union-attr]
                        for point in metric.data.data_points
                    ]
        return found


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    made = Metrics()
    yield made
    made.provider.shutdown()


def test_tokens_are_counted_and_only_new_ones_are_measured(
    rsa_key: SigningKey, metrics: Metrics
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, listeners=[OpenTelemetry(metrics.provider)])
    token = mint(rsa_key, ucsd_claims())
    for _ in range(3):
        verifier.verify(token)
    for bad in ("x.y.z", token[:-8] + "AAAAAAA="):
        with pytest.raises(RequestError):
            verifier.verify(bad)

    points = metrics.points()
    assert points["tokens.verified"] == [({}, 3)]
    assert points["cache.hits"] == [({}, 2)]
    assert points["verification.duration"] == [({}, 1)]
    refused = sorted((labels["error.type"], value) for labels, value in points["requests.refused"])
    assert refused == [("bad_signature", 1), ("malformed_token", 1)]


def test_fetches_stale_service_and_shadow_mode_are_counted(metrics: Metrics) -> None:
    listen = OpenTelemetry(metrics.provider)
    listen(KeysFetched("https://gateway.example/jwks", 2, True))
    listen(KeyFetchFailed("https://gateway.example/jwks", "status 500", 1.0))
    listen(KeyFetchFailed("https://gateway.example/jwks", "status 500", 2.0))
    listen(StaleKeysServed("https://gateway.example/jwks", 301.0))
    listen(Decided(True, would_refuse=("insufficient_permission",), decision=DECISION))

    points = metrics.points()
    assert points["keys.fetches"] == [({"jwt.result": "fetched"}, 1), ({"jwt.result": "failed"}, 2)]
    assert points["keys.stale"] == [({}, 1)]
    assert points["requests.would_refuse"] == [({"error.type": "insufficient_permission"}, 1)]
    assert ({"event.name": "key_fetch_failed"}, 2) in points["events"]


def test_revocations_are_counted(rsa_key: SigningKey, metrics: Metrics) -> None:
    verifier = Verifier(
        keys=rsa_key.public_pem,
        listeners=[OpenTelemetry(metrics.provider)],
        revocations="process-memory",
    )
    token = mint(rsa_key, ucsd_claims() | {"jti": "t-1"})
    verifier.verify(token)
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(token_id="t-1"))
    with pytest.raises(RequestError):
        verifier.verify(token)
    OpenTelemetry(metrics.provider)(StoreFailed("memory", "it is out", "closed"))

    points = metrics.points()
    assert points["requests.refused"] == [({"error.type": "token_revoked"}, 1)]
    assert points["revocations.denials"][-1] == ({}, 1)
    assert points["revocations.outages"] == [({}, 1)]


def test_a_label_is_a_code_or_a_kind_and_never_an_identifier(metrics: Metrics) -> None:
    listen = OpenTelemetry(metrics.provider)
    for turn in range(50):
        who = f"zeta-{turn}"
        caller = dict.fromkeys(CALLER_FIELDS, who)
        listen(Decided(True, request_id=who, path=who, cached=True, **caller))
        listen(Decided(False, code="unknown_key", reason=who, reference=who, guard=who, **caller))

    points = metrics.points()
    assert "zeta" not in str(points)
    assert {name: len(found) for name, found in points.items()} == {
        "tokens.verified": 1,
        "cache.hits": 1,
        "requests.refused": 1,
        "events": 1,
    }


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_the_current_span_says_who_calls_and_what_was_decided(
    door: Door, rsa_key: SigningKey, metrics: Metrics
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    options = {"keys": rsa_key.certificate_pem, "listeners": [OpenTelemetry(metrics.provider)]}
    app = door.build(options)
    token = mint(rsa_key, ucsd_claims(client_id="app") | {"jti": "t-1"})
    for sent in ([(JWT, token), ("X-Request-ID", "r-1")], [("X-Request-ID", "r-2")]):
        with tracer.start_as_current_span("GET"):
            door.ask(app, "GET", "/who", sent)

    allowed, denied = (dict(span.attributes or {}) for span in exporter.get_finished_spans())
    assert allowed == {
        "enduser.id": "jroe@carbon.super",
        "http.request.id": "r-1",
        "jwt.application": "DefaultApplication",
        "jwt.cached": False,
        "jwt.client_id": "app",
        "jwt.issuer": "wso2.org/products/am",
        "jwt.result": "allowed",
        "jwt.token_id": "t-1",
    }
    reference = denied.pop("jwt.reference")
    assert len(str(reference)) == 16
    assert denied == {
        "http.request.id": "r-2",
        "jwt.code": "missing_token",
        "jwt.result": "denied",
    }


def test_without_a_span_nothing_fails(metrics: Metrics) -> None:
    OpenTelemetry(metrics.provider)(Decided(True, subject="ana", cached=True))

    assert metrics.points()["cache.hits"] == [({}, 1)]


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(ConfigurationError, match=r"install jwt-assertion-middleware\[otel\]"):
        OpenTelemetry()


def test_the_package_is_imported_only_where_it_is_used() -> None:
    code = "import sys, jwt_middleware; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
