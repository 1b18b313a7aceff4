"""``jwt-assertion inspect``, ``verify`` and ``mint``: one token, from standard input or to output.

A token is read from standard input by default, so that it reaches neither the shell's history nor
the list of processes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError, RequestError
from ...events.fields import readable
from ...verification.verifier import Verifier
from ..explain.claims import grouped
from ..explain.telling import inspection_as_json, principal_as_json
from ..explain.token import Inspection, found_in, inspect
from .configured import add_options, configured


def add_tokens(commands: Any) -> None:
    """Add the commands."""
    _add(
        commands,
        "inspect",
        _inspect,
        "take a token apart, and say which check fails",
        "Tell what a token is: its spelling, key, times and claims. With a configuration, also "
        "whether it verifies and, if not, why. Exit status 1 where it does not.",
    )
    _add(
        commands,
        "verify",
        _verify,
        "verify a token",
        "Verify a token as the middleware does, and tell who calls. Exit status 1 where it is "
        "refused.",
    )
    mint = commands.add_parser(
        "mint",
        help="make a signed token, for tests",
        description="Make a token as a gateway does, with a key of your own. For tests only.",
    )
    mint.add_argument(
        "--key", required=True, type=Path, help="the private key, PEM; for HS* the secret"
    )
    mint.add_argument("--certificate", type=Path, help="its certificate, which gives an x5t")
    mint.add_argument(
        "--make-key",
        action="store_true",
        help="make the key, and beside it the certificate (.crt), where there is none",
    )
    mint.add_argument("--algorithm", default="RS256", help="default: RS256")
    mint.add_argument("--key-id", help="the kid")
    mint.add_argument("--form", default="wso2-4.2", help="a version, 1.4 to 4.6, or standard")
    mint.add_argument("--client", help="the client id; one of the demo's brings its claims")
    mint.add_argument("--as", dest="user", metavar="USER", help="the end user")
    mint.add_argument("--api", help="the API context, such as /echo/1.0.0")
    mint.add_argument("--claim", action="append", default=[], metavar="NAME=VALUE", help="repeat")
    mint.add_argument("--lifetime", type=float, default=900, help="seconds; negative is expired")
    mint.set_defaults(run=_mint)


def _add(commands: Any, name: str, run: Any, help_text: str, description: str) -> None:
    command = commands.add_parser(name, help=help_text, description=description)
    command.add_argument("file", nargs="?", default="-", help="a file; - (default) is stdin")
    add_options(command)
    command.add_argument("--at", metavar="TIME", help="judge it at another time (ISO 8601, UTC)")
    command.add_argument("--json", action="store_true", help="for a program")
    command.set_defaults(run=run)


def _token(options: argparse.Namespace) -> str:
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{options.file}: no token can be read: {error}") from None
    return found_in(text)


def _now(options: argparse.Namespace) -> float:
    if options.at is None:
        return time.time()
    try:
        moment = datetime.fromisoformat(options.at)
    except ValueError:
        raise ConfigurationError(
            f"--at: {options.at!r} is no time; write 2026-11-17T19:22:31"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _verifier(options: argparse.Namespace, now: float) -> Verifier | None:
    verifier = configured(options, lambda: now)
    if verifier is not None and verifier.revocations is not None:
        verifier.revocations.only_look()  # who looks at a token does not use it
    return verifier


def _inspect(options: argparse.Namespace) -> int:
    now = _now(options)
    found = inspect(_token(options), _verifier(options, now), now)
    if options.json:
        print(json.dumps({**inspection_as_json(found), "claims": found.claims}, indent=2))
    else:
        _print(found)
    return 0 if found.code in (None, "accepted") else 1


def _print(found: Inspection) -> None:
    # None of it is verified: a kid may hold what clears the screen and writes its own verdict.
    verdict = found.explanation if found.code is None else f"{found.code}: {found.explanation}"
    print(readable(verdict))
    if found.mend:
        print(readable(found.mend))
    print()
    for name, value in found.facts.items():
        print(f"  {name:<14} {readable(value)}")
    for group, claims in grouped(found.claims or {}).items():
        print(f"\n  {group}")
        for claim in claims:
            meaning = f"  ({claim.meaning})" if claim.meaning else ""
            value = json.dumps(claim.value, ensure_ascii=False)
            print(f"    {readable(claim.name)} = {readable(value)}{meaning}")


def _verify(options: argparse.Namespace) -> int:
    verifier = _verifier(options, _now(options))
    if verifier is None:
        raise ConfigurationError("verify: name the keys: --keys gateway.pem, or --config FILE")
    try:
        principal = verifier.verify(_token(options).strip(" \t\r\n"))
    except RequestError as error:
        if options.json:
            print(json.dumps({"code": error.code, "reason": str(error)}))
        print(f"jwt-assertion: {error.code}: {readable(error)}", file=sys.stderr)
        return 1
    told = principal_as_json(principal)
    if options.json:
        print(json.dumps({"code": "accepted", **told}, indent=2))
    else:
        for name, value in told.items():
            print(f"{name:<12} {readable(value)}")
    return 0


def _mint(options: argparse.Namespace) -> int:
    from ...testing import form_of_version, mint
    from .signing import signing_key

    try:
        form = form_of_version(options.form)
    except ValueError as error:
        raise ConfigurationError(f"--form: {error}") from None
    key = signing_key(
        options.key,
        options.certificate,
        make=options.make_key,
        algorithm=options.algorithm,
        key_id=options.key_id,
    )
    print(mint(key, _claims(options), form=form, lifetime=options.lifetime))
    return 0


def _claims(options: argparse.Namespace) -> Mapping[str, Any]:
    from ...testing import client_claims
    from .signing import named_claims

    claims: dict[str, Any] = {"iss": "wso2.org/products/am"}
    if options.client is not None:
        try:
            claims |= client_claims(options.client)
        except KeyError:
            claims["client_id"] = options.client
    if options.user is not None:
        claims |= {"sub": options.user, "http://wso2.org/claims/enduser": options.user}
    if options.api is not None:
        claims["http://wso2.org/claims/apicontext"] = options.api
    return claims | named_claims(options.claim)
