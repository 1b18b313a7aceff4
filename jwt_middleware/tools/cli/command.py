"""The command ``jwt-assertion``, also ``python -m jwt_middleware``.

Exit status 0, 1 where something was refused or did not hold, 2 for usage and configuration errors,
which are told on standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from ...errors import ConfigurationError
from ...events.log import silent_log
from .check import add_check
from .echo import add_echo
from .extras import needing
from .gateway import add_gateway
from .keys import add_keys
from .revocations import add_revocations
from .routes import add_routes
from .tokens import add_tokens


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        with silent_log() if options.is_silent else nullcontext():
            status: int = options.run(options)
        sys.stdout.flush()
    except ConfigurationError as error:
        print(f"jwt-assertion: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jwt-assertion",
        description="Tools for backends behind an API gateway that signs a JWT assertion header.",
    )
    # What the log would say is in the answer of most commands.
    parser.set_defaults(is_silent=True)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="start a gateway, a guarded app and a token inspector, and show what they do",
        description="Start a guarded app on loopback, and a signing gateway with a token inspector "
        "before it. Send good and bad requests, and tell what came back and why. Then keep "
        "serving, with a page to open and curl lines to try; where standard input is no terminal, "
        "until it ends.",
    )
    demo.add_argument("--once", action="store_true", help="end after the tour")
    demo.add_argument(
        "--port", type=_port, default=0, help="the gateway's, on 127.0.0.1 (default: any free one)"
    )
    demo.set_defaults(run=_demo, is_silent=False)
    add_gateway(commands, _port)
    add_echo(commands, _port)
    add_keys(commands)
    add_check(commands)
    add_routes(commands)
    add_tokens(commands)
    add_revocations(commands)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("jwt-assertion-middleware")
    except PackageNotFoundError:  # run from the tree, not installed
        return "unknown"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise ValueError
    return port


def _demo(options: argparse.Namespace) -> int:
    with needing("demo", "the demo"):
        from ..demo import tour
    return tour.run(once=options.once, port=options.port)
