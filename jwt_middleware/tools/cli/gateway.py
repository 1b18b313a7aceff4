"""``jwt-assertion gateway``: an API manager's gateway before an app, for development."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .shared import add_command, needing, port, without_variables

_PORT = 8280
"""WSO2's own for plain HTTP."""


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        _gateway,
        "put a signing gateway before an app, for development",
        ["--upstream http://127.0.0.1:8000 --client acme_corp --as ana --role admin"],
        json=False,
    )
    option = command.add_argument
    option("--upstream", required=True, metavar="URL", help="where the app runs")
    option(
        "--port", type=port, default=_PORT, help=f"on 127.0.0.1 (default: {_PORT}; 0: any free one)"
    )
    option("--client", help="who calls without an access token: this client")
    option("--as", dest="user", metavar="USER", help="and this user, through the client")
    option("--service", metavar="NAME", help="instead of both: a service that calls for itself")
    option("--role", action="append", default=[], help="a role of that caller; repeatable")
    option(
        "--permission", action="append", default=[], help="a permission of that caller; repeatable"
    )
    option(
        "--claim", action="append", default=[], metavar="NAME=VALUE", help="and a claim; repeatable"
    )
    option(
        "--form",
        "--wso2",
        default="4.2",
        metavar="FORM",
        help="whose tokens: a version of WSO2, 1.4 to 4.6, a gateway's name, or a TokenForm of "
        "your own as module:FORM (default 4.2)",
    )
    option("--issuer", help="iss of its tokens (default: the form's, or the gateway's own URL)")
    option("--audience", help="aud of its tokens (default: the form's)")
    option("--signer", help="signer of its tokens, an ARN (default: the form's)")
    option("--api", action="append", metavar="CONTEXT", help="the app's API context; repeatable")
    option("--header", help="default: the gateway's own, such as X-JWT-Assertion")
    option("--clients", metavar="TOML", help="the app's registry: roles go where it reads them")
    option("--accounts", type=Path, metavar="TOML", help="who may call (default: the demo's)")
    option("--key", type=Path, metavar="PEM", help="the key to sign with; made where there is none")


def _gateway(options: argparse.Namespace) -> int:
    """A reverse proxy on loopback that does what the API manager does: it issues access tokens,
    removes the caller's Authorization and any forged assertion header, adds a signed one, and
    forwards the rest untouched. It signs for whoever can reach it, so never let others reach it.
    Tokens, header and key endpoint are those of --form; a token inspector is at /_inspector.
    """
    with needing("demo", "the gateway"):
        from . import serve_gateway
    with without_variables():
        serve_gateway.run(options)
    return 0
