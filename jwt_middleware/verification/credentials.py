"""An authentication scheme before the token: ``Authorization: Bearer ...`` (RFC 6750, 2.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from ..authorization.request import RequestView
from ..background.waiting import Steps
from ..errors import DuplicateHeader, MalformedToken, MissingToken, RequestError, TokenTooLarge
from ..events.record import Audit
from ..principal import Principal
from .compact import as_bytes

Outcome = Principal | Steps[Principal]
"""The principal of a cached token, or the steps that verify a token."""


class Credentials:
    """Takes the scheme off a header line, and hands the token to ``begin``."""

    def __init__(
        self, begin: Callable[..., Outcome], audit: Audit, scheme: str, max_size: int
    ) -> None:
        self._begin = begin
        self._audit = audit
        self._scheme = scheme
        self._max_size = max_size

    def begin_line(
        self,
        line: bytes | str,
        request: Any = None,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Outcome:
        """Begin with a whole header line.

        Raises:
            MissingToken: it has another scheme.
            DuplicateHeader, MalformedToken, TokenTooLarge: already announced, as is the other.

        """
        try:
            token = token_after(self._scheme, line, self._max_size)
        except RequestError as error:
            self._audit.refused(error, request if view is None else view(request))
            raise
        return self._begin(token, request, view)

    def begin_value(self, raw: bytes | str, request: RequestView | None = None) -> Outcome:
        """Begin with a whole header line, or with the token alone, in which there is no blank."""
        if len(raw) <= self._max_size + _MOST_SCHEME:
            value = raw if isinstance(raw, str) else bytes(raw)
            if len(value.split(None, 1)) > 1:
                return self.begin_line(raw, request)
        return self._begin(raw, request)


def credentials_of(
    begin: Callable[..., Outcome], audit: Audit, scheme: str | None, max_size: int
) -> Credentials | None:
    """Return what reads lines with this scheme; None where the token stands alone."""
    return None if scheme is None else Credentials(begin, audit, scheme, max_size)


_MOST_SCHEME = 64
"""Bytes that a scheme and blanks may add to the longest token."""


def token_after(scheme: str, line: bytes | str, max_size: int) -> bytes:
    """Return the token after an authentication scheme (RFC 6750, 2.1; RFC 9110, 11.4).

    The scheme is in any case, and one blank or more follows it. The size is checked first.

    Raises:
        MissingToken: the line has another scheme.
        DuplicateHeader: lines were joined by a comma.
        MalformedToken: there is no token, or more than one word after the scheme, or a tab.

    """
    if len(line) > max_size + _MOST_SCHEME:
        raise TokenTooLarge("longer than max_token_size")
    value = (line if type(line) is bytes else as_bytes(line)).strip(b" \t")
    word, _, token = value.partition(b" ")
    if word.lower() != scheme.lower().encode():
        _refuse_scheme(scheme, value)
    token = token.lstrip(b" ")
    if token.find(b",") >= 0:
        raise DuplicateHeader("header lines were joined by a comma")
    if not token or has_blank(token):
        raise MalformedToken(
            f"after {scheme} and a blank comes the token alone", is_of_request=True
        )
    return token


def _refuse_scheme(scheme: str, value: bytes) -> NoReturn:
    lower, own = value.lower(), scheme.lower().encode()
    if not value:
        raise MalformedToken("the header is empty", is_of_request=True)
    # Other schemes may have commas of their own, as Digest has.
    if re.search(rb",[ \t]*" + own + rb"(?:[ \t]|$)", lower):
        raise DuplicateHeader("header lines were joined by a comma")
    if lower.startswith((own + b"\t", own + b",")):
        raise MalformedToken(f"after {scheme} comes a blank, then the token", is_of_request=True)
    raise MissingToken(f"another authentication scheme than {scheme}")


def has_blank(value: bytes | str) -> bool:
    """Whether there is a blank or a tab in it."""
    if isinstance(value, str):
        return " " in value or "\t" in value
    return value.find(b" ") >= 0 or value.find(b"\t") >= 0
