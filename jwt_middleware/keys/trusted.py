"""The keys that a service trusts: a source's keys, without those that its rules refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from ..background.forks import ForkLock
from ..background.waiting import Wait
from ..errors import ConfigurationError
from ..events.kinds import Event, KeySkipped, KeysLoaded, KeyWarning
from .algorithms import ALGORITHMS, Algorithm
from .key import Key, KeyRules
from .key_set import MAX_TRIED, KeySet, reasons_of, skipped_of
from .option import SeveralSources
from .sources import KeySource


class TrustedKeys:
    """One issuer's keys. ``current()`` is cheap and takes no lock unless the keys have changed."""

    def __init__(
        self,
        source: KeySource,
        rules: KeyRules,
        algorithms: tuple[Algorithm, ...],
        announce: Callable[[Event], None],
        clock: Callable[[], float],
    ) -> None:
        self.source = source
        self.rules = rules
        self._algorithms = algorithms
        self._announce = announce
        self._clock = clock
        self._lock = ForkLock()
        self._seen: KeySet | None = None
        self._admitted: KeySet | None = None
        self._parts = source.sources if isinstance(source, SeveralSources) else (source,)
        for part in self._parts:
            part.expect_algorithms(algorithms)
            part.attach(announce, lambda keys: keys.admitted(rules))
        self.in_use = not any(part.published for part in self._parts)
        """Whether a token has asked for them; keys that are at hand are always in use."""
        self._check_now()

    def current(self) -> KeySet | None:
        """Return the trusted keys known now; None where there are none yet."""
        snapshot = self.source.snapshot()
        if snapshot is None:
            return None
        if snapshot is not self._seen:
            with self._lock:
                # Read again: another thread may have adopted newer keys since, which stay.
                snapshot = self.source.snapshot()
                if snapshot is not None and snapshot is not self._seen:
                    self._adopt(snapshot)
        return self._admitted

    def dated_at(self, now: float) -> float | None:
        """Return the time at which a certificate must be valid; None where dates do not count."""
        return now if self.rules.check_certificate_dates else None

    def _adopt(self, snapshot: KeySet) -> None:
        admitted = snapshot.admitted(self.rules)
        name = self.source.name
        # Where none is admitted the old keys stay in use, as after an empty answer.
        on_demand = self.source.on_demand
        is_used = bool(admitted.keys) or self._admitted is None or on_demand
        # The admitted keys before the mark that they were seen: readers take no lock.
        if is_used:
            for algorithm in self._algorithms:
                admitted.prepare(algorithm)
            self._admitted = admitted if admitted.keys or on_demand else None
        self._seen = snapshot
        for note in admitted.notes:
            kind = KeySkipped if note.skipped else KeyWarning
            self._announce(kind(name, note.key_id, note.reason))
        if is_used:
            for key in admitted.keys:
                for warning in self._warnings(key):
                    self._announce(KeyWarning(name, key.key_id, warning))
            if admitted.keys:
                self._announce(KeysLoaded(name, len(admitted), admitted.key_ids))

    def _warnings(self, key: Key) -> Iterator[str]:
        version = key.wso2_default_version()
        if version is not None:
            yield (
                f"the default key of WSO2 {version}: ANYBODY CAN SIGN WITH IT. It is in use only "
                "because allow_wso2_default_keys=True"
            )
        now = self._clock()
        if key.certificate is not None and not key.is_within_dates(now):
            begins = key.certificate.not_valid_before_utc.date()
            ends = key.certificate.not_valid_after_utc.date()
            today = datetime.fromtimestamp(now, UTC).date()
            yield f"its certificate is valid from {begins} to {ends}; today is {today}"

    def missing(self) -> Wait | None:
        """Return what to wait for where there are no keys yet, else None."""
        return None if self.current() is not None else self.source.refresh()

    def close(self) -> None:
        """Start no further fetch."""
        for part in self._parts:
            part.close()

    def health(self) -> list[dict[str, Any]]:
        """Return the health of every source."""
        return [self._with_skipped(part) for part in self._parts]

    def _with_skipped(self, part: KeySource) -> dict[str, Any]:
        health = part.health()
        # A published source has judged its last answer, of which it may have kept nothing.
        snapshot = None if part.published else part.snapshot()
        if snapshot is not None:
            health["skipped"] = skipped_of(snapshot.admitted(self.rules).notes)
        return health

    def weakenings(self) -> Iterator[tuple[str, str]]:
        """Yield each option of a source that weakens the check, with its value."""
        for part in self._parts:
            yield from part.weakenings.items()

    def _check_now(self) -> None:
        """Check the keys that are known at start-up, so that their faults stop it."""
        known = self._known_now()
        keys = [key for name, snapshot in known for key in self._checked(name, snapshot)]
        kinds = {key.key_type for key in keys}
        if any(part.published for part in self._parts):
            kinds.add("published")  # a JWKS URL never gives a secret
        if "oct" in kinds and len(kinds) > 1:
            raise ConfigurationError(
                f"keys: {self.source.name}: a shared secret beside public keys. One issuer signs "
                "with one or the other; give each its own Issuer(...)"
            )
        if len(known) == len(self._parts):
            self._check_fit(keys, self._algorithms)
            self._check_choice(keys)
            self.current()

    def _known_now(self) -> list[tuple[str, KeySet]]:
        """Return the name and the keys of each source that has some without a fetch."""
        # A published source would begin to fetch; that is for the lifespan or the first request.
        local = [(part.name, part.snapshot()) for part in self._parts if not part.published]
        return [(name, keys) for name, keys in local if keys is not None]

    def _checked(self, name: str, snapshot: KeySet) -> tuple[Key, ...]:
        for key in snapshot.keys:
            objection = self.rules.objection(key)
            if objection is not None and key.wso2_default_version() is not None:
                raise ConfigurationError(f"keys: {name}: {objection}")
        admitted = snapshot.admitted(self.rules)
        if not admitted.keys:
            reasons = reasons_of(admitted.notes)
            raise ConfigurationError(f"keys: {name}: no usable key: {reasons}")
        when = self.dated_at(self._clock())
        if when is not None and not any(key.is_within_dates(when) for key in admitted.keys):
            raise ConfigurationError(
                f"keys: {name}: every certificate is outside its dates, and "
                "check_certificate_dates=True"
            )
        return admitted.keys

    def _check_choice(self, keys: list[Key]) -> None:
        """Raise where tokens could never choose among the keys."""
        for algorithm in self._algorithms:
            fitting = [key for key in keys if key.fits(algorithm)]
            if any(key.key_id is not None or key.thumbprints for key in fitting):
                continue
            count = len({key.spki for key in fitting})
            if count > MAX_TRIED:
                raise ConfigurationError(
                    f"keys: {self.source.name}: {count} keys fit {algorithm.name}, and none has a "
                    f"kid or a certificate by which a token could choose one; at most {MAX_TRIED} "
                    "are tried. Name the key that the gateway signs with, or give each a kid in a "
                    "JWKS"
                )

    def check_fit(self, algorithms: tuple[Algorithm, ...]) -> None:
        """Take note that another verifier uses the keys, by these algorithms.

        Raises ``ConfigurationError`` where all keys are known and none fits any of them.
        """
        for part in self._parts:
            part.expect_algorithms(algorithms)
        known = self._known_now()
        if len(known) == len(self._parts):
            self._check_fit([key for _, snapshot in known for key in snapshot.keys], algorithms)

    def _check_fit(self, keys: list[Key], algorithms: tuple[Algorithm, ...]) -> None:
        kinds = {key.key_type for key in keys}
        names = [algorithm.name for algorithm in algorithms]
        for algorithm in algorithms if "oct" in kinds else ():
            if algorithm.key_type == "oct" and not any(key.fits(algorithm) for key in keys):
                raise ConfigurationError(
                    f"algorithms: the secret ({self.source.name}) is shorter than the "
                    f"{algorithm.hash_size} bytes that {algorithm.name} needs (RFC 7518, 3.2)"
                )
        if not any(key.fits(algorithm) for key in keys for algorithm in algorithms):
            wanted = sorted(
                {
                    next(n for n, algorithm in ALGORITHMS.items() if key.fits(algorithm))
                    for key in keys
                }
            )
            raise ConfigurationError(
                f"algorithms: no key of {self.source.name} ({', '.join(sorted(kinds))}) fits any "
                f"of {names}; set algorithms={wanted}"
            )
