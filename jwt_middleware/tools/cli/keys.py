"""``jwt-assertion keys``: the keys of a source, with their dangers."""

from __future__ import annotations

import argparse
import time
from typing import Any

from ...keys.key import KeyRules
from ...keys.option import key_source
from ...keys.sources import PEM, KeySource
from ..explain.keys import WARN_DAYS, lines_of, report_keys, wait_for_keys
from .shared import (
    REFUSED,
    UNKNOWN,
    add_command,
    add_key_options,
    answer,
    keys_of,
    read_text,
)


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        _keys,
        "list the keys of a source, with their dangers",
        [
            "gateway.pem --warn-days 14",
            "https://gateway.example.edu:8243/jwks --ca-file authority.pem",
        ],
    )
    command.add_argument(
        "source", help="a path, a JWKS URL, the URL of an issuer's metadata, or - (PEM on stdin)"
    )
    add_key_options(command)
    command.add_argument(
        "--warn-days",
        type=float,
        default=WARN_DAYS,
        metavar="DAYS",
        help="a certificate that ends within so many days is a danger, and exit status 1 "
        "(default: %(default)g)",
    )


def _keys(options: argparse.Namespace) -> int:
    """Read a key source as the middleware does, and print its keys.

    The exit status is 1 where none of them would be used, and where the certificate of one has
    ended, has not begun, or ends within --warn-days; 3 where there are none to be had.
    """
    source = _source(options)
    wait_for_keys([source])
    rules = KeyRules()
    report = report_keys(source, rules, time.time(), warn_days=options.warn_days)
    answer(options, report, lines_of(report))
    keys = source.snapshot()
    if keys is None:
        return UNKNOWN
    return 0 if keys.admitted(rules).keys and not report["certificates_due"] else REFUSED


def _source(options: argparse.Namespace) -> KeySource:
    if options.source == "-":
        return PEM(read_text("-", "PEM"))
    return key_source(keys_of(options, options.source))
