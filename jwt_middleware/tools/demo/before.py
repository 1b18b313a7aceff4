"""A development gateway before any app, with the Echo API and the inspector beside it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ...errors import ConfigurationError
from ...gateways import PRESETS
from ...gateways.forms import FORMS
from ...keys.sources import PEM
from ...testing import Accounts, LocalGateway
from ...verification.verifier import Verifier
from ..gateway import Api, Caller, DevelopmentGateway, assertion_of, serving
from .echo import ECHO_CONTEXT, echo_app
from .inspector import Inspector


def serve_before(
    upstream: str,
    contexts: Sequence[str],
    accounts: Accounts,
    local: LocalGateway,
    everyone: Caller | None,
    port: int,
    stack: ExitStack,
) -> str:
    """Serve the gateway until the stack ends; return its URL.

    Raises ``ConfigurationError`` where the port is taken, or no claim holds what a caller is
    granted.
    """
    _check_callers(accounts, local, everyone, contexts[0])
    # The certificate, not the JWKS: a pasted token may name the key as any generation does.
    keys = PEM(local.key.certificate_pem)
    form = next((name for name, form in FORMS.items() if form == local.form), "wso2-4.2")
    preset = PRESETS[local.form.preset]
    api = None if preset.context_claim is None else [*contexts, ECHO_CONTEXT]
    verifiers = [Verifier(keys=keys, gateway=preset, api=api)]
    apis = [Api(context, upstream) for context in contexts]
    if ECHO_CONTEXT not in contexts:
        echo_url = stack.enter_context(serving(echo_app(verifiers[0], local.header)))
        apis.append(Api(ECHO_CONTEXT, echo_url))
    if accounts.registry is not None:
        registry = accounts.registry
        verifiers.insert(0, Verifier(keys=keys, gateway=preset, api=api, clients=registry))
    pages = Inspector(accounts, local.key, verifiers, form=form).routes()
    gateway = DevelopmentGateway(apis, accounts, local, everyone=everyone, pages=pages)
    return stack.enter_context(serving(gateway.app, port))


def _check_callers(
    accounts: Accounts, local: LocalGateway, everyone: Caller | None, context: str
) -> None:
    """Mint for everybody who may call, so that a missing claim is reported at the start."""
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
