"""A store in Redis, for the workers of several machines.

The server must keep what it is given: ``appendonly yes`` and ``maxmemory-policy noeviction``. An
emptied one denies nothing, and whoever watches it is warned.
"""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from ..errors import ConfigurationError, StoreUnavailable
from .changes import tell_change
from .denials import Denial, in_force
from .store import by_end, digest, new_revision
from .urls import redis_name

DEADLINE = 1.0
"""Seconds for one answer, and for one connection, unless the URL says otherwise."""

# One hash slot, so that one transaction may hold them in a cluster too.
_DENIALS = "{jwt_middleware}:denials"
_ENDS = "{jwt_middleware}:denials:ends"
_REVISION = "{jwt_middleware}:denials:revision"
_IDENTITY = "{jwt_middleware}:denials:identity"
_CLAIM = "jwt_middleware:claim:"


class RedisStore:
    """Denials and claims in Redis. A server that is down at first is an outage, no error.

    Raises:
        ConfigurationError: the ``redis`` extra is missing, or the URL or its password is wrong.

    """

    is_shared = True

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self.name = redis_name(url)
        self._clock = clock
        try:
            import redis  # an extra
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"the store {self.name} needs redis; install jwt-assertion-middleware[redis]"
            ) from None
        # All but the first two: somebody has written into it what is no denial.
        self._failures = (
            *(redis.RedisError, OSError),
            *(ValueError, TypeError, KeyError, RecursionError),
        )

        def connect() -> Any:
            return redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=DEADLINE,
                socket_connect_timeout=DEADLINE,
                retry=Retry(NoBackoff(), 0),
            )

        self._connect = connect
        try:
            self._client = connect()
            _stores.add(self)
            self._client.get(_REVISION)
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise ConfigurationError(f"the store {self.name}: {error}") from None
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            pass  # an outage; those who ask are told
        except Exception as error:  # noqa: BLE001 - whatever an option in the URL leads to
            raise ConfigurationError(
                f"the store {self.name}: its URL cannot be used ({type(error).__name__})"
            ) from None

    def claim(self, key: str, until: float) -> bool:
        """Use something once, as ``Store.claim``. Redis itself lets it go then."""
        milliseconds = max(1, int((until - self._clock()) * 1000))
        with self._asking() as client:
            return bool(client.set(_CLAIM + digest(key), "1", nx=True, px=milliseconds))

    def is_claimed(self, key: str) -> bool:
        """Whether it was claimed, and still is."""
        with self._asking() as client:
            return bool(client.exists(_CLAIM + digest(key)))

    def deny(self, denial: Denial) -> None:
        """Keep a denial until its end."""
        now = self._clock()
        place = json.dumps(denial.identity)

        def write(pipe: Any) -> None:
            before = pipe.hget(_DENIALS, place)
            old = pipe.zrangebyscore(_ENDS, "-inf", now)
            known = None if before is None else _denial(place, before)
            kept = denial.ending(now).joined(
                known if known is not None and known.is_in_force(now) else None
            )
            pipe.multi()
            if old:
                pipe.hdel(_DENIALS, *old)
                pipe.zrem(_ENDS, *old)
            told = json.dumps([kept.issued_before, kept.until, kept.note])
            pipe.hset(_DENIALS, place, told)
            pipe.zadd(_ENDS, {place: kept.until})
            pipe.set(_REVISION, new_revision())
            pipe.set(_IDENTITY, new_revision(), nx=True)

        with self._asking() as client:
            client.transaction(write, _DENIALS)
        tell_change(self.name)

    def allow(self, denial: Denial) -> bool:
        """Take back every denial of the same name."""
        places = [json.dumps((*denial.name, whole)) for whole in (False, True)]
        now = self._clock()
        with self._asking() as client:
            pipe = client.pipeline(transaction=True)
            pipe.hmget(_DENIALS, places)
            pipe.hdel(_DENIALS, *places)
            pipe.zrem(_ENDS, *places)
            pipe.set(_REVISION, new_revision())
            found = zip(places, pipe.execute()[0], strict=True)
            gone = [_denial(place, told) for place, told in found if told is not None]
        tell_change(self.name)
        return bool(in_force(gone, now))

    def denials(self) -> tuple[Denial, ...]:
        """Return those in force."""
        with self._asking() as client:
            found = [_denial(place, told) for place, told in client.hgetall(_DENIALS).items()]
        return by_end(in_force(found, self._clock()))

    def revision(self) -> str:
        """Return a text that is another one after each change."""
        with self._asking() as client:
            return str(client.get(_REVISION) or "")

    def identity(self) -> str:
        """Return what it was given with its first denial."""
        with self._asking() as client:
            return str(client.get(_IDENTITY) or "")

    def close(self) -> None:
        """Close the connections; they open again where they are used again."""
        self._client.close()
        self._client.connection_pool.disconnect()

    def forked(self) -> None:
        """Begin anew in a forked child: a lock of the client may be held by a thread that is not.

        The parent's client is kept, for to give it up takes its locks.
        """
        _of_parents.append(self._client)
        self._client = self._connect()

    @contextmanager
    def _asking(self) -> Generator[Any]:
        try:
            yield self._client
        except self._failures as error:
            raise StoreUnavailable(f"{self.name}: {error}") from None


def _denial(place: str, told: str) -> Denial:
    kind, value, issuer, _ = json.loads(place)
    issued_before, until, note = json.loads(told)
    names: dict[str, str] = {kind: value}
    if issuer:
        names["issuer"] = issuer
    return Denial(**names, issued_before=issued_before, until=until, note=note)


_stores: weakref.WeakSet[RedisStore] = weakref.WeakSet()
_of_parents: list[Any] = []


def _forked() -> None:
    for store in list(_stores):
        store.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forked)
