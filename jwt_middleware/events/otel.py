"""OpenTelemetry: decisions and keys as metrics, and who calls on the current span.

Names follow the semantic conventions where they have one. Labels of metrics come from bounded sets
(codes, kinds of events); the caller and the token are on spans alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .fields import NAMES, event_name, fields_of
from .kinds import (
    Decided,
    DenialsLoaded,
    Event,
    KeyFetchFailed,
    KeysFetched,
    StaleKeysServed,
    StoreFailed,
)
from .record import CALLER_FIELDS

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

SCOPE = "jwt_middleware"
"""The name of the instrumentation scope."""

ON_SPANS = frozenset(
    NAMES.get(name, "jwt." + name)
    for name in (*CALLER_FIELDS, "allowed", "cached", "code", "reference", "request_id")
)
"""The fields that a span gets: of claims, the identifiers alone."""

COUNTERS = {
    "tokens.verified": ("{token}", "Tokens that were verified, cached or not."),
    "cache.hits": ("{token}", "Tokens that had been verified before."),
    "requests.refused": ("{request}", "Refusals, by code."),
    "requests.would_refuse": ("{request}", "What rules in shadow mode would have refused."),
    "keys.fetches": ("{fetch}", "Fetches of keys, by how they ended."),
    "keys.stale": ("{outage}", "Outages in which stale keys served."),
    "revocations.outages": ("{outage}", "Outages of the store."),
    "events": ("{event}", "Events of every kind, by name."),
}
"""The counters, with unit and description."""

_COUNTED: dict[type, tuple[str, ...]] = {
    KeysFetched: ("keys.fetches", "jwt.result", "fetched"),
    KeyFetchFailed: ("keys.fetches", "jwt.result", "failed"),
    StaleKeysServed: ("keys.stale",),
    StoreFailed: ("revocations.outages",),
}
"""The counter of a kind of event, with its label."""

# Seconds. An HS256 token is near the start, the first use of a key or a big RSA key near the end.
_BOUNDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1)


class OpenTelemetry:
    """A listener that counts events, measures verification, and describes the current span.

    Args:
        meter_provider: the global one by default.

    ``jwt_middleware.verification.duration`` is how long verifying a token anew took, from the raw
    value to the principal, in seconds, without waits for keys. Cached tokens are only counted.

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
        self._counters = {
            name: meter.create_counter(f"{SCOPE}.{name}", *text) for name, text in COUNTERS.items()
        }
        self._denials = meter.create_gauge(
            f"{SCOPE}.revocations.denials", "{denial}", "Denials in force."
        )
        self._duration = meter.create_histogram(
            f"{SCOPE}.verification.duration",
            "s",
            "What verifying a token anew took.",
            explicit_bucket_boundaries_advisory=_BOUNDS,
        )

    def __call__(self, event: Event, /) -> None:
        """Count one event; a decision also describes the current span."""
        self._count("events", "event.name", event_name(type(event).__name__))
        if type(event) in _COUNTED:
            self._count(*_COUNTED[type(event)])
        elif isinstance(event, Decided):
            self._decided(event)
        elif isinstance(event, DenialsLoaded):
            self._denials.set(event.denials)

    def _count(self, counter: str, label: str = "", value: str = "") -> None:
        self._counters[counter].add(1, {label: value} if label else None)

    def _decided(self, event: Decided) -> None:
        if event.cached is not None:
            self._count("tokens.verified")
        if event.cached:
            self._count("cache.hits")
        if event.seconds is not None:
            self._duration.record(event.seconds)
        if event.code is not None:
            self._count("requests.refused", "error.type", event.code)
        for code in event.would_refuse:
            self._count("requests.would_refuse", "error.type", code)
        span = self._current_span()
        if span.is_recording():
            fields = fields_of(event)
            span.set_attributes({name: fields[name] for name in ON_SPANS & fields.keys()})
