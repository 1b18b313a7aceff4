"""The command ``jwt-assertion``, also ``python -m jwt_middleware``.

Exit status 0, 1 where something was refused or did not hold, 2 for usage and configuration errors,
which are printed on standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from ...errors import ConfigurationError, RequestError
from ...events.log import silent_log
from .check import add_check
from .demo import add_demo, add_echo
from .gateway import add_gateway
from .keys import add_keys
from .revocations import add_revocations
from .routes import add_routes
from .shared import complain
from .tokens import add_tokens


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        with silent_log() if options.is_silent else nullcontext():
            status: int = options.run(options)
        sys.stdout.flush()
    except ConfigurationError as error:
        complain(error)
        return 2
    except RequestError as error:  # a store that is out, say
        complain(error)
        return 1
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jwt-assertion",
        description="Tools for backends behind an API gateway that signs a JWT assertion header.",
    )
    # Most commands print what the log would say.
    parser.set_defaults(is_silent=True)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_demo, add_gateway, add_echo, add_keys, add_check, add_routes, add_tokens):
        add(commands)
    add_revocations(commands)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("jwt-assertion-middleware")
    except PackageNotFoundError:  # run from the tree, not installed
        return "unknown"
