"""``jwt-assertion demo`` and ``echo``: the tour, and the Echo API behind a real gateway."""

from __future__ import annotations

import argparse
from typing import Any

from .shared import (
    add_command,
    add_verifier_options,
    needing,
    optional_verifier,
    port,
    required_verifier,
    without_variables,
)


def add_to(commands: Any) -> None:
    """Add the commands."""
    command = add_command(
        commands,
        _demo,
        "start a gateway, a guarded app and a token inspector, and show what they do",
        ["", "--once --services"],
        json=False,
    )
    command.add_argument("--once", action="store_true", help="end after the tour")
    command.add_argument(
        "--services",
        action="store_true",
        help="show three services that call each other, and send the person's assertion on",
    )
    command.add_argument(
        "--port", type=port, default=0, help="the gateway's, on 127.0.0.1 (default: any free one)"
    )
    command.set_defaults(is_silent=False)
    command = add_command(
        commands,
        _echo,
        "serve the Echo API, which returns what it received",
        ["--keys https://gateway.example.edu:8243/jwks"],
        json=False,
    )
    add_verifier_options(command)
    command.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    command.add_argument("--port", type=port, default=8000, help="default: 8000")
    command.add_argument(
        "--show-tokens-beyond-loopback", action="store_true", help="serve on other addresses too"
    )


def _demo(options: argparse.Namespace) -> int:
    """Start a guarded app on loopback, and before it a signing gateway with a token inspector.

    Send good and bad requests, and print each answer with its reason. Then keep serving, with a
    page to open and curl lines to try; without a terminal, until standard input ends.
    """
    with needing("demo", "the demo"):
        from ..demo import services, tour
    show = services.run if options.services else tour.run
    with without_variables():
        return show(once=options.once, port=options.port)


def _echo(options: argparse.Namespace) -> int:
    """Serve an API that returns the request, the principal and the assertion that a gateway sent.

    It shows assertions to its callers, so without --show-tokens-beyond-loopback it serves on
    loopback only.
    """
    with needing("demo", "the Echo API"):
        from ..demo.echo import ECHO_CONTEXT, check_loopback, echo_app
        from ..gateway.serving import serving, wait_for_the_end
    check_loopback(options.host, options.show_tokens_beyond_loopback)
    verifier = required_verifier(optional_verifier(options), "echo")
    app = echo_app(verifier, beyond_loopback=options.show_tokens_beyond_loopback)
    with without_variables(), serving(app, options.port, options.host) as url:
        print(f"The Echo API: {url}{ECHO_CONTEXT}. It shows assertions to its callers.")
        wait_for_the_end()
    return 0
