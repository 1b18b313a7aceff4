"""What a file of sign-on integrations means, in words, with its dangers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from ...sign_on.integrations import BY_EMAIL, Integration
from ...sign_on.tokens import DEFAULT_MAX_AGE, IntegrationSet, TokenVerifier
from ...verification.compact import MAX_TOKEN_SIZE
from .configuration import Report
from .times import count

_LONG = 3600.0
"""Seconds. A browser follows a link sooner; whoever steals it later should find it expired."""


def explain_integrations(path: Path) -> Report:
    """Read a file of integrations as ``SignOn`` does, and explain it.

    Raises ``ConfigurationError`` with every fault of the file.
    """
    known = TokenVerifier(
        path, leeway=30, max_token_size=MAX_TOKEN_SIZE, announce=lambda _: None, clock=time.time
    ).current()
    meaning = [f"{path}: {count(len(known.integrations), 'integration')}."]
    meaning += [f"{each.id}: {'; '.join(_meaning(each, known))}" for each in known.integrations]
    return Report(meaning, [], [*_dangers(known)])


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
    by_email = integration.accounts == BY_EMAIL
    yield "users known by their email address" if by_email else "users of its own"


def _dangers(known: IntegrationSet) -> Iterator[str]:
    for each in known.integrations:
        if each.accounts == BY_EMAIL and each.enabled:
            yield f"{each.id} may sign in as the user of any address (accounts = 'by_email')"
        if each.max_age is not None and each.max_age > _LONG:
            yield f"{each.id}: a link lives {each.max_age:g} s, in histories and mailboxes too"
    readings = {name: trust.keys.current() for name, trust in known.trusts.items()}
    spkis = {n: {key.spki for key in keys.keys} for n, keys in readings.items() if keys is not None}
    for one, other in combinations(spkis, 2):
        if spkis[one] & spkis[other]:
            yield f"{one} and {other} have a key in common: each can sign as the other"
