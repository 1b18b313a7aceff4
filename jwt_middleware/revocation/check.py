"""Tokens that no longer count: those on the deny list and, with ``one_time``, those used before.

The deny list is read in the background; a request asks the store only for a one-time use.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

from ..background.waiting import Steps, Wait, in_thread
from ..errors import RequestError, StoreUnavailable, TokenReused, TokenRevoked
from ..events.kinds import Event
from ..principal import Principal
from .denials import Denial, DenyList
from .option import Revocations, open_store
from .store import CLOCKS_APART
from .watch import DenialWatch

WAIT_BUDGET = 2.0
"""Seconds that one request waits for the store, as for keys."""


class VerifiedToken(Protocol):
    """What it needs of a verified token.

    Attributes:
        token: the token, as received.
        refused_from: the end of its life with the leeway, in seconds since the epoch.
        snapshot: the reading of the registry that granted what the principal may, if there is one.
        generation: what it was last checked against; while that stays, it needs no further check.

    """

    token: bytes
    principal: Principal
    refused_from: float
    snapshot: Any
    generation: object

    def issued_at(self) -> float | None: ...
    def signed_key_id(self) -> str | None: ...


class RevocationCheck:
    """Judges verified tokens of one verifier.

    Raises:
        ConfigurationError: the store cannot be opened.

    """

    def __init__(
        self,
        option: Revocations,
        announce: Callable[[Event], None],
        clock: Callable[[], float],
        snapshot: Callable[[], object] | None,
    ) -> None:
        given = option.url
        self.store = open_store(given, clock=clock) if isinstance(given, str) else given
        self._owns_store = isinstance(given, str)
        self._option = option
        self._clock = clock
        self._watch = DenialWatch(self.store, fails_open=self.fails_open, announce=announce)
        self._only_looks = False
        self._snapshot = snapshot
        self._pair: tuple[object, DenyList | None] = (None, None)
        self.generation: Callable[[], object] = (
            self._watch.current if snapshot is None else self._both
        )
        """Returns the current generation: a token checked against it needs no further check."""
        if option.one_time:
            self.generation = object  # never the same: every use is asked for

    @property
    def fails_open(self) -> bool:
        """Whether tokens are taken while the store is out."""
        return self._option.fail == "open"

    def check(self, entry: VerifiedToken) -> Steps[None]:
        """Look a token up in the deny list, and use it where it may be used once.

        Yields what must be waited for: a look at the list that is not known, and the use.

        Raises:
            TokenRevoked: it is denied.
            TokenReused: it was used before.
            StoreUnavailable: neither can be known now.

        """
        try:
            denials = yield from self._denials()
            self._refuse_denied(entry, denials)
            if self._option.one_time:
                yield from self._use(entry)
                newest = self._watch.current()  # it may have come while the request waited
                if newest is not None and newest is not denials:
                    self._refuse_denied(entry, newest)
        except RequestError as error:
            error.principal = entry.principal  # for the audit: the token is genuine
            raise
        if self._snapshot is None:
            entry.generation = denials
        else:
            pair = self._both()
            if pair[0] is entry.snapshot and pair[1] is denials:
                entry.generation = pair

    def _both(self) -> tuple[object, DenyList | None]:
        """Return the registry's reading and the deny list, the same pair as long as both stay."""
        snapshot = None if self._snapshot is None else self._snapshot()
        denials = self._watch.current()
        if self._pair[0] is not snapshot or self._pair[1] is not denials:
            self._pair = (snapshot, denials)
        return self._pair

    def only_look(self) -> None:
        """Use no token from now on, and only ask whether it was used: for tools."""
        self._only_looks = True

    def deny(self, denial: Denial) -> None:
        """Deny tokens from now on: here at once, in other processes within a second.

        Without ``until`` the denial ends after ``keep_for``. It waits for the store: on an event
        loop, call it in a thread.

        Raises:
            StoreUnavailable: the store is out, and nothing is denied.

        """
        self.store.deny(denial.ending(self._clock(), self._option.keep_for))
        self._watch.look_now()

    def allow(self, denial: Denial) -> bool:
        """Take back every denial of the same name; return whether there was any.

        Raises:
            StoreUnavailable: the store is out, and nothing is taken back.

        """
        was_denied = self.store.allow(denial)
        self._watch.look_now()
        return was_denied

    def health(self) -> dict[str, Any]:
        """Return what is known of the store."""
        return {**self._watch.health(), "one_time": self._option.one_time}

    @property
    def is_usable(self) -> bool:
        """Whether tokens can be checked now."""
        return self._watch.current() is not None

    def close(self) -> None:
        """Look at the store no more."""
        self._watch.close()
        if self._owns_store:
            self.store.close()

    def _denials(self) -> Steps[DenyList]:
        denials = self._watch.current()
        if denials is None:
            # Nobody knows that it is out: this process slept, or the first look is under way.
            look = self._watch.next_look()
            if look is not None:
                yield Wait(look, WAIT_BUDGET, joined=False)
                denials = self._watch.current()
        if denials is None:
            raise StoreUnavailable(f"{self._option.name}: its denials are not known now")
        return denials

    def _refuse_denied(self, entry: VerifiedToken, denials: DenyList) -> None:
        denial = denials.find(entry.principal, entry.issued_at, self._clock(), entry.signed_key_id)
        if denial is not None:
            raise TokenRevoked(denial.reason)

    def _use(self, entry: VerifiedToken) -> Steps[None]:
        if not self._watch.is_failing:
            use = _Use(entry, self._only_ask if self._only_looks else self._use_now)
            has_answered = yield Wait(use, WAIT_BUDGET, joined=False)
            if has_answered:
                if not use.is_first:
                    raise TokenReused("it was used before")
                return
        if not self.fails_open:
            raise StoreUnavailable(f"{self._option.name}: no answer whether it was used before")

    def _use_now(self, entry: VerifiedToken) -> bool:
        return self.store.use_once(one_time_key(entry), entry.refused_from + CLOCKS_APART)

    def _only_ask(self, entry: VerifiedToken) -> bool:
        return not self.store.was_used(one_time_key(entry))


class _Use:
    """The use of a token by one request; made while the request waits for it, and not before."""

    def __init__(self, entry: VerifiedToken, make: Callable[[VerifiedToken], bool]) -> None:
        self.entry = entry
        self.is_first = False
        self._make = make

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - the store's own bounds are as short
        """Use it in this thread; return whether the store has answered."""
        try:
            self.is_first = self._make(self.entry)
        except Exception:  # noqa: BLE001 - a store that is out; the watch reports why
            return False
        return True

    async def wait_async(self, seconds: float) -> bool:
        """Use it on another thread, and wait in this task."""
        try:
            return await in_thread(lambda: self.wait(seconds), seconds)
        except (TimeoutError, RuntimeError):  # no answer in time, or no thread for it
            return False


def one_time_key(entry: VerifiedToken) -> str:
    """Return what names a token in the store: its id with its issuer, else what was signed.

    Not its signature, which can be written in more than one way that verifies.
    """
    principal = entry.principal
    if principal.token_id is not None and principal.issuer is not None:
        return json.dumps(["assertion", principal.issuer, principal.token_id])
    signed, _, _ = entry.token.rpartition(b".")
    return json.dumps(["assertion", signed.decode("ascii")])
