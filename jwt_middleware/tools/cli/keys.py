"""``jwt-assertion keys``: what is in a key source, and its dangers."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...events.fields import readable
from ...keys.key import KeyRules
from ...keys.option import key_source
from ...keys.sources import PEM, KeyFile, KeySource
from ..explain.keys import report_keys


def add_keys(commands: Any) -> None:
    """Add the command."""
    keys = commands.add_parser(
        "keys",
        help="tell what is in a key source, and its dangers",
        description="Read a key source as the middleware does and tell what is in it. Exit status "
        "1 where no key of it would be used.",
    )
    keys.add_argument(
        "source",
        help="a path, a JWKS URL, the URL of an issuer's metadata, or - (PEM on stdin)",
    )
    keys.add_argument("--password-file", metavar="FILE", help="the password of a PKCS#12 keystore")
    keys.add_argument("--json", action="store_true", help="for a program")
    keys.set_defaults(run=_keys)


def _keys(options: argparse.Namespace) -> int:
    source = _source(options)
    pending = None if source.snapshot() is not None else source.refresh()
    if pending is not None:
        pending.work.wait(pending.budget)
    rules = KeyRules()
    report = report_keys(source, rules, time.time())
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print_report(report)
    keys = source.snapshot()
    return 0 if keys is not None and keys.admitted(rules).keys else 1


def _source(options: argparse.Namespace) -> KeySource:
    if options.source == "-":
        return PEM(sys.stdin.read())
    if options.password_file is not None:
        try:
            password = Path(options.password_file).read_text("utf-8").rstrip("\r\n")
        except OSError as error:
            raise ConfigurationError(f"--password-file: {error}") from None
        except UnicodeDecodeError:
            raise ConfigurationError("--password-file: it is no UTF-8 text") from None
        return KeyFile(options.source, password)
    return key_source(options.source)


def _print_report(report: dict[str, Any]) -> None:
    print(f"{report['source']}: {report['keys']} key{'' if report['keys'] == 1 else 's'}")
    if report.get("last_error"):
        print(f"  the last fetch failed: {readable(report['last_error'])}")
    for danger in report["dangers"]:
        print(f"  DANGER  {readable(danger)}")
    for number, key in enumerate(report["details"], 1):
        print(f"\n  key {number}: {key['type']}")
        for name, value in key.items():
            if name not in ("type", "dangers") and value is not None:
                print(f"    {name:<12} {readable(value)}")
        for danger in key["dangers"]:
            print(f"    DANGER       {readable(danger)}")
    for note in report["notes"]:
        what = "not used" if note["skipped"] else "mind"
        key_id = readable(note["key_id"] or "without a kid")
        print(f"\n  {what}: key {key_id}: {readable(note['reason'])}")
