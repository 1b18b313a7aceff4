"""When to fetch keys: pure timing, which reads no clock and does no I/O.

All times are seconds of a monotonic clock that the caller reads. The rules, with the figures that
contract and README name:

- An answer is fresh for ``fresh_for`` seconds, or as long as its Cache-Control says, within 30 s
  and a day. After 80 to 90 % of that (at random, so that a fleet does not fetch in step) the next
  request starts a fetch in the background.
- While the endpoint fails, old keys serve ``stale_for`` seconds more, and attempts back off: 1, 2,
  4 up to 60 s, give or take a fifth.
- A token that names an unknown key causes a fetch. These fetches draw on a bucket of two that
  gains one every ten seconds, however many key ids are forged; one unknown id causes no second
  fetch within ten seconds.
- So does a bad signature under a known key, as a new key may have the old one's id. It draws on the
  same bucket.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from cachetools import TTLCache

LEAST_FRESH, MOST_FRESH = 30.0, 86_400.0
BUCKET_SIZE = 2.0
BUCKET_REFILL = 10.0
UNKNOWN_KEPT = 128
UNKNOWN_FOR = 10.0
BACK_OFF_LIMIT = 60.0


class RefreshSchedule:
    """The state of one endpoint's timing. Its owner's lock guards every method that changes it."""

    def __init__(
        self,
        *,
        fresh_for: float,
        stale_for: float,
        clock: Callable[[], float],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._default_fresh = fresh_for
        self._stale_for = stale_for
        self._clock = clock
        self._jitter = jitter
        self.fetched_at: float | None = None
        self.failures = 0
        self.refresh_at = -math.inf
        self._fresh_until = -math.inf
        self._not_before = -math.inf
        self._bucket = BUCKET_SIZE
        self._bucket_at = clock()
        self._unknown: TTLCache[str, None] = TTLCache(UNKNOWN_KEPT, UNKNOWN_FOR, timer=clock)

    def is_due(self) -> bool:
        """Whether a request should start a background fetch now."""
        return self._clock() >= max(self.refresh_at, self._not_before)

    def is_fresh(self) -> bool:
        """Whether the keys are within their freshness."""
        return self._clock() < self._fresh_until

    def is_usable(self) -> bool:
        """Whether the keys may serve at all: fresh, or within the stale window."""
        return self.usable_for() > 0

    def usable_for(self) -> float:
        """Return the seconds for which the keys may serve without another answer; 0 for none."""
        return max(0.0, self._fresh_until + self._stale_for - self._clock())

    def age(self) -> float | None:
        """Return seconds since the last good answer; None before the first."""
        return None if self.fetched_at is None else self._clock() - self.fetched_at

    def waits(self) -> float:
        """Return the seconds until the next attempt is allowed; 0 where one is."""
        return max(0.0, self._not_before - self._clock())

    def may_ask_for(self, key_id: str | None) -> bool:
        """Whether a token that names this unknown key may cause a fetch now; draws on the bucket.

        The id is then remembered as unknown, for a while or until the keys change.
        """
        now = self._clock()
        if now < self._not_before or (key_id is not None and key_id in self._unknown):
            return False
        # Kept only when one is drawn: the sum of many small gains would fall short of one.
        level = min(BUCKET_SIZE, self._bucket + (now - self._bucket_at) / BUCKET_REFILL)
        if level < 1:
            return False
        self._bucket, self._bucket_at = level - 1, now
        if key_id is not None:
            self._unknown[key_id] = None
        return True

    def give_back(self) -> None:
        """Return to the bucket what a fetch has drawn."""
        self._bucket = min(BUCKET_SIZE, self._bucket + 1)

    def may_recheck(self) -> bool:
        """Whether a bad signature under a known key may cause a fetch now; draws on the bucket."""
        return self.fetched_at is not None and self.may_ask_for(None)

    def succeeded(self, max_age: float | None) -> None:
        """Take note of a good answer and of how long it says it is fresh, in seconds."""
        now = self._clock()
        fresh = self._default_fresh
        if max_age is not None:
            fresh = min(max(max_age, LEAST_FRESH), MOST_FRESH)
        self.fetched_at = now
        self.failures = 0
        self._not_before = -math.inf
        self._fresh_until = now + fresh
        self.refresh_at = now + fresh * (0.8 + 0.1 * self._jitter())

    def failed(self, retry_after: float | None) -> float:
        """Take note of a failure; return the seconds until the next attempt."""
        pause = min(2.0**self.failures, BACK_OFF_LIMIT) * (0.8 + 0.4 * self._jitter())
        if retry_after is not None:
            pause = max(pause, min(retry_after, BACK_OFF_LIMIT))
        self.failures += 1
        self._not_before = self._clock() + pause
        return pause

    def forget_unknown(self) -> None:
        """Forget the unknown ids: the keys have changed."""
        self._unknown.clear()
