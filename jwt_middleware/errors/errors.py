"""The exception tree: one class a cause, each with a stable ``code``.

No class here knows HTTP (``responses`` does), and none ever carries token text, a claim value or
a key: what an error says may stand in a log.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, NamedTuple


class Decision(NamedTuple):
    """The outcome of one predicate on one principal.

    ``leaf`` is the condition that decided, as it was written; ``needed`` and ``held`` are its two
    sides. What was held is a claim's content: it belongs on an audit event, and in no log line or
    answer.
    """

    allowed: bool
    code: str = "allowed"
    leaf: str = ""
    needed: str = ""
    held: str = ""

    def explain(self) -> str:
        """One line: the deciding leaf, what was needed and what was held."""
        if self.allowed:
            return f"allowed by {self.leaf}" if self.leaf else "allowed"
        # Most conditions say by themselves what they need.
        needs = "" if self.leaf.endswith(self.needed) else f" needs {self.needed}"
        return f"{self.code}: {self.leaf}{needs}; the token holds {self.held}"

    def __repr__(self) -> str:
        return f"Decision(allowed={self.allowed!r}, code={self.code!r}, leaf={self.leaf!r})"


class JWTMiddlewareError(Exception):
    """The root of everything that this package raises."""


class ConfigurationError(JWTMiddlewareError):
    """An option, a key file or a route is wrong. Raised at start-up; the text names the way out.

    Way out: do what the text says; an app that could not be made answers 503 until then.
    """


class RequestError(JWTMiddlewareError):
    """Why one request is refused.

    ``code`` is the stable name that the caller sees. ``reason`` is one short sentence for the
    operator: which rule failed, never with text from the token.
    """

    code: ClassVar[str]

    key_id: str | None = None
    """What the token calls its key, where that is why: for the audit event only."""
    principal: Any = None
    """Who it is, where the token was proven and is refused all the same; for the audit only."""
    announced = False
    """Whether an event has announced it; each refusal is announced once."""
    _reference: str | None = None

    def __init__(self, reason: str = "", *, key_id: str | None = None) -> None:
        self.reason = reason
        if key_id is not None:
            self.key_id = key_id

    def __str__(self) -> str:
        return self.reason or self.code

    @property
    def reference(self) -> str:
        """A random id (16 hex digits) that stands in the answer and in the audit event alike."""
        if self._reference is None:
            # Of the system: those of ``random`` would give the app's own numbers away.
            self._reference = os.urandom(8).hex()
        return self._reference


class AuthenticationError(RequestError):
    """The caller is not proven: 401.

    Way out: see the reason in the log, under the reference of the answer.
    """

    code: ClassVar[str] = "unauthenticated"


class MissingToken(AuthenticationError):
    """The request carries no assertion header.

    Way out: call through the gateway; where the header has another name, set ``header`` or
    ``gateway``; where callers may be nobody, set ``optional``.
    """

    code: ClassVar[str] = "missing_token"


class DuplicateHeader(AuthenticationError):
    """The assertion header came more than once; picking one would be a guess.

    Way out: have the gateway replace the header that a caller sends, and let one proxy write
    it.
    """

    code: ClassVar[str] = "duplicate_header"


class TokenTooLarge(AuthenticationError):
    """The header is longer than ``max_token_size`` bytes.

    Way out: have the gateway write fewer claims, or raise ``max_token_size`` here and the
    header limits of the server.
    """

    code: ClassVar[str] = "token_too_large"


class MalformedToken(AuthenticationError):
    """The value is no compact JWS (RFC 7515) in the gateway's wire form.

    ``is_of_request``: the header is not a scheme and a token (RFC 6750, 2.1).

    Way out: set the ``gateway`` that writes such tokens, and send the token alone, or with its
    scheme where the gateway writes one; ``jwt-assertion inspect`` says what is wrong with it.
    """

    code: ClassVar[str] = "malformed_token"

    def __init__(self, reason: str = "", *, is_of_request: bool = False) -> None:
        super().__init__(reason)
        self.is_of_request = is_of_request


class UnacceptableAlgorithm(AuthenticationError):
    """``alg`` is not in our list, or the key that the token names does not fit it.

    Way out: name the gateway's algorithm in ``algorithms``, or the key that belongs to it in
    ``keys``.
    """

    code: ClassVar[str] = "unacceptable_algorithm"


class UnknownKey(AuthenticationError):
    """No configured key is the one that the token names, or too many could be.

    Way out: compare the token's ``kid`` with ``jwt-assertion keys``, which lists the keys that
    are used, and why others are not.
    """

    code: ClassVar[str] = "unknown_key"


class BadSignature(AuthenticationError):
    """The signature does not hold over the received bytes.

    Way out: give the keys of the gateway that signed it, and pass the header on unchanged.
    """

    code: ClassVar[str] = "bad_signature"


class InvalidOriginal(AuthenticationError):
    """The assertion of the caller before the caller is refused, for whatever reason.

    Way out: the log says why; the rules are those of ``original``.
    """

    code: ClassVar[str] = "invalid_original"


class TokenExpired(AuthenticationError):
    """The token's life (``exp``, or ``iat`` plus ``max_age``) is over.

    Way out: get a new token; where it should be good still, compare the clocks, and see
    ``leeway`` and ``max_age``.
    """

    code: ClassVar[str] = "token_expired"


class TokenImmature(AuthenticationError):
    """The token's life (``nbf``, ``iat``) has not begun.

    Way out: compare the clocks of the gateway and of this machine, and see ``leeway``.
    """

    code: ClassVar[str] = "token_immature"


class InvalidClaim(AuthenticationError):
    """A claim is missing, malformed or not what this service asks for.

    ``claim`` is the claim's configured name, ``reason`` one of ``missing``, ``type``, ``mismatch``,
    ``unexpected``, ``implausible`` and ``conflict``.

    Way out: the log names the claim; compare it with the option that asks for it, such as
    ``issuer``, ``audience`` or ``api``.
    """

    code: ClassVar[str] = "invalid_claim"

    def __init__(self, claim: str, reason: str) -> None:
        self.reason = reason
        self.claim = claim

    def __str__(self) -> str:
        return f"{self.claim}: {self.reason}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.claim, self.reason)


class ClientMismatch(AuthenticationError):
    """The token names a client that is bound to keys or an issuer of its own; these are others.

    Way out: name the client's own keys and issuer in its ``trust``, in the registry.
    """

    code: ClassVar[str] = "client_mismatch"


class TokenRevoked(AuthenticationError):
    """The token, its subject, client, key or issuer stands on the deny list (``revocations``).

    Way out: get a new token, or take the denial back with ``jwt-assertion revoke --take-back``.
    """

    code: ClassVar[str] = "token_revoked"


class TokenReused(AuthenticationError):
    """The token was let in before, and each may be used once only.

    Way out: get a new token for each request; leave ``one_time`` off behind a gateway that
    repeats tokens.
    """

    code: ClassVar[str] = "token_reused"


class PermissionDenied(RequestError):
    """The caller is proven but may not do this: 403. ``decision`` says why, for the operator.

    ``scope``: the permissions that are needed, where those decide.

    Way out: ``decision.explain()`` of the event says what was needed and what was held; give
    the caller that, or change the rule.
    """

    code: ClassVar[str] = "insufficient_permission"

    def __init__(
        self, reason: str = "", *, decision: Decision | None = None, scope: str | None = None
    ) -> None:
        super().__init__(reason)
        self.decision = decision
        self.scope = scope

    def __reduce__(self) -> tuple[Any, ...]:
        # The decision says what the token holds, which does not leave the process.
        return type(self), (self.reason,)


class UnknownClient(PermissionDenied):
    """The registry has no entry for the client that the token names, or it names none.

    Way out: add the client's entry to the registry, under the id that the token names.
    """

    code: ClassVar[str] = "unknown_client"


class ClientDisabled(PermissionDenied):
    """The client's entry in the registry is switched off.

    Way out: set ``enabled = true`` in the client's entry.
    """

    code: ClassVar[str] = "client_disabled"


class Unavailable(RequestError):
    """What it takes to decide cannot be had now: 503, which is not the caller's fault.

    ``retry_after`` is in whole seconds.

    Way out: try again after the seconds of ``Retry-After``; the log says what is out.
    """

    code: ClassVar[str] = "unavailable"

    def __init__(self, reason: str = "", *, retry_after: int = 5) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class KeysUnavailable(Unavailable):
    """No keys can be had now: the key endpoint is out.

    Way out: mend the key endpoint or its address; ``verifier.health()`` and ``jwt-assertion
    keys`` say what fails.
    """

    code: ClassVar[str] = "keys_unavailable"


class StoreUnavailable(Unavailable):
    """What is revoked, or was used before, cannot be known now: the store is out.

    Way out: bring the store back, or decide for ``fail="open"``.
    """

    code: ClassVar[str] = "store_unavailable"
