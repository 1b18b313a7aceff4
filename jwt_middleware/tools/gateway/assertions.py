"""The header that the gateway adds: one assertion per caller and API, repeated as WSO2 does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cachetools import TTLCache, cached

from ...testing import ClientAccount, LocalGateway
from ...testing.samples import wso2_claims
from .oauth import Caller

_REPEATED_SECONDS = 60


def repeating(gateway: LocalGateway) -> Callable[[Caller, str], str]:
    """Return what mints an assertion of a caller for an API context, the same one for a minute.

    WSO2 repeats one by access token, and each of those has a caller object of its own.
    """
    repeated: TTLCache[tuple[Any, ...], str] = TTLCache(1_000, _REPEATED_SECONDS, time.monotonic)

    @cached(repeated, key=lambda caller, context: (caller, context, gateway.key))
    def assertion(caller: Caller, context: str) -> str:
        return assertion_of(gateway, caller, context)

    return assertion


def assertion_of(
    gateway: LocalGateway,
    caller: Caller,
    context: str,
    lifetime: float = 900,
    **changes: Any,
) -> str:
    """Mint an assertion of this caller, for the API with this context (``/echo/1.0.0``).

    ``lifetime`` is in seconds, negative for an expired one; ``changes`` are claims that replace
    the others.
    """
    account = caller.client or ClientAccount("development", names_itself=False)
    user = caller.user
    claims: dict[str, Any] = {}
    if gateway.gateway.context_claim is not None:
        kind = "APPLICATION" if user is None else "APPLICATION_USER"
        application = account.application or account.client_id
        claims |= wso2_claims(context, account.subscriber, application, kind)
    claims |= account.claims
    roles = account.roles
    if user is not None:
        claims |= user.claims
        roles += user.roles
    return gateway.assertion(
        account.client_id if account.names_itself else None,
        f"{account.subscriber}@carbon.super" if user is None else user.subject,
        roles,
        account.permissions,
        lifetime,
        attributes=account.attributes,
        **claims | changes,
    )
