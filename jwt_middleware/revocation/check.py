"""Refuses tokens on the deny list and, with ``one_time``, tokens that were used before.

The deny list is read in the background; a request calls the store only for a one-time use.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Protocol

from ..background.waiting import Steps, Wait, in_thread
from ..errors import RequestError, StoreUnavailable, TokenReused, TokenRevoked
from ..events.kinds import ConfigurationWarning, Event
from ..principal import Principal
from .denials import Denial, digest_of, signed_part
from .deny_list import DenyList
from .option import Revocations, deny_many
from .store import CLOCKS_APART
from .watch import DenialWatch

WAIT_BUDGET = 2.0
"""Seconds that one request waits for the store, as for keys."""


class VerifiedToken(Protocol):
    """What the check needs of a verified token.

    Attributes:
        token: the token, as received.
        refused_from: when it expires, with the leeway, in seconds since the epoch.
        passed: the mark of the deny list when the token last passed it; while the list may be used
            and has that mark, the token needs no re-check.

    """

    token: bytes
    principal: Principal
    refused_from: float
    passed: object

    def issued_at(self) -> float | None: ...
    def signed_key_id(self) -> str | None: ...


class RevocationCheck:
    """Checks the verified tokens of one verifier.

    Raises:
        ConfigurationError: the store cannot be opened.

    """

    def __init__(
        self,
        option: Revocations,
        announce: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self.store = option.open(clock)
        self._owns_store = self.store is not option.url
        self._option = option
        self._clock = clock
        advice = option.advice(self.store)
        if advice is not None:
            announce(ConfigurationWarning(advice))
        self.watch = DenialWatch(self.store, fails_open=self.fails_open, announce=announce)
        self._is_dry_run = False

    @property
    def fails_open(self) -> bool:
        """Whether tokens are accepted while the store is down."""
        return self._option.fail == "open"

    @property
    def forgets_uses(self) -> bool:
        """Whether it was said that a failover may forget which tokens were used."""
        return self._option.replicas == 0

    def check(self, entry: VerifiedToken) -> Steps[None]:
        """Refuse a denied token; with ``one_time``, also record its use.

        Yields a wait for the deny list if it is not loaded, and a wait for the use.

        Raises:
            TokenRevoked: it is denied.
            TokenReused: it was used before.
            StoreUnavailable: the store cannot be read now.

        """
        try:
            mark = yield from self._check_denials(entry)
            if self._option.one_time:
                yield from self._consume(entry)
                if self.watch.following.mark is not mark:  # it has changed during the wait
                    yield from self._check_denials(entry)
            else:
                entry.passed = mark
        except RequestError as error:
            error.principal = entry.principal  # for the audit: the token is genuine
            raise

    @property
    def option(self) -> Revocations:
        """An option for the same open store."""
        return replace(self._option, url=self.store, replicas=None)

    def without_one_time(self) -> Revocations:
        """Return an option for the same store that uses no token up."""
        return replace(self.option, one_time=False)

    def dry_run(self) -> None:
        """From now on only ask whether a token was used, and record no use: for tools."""
        self._is_dry_run = True

    def deny(self, denial: Denial) -> None:
        """Deny tokens from now on: at once in this process, within a second in others.

        Without ``until`` the denial ends after ``keep_for``. It blocks on the store: on an event
        loop, call it in a thread.

        Raises:
            StoreUnavailable: the store is down, and nothing is denied.

        """
        self.store.deny(denial.ending(self._clock(), self._option.keep_for))
        self.watch.look_now()

    def deny_many(self, denials: Iterable[Denial]) -> None:
        """Do as ``deny`` for several: all of them count from the same moment on, or none.

        Raises:
            StoreUnavailable: the store is down, and nothing is denied.

        """
        now, keep_for = self._clock(), self._option.keep_for
        deny_many(self.store, [denial.ending(now, keep_for) for denial in denials])
        self.watch.look_now()

    def allow(self, denial: Denial) -> bool:
        """Take back every denial of the same name; return whether there was any.

        Raises:
            StoreUnavailable: the store is down, and nothing is taken back.

        """
        was_denied = self.store.allow(denial)
        self.watch.look_now()
        return was_denied

    def health(self) -> dict[str, Any]:
        """Return the state of the store."""
        return {**self.watch.health(), "one_time": self._option.one_time}

    @property
    def is_usable(self) -> bool:
        """Whether tokens can be checked now."""
        return self.watch.current() is not None

    def close(self) -> None:
        """Stop reading the store."""
        self.watch.close()
        if self._owns_store:
            self.store.close()

    def _check_denials(self, entry: VerifiedToken) -> Steps[object]:
        """Refuse a denied token; return the mark of the deny list that it passed."""
        mark, denials = self._marked()
        if denials is None:
            # The list is stale or not loaded, but the store is not known to be down: the process
            # was suspended, or the first read is still running.
            look = self.watch.next_look()
            if look is not None:
                yield Wait(look, WAIT_BUDGET, already_running=False)
                mark, denials = self._marked()
        if denials is None:
            raise StoreUnavailable(f"{self._option.name}: the deny list cannot be read now")
        denial = denials.find(
            entry.principal,
            entry.issued_at,
            self._clock(),
            entry.signed_key_id,
            lambda: digest_of(signed_part(entry.token)),
        )
        if denial is not None:
            raise TokenRevoked(denial.reason)
        return mark

    def _marked(self) -> tuple[object, DenyList | None]:
        """Return the mark and the list, which may be newer than the mark; None if it is too old."""
        return self.watch.following.mark, self.watch.current()

    def _consume(self, entry: VerifiedToken) -> Steps[None]:
        if not self.watch.is_failing:
            use = _PendingUse(entry, self._peek if self._is_dry_run else self._consume_now)
            has_answered = yield Wait(use, WAIT_BUDGET, already_running=False)
            if has_answered:
                if not use.is_first:
                    raise TokenReused("it was used before")
                return
        if not self.fails_open:
            raise StoreUnavailable(
                f"{self._option.name}: the store did not say whether the token was used"
            )

    def _consume_now(self, entry: VerifiedToken) -> bool:
        return self.store.use_once(one_time_key(entry), entry.refused_from + CLOCKS_APART)

    def _peek(self, entry: VerifiedToken) -> bool:
        return not self.store.was_used(one_time_key(entry))


class _PendingUse:
    """One request's use of a token, recorded when the request waits for it and not before."""

    def __init__(self, entry: VerifiedToken, make: Callable[[VerifiedToken], bool]) -> None:
        self.entry = entry
        self.is_first = False
        self._make = make

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - the store has its own timeouts
        """Record the use in this thread; return whether the store has answered."""
        try:
            self.is_first = self._make(self.entry)
        except Exception:  # noqa: BLE001 - the store is down; the watch reports why
            return False
        return True

    async def wait_async(self, seconds: float) -> bool:
        """Record the use in another thread, and await it."""
        try:
            return await in_thread(lambda: self.wait(seconds), seconds)
        except (TimeoutError, RuntimeError):  # no answer in time, or no thread
            return False


def one_time_key(entry: VerifiedToken) -> str:
    """Return a token's key in the store: its issuer and ``jti``, else its signing input.

    Not its signature, of which several spellings verify.
    """
    principal = entry.principal
    if principal.token_id is not None and principal.issuer is not None:
        return json.dumps(["assertion", principal.issuer, principal.token_id])
    return json.dumps(["assertion", signed_part(entry.token).decode("ascii")])
