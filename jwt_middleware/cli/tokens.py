"""``jwt-assertion inspect``, ``verify`` and ``mint``: one token, from standard input or to output.

A token is read from standard input by default, so that it reaches neither the shell's history nor
the list of processes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, RequestError
from ..inspection import Inspection, inspect
from ..principal import Principal
from ..settings import CONFIG_FILE, ENVIRONMENT_PREFIX, Settings
from ..verifier import Verifier

_OPTIONS = ("keys", "gateway", "api", "issuer", "audience", "clients")


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
    mint.add_argument("--key", required=True, type=Path, help="the private key, PEM")
    mint.add_argument("--certificate", type=Path, help="its certificate, which gives an x5t")
    mint.add_argument(
        "--make-key",
        action="store_true",
        help="make the key, and beside it the certificate (.crt), where there is none",
    )
    mint.add_argument("--algorithm", default="RS256", help="default: RS256")
    mint.add_argument("--key-id", help="the kid")
    mint.add_argument("--form", default="wso2-4.2", help="wso2-1.4 ... wso2-4.2, or standard")
    mint.add_argument("--client", help="the client id; one of the demo's brings its claims")
    mint.add_argument("--as", dest="user", metavar="USER", help="the end user")
    mint.add_argument("--api", help="the API context, such as /echo/1.0.0")
    mint.add_argument("--claim", action="append", default=[], metavar="NAME=VALUE", help="repeat")
    mint.add_argument("--lifetime", type=float, default=900, help="seconds; negative is expired")
    mint.set_defaults(run=_mint)


def _add(commands: Any, name: str, run: Any, help_text: str, description: str) -> None:
    command = commands.add_parser(name, help=help_text, description=description)
    command.add_argument("file", nargs="?", default="-", help="a file; - (default) is stdin")
    command.add_argument("--config", type=Path, metavar="TOML", help="the options, as a file")
    for option in _OPTIONS:
        command.add_argument(f"--{option}", help=f"as the option {option}")
    command.add_argument("--at", metavar="TIME", help="judge it at another time (ISO 8601, UTC)")
    command.add_argument("--json", action="store_true", help="for a program")
    command.set_defaults(run=run)


def _token(options: argparse.Namespace) -> str:
    try:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{options.file}: no token can be read: {error}") from None
    # A whole header line is what people paste.
    name, colon, value = text.partition(":")
    return value if colon and "." not in name else text


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
    """Return the verifier of the options, the file and the environment; None without any."""
    given: dict[str, Any] = {
        name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None
    }
    environment = {k: v for k, v in os.environ.items() if k.startswith(ENVIRONMENT_PREFIX)}
    if options.config is not None:
        environment[CONFIG_FILE] = str(options.config)
    if not given and not environment:
        return None
    return Settings.read(given | {"clock": lambda: now}, environment).verifier


def _inspect(options: argparse.Namespace) -> int:
    now = _now(options)
    found = inspect(_token(options), _verifier(options, now), now)
    if options.json:
        print(json.dumps(_as_json(found), indent=2, default=str))
    else:
        _print(found)
    return 0 if found.code in (None, "accepted") else 1


def _as_json(found: Inspection) -> dict[str, Any]:
    return {
        "code": found.code,
        "explanation": found.explanation,
        "facts": found.facts,
        "header": found.header,
        "claims": found.claims,
    }


def _print(found: Inspection) -> None:
    print(found.explanation if found.code is None else f"{found.code}: {found.explanation}")
    print()
    for name, value in found.facts.items():
        print(f"  {name:<14} {value}")
    if found.claims is not None:
        print("\n  claims")
        for name, value in found.claims.items():
            print(f"    {name} = {json.dumps(value, ensure_ascii=False)}")


def _verify(options: argparse.Namespace) -> int:
    verifier = _verifier(options, _now(options))
    if verifier is None:
        raise ConfigurationError("verify: name the keys: --keys gateway.pem, or --config FILE")
    try:
        principal = verifier.verify(_token(options).strip(" \t\r\n"))
    except RequestError as error:
        if options.json:
            print(json.dumps({"code": error.code, "reason": str(error)}))
        print(f"jwt-assertion: {error.code}: {error}", file=sys.stderr)
        return 1
    told = _told(principal)
    if options.json:
        print(json.dumps({"code": "accepted", **told}, indent=2, default=str))
    else:
        for name, value in told.items():
            print(f"{name:<12} {value}")
    return 0


def _told(principal: Principal) -> dict[str, Any]:
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "issuer": principal.issuer,
        "roles": sorted(principal.roles),
        "permissions": sorted(principal.permissions),
        "attributes": dict(principal.attributes),
        "expires_at": principal.expires_at,
        "token_id": principal.token_id,
        "key_id": principal.key_id,
    }


def _mint(options: argparse.Namespace) -> int:
    from ..testing import FORMS, SigningKey, mint

    if options.form not in FORMS:
        raise ConfigurationError(f"--form: one of {', '.join(FORMS)}")
    certificate = options.certificate
    if options.make_key and not options.key.exists():
        made = SigningKey(options.algorithm)
        certificate = options.key.with_suffix(".crt")
        _write_private(options.key, made.private_pem)
        certificate.write_text(made.certificate_pem)
        print(f"made {options.key} and {certificate}", file=sys.stderr)
    elif certificate is None and options.key.with_suffix(".crt").exists():
        certificate = options.key.with_suffix(".crt")
    try:
        private = options.key.read_bytes()
        certified = None if certificate is None else certificate.read_bytes()
        key = SigningKey.from_pem(private, certified, options.algorithm, key_id=options.key_id)
    except OSError as error:
        raise ConfigurationError(f"--key: {error}; --make-key makes one, for tests only") from None
    except (ValueError, TypeError):
        raise ConfigurationError(f"--key: {options.key} is no unencrypted private key") from None
    print(mint(key, _claims(options), form=options.form, lifetime=options.lifetime))
    return 0


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _claims(options: argparse.Namespace) -> Mapping[str, Any]:
    from ..testing import client_claims

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
    for pair in options.claim:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"--claim: {pair!r}: write NAME=VALUE")
        try:
            claims[name] = json.loads(value)
        except ValueError:
            claims[name] = value  # a plain text
    return claims
