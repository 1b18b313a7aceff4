"""Keys from a URL: cached, refreshed off the request's path, served while the endpoint fails.

Requests read an immutable snapshot without a lock. One fetch of an endpoint is in flight at a time,
a few in a process, and whoever needs a result waits for it. ``schedule`` says when to fetch,
``http_fetch`` how.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from ..background.lanes import FETCHING
from ..background.waiting import Flight, SingleFlight, Wait
from ..events.kinds import (
    Event,
    KeyAdded,
    KeyChanged,
    KeyFetchFailed,
    KeyRemoved,
    KeysFetched,
    KeysGone,
    StaleKeysServed,
)
from ..options import checks as check
from .algorithms import Algorithm
from .documents import read_document
from .encoding import decode_object, json_fault
from .fetch_faults import FetchError
from .http_fetch import MAX_BYTES, Document, checked_headers, get, tls_context, user_agent
from .key import Key, UnusableKey
from .key_set import KeySet, differences, reasons_of, skipped_of
from .key_urls import checked_url
from .schedule import RefreshSchedule
from .sources import Accepts, KeySource, OnEvent


def _import_what_a_fetch_needs() -> None:
    """Import it now: a child that is forked while a thread imports would wait for that for ever."""
    for reader in (".jwk", ".pem"):
        import_module(reader, __package__)
    user_agent()
    for codec in ("idna", "unicode_escape"):  # of socket.getaddrinfo, and of messages
        "a".encode(codec)


class JWKSEndpoint(KeySource):
    """The keys of a JWKS URL (RFC 7517).

    Args:
        url: https, or http to loopback. Keys come from nowhere else: no redirect is followed.
            With ``fetch`` any URL, which is its own.
        fresh_for: seconds for which an answer is fresh where its Cache-Control says nothing.
        stale_for: seconds for which old keys serve beyond that while the endpoint fails; with 0
            requests get 503 then.
        deadline: seconds for one whole fetch, from connect to the last byte.
        wait_budget: seconds that one request may wait for a fetch.
        ca_file: PEM file of the authorities to trust instead of the system's.
        headers: sent with each fetch beside ``User-Agent`` and ``Accept``, or in their place.
        allow_http: http to private addresses too (RFC 1918, 4193 and 6598), as inside a cluster.
            Whoever can answer there in the endpoint's place decides which keys are trusted.
        fetch: another way to get the document, ``fetch(url) -> bytes``; it raises on failure.
        clock: the monotonic clock of the keys' age, for tests.

    Raises:
        ConfigurationError: keys may not come from this URL, or a number is wrong.

    """

    published = True

    def __init__(
        self,
        url: str,
        *,
        fresh_for: float = 300,
        stale_for: float = 3600,
        deadline: float = 5,
        wait_budget: float = 2,
        ca_file: str | None = None,
        headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        fetch: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _import_what_a_fetch_needs()
        self.allow_http = check.flag("allow_http", allow_http)
        parts = checked_url(url, allow_http=allow_http, has_own_fetch=fetch is not None)
        # Without the query, which may hold a secret: events have the name.
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self.wait_budget = check.number("wait_budget", wait_budget, above=0)
        if allow_http:
            self.weakenings = {"allow_http": f"True (for {self.name})"}
        if parts.scheme == "https":
            tls_context(ca_file)  # so that a file that cannot be read stops the start
        self._url = url
        self.deadline = check.number("deadline", deadline, above=0)
        self._get_from = partial(
            get,
            deadline=deadline,
            ca_file=ca_file,
            headers=checked_headers(headers),
            allow_http=allow_http,
        )
        numbers = (fresh_for, stale_for, deadline, wait_budget)
        sent = hash(frozenset((headers or {}).items()))  # they may hold a secret
        self._made_of = (url, *numbers, ca_file, sent, allow_http, fetch, clock)
        self._fetch = fetch
        self._clock = clock
        self._schedule = RefreshSchedule(
            fresh_for=check.number("fresh_for", fresh_for, above=0),
            stale_for=check.number("stale_for", stale_for),
            clock=clock,
        )
        self._flight = SingleFlight(self._work, FETCHING)
        self._attached: list[tuple[OnEvent, Accepts]] = []
        self._algorithms: frozenset[Algorithm] = frozenset()
        self._keys: KeySet | None = None
        self._etag: str | None = None
        self._last_error: str | None = None
        self._skipped: list[dict[str, str | None]] = []
        self._announced: frozenset[type] = frozenset()
        """The kinds of events that this outage has announced."""
        self._closed = False

    def attach(self, on_event: OnEvent, accepts: Accepts) -> None:
        """Report to ``on_event``, on the fetch's thread; ``accepts`` may refuse keys."""
        self._attached.append((on_event, accepts))

    def expect_algorithms(self, algorithms: Iterable[Algorithm]) -> None:
        """Keep the keys that fit these algorithms, of a set that is too large to be kept whole."""
        with self._flight.lock:
            if not self._algorithms.issuperset(algorithms):
                self._algorithms |= set(algorithms)
                self._etag = None  # what was left out may be wanted now

    def _is_wanted(self, key: Key) -> bool:
        only = KeySet([key])
        fits = not self._algorithms or any(map(key.fits, self._algorithms))
        return fits and all(bool(accepts(only)) for _, accepts in self._attached)

    def close(self) -> None:
        """Start no further fetch; the keys known now stay."""
        self._closed = True

    def snapshot(self) -> KeySet | None:
        """Return the keys known now, at once; start a fetch in the background where one is due."""
        schedule = self._schedule
        if self._clock() < schedule.refresh_at:
            return self._keys
        if self._flight.running is None and schedule.is_due():
            with self._flight.lock:
                if self._flight.running is None and schedule.is_due() and not self._closed:
                    self._start()
        if self._keys is None:
            return None
        left = schedule.usable_for()
        if not left:
            self._announce_once(KeysGone(self.name, self._last_error or "no answer yet"))
            return None
        if not schedule.is_fresh() and schedule.failures:
            self._announce_once(StaleKeysServed(self.name, schedule.age() or 0.0, left))
        return self._keys

    def _start(self) -> Flight:
        return self._flight.start(has_failed=self._schedule.failures > 0)

    def _announce_once(self, event: Event) -> None:
        """Announce an event of its kind once an outage, unless that has just ended."""
        if type(event) in self._announced:
            return
        with self._flight.lock:
            if type(event) in self._announced or self._schedule.is_fresh():
                return
            self._announced |= {type(event)}
        self._emit(event)

    def refresh(self, key_id: str | None = None) -> Wait | None:
        """Fetch for a token that names an unknown key, or join the fetch under way.

        None where a fetch is not allowed now: then the keys known now are believed.
        """
        schedule = self._schedule
        with self._flight.lock:
            running = self._flight.join()
            if running is not None:
                return Wait(running, self.wait_budget, already_running=True)
            keys = self._keys if schedule.is_usable() else None
            if keys is not None and key_id in keys.key_ids:
                return None  # a fetch has brought it since the caller looked
            allowed = schedule.waits() == 0 if keys is None else schedule.may_ask_for(key_id)
            if self._closed or not allowed:
                return None
            return Wait(self._start(), self.wait_budget, already_running=False)

    def recheck(self, key_id: str | None = None) -> Wait | None:  # noqa: ARG002
        """Fetch after a bad signature under a known key, or join the fetch under way.

        None where a fetch is not allowed now: then the keys known now are believed.
        """
        with self._flight.lock:
            running = self._flight.join()
            if running is not None:
                return Wait(running, self.wait_budget, already_running=True)
            if self._closed or not self._schedule.may_recheck():
                return None
            return Wait(self._start(), self.wait_budget, already_running=False)

    def retry_after(self) -> int:
        """Return the whole seconds after which asking again may help."""
        return max(1, math.ceil(self._schedule.waits()))

    def health(self) -> dict[str, Any]:
        """Return what a readiness probe wants to know; ages are in seconds."""
        schedule, keys = self._schedule, self._keys
        usable = keys if schedule.is_usable() else None
        return {
            "source": self.name,
            "keys": 0 if usable is None else len(usable),
            "key_ids": [] if usable is None else list(usable.key_ids),
            "age": schedule.age(),
            "fresh": keys is not None and schedule.is_fresh(),
            "usable_for": 0.0 if keys is None else schedule.usable_for(),
            "failures": schedule.failures,
            "last_error": self._last_error,
            "skipped": list(self._skipped),
            "left_out": 0 if usable is None else usable.left_out,
        }

    def _work(self) -> None:
        """Fetch once. Runs on the flight's thread; a failure never replaces good keys."""
        wanted = self._algorithms
        try:
            document = self._get()
            keys = self._keys if document.body is None else self._read(document.body)
            if keys is None:
                raise FetchError("unchanged, but there was no answer before")
        except BaseException as error:  # noqa: BLE001 - whatever fetch= raised, old keys stay
            self._failed(error)
            return
        old = self._keys
        changes = differences(old, keys)
        failures = self._schedule.failures
        with self._flight.lock:
            if old is None or changes.any:
                # The same keys again leave the old object, and with it the verified tokens.
                # First of all: old keys that may serve no more must not seem fresh to a request.
                self._keys = keys
                self._schedule.forget_unknown()
            self._schedule.succeeded(document.max_age)
            # Not where another algorithm was added meanwhile, for which keys were left out.
            self._etag = document.etag if self._algorithms is wanted else None
            self._last_error = None
            self._announced = frozenset()
        self._emit(KeysFetched(self.name, len(keys), changes.any, failures))
        for kind, ids in (
            (KeyAdded, changes.added),
            (KeyChanged, changes.changed),
            (KeyRemoved, changes.removed),
        ):
            for key_id in ids:
                self._emit(kind(self.name, key_id))

    def _get(self) -> Document:
        return self._document(self._url, etag=self._etag)

    def _document(self, url: str, **options: Any) -> Document:
        """Return the document at a URL: by ``fetch``, else by ``get`` with these options."""
        if self._fetch is None:
            return self._get_from(url, **options)
        body = self._fetch(url)
        if not isinstance(body, bytes):
            raise FetchError(f"fetch= returned {type(body).__name__}, not bytes")
        if len(body) > MAX_BYTES:
            raise FetchError(f"an answer of more than {MAX_BYTES} bytes")
        return Document(body)

    def _read(self, body: bytes) -> KeySet:
        try:
            document = decode_object(body)
        except ValueError:
            reason = f"an answer that is no strict JSON object: {json_fault(body)}"
            raise FetchError(reason) from None
        return self._admissible(read_document(document, fetched=True, wanted=self._is_wanted))

    def _admissible(self, keys: KeySet) -> KeySet:
        """Return the keys; raise ``FetchError`` where no service that reads them allows one."""
        notes = keys.notes
        is_usable = bool(keys)
        for _, accepts in self._attached:
            admitted = accepts(keys)
            notes = admitted.notes
            is_usable = is_usable and bool(admitted)
        self._skipped = skipped_of(notes)
        if not is_usable:
            raise FetchError(f"no usable key in the answer: {reasons_of(notes)}")
        return keys

    def _failed(self, error: BaseException) -> None:
        is_ours = isinstance(error, FetchError | UnusableKey)
        reason = str(error) if is_ours else type(error).__name__
        retry_after = error.retry_after if isinstance(error, FetchError) else None
        with self._flight.lock:
            self._last_error = reason
            pause = self._schedule.failed(retry_after)
        self._emit(KeyFetchFailed(self.name, reason, pause))

    def _emit(self, event: Event) -> None:
        for on_event, _ in self._attached:
            on_event(event)
