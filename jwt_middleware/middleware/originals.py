"""Reads the assertion of the caller before the caller, beside the caller's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..authorization.guards import Guard
from ..authorization.request import RequestView
from ..background.waiting import Steps
from ..errors import (
    ConfigurationError,
    InvalidOriginal,
    PermissionDenied,
    RequestError,
    Unavailable,
)
from ..principal import Principal
from ..verification.original import Original
from ..verification.verifier import Verifier


class Originals:
    """Verifies the original assertion in full, with the keys and the registry of a verifier."""

    def __init__(self, option: Original, verifier: Verifier) -> None:
        self._header = option.header
        self._verifier = verifier
        try:
            self._verifier_of_originals = verifier.for_originals(option.api, option.audience)
        except ConfigurationError as error:
            raise ConfigurationError(f"original: {error}") from None
        self._forwarders = Guard(option.forwarders)

    def begin_line(
        self,
        line: bytes | str,
        carrier: Any,
        view: Callable[[Any], RequestView] | None = None,
    ) -> Principal | Steps[Principal]:
        """Do as ``Verifier.begin_line``, then read the original assertion if one came along."""
        outcome = self._verifier.begin_line(line, carrier, view)
        request: RequestView = carrier if view is None else view(carrier)
        texts = request.header_values(self._header)
        return self._with_original(outcome, texts, request) if texts else outcome

    def refuse_alone(self, request: RequestView) -> None:
        """Refuse an original assertion that came without the caller's own.

        Raises:
            InvalidOriginal: already announced.

        """
        if request.header_values(self._header):
            raise self._verifier.audit.refused(
                InvalidOriginal("it came without the caller's own assertion"), request
            )

    def _with_original(
        self, outcome: Principal | Steps[Principal], texts: list[str], request: RequestView
    ) -> Steps[Principal]:
        """Return the caller's principal with its original.

        Raises:
            PermissionDenied: the caller may not send an original assertion.
            InvalidOriginal: it is refused.
            Unavailable: it cannot be verified now.

        """
        caller = outcome if isinstance(outcome, Principal) else (yield from outcome)
        audit = self._verifier.audit
        try:
            self._forwarders.check(caller, request)
        except PermissionDenied as error:
            audit.refused(error, request, caller, f"original, {self._forwarders.written}")
            raise
        try:
            found = self._verifier_of_originals.begin_lines(texts)
            if found is not None and not isinstance(found, Principal):
                found = yield from found
        except Unavailable as error:
            audit.refused(error, request, caller)
            raise
        except RequestError as error:
            reason = InvalidOriginal(f"{error.code}: {error}", key_id=error.key_id)
            raise audit.refused(reason, request, caller) from None
        return caller if found is None else caller.with_original(found)
