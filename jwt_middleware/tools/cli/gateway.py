"""``jwt-assertion gateway``: an API manager's gateway before an app, for development."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...authorization.registry import ClientRegistry
from ...errors import ConfigurationError
from ...gateways import PRESETS
from .extras import needing

if TYPE_CHECKING:
    from ...testing import Accounts
    from ..gateway.oauth import Caller

_PORT = 8280
"""WSO2's own for plain HTTP."""
_CONTEXT = "/local/1.0.0"


def add_gateway(commands: Any, port: Any) -> None:
    """Add the command; ``port`` reads a port's number."""
    command = commands.add_parser(
        "gateway",
        help="put a signing gateway before an app, for development",
        description="A reverse proxy on loopback that does what the API manager does: it gives "
        "out access tokens, takes the caller's Authorization and any forged assertion header away, "
        "adds a signed one, and hands the rest on untouched. It signs for whoever can reach it, so "
        "never let others do. Its keys are at /jwks, a token inspector is at /_inspector.",
    )
    command.add_argument("--upstream", required=True, metavar="URL", help="where the app runs")
    command.add_argument(
        "--port", type=port, default=_PORT, help=f"on 127.0.0.1 (default: {_PORT}; 0: any free one)"
    )
    command.add_argument("--client", help="requests without an access token are this client's")
    command.add_argument("--as", dest="user", metavar="USER", help="and on behalf of this user")
    command.add_argument("--role", action="append", default=[], help="and carry it; repeat")
    command.add_argument("--permission", action="append", default=[], help="likewise; repeat")
    command.add_argument(
        "--claim", action="append", default=[], metavar="NAME=VALUE", help="and say it; repeat"
    )
    command.add_argument(
        "--wso2", default="4.2", metavar="VERSION", help="1.4 to 4.6, or standard (default: 4.2)"
    )
    command.add_argument(
        "--api", action="append", metavar="CONTEXT", help="the app's API context, for api=; repeat"
    )
    command.add_argument("--header", default="X-JWT-Assertion", help="default: X-JWT-Assertion")
    command.add_argument(
        "--clients", metavar="TOML", help="the app's registry: roles go where it reads them"
    )
    command.add_argument(
        "--accounts", type=Path, metavar="TOML", help="who may call (default: the demo's)"
    )
    command.add_argument(
        "--key", type=Path, metavar="PEM", help="sign with this key; made where there is none"
    )
    command.set_defaults(run=_gateway)


def _gateway(options: argparse.Namespace) -> int:
    with needing("demo", "the gateway"):
        from ..demo.behind import standing_before
        from ..gateway.serving import wait_for_the_end
    from ...testing import FORMS, Accounts, LocalGateway, form_of_version, sample_accounts
    from .signing import signing_key

    upstream = _upstream(options.upstream)
    if _is_itself(upstream, options.port):
        raise ConfigurationError(f"--upstream: {upstream} is the gateway itself, on its own --port")
    contexts = options.api or [_CONTEXT]
    if not all(each.startswith("/") for each in contexts):
        raise ConfigurationError("--api: a context begins with /, such as /orders/1.0")
    accounts = sample_accounts() if options.accounts is None else Accounts.read(options.accounts)
    if options.clients is not None:
        # The demo's clients are none of another registry's.
        clients = {} if options.accounts is None else accounts.clients
        accounts = Accounts(clients, accounts.users, ClientRegistry(options.clients))
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", options.header):
        raise ConfigurationError(f"--header: {options.header!r} is no name of a header")
    try:
        form = form_of_version(options.wso2)
    except ValueError as error:
        raise ConfigurationError(f"--wso2: {error}") from None
    if options.api and PRESETS[FORMS[form].preset].context_claim is None:
        raise ConfigurationError(f"--api: tokens of {form} carry no API context; leave it out")
    key = None if options.key is None else signing_key(options.key, make=True)
    local = LocalGateway(form, options.header, clients=accounts.registry, key=key)
    everyone = _everyone(options, accounts)
    with ExitStack() as stack:
        url = standing_before(upstream, contexts, accounts, local, everyone, options.port, stack)
        print(f"A gateway for DEVELOPMENT: {url} -> {upstream}")
        print(
            "It signs for whoever can reach it: keep it on this machine, and out of production.\n"
        )
        for line in _told(url, options, accounts, everyone, local.options):
            print(f"  {line}")
        wait_for_the_end()
    print("Ended.", file=sys.stderr)
    return 0


def _upstream(text: str) -> str:
    parts = urlsplit(text)
    try:
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(
            f"--upstream: {text!r}: write where the app runs, such as http://127.0.0.1:8000"
        )
    return text.rstrip("/")


def _is_itself(upstream: str, port: int) -> bool:
    parts = urlsplit(upstream)
    default = 443 if parts.scheme == "https" else 80
    return parts.hostname in ("127.0.0.1", "localhost", "::1") and (parts.port or default) == port


def _everyone(options: argparse.Namespace, accounts: Accounts) -> Caller | None:
    """Return whom requests without an access token are for; None where nothing says so."""
    from ...testing import ClientAccount, User
    from ..gateway.oauth import Caller
    from .signing import named_claims

    claims = named_claims(options.claim)
    added = options.role or options.permission or claims
    if options.client is None and options.user is None and not added:
        return None
    account = None
    if options.client is not None:
        account = accounts.clients.get(options.client) or ClientAccount(options.client)
    if added:
        account = account or ClientAccount("development", names_itself=False)
        account = account._replace(
            roles=(*account.roles, *options.role),
            permissions=(*account.permissions, *options.permission),
            claims={**account.claims, **claims},
        )
    user = None
    if options.user is not None:
        user = accounts.users.get(options.user) or User(options.user, "", options.user)
    return Caller(account, user)


def _told(
    url: str,
    options: argparse.Namespace,
    accounts: Accounts,
    everyone: Caller | None,
    read_by: Mapping[str, Any],
) -> list[str]:
    """Return what a person needs to know to use it."""
    if everyone is not None:
        who = everyone.client.client_id if everyone.client is not None else "no client by name"
        by = f", on behalf of {everyone.user.subject}" if everyone.user is not None else ""
        caller = f"requests without an access token are for {who}{by}"
        known = options.client is None or options.client in accounts.clients
        note = "" if known else f" ({who} is in no account: its tokens say that name, no more)"
        lines = [caller + note]
        if options.role and accounts.registry is None:
            names = PRESETS[read_by["gateway"]].names.roles
            lines.append(f"roles are in the claim {names[0].name}; --clients names a registry")
    else:
        secret = next((each for each in accounts.clients.values() if each.secret), None)
        lines = ["a request needs an access token; --client or --as makes that unnecessary:"]
        if secret is not None:
            grant = "-d grant_type=client_credentials"
            # The demo's are no secrets; those of a file are printed nowhere.
            shown = secret.secret if options.accounts is None else "SECRET"
            lines.append(f"curl -u {secret.client_id}:{shown} {grant} {url}/token")
    named = {name: read_by[name] for name in ("gateway", "header") if name in read_by}
    named = {"keys": f"{url}/jwks"} | {n: v for n, v in named.items() if v != "wso2"}
    if options.api:
        named["api"] = options.api[0] if len(options.api) == 1 else options.api
    lines.append("your app:  " + ", ".join(f"{name}={value!r}" for name, value in named.items()))
    if options.key is None:
        lines.append("the key is new at each start; --key FILE keeps one")
    lines.append(f"inspector: {url}/_inspector")
    lines.append(f"Echo API:  {url}/echo/1.0.0")
    return lines
