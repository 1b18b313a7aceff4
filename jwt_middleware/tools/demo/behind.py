"""A development gateway before an app of somebody's, with the Echo API and the inspector beside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ...errors import ConfigurationError
from ...gateways import PRESETS
from ...keys.sources import PEM
from ...testing import FORMS, Accounts, LocalGateway
from ...verification.verifier import Verifier
from ..gateway.app import Api, DevelopmentGateway
from ..gateway.assertions import assertion_of
from ..gateway.oauth import Caller
from ..gateway.serving import serving
from .echo import ECHO_CONTEXT, echo_app
from .inspector import Inspector


def standing_before(
    upstream: str,
    contexts: Sequence[str],
    accounts: Accounts,
    local: LocalGateway,
    everyone: Caller | None,
    port: int,
    stack: ExitStack,
) -> str:
    """Serve the gateway until the stack ends; return its URL.

    Raises:
        ConfigurationError: nothing can listen on the port, or what a caller is to be granted
            stands in no claim.

    """
    _check_callers(accounts, local, everyone, contexts[0])
    # The certificate, and not the JWKS: so a pasted token may name the key as any generation does.
    keys = PEM(local.key.certificate_pem)
    name = next((name for name, form in FORMS.items() if form == local.form), "wso2-4.2")
    apis = [Api(context, upstream) for context in contexts]
    preset = PRESETS[local.form.preset]
    bound = None if preset.context_claim is None else [*contexts, ECHO_CONTEXT]
    echo = Verifier(keys=keys, gateway=preset, api=bound)
    if ECHO_CONTEXT not in contexts:
        apis.append(Api(ECHO_CONTEXT, stack.enter_context(serving(echo_app(echo, local.header)))))
    verifiers = [echo]
    if accounts.registry is not None:
        registry = accounts.registry
        verifiers.insert(0, Verifier(keys=keys, gateway=preset, api=bound, clients=registry))
    page = Inspector(accounts, local.key, verifiers, form=name)
    gateway = DevelopmentGateway(apis, accounts, local, everyone=everyone, pages=page.routes())
    return stack.enter_context(serving(gateway.app, port))


def _check_callers(
    accounts: Accounts, local: LocalGateway, everyone: Caller | None, context: str
) -> None:
    """Mint for everybody who may call: what cannot be said of them is told before they do."""
    callers = [
        (f"clients.{client.client_id}", Caller(client, user))
        for client in accounts.clients.values()
        for user in (None, *accounts.users.values())
    ]
    if everyone is not None:
        callers.append(("the caller", everyone))
    for name, caller in callers:
        try:
            assertion_of(local, caller, context)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {error}") from None
