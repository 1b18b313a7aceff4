"""The command ``jwt-assertion``, also ``python -m jwt_middleware``.

The exit statuses are those of ``shared.STATUSES``; mistakes are printed on standard error. A reader
who closes the pipe early does not change the status.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ...errors import ConfigurationError, RequestError
from ...events.log import logger
from . import check, demo, gateway, keys, revocations, routes, schema, tokens
from .shared import MISTAKEN, STATUSES, fail, print_no_more, status_of, whatever_the_reader


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = command_parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.exit(MISTAKEN, parser.format_help())
    level = logger.level
    if options.is_silent:  # most commands print what the log would say
        logger.setLevel("CRITICAL")
    try:
        status: int = options.run(options)
        with whatever_the_reader():
            sys.stdout.flush()
    except ConfigurationError as error:
        fail(options, "configuration_error", error)
        return MISTAKEN
    except RequestError as error:  # a store that is out, say
        fail(options, error.code, error)
        return status_of(error.code)
    except BrokenPipeError:  # the reader of a server's words has gone, so it ends
        print_no_more()
        return 1
    finally:
        logger.setLevel(level)
    return status


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="jwt-assertion",
        description="Tools for backends behind an API gateway that signs a JWT assertion header.",
        epilog=f"Examples: jwt-assertion COMMAND --help\n\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(is_silent=True, run=None)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (demo, gateway, keys, check, schema, routes, tokens, revocations):
        module.add_to(commands)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("jwt-assertion-middleware")
    except PackageNotFoundError:  # run from the tree, not installed
        return "unknown"
