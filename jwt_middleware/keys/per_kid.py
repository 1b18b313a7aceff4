"""Keys of which each stands at a URL of its own, as PEM, as the gateways of AWS publish theirs.

A token's ``kid`` becomes part of a URL, so it must have the form that the vendor gives it. Each key
is fetched when a token first names it; from then on it is refreshed, served stale and dropped as
the keys of a JWKS are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from ..background.lanes import FETCHING
from ..background.waiting import SingleFlight, Wait
from ..errors import ConfigurationError
from ..options import checks as check
from .fetch_faults import FetchError
from .jwks import JWKSEndpoint
from .key import UnusableKey
from .key_set import KeySet
from .schedule import RefreshSchedule
from .sources import Accepts, KeySource, OnEvent
from .tally import Tally

KID = "{kid}"
"""What stands for the ``kid`` in a URL template."""

UUID = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
"""The form of a ``kid`` of AWS's gateways."""

MOST_KEYS = 16
"""Keys that are kept; a gateway signs with one or two at a time.

Keys of which no token was accepted go first: a region of AWS has the keys of every customer, so
whoever names those could push out the key that is in use.
"""

MOST_WANTED = 128
"""Ids that are remembered while no fetch is allowed, those that most tokens have named."""

OTHERS = 3
"""Ids that are fetched beside the one that was asked for: those that most tokens have named.

A flood of forged ids uses up the allowance, but each of them once; a real one comes in many tokens.
"""

_DOTS = frozenset({".", ".."})
"""What is no segment of a path, but a way through it, and has no other spelling."""

_GONE = frozenset({403, 404, 410})
"""Statuses that say that there is no such key. A bucket of S3 says 403."""


