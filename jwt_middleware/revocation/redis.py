"""A store in Redis, for the workers of several machines.

The server must keep its data: ``appendonly yes`` and ``maxmemory-policy noeviction``. An emptied
one denies nothing, which is reported by an event; so is a failover that has lost denials.

Each change of the denials is an entry of a log, a sorted set by a growing number, and the revision
is the last entry's. A writer of an older version knows no log: it leaves a revision of another
form, after which readers read everything and the next writer begins the log anew.

An ACL user needs the keys ``~{jwt_middleware}:*`` and ``~jwt_middleware:used:*``, and the commands
``+@connection +@transaction +info +wait +get +mget +set +exists +hmget +hset +hdel +hlen +hscan
+zadd +zrem +zrangebyscore +zrevrange +zremrangebyrank +del``; in a cluster also ``+cluster``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..background.forks import at_fork
from ..errors import ConfigurationError, StoreUnavailable
from .change_log import Log, Position, changes_since
from .denials import Denial, Identity, Made, in_force, joined
from .deny_list import Entry
from .redis_clients import (
    check_client,
    client_name,
    client_of,
    connector,
    is_cluster,
    may_fail_over,
)
from .redis_form import (
    change_of,
    denial_of,
    entries_of,
    identity_of,
    in_parts,
    last_change,
    parts,
    place_of,
    text_of,
    written,
)
from .store import (
    AT_ONCE,
    CLEAR_AT_ONCE,
    LOG_SIZE,
    Changes,
    by_end,
    changed,
    digest,
    new_revision,
)
from .urls import redis_name

WAIT = 0.5
"""Seconds to wait for replicas."""

# One hash slot, so that one transaction may hold them in a cluster too.
_DENIALS = "{jwt_middleware}:denials"
_ENDS = "{jwt_middleware}:denials:ends"
_MADE = "{jwt_middleware}:denials:made"
_CHANGES = "{jwt_middleware}:denials:changes"
_REVISION = "{jwt_middleware}:denials:revision"
_IDENTITY = "{jwt_middleware}:denials:identity"
_USED = "jwt_middleware:used:"

_Plan = Callable[[Any, float], tuple[dict[str, Denial], list[str]]]
"""Reads by a pipeline, at a time, and returns what to keep and what to take away."""


class RedisStore:
    """Denials and uses in Redis. A server that is down at first is an outage, no error.

    ``redis`` is a URL, or a client, which keeps its own timeouts and is never closed. ``replicas``
    is how many must have a use before it counts.

    Raises ``ConfigurationError`` where redis-py is missing, or the URL or its password is wrong.
    """

    is_shared = True

    def __init__(
        self, redis: Any, *, clock: Callable[[], float] = time.time, replicas: int = 0
    ) -> None:
        self._connect: Callable[[], Any] | None = None
        self._clock = clock
        self._replicas = replicas
        if isinstance(redis, str):
            self.name = redis_name(redis)
            self._connect = connector(self.name, redis)
        else:
            check_client(redis)
            self.name = client_name(redis)
        from redis import exceptions as errors

        # The last four: somebody has written into it what is no denial.
        unreadable = (ValueError, TypeError, KeyError, RecursionError)
        self._failures = (errors.RedisError, OSError, *unreadable)
        self._moved = errors.MovedError
        try:
            self._client: Any = redis if self._connect is None else self._connect()
            at_fork(self)
            self._client.get(_REVISION)
        except (errors.AuthenticationError, errors.ResponseError) as error:
            raise ConfigurationError(f"the store {self.name}: {error}") from None
        except (errors.ConnectionError, errors.TimeoutError, OSError):
            pass  # an outage, which each use reports
        except Exception as error:  # noqa: BLE001 - an option in the URL may fail in any way
            raise ConfigurationError(
                f"the store {self.name}: its URL cannot be used ({type(error).__name__})"
            ) from None

    def use_once(self, key: str, until: float) -> bool:
        """Use a key, as ``Store.use_once``; Redis itself forgets it at its end."""
        milliseconds = max(1, int((until - self._clock()) * 1000))
        name = _USED + digest(key)
        with self._asking() as client:
            if not self._replicas:
                return bool(client.set(name, "1", nx=True, px=milliseconds))
            is_first, have_it = self._set_and_wait(name, milliseconds)
            if is_first and have_it < self._replicas:
                raise StoreUnavailable(
                    f"{self.name}: {have_it} of {self._replicas} replicas have the use of a token"
                )
            return bool(is_first)

    def was_used(self, key: str) -> bool:
        with self._asking() as client:
            return bool(client.exists(_USED + digest(key)))

    def replicas_not_awaited(self) -> int:
        """Return how many replicas may lack a use; 0 where it waits for some, or cannot tell."""
        if self._replicas:
            return 0
        with suppress(*self._failures):
            if may_fail_over(self._client):
                return 1
            return int(self._client.info("replication").get("connected_slaves", 0))
        return 0

    def deny(self, denial: Denial) -> None:
        self.deny_many([denial])

    def deny_many(self, denials: Iterable[Denial]) -> list[Denial]:
        denials = list(denials)
        kept: dict[Identity, Denial] = {}
        wanted = {place_of(each.identity): each for each in denials}

        def plan(pipe: Any, now: float) -> tuple[dict[str, Denial], list[str]]:
            nonlocal kept  # of the last plan: another writer may have been faster
            texts = in_parts(wanted, lambda places: pipe.hmget(_DENIALS, places))
            known = {
                place: denial_of(place, text)
                for place, text in zip(wanted, texts, strict=True)
                if text is not None
            }
            kept = joined(denials, now, lambda each: known.get(place_of(each.identity)))
            return {place_of(place): each for place, each in kept.items()}, []

        if wanted:
            self._change(plan)
        return list(kept.values())

    def allow(self, denial: Denial) -> bool:
        places = [place_of(each) for each in denial.identities]
        was_denied = False

        def plan(pipe: Any, now: float) -> tuple[dict[str, Denial], list[str]]:
            nonlocal was_denied
            texts = zip(places, pipe.hmget(_DENIALS, places), strict=True)
            known = {place: denial_of(place, text) for place, text in texts if text is not None}
            was_denied = bool(in_force(known.values(), now))
            return {}, list(known)

        self._change(plan)
        return was_denied

    def denials(self) -> tuple[Denial, ...]:
        with self._asking():
            known = [denial_of(place, text) for place, text in self._scan(_DENIALS).items()]
            return by_end(in_force(known, self._clock()))

    def made(self) -> dict[Identity, Made]:
        with self._asking():
            return {
                identity_of(place): Made(*json.loads(made))
                for place, made in self._scan(_MADE).items()
            }

    def changes(self, since: object | None) -> Changes:
        with self._asking() as client:

            def read(first: int) -> Log:
                rows = client.zrangebyscore(
                    _CHANGES, first, "+inf", start=0, num=AT_ONCE + 1, withscores=True
                )
                return [change_of(member, score) for member, score in rows]

            def entries(log: Log) -> Sequence[Entry]:
                places = [place for *_, place in log]
                return entries_of(places, client.hmget(_DENIALS, places) if places else [])

            return changes_since(since, self._position(), read, entries)

    def everything(self) -> Iterator[Sequence[Entry]]:
        with self._asking():
            began = self._position()
        cursor, count = None, 0
        while cursor != 0:
            with self._asking() as client:
                cursor, found = client.hscan(_DENIALS, cursor or 0, count=AT_ONCE)
                count += len(found)
                now, entries = self._clock(), entries_of([*found], [*found.values()])
            # What is no number at all is kept, so that it is found.
            yield [each for each in entries if each[5] is None or not each[5] <= now]
        with self._asking() as client:
            # A cursor means nothing to another server, to which a client may have turned meanwhile.
            size, ended = client.hlen(_DENIALS), self._position()
            news = ended.sequence - began.sequence
            if (ended == began or began.sequence) and count + news < size:
                raise StoreUnavailable(f"{self.name}: the server has changed while it was read")

    def revision(self) -> str:
        with self._asking() as client:
            return text_of(client.get(_REVISION))

    def identity(self) -> str:
        """Return the id that it got with its first denial."""
        with self._asking() as client:
            return text_of(client.get(_IDENTITY))

    def close(self) -> None:
        """Close the connections; the next use opens them again. A client of an app stays open."""
        if self._connect is not None:
            self._client.close()
            self._client.connection_pool.disconnect()

    def renew(self) -> None:
        """Begin anew in a forked child: a thread of the parent may hold a lock of the client.

        The parent's client is kept, since freeing it would take that lock. A client of an app is
        its own, and finds out by itself that it is in a child.
        """
        if self._connect is not None:
            _of_parents.append(self._client)
            self._client = self._connect()

    def _change(self, plan: _Plan) -> None:
        """Change the denials and log it, and have every reader look."""

        def write(pipe: Any) -> None:
            now, nonce = self._clock(), new_revision()
            kept, gone = plan(pipe, now)
            ended = pipe.zrangebyscore(_ENDS, "-inf", now, start=0, num=CLEAR_AT_ONCE)
            gone += [place for place in map(text_of, ended) if place not in {*kept, *gone}]
            sequence, _ = last_change(text_of(pipe.get(_REVISION)))
            newest = [] if sequence else pipe.zrevrange(_CHANGES, 0, 0, withscores=True)
            pipe.multi()
            if not kept and not gone:
                return
            if not sequence:
                # An older version has written last, and not into the log.
                sequence = int(newest[0][1]) if newest else 0
                pipe.delete(_CHANGES)
            if gone:
                pipe.hdel(_DENIALS, *gone)
                pipe.hdel(_MADE, *gone)
                pipe.zrem(_ENDS, *gone)
            for part in parts(list(kept.items())):
                pipe.hset(_DENIALS, mapping={place: written(each) for place, each in part})
                made = {place: json.dumps(each.made(now)) for place, each in part}
                pipe.hset(_MADE, mapping=made)
                pipe.zadd(_ENDS, {place: each.until for place, each in part})
            log = list(enumerate([*gone, *kept], sequence + 1))
            for part in parts(log):
                pipe.zadd(_CHANGES, {f"{nonce} {place}": number for number, place in part})
            pipe.zremrangebyrank(_CHANGES, 0, -LOG_SIZE - 1)
            pipe.set(_REVISION, f"{log[-1][0]}:{nonce}")
            pipe.set(_IDENTITY, new_revision(), nx=True)

        with self._asking() as client:
            client.transaction(write, _REVISION)
        changed(self.name)

    def _position(self) -> Position:
        revision, identity = self._client.mget(_REVISION, _IDENTITY)
        return Position(text_of(identity), "", *last_change(text_of(revision)))

    def _scan(self, name: str) -> dict[Any, Any]:
        """Return a hash, which is too large for one answer."""
        found: dict[Any, Any] = {}
        cursor = None
        while cursor != 0:
            cursor, part = self._client.hscan(name, cursor or 0, count=AT_ONCE)
            found.update(part)
        return found

    def _set_and_wait(self, name: str, milliseconds: int) -> tuple[Any, int]:
        """Set a key and wait for the replicas, on one connection, as WAIT demands."""
        try:
            return self._at_its_server(name, milliseconds)
        except self._moved:
            return self._at_its_server(name, milliseconds)

    def _at_its_server(self, name: str, milliseconds: int) -> tuple[Any, int]:
        pipe = client_of(self._client, name).pipeline(transaction=False)
        pipe.set(name, "1", nx=True, px=milliseconds)
        pipe.execute_command("WAIT", self._replicas, int(WAIT * 1000))
        try:
            is_first, have_it = pipe.execute()
        except self._failures:
            if is_cluster(self._client):  # it asks anew which server has which keys
                self._client.nodes_manager.initialize()
            raise
        return is_first, have_it

    @contextmanager
    def _asking(self) -> Generator[Any]:
        try:
            yield self._client
        except self._failures as error:
            # Of no master, a Sentinel's error shows the client, which may hold a password.
            reason = str(error).partition(" : ")[0]
            raise StoreUnavailable(f"{self.name}: {reason}") from None


_of_parents: list[Any] = []
