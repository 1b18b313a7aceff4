"""``jwt-assertion gateway``: an API manager's gateway before an app, for development."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...authorization.registry import ClientRegistry
from ...errors import ConfigurationError
from ...gateways import PRESETS
from .shared import add_command, complain, needing, port

if TYPE_CHECKING:
    from ...testing import Accounts
    from ..gateway.oauth import Caller

_PORT = 8280
"""WSO2's own for plain HTTP."""
_CONTEXT = "/local/1.0.0"


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands, _gateway, "put a signing gateway before an app, for development", json=False
    )
    option = command.add_argument
    option("--upstream", required=True, metavar="URL", help="where the app runs")
    option(
        "--port", type=port, default=_PORT, help=f"on 127.0.0.1 (default: {_PORT}; 0: any free one)"
    )
    option("--client", help="who calls without an access token: this client")
    option("--as", dest="user", metavar="USER", help="and this user, through the client")
    option("--role", action="append", default=[], help="a role of that caller; repeatable")
    option(
        "--permission", action="append", default=[], help="a permission of that caller; repeatable"
    )
    option(
        "--claim", action="append", default=[], metavar="NAME=VALUE", help="and a claim; repeatable"
    )
    option("--wso2", default="4.2", metavar="VERSION", help="1.4 to 4.6, or standard (default 4.2)")
    option("--api", action="append", metavar="CONTEXT", help="the app's API context; repeatable")
    option("--header", default="X-JWT-Assertion", help="default: X-JWT-Assertion")
    option("--clients", metavar="TOML", help="the app's registry: roles go where it reads them")
    option("--accounts", type=Path, metavar="TOML", help="who may call (default: the demo's)")
    option("--key", type=Path, metavar="PEM", help="the key to sign with; made where there is none")


def _gateway(options: argparse.Namespace) -> int:
    """A reverse proxy on loopback that does what the API manager does: it gives out access tokens,
    takes the caller's Authorization and any forged assertion header away, adds a signed one, and
    forwards the rest untouched. It signs for whoever can reach it, so never let others reach it.
    Its keys are at /jwks, a token inspector is at /_inspector.
    """
    with needing("demo", "the gateway"):
        from ..demo.before import serve_before
        from ..gateway.serving import wait_for_the_end
    from ...gateways.forms import FORMS
    from ...testing import Accounts, LocalGateway, sample_accounts
    from .signing import form_named, signing_key

    upstream = _upstream(options.upstream, options.port)
    contexts = options.api or [_CONTEXT]
    if not all(context.startswith("/") for context in contexts):
        raise ConfigurationError("--api: a context begins with /, such as /orders/1.0")
    accounts = sample_accounts() if options.accounts is None else Accounts.read(options.accounts)
    if options.clients is not None:
        # Another registry does not know the demo's clients.
        clients = {} if options.accounts is None else accounts.clients
        accounts = Accounts(clients, accounts.users, ClientRegistry(options.clients))
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", options.header):
        raise ConfigurationError(f"--header: {options.header!r} is no name of a header")
    form = form_named("--wso2", options.wso2)
    if options.api and PRESETS[FORMS[form].preset].context_claim is None:
        raise ConfigurationError(f"--api: tokens of {form} carry no API context; leave it out")
    key = None if options.key is None else signing_key(options.key, make=True)
    local = LocalGateway(form, options.header, clients=accounts.registry, key=key)
    everyone = _everyone(options, accounts)
    with ExitStack() as stack:
        url = serve_before(upstream, contexts, accounts, local, everyone, options.port, stack)
        print(f"A gateway for DEVELOPMENT: {url} -> {upstream}")
        print(
            "It signs for whoever can reach it: keep it on this machine, and out of production.\n"
        )
        for line in _usage(url, options, accounts, everyone, local.options):
            print(f"  {line}")
        wait_for_the_end()
    complain("the gateway has ended")
    return 0


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
    from ...testing import ClientAccount, User
    from ..gateway.oauth import Caller
    from .signing import named_claims

    claims = named_claims(options.claim)
    account, user = None, None
    if options.client is not None:
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


def _usage(
    url: str,
    options: argparse.Namespace,
    accounts: Accounts,
    everyone: Caller | None,
    read_by: Mapping[str, Any],
) -> Iterator[str]:
    """Yield what a person needs to know to use it."""
    if everyone is not None:
        who = everyone.client.client_id if everyone.client is not None else "no client by name"
        by = f", on behalf of {everyone.user.subject}" if everyone.user is not None else ""
        known = options.client is None or options.client in accounts.clients
        note = "" if known else f" ({who} has no account: its tokens carry that name, no more)"
        yield f"requests without an access token are for {who}{by}{note}"
        if options.role and accounts.registry is None:
            names = PRESETS[read_by["gateway"]].names.roles
            yield f"roles are in the claim {names[0].name}; --clients names a registry"
    else:
        yield "a request needs an access token; --client or --as makes that unnecessary:"
        confidential = next((each for each in accounts.clients.values() if each.secret), None)
        if confidential is not None:
            # The demo's secrets are public; those of a file are printed nowhere.
            secret = confidential.secret if options.accounts is None else "SECRET"
            grant = "-d grant_type=client_credentials"
            yield f"curl -u {confidential.client_id}:{secret} {grant} {url}/token"
    shown = {"keys": f"{url}/jwks"}
    shown |= {n: read_by[n] for n in ("gateway", "header") if read_by.get(n, "wso2") != "wso2"}
    if options.api:
        shown["api"] = options.api[0] if len(options.api) == 1 else options.api
    yield "your app:  " + ", ".join(f"{name}={value!r}" for name, value in shown.items())
    if options.key is None:
        yield "the key is new at each start; --key FILE keeps one"
    yield f"inspector: {url}/_inspector"
    yield f"Echo API:  {url}/echo/1.0.0"
