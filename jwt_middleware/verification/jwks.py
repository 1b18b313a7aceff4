"""Keys from a JWKS URL: fetched off the request's path, cached, one fetch in flight.

Requests read an immutable snapshot without a lock. The lock below guards a few assignments and is
never held over I/O. A fetch runs on a thread of its own, and whoever waits for it waits on one
shared result, so cancelling a request harms no other.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import ConfigurationError
from ..events import Event, KeyFetchFailed
from .encoding import decode_object
from .http_fetch import FetchError, checked_url, get
from .key_material import read_jwks
from .keys import KeySet, UnusableKey

RETRY_GAP = 10.0
"""Seconds between two fetches that forged or unknown key ids may cause."""


class Fetch:
    """One fetch under way, and the shared result of all who wait for it."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def finish(self) -> None:
        """Wake every waiter, once."""
        with self._lock:
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def wait(self) -> bool:
        """Wait in this thread, up to the budget; return whether the fetch has ended."""
        return self._done.wait(self._budget)

    async def wait_async(self) -> bool:
        """Wait in this task, without a thread; return whether the fetch has ended."""
        if "trio" in sys.modules and _in_trio():
            return await self._wait_trio()
        return await self._wait_asyncio()

    async def _wait_asyncio(self) -> bool:
        import asyncio

        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        forget = self._call_back(_quietly(loop.call_soon_threadsafe, woken.set))
        try:
            await asyncio.wait_for(woken.wait(), self._budget)
        except TimeoutError:
            return self._done.is_set()
        finally:
            forget()
        return True

    async def _wait_trio(self) -> bool:
        import trio

        token = trio.lowlevel.current_trio_token()
        woken = trio.Event()
        forget = self._call_back(_quietly(token.run_sync_soon, woken.set))
        try:
            with trio.move_on_after(self._budget):
                await woken.wait()
        finally:
            forget()
        return self._done.is_set()

    def _call_back(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the fetch ends, now if it has; return a function that takes this back."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


def _in_trio() -> bool:
    import trio

    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def _quietly(call: Callable[[Any], object], argument: Any) -> Callable[[], None]:
    """Make a callback for a loop that may have closed while its waiter was forgotten."""

    def callback() -> None:
        try:
            call(argument)
        except RuntimeError:
            pass

    return callback


class JWKSEndpoint:
    """The keys of a JWKS URL (RFC 7517).

    Args:
        url: https, or http to loopback.
        fresh_for: seconds for which an answer is used before the next fetch.
        deadline: seconds for one whole fetch, from connect to the last byte.
        wait_budget: seconds that one request may wait for a fetch.
        ca_file: PEM file of the authorities to trust instead of the system's.
        fetch: another way to get the document: ``fetch(url) -> bytes``; it raises on failure.

    Raises:
        ConfigurationError: the URL is not one that keys may come from.

    """

    def __init__(
        self,
        url: str,
        *,
        fresh_for: float = 300,
        deadline: float = 5,
        wait_budget: float = 2,
        ca_file: str | None = None,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        parts = checked_url(url)
        for name, value in (
            ("fresh_for", fresh_for),
            ("deadline", deadline),
            ("wait_budget", wait_budget),
        ):
            if not value > 0:
                raise ConfigurationError(f"JWKSEndpoint: {name} must be seconds above 0")
        # A query may hold a secret, and the name stands in events.
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._url = url
        self._wait_budget = wait_budget
        self._listeners: list[Callable[[Event], None]] = []
        self._fresh_for = fresh_for
        self._fetch: Callable[[str], bytes] = fetch or partial(
            get, deadline=deadline, ca_file=ca_file
        )
        self._lock = threading.Lock()
        self._running: Fetch | None = None
        self._keys: KeySet | None = None
        self._fetched_at = -1e9
        self._tried_at = -1e9
        self._closed = False

    def listen(self, hear: Callable[[Event], None]) -> None:
        """Call ``hear`` with an event for each fetch that fails, on the fetching thread."""
        self._listeners.append(hear)

    def close(self) -> None:
        """Start no further fetch; the keys known now stay."""
        self._closed = True

    def snapshot(self) -> KeySet | None:
        """Return the keys known now; ask for newer ones in the background when they have aged."""
        if self._running is None and time.monotonic() - self._fetched_at > self._fresh_for:
            self._start(gap=RETRY_GAP if self._keys is not None else 1.0)
        return self._keys

    def refresh(self) -> Fetch | None:
        """Fetch now, or join the fetch under way; None while the last one is too recent."""
        return self._start(gap=RETRY_GAP if self._keys is not None else 0.0)

    def _start(self, gap: float) -> Fetch | None:
        with self._lock:
            if self._running is not None:
                return self._running
            if self._closed:
                return None
            now = time.monotonic()
            if now - self._tried_at < gap:
                return None
            self._tried_at = now
            fetch = self._running = Fetch(self._wait_budget)
        threading.Thread(
            target=self._run, args=(fetch,), name="jwt_middleware-jwks", daemon=True
        ).start()
        return fetch

    def _run(self, fetch: Fetch) -> None:
        try:
            keys = read_jwks(decode_object(self._fetch(self._url)), fetched=True)
            if not keys.keys:
                raise FetchError("no usable key in the answer")
        except Exception as error:  # noqa: BLE001 - whatever fetch= raised, the old keys stay
            known = isinstance(error, FetchError | UnusableKey)
            failed = KeyFetchFailed(self.name, str(error) if known else type(error).__name__)
            for hear in self._listeners:
                hear(failed)
        else:
            self._keys = keys
            self._fetched_at = time.monotonic()
        finally:
            with self._lock:
                self._running = None
            fetch.finish()

    def __repr__(self) -> str:
        return f"<JWKSEndpoint {self.name}>"
