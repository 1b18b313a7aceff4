"""A store in Redis, for the workers of several machines.

The server must keep its data: ``appendonly yes`` and ``maxmemory-policy noeviction``. An emptied
one denies nothing, which is reported by an event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..background.forks import at_fork
from ..errors import ConfigurationError, StoreUnavailable
from .denials import Denial, Identity, Made, in_force
from .store import by_end, changed, digest, new_revision
from .urls import redis_name

DEADLINE = 1.0
"""Seconds for one answer, and for one connection, unless the URL says otherwise."""

# One hash slot, so that one transaction may hold them in a cluster too.
_DENIALS = "{jwt_middleware}:denials"
_ENDS = "{jwt_middleware}:denials:ends"
_MADE = "{jwt_middleware}:denials:made"
_REVISION = "{jwt_middleware}:denials:revision"
_IDENTITY = "{jwt_middleware}:denials:identity"
_USED = "jwt_middleware:used:"


class RedisStore:
    """Denials and uses in Redis. A server that is down at first is an outage, no error.

    Raises ``ConfigurationError`` where redis-py is missing, or the URL or its password is wrong.
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
        self._connect = partial(
            redis.Redis.from_url,
            url,
            decode_responses=True,
            socket_timeout=DEADLINE,
            socket_connect_timeout=DEADLINE,
            retry=Retry(NoBackoff(), 0),
        )
        # The last four: somebody has written into it what is no denial.
        unreadable = (ValueError, TypeError, KeyError, RecursionError)
        self._failures = (redis.RedisError, OSError, *unreadable)
        try:
            self._client: Any = self._connect()
            at_fork(self)
            self._client.get(_REVISION)
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise ConfigurationError(f"the store {self.name}: {error}") from None
        except (redis.ConnectionError, redis.TimeoutError, OSError):
            pass  # an outage, which each use reports
        except Exception as error:  # noqa: BLE001 - an option in the URL may fail in any way
            raise ConfigurationError(
                f"the store {self.name}: its URL cannot be used ({type(error).__name__})"
            ) from None

    def use_once(self, key: str, until: float) -> bool:
        """Use a key, as ``Store.use_once``; Redis itself forgets it at its end."""
        milliseconds = max(1, int((until - self._clock()) * 1000))
        with self._asking() as client:
            return bool(client.set(_USED + digest(key), "1", nx=True, px=milliseconds))

    def was_used(self, key: str) -> bool:
        with self._asking() as client:
            return bool(client.exists(_USED + digest(key)))

    def deny(self, denial: Denial) -> None:
        now = self._clock()
        place = json.dumps(denial.identity)

        def write(pipe: Any) -> None:
            before = pipe.hget(_DENIALS, place)
            old = pipe.zrangebyscore(_ENDS, "-inf", now)
            known = in_force([] if before is None else [_denial(place, before)], now)
            kept = denial.ending(now).joined(next(iter(known), None))
            pipe.multi()
            if old:
                pipe.hdel(_DENIALS, *old)
                pipe.zrem(_ENDS, *old)
                pipe.hdel(_MADE, *old)
            pipe.hset(_MADE, place, json.dumps(kept.made(now)))
            pipe.hset(_DENIALS, place, json.dumps([kept.issued_before, kept.until, kept.note]))
            pipe.zadd(_ENDS, {place: kept.until})
            pipe.set(_REVISION, new_revision())
            pipe.set(_IDENTITY, new_revision(), nx=True)

        with self._asking() as client:
            client.transaction(write, _DENIALS)
        changed(self.name)

    def allow(self, denial: Denial) -> bool:
        places = [json.dumps((*denial.name, whole)) for whole in (False, True)]
        now = self._clock()
        with self._asking() as client:
            pipe = client.pipeline(transaction=True)
            pipe.hmget(_DENIALS, places)
            pipe.hdel(_DENIALS, *places)
            pipe.zrem(_ENDS, *places)
            pipe.hdel(_MADE, *places)
            pipe.set(_REVISION, new_revision())
            entries = zip(places, pipe.execute()[0], strict=True)
            gone = [_denial(place, entry) for place, entry in entries if entry is not None]
        changed(self.name)
        return bool(in_force(gone, now))

    def denials(self) -> tuple[Denial, ...]:
        with self._asking() as client:
            known = [_denial(place, entry) for place, entry in client.hgetall(_DENIALS).items()]
        return by_end(in_force(known, self._clock()))

    def made(self) -> dict[Identity, Made]:
        with self._asking() as client:
            entries = client.hgetall(_MADE).items()
            return {_identity(place): Made(*json.loads(made)) for place, made in entries}

    def revision(self) -> str:
        with self._asking() as client:
            return str(client.get(_REVISION) or "")

    def identity(self) -> str:
        """Return the id that it got with its first denial."""
        with self._asking() as client:
            return str(client.get(_IDENTITY) or "")

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        self._client.close()
        self._client.connection_pool.disconnect()

    def renew(self) -> None:
        """Begin anew in a forked child: a thread of the parent may hold a lock of the client.

        The parent's client is kept, since freeing it would take that lock.
        """
        _of_parents.append(self._client)
        self._client = self._connect()

    @contextmanager
    def _asking(self) -> Generator[Any]:
        try:
            yield self._client
        except self._failures as error:
            raise StoreUnavailable(f"{self.name}: {error}") from None


def _identity(place: str) -> Identity:
    kind, value, issuer, whole = json.loads(place)
    return kind, value, issuer, whole


def _denial(place: str, entry: str) -> Denial:
    kind, value, issuer, _ = json.loads(place)
    return Denial.kept(kind, value, issuer, *json.loads(entry))


_of_parents: list[Any] = []
