"""The header that the gateway adds: one assertion per caller and API, repeated as WSO2 does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from cachetools import TTLCache

from ...gateways import PRESETS
from ...gateways.views import WSO2_DIALECT
from ...testing import ClientAccount, LocalGateway, User
from .oauth import Caller

_REPEATED_SECONDS = 60


class Assertions:
    """Signs for callers with the gateway's newest key."""

    def __init__(self, gateway: LocalGateway) -> None:
        self.gateway = gateway
        self._kept: TTLCache[tuple[Any, ...], tuple[Caller, str]] = TTLCache(
            1_000, _REPEATED_SECONDS, time.monotonic
        )

    def of(self, caller: Caller, context: str) -> str:
        """Return the assertion of this caller for the API with this context."""
        # As WSO2 keeps them: by access token, and each of those has a caller object of its own.
        which = id(caller), context, self.gateway.key
        kept = self._kept.get(which)
        if kept is None or kept[0] is not caller:
            kept = self._kept[which] = caller, assertion_of(self.gateway, caller, context)
        return kept[1]


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
    preset = PRESETS[gateway.form.preset]
    claims: dict[str, Any] = {}
    if preset.context_claim is not None:
        claims |= {preset.context_claim: context, **_wso2(account, user, context)}
    claims |= account.claims
    roles = account.roles
    if user is not None:
        claims |= user.claims
        roles += user.roles
    subscriber = f"{account.subscriber}@carbon.super"
    return gateway.assertion(
        account.client_id if account.names_itself else None,
        subscriber if user is None else user.subject,
        roles,
        account.permissions,
        lifetime,
        attributes=account.attributes,
        **claims | changes,
    )


def _wso2(account: ClientAccount, user: User | None, context: str) -> Mapping[str, Any]:
    """Return what WSO2 says of the call and of the application."""
    claims = {
        "subscriber": account.subscriber,
        "applicationid": "1",
        "applicationname": account.application or account.client_id,
        "applicationtier": "Unlimited",
        "version": context.rstrip("/").rpartition("/")[2],
        "tier": "Unlimited",
        "keytype": "PRODUCTION",
        "usertype": "APPLICATION" if user is None else "APPLICATION_USER",
    }
    return {WSO2_DIALECT + name: value for name, value in claims.items()}
