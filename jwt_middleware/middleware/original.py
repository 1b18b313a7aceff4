"""The assertion of the caller before the caller, which a service sends on with its own.

BYU calls its header ``X-JWT-Assertion-Original``, Pomerium ``X-Pomerium-Jwt-Assertion-For``.
Whoever ever received an assertion of a person could send it there, so it is only read from clients
that a predicate names, and never counts instead of the caller's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..authorization.predicate import Predicate
from ..authorization.terms import terms_of
from ..errors import ConfigurationError
from ..options import checks as check
from ..options.checks import AnyAudience
from ..principal import PERSON, SERVICE, Principal

# RFC 9110, 5.6.2 allows more characters, which only appear in patterns and templates:
# !#$%&'*+^`|~ and "_".
_HEADER_NAME = re.compile(r"[A-Za-z0-9.-]+")


def header_names(option: str, value: Any) -> tuple[str, ...]:
    """Read one header name or a list of them; None is the empty tuple."""
    names = check.texts(option, value)
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            hint = ""
            if "*" in name:
                hint = "; there is no wildcard here, list each header by its whole name"
            elif "_" in name:
                hint = (
                    "; servers cannot tell '_' from '-', so a header with '_' is not to be trusted"
                )
            raise ConfigurationError(
                f"{option}: {name!r} is no header name, which is letters, digits, '-' and '.'{hint}"
            )
    if len({name.lower() for name in names}) != len(names):
        raise ConfigurationError(f"{option}: a header is listed twice; case does not count")
    return names


@dataclass(frozen=True, kw_only=True)
class Original:
    """The option ``original``: which second assertion is read, and who may send it.

    Attributes:
        header: the header that holds it, such as ``X-JWT-Assertion-Original``.
        forwarders: which callers may send it, such as ``client("portal")``; 403 for the others.
        api: the API contexts that it may be for: those of the forwarders' APIs, as the gateway made
            it for the first hop. None: any.
        audience: its accepted audiences, as the option ``audience``; None: none, so that a token
            with ``aud`` is refused.

    Raises:
        ConfigurationError: one of them is wrong.

    """

    header: str
    forwarders: Predicate
    api: str | Sequence[str] | None = None
    audience: str | Sequence[str] | AnyAudience | None = None

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where an attribute is wrong."""
        if len(header_names("original: header", self.header or "")) != 1:
            raise ConfigurationError("original: header: one header name")
        if not isinstance(self.forwarders, Predicate):
            raise ConfigurationError(
                "original: forwarders: a predicate, such as client('portal'), not "
                f"{check.kind(self.forwarders)}"
            )
        for term in terms_of(self.forwarders):
            if term.of_request == "route":
                raise ConfigurationError(
                    f"original: forwarders: {term.written} is not known before the app has routed"
                )

    def __repr__(self) -> str:
        return f"Original({self.header!r}, forwarders={self.forwarders!r})"


def acting_caller(principal: Principal) -> Principal:
    """Return the principal for whom a request is made, in BYU's order.

    The first that is there: the original resource owner (a person), the current resource owner, the
    original client, the current client (byu-oit/byu-jwt-nodejs, ``byu-jwt``).
    """
    first = principal if principal.original is None else principal.original
    return principal if first.kind == SERVICE and principal.kind == PERSON else first
