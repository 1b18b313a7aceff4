"""Why a sign-on by token is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from .errors import AuthenticationError, PermissionDenied, Unavailable


class InvalidClaims(AuthenticationError):
    """Claims of a sign-on token are missing or malformed; ``faults`` has a line for each.

    A line names a claim's path and the rule, such as ``credits[1].id: not an integer``; never a
    value.

    Way out: the answer lists every fault, for the partner to mend.
    """

    code: ClassVar[str] = "invalid_claims"

    def __init__(self, faults: Sequence[str] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.faults,)


class UnknownIntegration(AuthenticationError):
    """No integration is configured for the host and the issuer of a sign-on token.

    Way out: add the integration, with the ``hosts`` and the ``issuer`` of the token.
    """

    code: ClassVar[str] = "unknown_integration"


class IntegrationDisabled(AuthenticationError):
    """The integration of a sign-on token is switched off, and every token of it with it.

    Way out: set ``enabled = true`` where its people may come again.
    """

    code: ClassVar[str] = "integration_disabled"


class AccountRefused(PermissionDenied):
    """The token is good, but this person is not to be signed in by it. Raised by directories.

    Way out: see what the directory refuses; the log has its reason.
    """

    code: ClassVar[str] = "account_refused"


class SignOnFailed(Unavailable):
    """The directory or the session fails; the token may be used again.

    Way out: mend the directory or the session, as the log says, and follow the link again.
    """

    code: ClassVar[str] = "sign_on_failed"
