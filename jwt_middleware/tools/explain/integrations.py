"""What a file of integrations means in words, and what is dangerous about it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from ...sign_on.integrations import BY_EMAIL, Integration
from ...sign_on.tokens import DEFAULT_MAX_AGE, IntegrationSet, TokenVerifier
from ...verification.compact import MAX_TOKEN_SIZE

_LONG = 3600.0
"""Seconds from which a link lives longer than a browser needs to follow it."""


def read_file(path: Path) -> IntegrationSet:
    """Read a file of integrations as ``SignOn`` does.

    Raises:
        ConfigurationError: with every fault of it.

    """
    verifier = TokenVerifier(
        path, leeway=30, max_token_size=MAX_TOKEN_SIZE, announce=lambda _: None, clock=time.time
    )
    return verifier.current()


def meaning_of_integrations(known: IntegrationSet) -> list[str]:
    """Return a line for each integration."""
    return [f"{each.id}: {'; '.join(_meaning(each, known))}" for each in known.integrations]


def dangers_of_integrations(known: IntegrationSet) -> list[str]:
    """Return a line for each danger."""
    return list(_dangers(known))


def _meaning(integration: Integration, known: IntegrationSet) -> Iterator[str]:
    if not integration.enabled:
        yield "switched off"
        return
    yield f"hosts {', '.join(integration.hosts)}" if integration.hosts else "any other host"
    if integration.issuer is not None:
        yield f"issuer {integration.issuer}"
    trust = known.trusts[integration.id]
    yield f"{', '.join(trust.algorithms)} by {trust.keys.source.name}"
    if integration.max_age is None:
        yield f"a token lives {DEFAULT_MAX_AGE:g} s from iat, or until exp without iat"
    else:
        yield f"a token lives {integration.max_age:g} s from iat"
    yield "users found by address" if integration.accounts == BY_EMAIL else "users of its own"


def _dangers(known: IntegrationSet) -> Iterator[str]:
    for each in known.integrations:
        if each.accounts == BY_EMAIL and each.enabled:
            yield f"{each.id} may sign in as the user of any address (accounts = 'by_email')"
        if each.max_age is not None and each.max_age > _LONG:
            yield f"{each.id}: a link lives {each.max_age:g} s, in histories and mailboxes too"
    held = {name: _keys(known, name) for name in known.trusts}
    for one, other in combinations(held, 2):
        if held[one] & held[other]:
            yield f"{one} and {other} have a key in common: each can sign as the other"


def _keys(known: IntegrationSet, name: str) -> set[str]:
    keys = known.trusts[name].keys.current()
    return set() if keys is None else {key.spki for key in keys.keys}
