"""A development gateway before any app, with the Echo API and the inspector beside it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from ...authorization.registry import ClientRegistry
from ...errors import ConfigurationError
from ...keys.sources import PEM
from ...principal import written
from ...testing import Accounts, ClientAccount, LocalGateway, User, sample_accounts
from ...verification.verifier import Verifier
from ..demo.echo import ECHO_CONTEXT, echo_app
from ..demo.inspector import Inspector
from ..gateway import Caller, DevelopmentGateway, assertion_of, serving, wait_for_the_end
from ..gateway.serving import listening, url_of
from .shared import complain
from .signing import form_named, named_claims, signing_key


def run(options: argparse.Namespace) -> None:
    """Serve the gateway until Ctrl-C or SIGTERM.

    Raises ``ConfigurationError`` where an option is wrong, the port is taken, or no claim holds
    what a caller is granted.
    """
    upstream = _upstream(options.upstream, options.port)
    contexts = options.api or ["/local/1.0.0"]
    if not all(context.startswith("/") for context in contexts):
        raise ConfigurationError("--api: a context begins with /, such as /orders/1.0")
    accounts = sample_accounts() if options.accounts is None else Accounts.read(options.accounts)
    if options.clients is not None:
        # Another registry does not know the demo's clients.
        clients = {} if options.accounts is None else accounts.clients
        accounts = Accounts(clients, accounts.users, ClientRegistry(options.clients))
    if options.header is not None and not re.fullmatch(_HEADER_NAME, options.header):
        raise ConfigurationError(f"--header: {options.header!r} is not a header name")
    form = form_named(options.form)
    preset = form.gateway
    of = f"tokens of {preset.name}"
    if options.api and preset.context_claim is None:
        raise ConfigurationError(f"--api: {of} carry no API context; leave it out")
    if options.service is not None and form.service is None:
        raise ConfigurationError(f"--service: {of} are of people only; leave it out")
    if options.role and not preset.names.roles and not form.client:
        raise ConfigurationError(f"--role: {of} have no claim for roles; leave it out")
    key = None
    if options.key is not None:
        key = signing_key(options.key, make=True, algorithm=form.algorithm)
    local = LocalGateway(
        form,
        options.header,
        clients=accounts.registry,
        key=key,
        issuer=options.issuer,
        audience=options.audience,
        signer=options.signer,
    )
    everyone = _everyone(options, accounts)
    api = None if preset.context_claim is None else [*contexts, ECHO_CONTEXT]
    upstreams = dict.fromkeys(contexts, upstream)
    with ExitStack() as stack:
        listener = stack.enter_context(listening(options.port))
        local.publish_at(url_of(listener))
        _check_callers(accounts, local, everyone, contexts[0])
        # The certificate, not the JWKS: a pasted token may name the key as any generation does.
        trusted: dict[str, Any] = local.verifier_options | {
            "keys": PEM(local.key.certificate_pem),
            "api": api,
        }
        registry = trusted.pop("clients", None)
        verifiers = [Verifier(**trusted)]
        if ECHO_CONTEXT not in contexts:
            echo = serving(echo_app(verifiers[0], local.header))
            upstreams[ECHO_CONTEXT] = stack.enter_context(echo)
        if registry is not None:
            verifiers.insert(0, Verifier(**trusted, clients=registry))
        pages = Inspector(accounts, local, verifiers).routes()
        gateway = DevelopmentGateway(upstreams, accounts, local, everyone=everyone, pages=pages)
        url = stack.enter_context(serving(gateway.app, listener=listener))
        print(f"A gateway for DEVELOPMENT: {url} -> {upstream}")
        print(
            "It signs for whoever can reach it: keep it on this machine, and out of production.\n"
        )
        for line in _usage(url, options, accounts, everyone, local):
            print(f"  {line}")
        wait_for_the_end()
    complain("the gateway has ended")


_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"


def _upstream(text: str, port: int) -> str:
    parts = urlsplit(text)
    try:
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(
            f"--upstream: {text!r}: write where the app runs, such as http://127.0.0.1:8000"
        )
    upstream_port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.hostname in ("127.0.0.1", "localhost", "::1") and upstream_port == port:
        raise ConfigurationError(f"--upstream: {text} is the gateway itself, on its own --port")
    return text.rstrip("/")


def _everyone(options: argparse.Namespace, accounts: Accounts) -> Caller | None:
    """Return the caller of requests without an access token; None where no option names one."""
    claims = named_claims(options.claim)
    account, user = None, None
    if options.service is not None:
        if options.client is not None or options.user is not None:
            raise ConfigurationError("--service: it calls for itself; leave out --client and --as")
        account = ClientAccount(options.service)
    elif options.client is not None:
        account = accounts.clients.get(options.client) or ClientAccount(options.client)
    if options.role or options.permission or claims:
        account = account or ClientAccount("development", names_itself=False)
        account = account._replace(
            roles=(*account.roles, *options.role),
            permissions=(*account.permissions, *options.permission),
            claims={**account.claims, **claims},
        )
    if options.user is not None:
        user = accounts.users.get(options.user) or User(options.user, "", options.user)
    return None if account is None and user is None else Caller(account, user)


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


def _usage(
    url: str,
    options: argparse.Namespace,
    accounts: Accounts,
    everyone: Caller | None,
    local: LocalGateway,
) -> Iterator[str]:
    """Yield what a person needs to know to use it."""
    if everyone is not None:
        who = everyone.client.client_id if everyone.client is not None else "no client by name"
        person = None if everyone.user is None else everyone.user.subject
        if person is None and everyone.client is not None and local.form.service is None:
            person = everyone.client.subscriber  # its tokens are of people only
        by = "" if person is None else f", on behalf of {person}"
        known = options.client is None or options.client in accounts.clients
        note = "" if known else f" ({who} has no account: its tokens carry that name, no more)"
        yield f"requests without an access token are for {who}{by}{note}"
        if options.role and accounts.registry is None:
            role_claim = written(local.gateway.names.roles[0].name)
            yield f"roles are in the claim {role_claim}; --clients names a registry"
    else:
        yield "a request needs an access token; --client or --as makes that unnecessary:"
        confidential = next((client for client in accounts.clients.values() if client.secret), None)
        if confidential is not None:
            # The demo's secrets are public; those of a file are printed nowhere.
            secret = confidential.secret if options.accounts is None else "SECRET"
            grant = "-d grant_type=client_credentials"
            yield f"curl -u {confidential.client_id}:{secret} {grant} {url}/token"
    given = local.app_options
    given.pop("clients", None)
    if options.api:
        given["api"] = options.api[0] if len(options.api) == 1 else options.api
    shown = {name: repr(value) for name, value in given.items()}
    if given["gateway"] == "wso2":  # what an app has by default
        del shown["gateway"]
    elif not isinstance(given["gateway"], str):  # one of their own, as Python finds it
        shown["gateway"] = options.form.replace(":", ".") + ".gateway"
    yield "your app:  " + ", ".join(f"{name}={text}" for name, text in shown.items())
    if options.key is None:
        yield "the key is new at each start; --key FILE keeps one"
    yield f"inspector: {url}/_inspector"
    yield f"Echo API:  {url}/echo/1.0.0"
