"""What weakens the check and is in use: told once, when a middleware is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..authorization.clients import Client
from ..keys.key import KeyRules
from ..options.checks import AnyAudience
from .settings import Settings

_MOST_CLIENTS = 20


def weakenings_of(settings: Settings) -> tuple[str, ...]:
    """Return each option in use that weakens the check, with its value, such as ``exempt=/a``."""
    found = ((name, read(settings)) for name, read in _WEAKENS.items())
    return tuple(f"{name}={value}" for name, value in found if value)


def _optional(settings: Settings) -> str:
    return str(settings.optional or "")


def _exempt(settings: Settings) -> str:
    return str(settings.exempt)


def _audience(settings: Settings) -> str:
    policies = [trust.policy for trust in settings.verifier.trusts]
    loose = [each for each in policies if isinstance(each.audiences, AnyAudience)]
    if not loose or len(loose) == len(policies):
        return "ANY" if loose else ""
    return f"ANY (of {', '.join(name for each in loose for name in each.issuers)})"


def _client_issuer(settings: Settings) -> str:
    return _any_for(settings, lambda c: c.trust is not None and c.trust.is_of_any_issuer)


def _client_audience(settings: Settings) -> str:
    return _any_for(
        settings, lambda c: c.trust is not None and isinstance(c.trust.audience, AnyAudience)
    )


def _any_for(settings: Settings, is_loose: Callable[[Client], bool]) -> str:
    clients = [each.client_id for each in settings.verifier.clients or () if is_loose(each)]
    if not clients:
        return ""
    left = len(clients) - _MOST_CLIENTS
    more = f" and {left} more" if left > 0 else ""
    return f"ANY (for {', '.join(clients[:_MOST_CLIENTS])}{more})"


def _preflight(settings: Settings) -> str:
    return "pass" if settings.passes_preflight else ""


def _store(settings: Settings) -> str:
    revocations = settings.verifier.revocations
    return "open" if revocations is not None and revocations.fails_open else ""


def _rsa_bits(settings: Settings) -> str:
    bits = _rules(settings).minimum_rsa_bits
    return str(bits) if bits < 2048 else ""


def _default_keys(settings: Settings) -> str:
    return "True" if _rules(settings).allow_wso2_default_keys else ""


def _rules(settings: Settings) -> KeyRules:
    return settings.verifier.trusts[0].keys.rules  # they are common to all


_WEAKENS: Mapping[str, Callable[[Settings], str]] = {
    "optional": _optional,
    "exempt": _exempt,
    "audience": _audience,
    "clients.trust.issuer": _client_issuer,
    "clients.trust.audience": _client_audience,
    "cors_preflight": _preflight,
    "vary": lambda settings: "" if settings.varies else "False",
    "revocations.fail": _store,
    "minimum_rsa_bits": _rsa_bits,
    "allow_wso2_default_keys": _default_keys,
}
"""Each option that weakens, and what of it is in use: the empty text where nothing is."""
