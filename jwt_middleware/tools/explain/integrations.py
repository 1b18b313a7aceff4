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
"""Seconds. A browser follows a link sooner; a link that is stolen later should have expired."""


def explain_integrations(path: Path) -> Report:
    """Read a file of integrations as ``SignOn`` does, and explain it.

    Raises ``ConfigurationError`` with every fault of the file.
    """
    known = TokenVerifier(
        path, leeway=30, max_token_size=MAX_TOKEN_SIZE, announce=lambda _: None, clock=time.time
    ).current()
    meaning = [f"{path}: {count(len(known.integrations), 'integration')}."]
    for integration in known.integrations:
        meaning.append(f"{integration.id}: {'; '.join(_meaning(integration, known))}")
    return Report(meaning, [], [*_dangers(known)])


def _meaning(integration: Integration, known: IntegrationSet) -> Iterator[str]:
    if not integration.enabled:
        yield "switched off"
        return
    yield f"hosts {', '.join(integration.hosts)}" if integration.hosts else "any other host"
    if integration.issuer is not None:
        yield f"issuer {integration.issuer}"
    issuer = known.issuers[integration.id]
    yield f"{', '.join(issuer.algorithms)} by {issuer.keys.source.name}"
    otherwise = ", or until exp without iat" if integration.max_age is None else ""
    yield f"a token lives {integration.max_age or DEFAULT_MAX_AGE:g} s from iat{otherwise}"
    by_email = integration.accounts == BY_EMAIL
    yield "users known by their email address" if by_email else "users of its own"


def _dangers(known: IntegrationSet) -> Iterator[str]:
    for integration in known.integrations:
        name, max_age = integration.id, integration.max_age
        if integration.accounts == BY_EMAIL and integration.enabled:
            yield f"{name} may sign in as the user of any address (accounts = 'by_email')"
        if max_age is not None and max_age > _LONG:
            yield f"{name}: a link lives {max_age:g} s, in histories and mailboxes too"
    spkis = {
        name: {key.spki for key in keys.keys}
        for name, issuer in known.issuers.items()
        if (keys := issuer.keys.current()) is not None
    }
    for first, other in combinations(spkis, 2):
        if spkis[first] & spkis[other]:
            yield f"{first} and {other} have a key in common: each can sign as the other"
