"""``jwt-assertion echo``: the Echo API on its own, to stand behind a real gateway."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ...errors import ConfigurationError
from .configured import add_options, configured
from .extras import needing


def add_echo(commands: Any, port: Any) -> None:
    """Add the command; ``port`` reads a port's number."""
    command = commands.add_parser(
        "echo",
        help="serve the Echo API, which returns what it received",
        description="Serve an API that returns the request, the principal and the assertion that a "
        "gateway sent, so that a person can look at one. It shows assertions to its callers, so it "
        "serves on loopback only unless it is told otherwise.",
    )
    add_options(command)
    command.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    command.add_argument("--port", type=port, default=8000, help="default: 8000")
    command.add_argument(
        "--show-tokens-beyond-loopback",
        action="store_true",
        help="serve on another address all the same",
    )
    command.set_defaults(run=_echo)


def _echo(options: argparse.Namespace) -> int:
    with needing("demo", "the Echo API"):
        from ..demo.echo import ECHO_CONTEXT, check_loopback, echo_app
        from ..gateway.serving import serving, wait_for_the_end
    check_loopback(options.host, options.show_tokens_beyond_loopback)
    verifier = configured(options, time.time)
    if verifier is None:
        raise ConfigurationError("echo: name the keys: --keys gateway.pem, or --config FILE")
    app = echo_app(verifier, beyond_loopback=options.show_tokens_beyond_loopback)
    with serving(app, options.port, options.host) as url:
        print(f"The Echo API: {url}{ECHO_CONTEXT}; it shows assertions to its callers.")
        wait_for_the_end()
    return 0