class PEMPerKid(KeySource):
    """Keys that are fetched one by one, each from the URL that its ``kid`` makes.

    Args:
        url: a template with ``{kid}``, such as ``https://keys.example.com/{kid}``.
        kid: a regular expression for a whole ``kid``; any other is an unknown key, and reaches no
            URL. The default is a UUID. It becomes one segment of the path, percent-encoded.
        options: those of ``JWKSEndpoint``, for each key.

    Raises:
        ConfigurationError: keys may not come from this URL, or an option is wrong.

    """

    published = True
    on_demand = True

    def __init__(
        self,
        url: str,
        *,
        kid: str = UUID,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        if not isinstance(url, str) or url.count(KID) != 1:
            raise ConfigurationError("keys: a URL template has {kid} once, for the key's id")
        probe = JWKSEndpoint(url.replace(KID, "kid"), clock=clock, **options)
        if KID not in urlsplit(url).path:
            raise ConfigurationError("keys: {kid} stands in the path of the URL")
        self._form = check.pattern("kid", kid)
        self.name = probe.name.removesuffix("kid") + KID if probe.name.endswith("kid") else url
        self.wait_budget = probe.wait_budget
        self.weakenings = probe.weakenings
        self._url = url
        self._options = {**options, "clock": clock}
        self._made_of = (url, kid, self._options)
        self._clock = clock
        # Only its bucket, its unknown ids and its pauses are used: each key has its own freshness.
        self._schedule = RefreshSchedule(fresh_for=1, stale_for=0, clock=clock)
        self._flight = SingleFlight(self._work, FETCHING)
        self._asked: tuple[str, ...] = ()
        self._wanted: dict[str, int] = {}
        self._named = Tally()
        self._attached: list[tuple[OnEvent, Accepts]] = []
        # Replaced as a whole, as requests read it without a lock.
        self._endpoints: Mapping[str, _PEMEndpoint] = {}
        self._joined: tuple[tuple[KeySet | None, ...], KeySet] = ((), KeySet([]))
        self._errors: dict[str, str] = {}
        self._proven_at: dict[str, float] = {}
        self._closed = False

    def attach(self, on_event: OnEvent, accepts: Accepts) -> None:
        """Report to ``on_event``; ``accepts`` may refuse a key."""
        self._attached.append((on_event, accepts))
        for endpoint in self._endpoints.values():
            endpoint.attach(on_event, accepts)

    def close(self) -> None:
        """Start no further fetch; the keys known now stay."""
        self._closed = True
        for endpoint in self._endpoints.values():
            endpoint.close()

    def snapshot(self) -> KeySet:
        """Return the keys known now, none at the beginning; refresh those that are due."""
        parts = tuple([each.snapshot() for each in self._endpoints.values()])
        known, joined = self._joined
        if len(parts) != len(known) or any(a is not b for a, b in zip(parts, known, strict=True)):
            joined = KeySet([key for part in parts if part is not None for key in part.keys])
            self._joined = parts, joined
        return joined

    def takes(self, key_id: str) -> bool:
        """Whether this id may become part of the URL; one that may not is an unknown key."""
        return self._form.fullmatch(key_id) is not None and key_id not in _DOTS

    def refresh(self, key_id: str | None = None) -> Wait | None:
        """Fetch the key of this id, or join the fetch under way.

        None where no fetch is allowed now, or the id has not the form of one.
        """
        if key_id is None or not self.takes(key_id):
            return None
        with self._flight.lock:
            running = self._flight.join()
            if running is not None:
                return Wait(running, self.wait_budget, already_running=True)
            known = self._endpoints.get(key_id)
            if known is not None:
                # Without keys it is withdrawn, or its endpoint is out: then it has its own pauses.
                return None if known.snapshot() is not None else known.refresh(key_id)
            if self._closed or not self._may_fetch(key_id):
                return None
            others = sorted(self._wanted, key=lambda each: -self._wanted[each])
            self._asked = (key_id, *[each for each in others if each != key_id][:OTHERS])
            # Counted anew until the next fetch, so that a flood leaves nothing behind.
            self._wanted.clear()
            self._named.clear()
            flight = self._flight.start(has_failed=self._schedule.failures > 0)
            return Wait(flight, self.wait_budget, already_running=False)

    def recheck(self, key_id: str | None = None) -> Wait | None:
        """Fetch the key of this id once more, after a bad signature under it."""
        known = self._endpoints.get(key_id or "")
        # One bucket for all: a forger who knows every kid causes no more fetches than with one.
        if known is None or not self._schedule.may_recheck():
            return None
        return known.recheck(key_id)

    def _may_fetch(self, key_id: str) -> bool:
        """Whether a key may be fetched now; else note that it is wanted."""
        if key_id in self._errors:  # its endpoint failed: the pauses are enough of a limit
            return self._schedule.waits() == 0
        if self._schedule.may_ask_for(key_id):
            return True
        count = self._named.add(key_id)
        if key_id not in self._wanted and len(self._wanted) >= MOST_WANTED:
            least = min(self._wanted, key=self._wanted.__getitem__)
            if self._wanted[least] >= count:
                return False  # it is counted all the same, and gets in with its next tokens
            del self._wanted[least]
        self._wanted[key_id] = max(count, self._wanted.get(key_id, 0) + 1)
        return False

    def has_failed_for(self, key_id: str | None) -> bool:
        """Whether the last fetch of this key failed, so that nobody knows whether there is one."""
        known = self._endpoints.get(key_id or "")
        if known is None:
            return key_id in self._errors
        return not known.is_gone and known.snapshot() is None

    def has_proven(self, key_id: str | None) -> None:
        """Take note that a token with this key was accepted, so that the key is kept."""
        if key_id is not None and key_id in self._endpoints:
            with self._flight.lock:
                self._proven_at[key_id] = self._clock()

    def retry_after(self) -> int:
        """Return the whole seconds after which asking again may help."""
        return max(1, round(self._schedule.waits() + 0.5))

    def health(self) -> dict[str, Any]:
        """Return what a readiness probe wants to know; ages are in seconds."""
        states = [each.health() for each in self._endpoints.values()]
        ages = [state["age"] for state in states if state["age"] is not None]
        errors = [state["last_error"] for state in states if state["last_error"] is not None]
        with self._flight.lock:
            errors += self._errors.values()
        keys = self.snapshot()
        return {
            "source": self.name,
            "keys": len(keys),
            "key_ids": list(keys.key_ids),
            "age": max(ages, default=None),
            "fresh": all(state["fresh"] for state in states),
            "failures": self._schedule.failures + sum(state["failures"] for state in states),
            "last_error": errors[-1] if errors else None,
            "skipped": [note for state in states for note in state["skipped"]],
        }

    def _work(self) -> None:
        """Fetch the key that was asked for, then others. Runs on the flight's thread."""
        for key_id in self._asked:
            self._fetch(key_id)

    def _fetch(self, key_id: str) -> None:
        # One segment of the path, whatever a form of the site's own lets through (RFC 3986, 3.3).
        url = self._url.replace(KID, quote(key_id, safe=""))
        endpoint = _PEMEndpoint(url, key_id, self._options)
        for on_event, accepts in self._attached:
            endpoint.attach(on_event, accepts)
        error = endpoint.load()
        with self._flight.lock:
            self._errors.pop(key_id, None)
            self._wanted.pop(key_id, None)
            if error is None:
                if not self._endpoints:  # the first load does not draw on the bucket
                    self._schedule.give_back()
                self._keep(key_id, endpoint)
            if error is None or endpoint.is_gone:
                self._schedule.succeeded(None)
                return
            self._schedule.failed(None)
            if len(self._errors) >= MOST_KEYS:
                self._errors.clear()
            self._errors[key_id] = error

    def _keep(self, key_id: str, endpoint: _PEMEndpoint) -> None:
        endpoints = {**self._endpoints, key_id: endpoint}
        while len(endpoints) > MOST_KEYS:
            others = [each for each in endpoints if each != key_id]
            dropped = min(others, key=lambda each: self._proven_at.get(each, -math.inf))
            endpoints.pop(dropped).close()
        self._endpoints = endpoints
        proven = self._proven_at
        self._proven_at = {each: proven[each] for each in endpoints if each in proven}


class _PEMEndpoint(JWKSEndpoint):
    """One key at its own URL."""

    def __init__(self, url: str, key_id: str, options: dict[str, Any]) -> None:
        super().__init__(url, **options)
        self._key_id = key_id
        self.is_gone = False
        """Whether the last answer was that there is no such key."""

    def load(self) -> str | None:
        """Fetch the key in this thread; return why there is none."""
        self._work()
        return None if self._keys is not None else self._last_error or "no key"

    def _read(self, body: bytes) -> KeySet:
        from .pem import read_pem  # imported here: most keys are in a JWKS

        try:
            found = read_pem(body)
        except UnusableKey as error:
            raise FetchError(f"an answer that is no PEM: {error}") from None
        keys = KeySet([key.named(self._key_id) for key in found.keys], found.notes)
        if len(keys) > 1:
            raise FetchError(f"{len(keys)} keys in the answer; one was expected")
        return self._admissible(keys)

    def _failed(self, error: BaseException) -> None:
        self.is_gone = isinstance(error, FetchError) and error.status in _GONE
        super()._failed(error)
        if self.is_gone:
            # Not an outage: the key was withdrawn, and stops verifying at once.
            self._keys = None
