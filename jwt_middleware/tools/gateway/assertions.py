"""The header that the gateway adds: one assertion per caller and API, repeated as WSO2 does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import TTLCache, cached

from ...gateways.wso2 import WSO2_DIALECT
from ...testing import ClientAccount, LocalGateway, TokenForm, User
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
    form, user = gateway.form, caller.user
    of_wso2 = gateway.gateway.context_claim is not None
    subscriber = f"{account.subscriber}@carbon.super" if of_wso2 else account.subscriber
    claims: dict[str, Any] = {}
    if of_wso2:
        kind = "APPLICATION" if user is None else "APPLICATION_USER"
        application = account.application or account.client_id
        claims |= wso2_claims(context, account.subscriber, application, kind)
        claims |= form.person_claims(subscriber) if user is None else {}
    claims |= account.claims
    if user is not None:
        claims |= _claims_of(user, form)
    by_itself = user is None and form.service is not None and account.names_itself
    if account.names_itself and not _names_client(form, by_itself=by_itself):
        account = _without_grants(account, gateway)
    who: dict[str, Any] = {"service": account.client_id}
    if not by_itself:
        named = account.client_id if account.names_itself and form.client else None
        who = {"client": named, "user": subscriber if user is None else user.subject}
    return gateway.assertion(
        **who,
        roles=account.roles + (() if user is None else user.roles),
        permissions=account.permissions,
        lifetime=lifetime,
        attributes=account.attributes,
        **claims | changes,
    )


def _claims_of(user: User, form: TokenForm) -> Mapping[str, Any]:
    """Return a person's claims, of WSO2's dialect only where the form has no person of its own."""
    if form.person is None:
        return user.claims
    return {n: v for n, v in user.claims.items() if not n.startswith(WSO2_DIALECT)}


def _names_client(form: TokenForm, *, by_itself: bool) -> bool:
    """Whether a token says which client calls: by itself, or for a person."""
    names = form.gateway.names
    if not by_itself:
        return form.client
    return names.first(names.client_id, form.service_claims("any")) is not None


def _without_grants(account: ClientAccount, gateway: LocalGateway) -> ClientAccount:
    """Return an account without what only its entry in the registry could hold.

    Without the client's name in the token, no app would read that entry.
    """
    if gateway.clients is None or gateway.clients.clients.get(account.client_id) is None:
        return account
    return account._replace(roles=(), permissions=(), attributes={})
