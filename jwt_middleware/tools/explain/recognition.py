"""Whose token it is, by the marks of each gateway; nothing of it is verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...gateways import PRESETS, Gateway
from ...options.checks import MILLISECONDS_FROM

_NUMBERS = frozenset({int, float})


def recognised(
    header: Mapping[str, Any], claims: Mapping[str, Any], own: Sequence[Gateway] = ()
) -> list[Gateway]:
    """Return the gateways that write such a token; none where nothing shows it.

    ``own``: those of an app, which come first, and may be none of the presets.
    """
    found: dict[str, Gateway] = {}
    for gateway in (*own, *PRESETS.values()):
        known = effective_claims(gateway, header, claims)
        if any(mark.is_in(known) for mark in gateway.marks):
            found.setdefault(gateway.name, gateway)
    return [*found.values()]


def title_of(gateway: Gateway) -> str:
    """Return what a person calls a gateway."""
    return gateway.title or gateway.name


def effective_claims(
    gateway: Gateway, header: Mapping[str, Any], claims: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the claims as the gateway's verifier reads them: some from the JOSE header.

    Of two ``exp``, the earlier one counts (``ClaimsPolicy.with_header``).
    """
    names = gateway.header_claims
    known = {name: value for name, value in claims.items() if name not in names}
    known |= {name: header[name] for name in names if name in header}
    times = [each["exp"] for each in (known, claims) if "exp" in each]
    if len(times) > 1 and "exp" in names and all(map(_is_time, times)):
        known["exp"] = min(times)
    return known


def _is_time(value: Any) -> bool:
    return type(value) in _NUMBERS and value < MILLISECONDS_FROM
