"""A development gateway before an app of somebody's, with the Echo API and the inspector beside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ..dev_gateway import Api, Caller, Gateway, assertion_of, serving
from ..errors import ConfigurationError
from ..testing import FORMS, Accounts, LocalGateway
from ..verification import PEM
from ..verifier import Verifier
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
        ConfigurationError: nothing can listen on the port, or what the caller is to be granted
            stands in no claim.

    """
    if everyone is not None:
        try:
            assertion_of(local, everyone, contexts[0])
        except ValueError as error:
            raise ConfigurationError(f"the caller's {error}") from None
    # The certificate, and not the JWKS: so a pasted token may name the key as any generation does.
    keys = PEM(local.key.certificate_pem)
    name = next((name for name, form in FORMS.items() if form == local.form), "wso2-4.2")
    apis = [Api(context, upstream) for context in contexts]
    echo = Verifier(keys=keys, gateway=local.form.preset)
    if ECHO_CONTEXT not in contexts:
        apis.append(Api(ECHO_CONTEXT, stack.enter_context(serving(echo_app(echo, local.header)))))
    verifiers = [echo]
    if accounts.registry is not None:
        registry = accounts.registry
        verifiers.insert(0, Verifier(keys=keys, gateway=local.form.preset, clients=registry))
    page = Inspector(accounts, local.key, verifiers, form=name)
    gateway = Gateway(apis, accounts, local, everyone=everyone, pages=page.routes())
    return stack.enter_context(serving(gateway.app, port))
