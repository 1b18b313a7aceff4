"""The assertion of the caller before the caller, which a service sends on with its own.

BYU calls its header ``X-JWT-Assertion-Original``, Pomerium ``X-Pomerium-Jwt-Assertion-For``.
Whoever ever received an assertion of a person could send it there, so it is only read from clients
that a predicate names, and never counts instead of the caller's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..authorization.predicate import Predicate
from ..authorization.terms import terms_of
from ..errors import ConfigurationError
from ..options import checks as check
from ..options.checks import AnyAudience


@dataclass(frozen=True, kw_only=True)
class Original:
    """The option ``original``: which second assertion is read, and who may send it.

    Attributes:
        header: the header that holds the bare token, such as ``X-JWT-Assertion-Original``.
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
        check.header_name("original: header", self.header or "")
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
