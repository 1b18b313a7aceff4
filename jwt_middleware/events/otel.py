"""OpenTelemetry: decisions and keys as metrics, and who calls on the current span.

Names follow the semantic conventions where they have one. Labels of metrics are of bounded sets
(codes, kinds of events); whoever calls, and with what, stands on spans alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .fields import fields_of, name_of
from .kinds import (
    Decided,
    DenialsLoaded,
    Event,
    KeyFetchFailed,
    KeysFetched,
    Refused,
    StaleKeysServed,
    StoreFailed,
    Verified,
    WouldRefuse,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

SCOPE = "jwt_middleware"
"""The name of the instrumentation scope."""

ON_SPANS = frozenset(
    {
        "enduser.id",
        "http.request.id",
        "jwt.application",
        "jwt.cached",
        "jwt.client_id",
        "jwt.code",
        "jwt.issuer",
        "jwt.key_id",
        "jwt.reference",
        "jwt.result",
        "jwt.token_id",
    }
)
"""The fields that a span gets; of them no claim's content but identifiers."""

# Seconds. A cold start of a key and a big RSA key lie near the end, an HS256 token at the start.
_BOUNDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1)


class OpenTelemetry:
    """A listener that counts events, measures verification, and describes the current span.

    Args:
        meter_provider: whose meter is used; the global one where left out.

    ``jwt_middleware.verification.duration`` is what verifying a token anew took, from the raw value
    to the principal, in seconds, without any wait for keys; cached tokens are counted and not
    measured.

    Raises:
        ConfigurationError: ``opentelemetry-api`` is not installed.

    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise ConfigurationError(
                "OpenTelemetry() needs opentelemetry-api: install jwt-assertion-middleware[otel]"
            ) from None
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._current_span = trace.get_current_span
        self._verified = meter.create_counter(
            "jwt_middleware.tokens.verified", "{token}", "Tokens that were verified, cached or not."
        )
        self._hits = meter.create_counter(
            "jwt_middleware.cache.hits", "{token}", "Tokens found among those verified before."
        )
        self._refused = meter.create_counter(
            "jwt_middleware.requests.refused", "{request}", "Refusals, by code."
        )
        self._would_refuse = meter.create_counter(
            "jwt_middleware.requests.would_refuse",
            "{request}",
            "What rules in shadow mode would have refused, by code.",
        )
        self._fetches = meter.create_counter(
            "jwt_middleware.keys.fetches", "{fetch}", "Fetches of keys, by how they ended."
        )
        self._stale = meter.create_counter(
            "jwt_middleware.keys.stale", "{outage}", "Outages in which stale keys served."
        )
        self._denials = meter.create_gauge(
            "jwt_middleware.revocations.denials", "{denial}", "Denials in force."
        )
        self._store_failures = meter.create_counter(
            "jwt_middleware.revocations.outages", "{outage}", "Outages of the store."
        )
        self._events = meter.create_counter(
            "jwt_middleware.events", "{event}", "Events of every kind, by name."
        )
        self._duration = meter.create_histogram(
            "jwt_middleware.verification.duration",
            "s",
            "What verifying a token anew took.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )

    def __call__(self, event: Event, /) -> None:
        """Count one event, and describe the current span where it is about a request."""
        self._events.add(1, {"event.name": name_of(event)})
        match event:
            case Verified():
                self._verified.add(1)
                if event.cached:
                    self._hits.add(1)
                if event.seconds is not None:
                    self._duration.record(event.seconds)
                self._describe(event)
            case Refused():
                self._refused.add(1, {"error.type": event.code})
                self._describe(event)
            case WouldRefuse():
                self._would_refuse.add(1, {"error.type": event.code})
            case Decided():
                self._describe(event)
            case KeysFetched():
                self._fetches.add(1, {"jwt.result": "fetched"})
            case KeyFetchFailed():
                self._fetches.add(1, {"jwt.result": "failed"})
            case StaleKeysServed():
                self._stale.add(1)
            case DenialsLoaded():
                self._denials.set(event.denials)
            case StoreFailed():
                self._store_failures.add(1)
            case _:
                pass  # it is among the events

    def _describe(self, event: Any) -> None:
        span = self._current_span()
        if span.is_recording():
            told = fields_of(event)
            span.set_attributes({name: told[name] for name in ON_SPANS & told.keys()})
