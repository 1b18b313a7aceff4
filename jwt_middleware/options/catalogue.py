"""The one table of options: what each means, its default, its shape, and where it may be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from ..errors import ConfigurationError
from .checks import MOST_LEEWAY
from .shapes import (
    FLAG,
    HEADERS,
    NAMES_OR_ANY,
    PATH,
    PATHS,
    TEXT,
    TEXT_OR_TEXTS,
    Shape,
    number,
    of_room,
    one_of,
    or_list,
    table,
    whole,
    with_default,
)

Preflight = Literal["refuse", "pass"]
Unguarded = Literal["allow", "warn", "refuse"]

WEAKENS: Final = (
    "it weakens the check, so it is never read from the environment; set it in code or TOML"
)


class Option(NamedTuple):
    """An option, and where it may be given.

    Attributes:
        about: what it means, in one line.
        shape: the shape of its value in TOML; None where it can only be given in code.
        from_text: reads it from the environment, where it may be given there.
        default: what counts where it is left out; None: ``about`` says what then counts.
        why_not: why it is refused where it may not be given.

    """

    about: str
    shape: Shape | None
    from_text: Callable[[str], Any] | None = None
    default: Any = None
    why_not: str = ""


def _comma_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _keys_text(text: str) -> Any:
    return text if "-----BEGIN" in text else _comma_list(text)


def _preflight_text(text: str) -> str:
    if text == "pass":
        raise ConfigurationError(f"pass: {WEAKENS}")
    return text


def _audiences_text(text: str) -> list[str]:
    names = _comma_list(text)
    if "ANY" in names:
        raise ConfigurationError(f"ANY: {WEAKENS}")
    return names


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("true or false")
    return text.lower() in ("true", "1")


def _code(about: str, default: Any = None) -> Option:
    return Option(about, None, None, default, "it can only be given in code")


def _weakening(about: str, shape: Shape, default: Any) -> Option:
    return Option(about, shape, None, default, WEAKENS)


OPTIONS: Final[Mapping[str, Option]] = {
    "keys": Option(
        "the keys that tokens verify under: PEM text, a path (PEM, certificate, PKCS#12, JWKS), a "
        "JWKS URL, the URL of an issuer's metadata, a URL with ``{kid}`` for one PEM a key, a "
        "JWKS, a table of ``kid`` to PEM, a table with ``url``, ``path`` or ``issuer``, or a list "
        "of them; in code a key source too, such as ``JWKSEndpoint(url)``. Required where the "
        "gateway's own are not known",
        of_room("keys"),
        _keys_text,
    ),
    "gateway": Option(
        "the gateway whose assertions these are: the name of a preset, or in code a ``Gateway``",
        of_room("gateway"),
        str,
        "wso2",
    ),
    "header": Option(
        "the header's whole name (letters, digits, ``-`` and ``.``, no wildcard), or a list of "
        "names, of which a request has one line; the gateway's where it is left out",
        HEADERS,
        _comma_list,
    ),
    "algorithms": Option(
        "the allow-list of signature algorithms, HS* never beside the others; the gateway's where "
        "it is left out",
        of_room("algorithms"),
        _comma_list,
    ),
    "issuer": Option("the ``iss`` that a token must have, or several", TEXT_OR_TEXTS, _comma_list),
    "audience": Option(
        "the ``aud`` that a token must have, or several; ``ANY`` takes a token whatever its "
        "``aud``, which weakens the check",
        NAMES_OR_ANY,
        _audiences_text,
    ),
    "issuers": Option(
        "issuers with options of their own: each one's tokens verify under its own keys only; in "
        "code ``Issuer(...)``, in TOML ``[[issuers]]``",
        of_room("issuers"),
        why_not="a list of tables belongs into the TOML file",
    ),
    "api": Option(
        "the API context that a token must be for, or several: its own, or a prefix of it by "
        "whole segments",
        or_list(PATH),
        _comma_list,
    ),
    "typ": Option("the ``typ`` that a token's header must have", TEXT, str),
    "leeway": Option(
        "seconds that clocks may differ by, for ``exp``, ``nbf``, ``iat`` and ``max_age``",
        number(most=MOST_LEEWAY),
        float,
        30,
    ),
    "max_age": Option(
        "seconds since ``iat``; a token needs ``exp``, or ``iat`` with ``max_age``",
        number(above=0),
        float,
    ),
    "client_claim": Option(
        "the claim that holds the client id; the gateway's where it is left out", TEXT, str
    ),
    "claim_dialect": Option(
        "WSO2: ``claim_dialect`` of deployment.toml, without a slash at the end; views and names "
        "follow it",
        TEXT,
        str,
    ),
    "signer": Option(
        "AWS: the ARN of the load balancer or Verified Access instance, or several of one region",
        TEXT_OR_TEXTS,
        _comma_list,
    ),
    "tenants": Option(
        "the tenants whose tokens count, where ``issuer`` has ``{tid}`` (Microsoft Entra)",
        TEXT_OR_TEXTS,
        _comma_list,
    ),
    "clients": Option(
        "the path of a registry's TOML; in code a function that returns the clients, or a "
        "``ClientRegistry``, too",
        TEXT,
        str,
    ),
    "revocations": Option(
        "the store of tokens that no longer count: its URL, or a table; in code "
        "``Revocations(...)`` too",
        of_room("revocations"),
        str,
    ),
    "cache_size": Option("verified tokens kept; 0 keeps none", whole(0), int, 4_096),
    "max_token_size": Option("bytes of the longest header that is read", whole(64), int, 16_384),
    "check_certificate_dates": Option(
        "``True``: a certificate outside its dates is no key", FLAG, _switch, False
    ),
    "cors_preflight": Option(
        "``pass``: a CORS preflight passes without a principal, to whatever answers it before "
        "guarded code runs, which weakens the check",
        one_of(get_args(Preflight)),
        _preflight_text,
        "refuse",
    ),
    "unguarded": Option(
        "``warn`` or ``refuse`` at start-up where a route has neither ``requires`` nor ``public``",
        one_of(get_args(Unguarded)),
        str,
        "allow",
    ),
    "fail_fast": Option("``True``: no keys at start-up is an error", FLAG, _switch, False),
    "end_streams": Option(
        "``True``: when its token ends, a websocket is closed (3000) and a streaming answer "
        "ended, at the ASGI doors",
        FLAG,
        _switch,
        False,
    ),
    "resource": Option(
        "the API's own URL, or a table; in code ``ProtectedResource(...)`` too: serves its "
        "metadata (RFC 9728), which clients without a token may read",
        of_room("resource"),
        str,
    ),
    "minimum_rsa_bits": _weakening(
        "bits of the shortest RSA key that is used; 1024 at the least, for old installations",
        whole(1024),
        2048,
    ),
    "allow_wso2_default_keys": _weakening(
        "``True`` takes the keys that every WSO2 is delivered with: for tests only, as anybody can "
        "sign with them",
        FLAG,
        False,
    ),
    "optional": _weakening(
        "``True``, or paths (``/p``, or ``/p/*`` for ``/p/`` and all below it) where a request "
        "without the header passes without a principal; a bad header is 401 all the same",
        {"anyOf": [FLAG, PATHS]},
        False,
    ),
    "exempt": _weakening(
        "paths where the header is not read at all, so a guard there lets nobody in; written "
        "decoded; a path that has a percent sign when it is decoded matches none",
        PATHS,
        (),
    ),
    "vary": _weakening(
        "``False``: answers carry neither ``Vary`` nor ``Cache-Control: private``", FLAG, True
    ),
    "quiet": Option(
        "paths, written as those of ``exempt``, whose requests stand in no audit trail unless they "
        "are refused, such as health probes",
        PATHS,
        _comma_list,
        (),
    ),
    "original": _code(
        "``Original(header=..., forwarders=...)``: the assertion of the caller before the caller"
    ),
    "authorize": _code("a predicate for every request with a principal"),
    "refuse": _code(
        "``callable(refusal, request_view) -> Refusal``: your own shape of errors; "
        "``refusal.code`` and ``.reference`` say which"
    ),
    "listeners": _code("callables that get every audit event, such as ``JSONLines(path)``", ()),
    "clock": _code("returns the seconds since 1970, for tests; ``time.time`` where it is left out"),
    "verifier": _code("a ready ``Verifier`` instead of the options that make one"),
}
"""Every option, and where it may be given."""


def value_of(options: Mapping[str, Any], name: str) -> Any:
    """Return the value of an option, or its default where it is left out."""
    return options.get(name, OPTIONS[name].default)


OPTIONS_FILE: Final = table(
    {
        name: with_default({**option.shape, "description": option.about}, option.default)
        for name, option in OPTIONS.items()
        if option.shape is not None
    }
)
"""The shape of the options' TOML file."""
