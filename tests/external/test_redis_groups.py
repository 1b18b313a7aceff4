"""Denials and uses in a Redis with Sentinels whose master fails, and in a Redis Cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jwt_middleware import Revocations, StoreUnavailable, TokenReused, TokenRevoked, Verifier
from jwt_middleware.events.kinds import ConfigurationWarning, Event, StoreFailed, StoreRecovered
from jwt_middleware.revocation import Denial, deny_many, open_store
from jwt_middleware.revocation.following import Following
from jwt_middleware.testing import SigningKey, mint

from ..revocation.redis_server import RedisServer
from .redis_groups import Trio, cluster, cluster_client, eventually, trio

pytestmark = pytest.mark.external

KEY = SigningKey("ES256")
EACH_SECOND = 200
RECOVERY = 5.0


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Trio]:
    with trio(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


def verifier_of(client: Any, events: list[Event] | None = None, **options: Any) -> Verifier:
    return Verifier(
        keys=KEY.jwks(),
        algorithms="ES256",
        api="/a",
        revocations=Revocations(client, **options),
        listeners=[] if events is None else events.append,
    )


def token(**claims: Any) -> str:
    mine = {"iss": "https://a", "sub": "ann", "http://wso2.org/claims/apicontext": "/a"}
    return mint(KEY, mine | claims)


class Served(NamedTuple):
    """One request: when it was answered, whose it was, and the status."""

    at: float
    subject: str
    status: int


class Traffic:
    """Requests at an even pace until the end of the block, of who may come in and who may not."""

    def __init__(self, verifier: Verifier, *subjects: str, fresh: bool = False) -> None:
        self.served: list[Served] = []
        self._verifier = verifier
        self._subjects = subjects
        self._tokens = None if fresh else {name: token(sub=name) for name in subjects}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._pool = ThreadPoolExecutor(64)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        begun = time.monotonic()
        for number in range(10_000_000):
            if self._ends.wait(max(0.0, begun + number / EACH_SECOND - time.monotonic())):
                return
            self._pool.submit(self._ask, number)

    def _ask(self, number: int) -> None:
        subject = self._subjects[number % len(self._subjects)]
        raw = token(sub=subject, jti=f"t-{number}") if self._tokens is None else None
        self.served.append(self.send(raw or self._tokens[subject], subject))

    def send(self, raw: str, subject: str) -> Served:
        try:
            self._verifier.verify(raw)
            status = 200
        except (TokenRevoked, TokenReused):
            status = 401
        except StoreUnavailable:
            status = 503
        return Served(time.monotonic(), subject, status)

    def of(self, status: int) -> list[Served]:
        return [each for each in self.served if each.status == status]


def failed_over(group: Trio) -> tuple[float, float]:
    """Have the master fail; return when, and when another one took over."""
    begun = time.monotonic()
    old = group.kill_master()
    eventually(lambda: group.master() != old, "no other master")
    eventually(lambda: group.accepts_writes(group.master()), "the new master is none yet")
    return begun, time.monotonic()


def test_a_failover_in_the_middle_of_traffic_lets_no_denied_token_in(group: Trio) -> None:
    events: list[Event] = []
    verifier = verifier_of(group.client(), events)
    operator = open_store(group.client())
    operator.deny(Denial(subject="eve"))
    eventually(lambda: verifier.revocations.health()["denials"] == 1, "eve is not denied")
    with Traffic(verifier, "ann", "eve", "mallory") as traffic:
        time.sleep(2)
        killed, promoted = failed_over(group)
        eventually(lambda: operator.deny(Denial(subject="mallory")) or True, "nothing is denied")
        denied = time.monotonic()
        time.sleep(RECOVERY + 2)
    health = verifier.health()["revocations"]
    operator.close()
    verifier.close()

    assert not [each for each in traffic.of(200) if each.subject == "eve"]
    late = [each for each in traffic.of(200) if each.subject == "mallory" and each.at > denied + 1]
    assert late == []
    refused = [each.at for each in traffic.of(503)]
    assert all(killed < at < promoted + RECOVERY for at in refused)
    assert [each for each in traffic.of(200) if each.at > promoted + RECOVERY]
    assert health["usable"] is True
    assert "last_error" not in health
    assert sum(isinstance(each, StoreFailed) for each in events) == 1
    assert sum(isinstance(each, StoreRecovered) for each in events) == 1
    assert not [each for each in events if isinstance(each, ConfigurationWarning)]
    assert denied - promoted < RECOVERY


def test_a_failover_lets_no_token_in_twice_where_a_replica_has_each_use(group: Trio) -> None:
    client = group.client(max_connections=None)
    verifier = verifier_of(client, one_time=True, replicas=1)
    once = {number: token(jti=f"once-{number}") for number in range(50)}
    with Traffic(verifier, "ann", fresh=True) as traffic:
        before = [traffic.send(raw, "ann").status for raw in once.values()]
        killed, promoted = failed_over(group)
        time.sleep(RECOVERY)
        again = [traffic.send(raw, "ann").status for raw in once.values()]
        time.sleep(1)
    verifier.close()

    assert before.count(200) == 50
    assert again.count(401) == 50
    refused = [each.at for each in traffic.of(503)]
    assert refused, "each use needs a master"
    assert all(killed < at < promoted + RECOVERY for at in refused)
    assert not traffic.of(401)
    assert [each for each in traffic.of(200) if each.at > promoted + RECOVERY]


def test_what_a_failover_has_lost_is_told(group: Trio) -> None:
    events: list[Event] = []
    verifier = verifier_of(group.client(), events)
    operator = open_store(group.client())
    operator.deny(Denial(subject="kept"))
    time.sleep(0.5)
    replicas = [each for each in group.servers if each.port != group.master()]
    for server in replicas:
        server.send("REPLICAOF", "127.0.0.1", "1")  # it hears nothing any more
    operator.deny(Denial(subject="lost"))
    eventually(lambda: verifier.revocations.health()["denials"] == 2, "it is not known")
    group.kill_master()
    for server in replicas:
        server.send("REPLICAOF", "NO", "ONE")
    eventually(
        lambda: any(isinstance(each, ConfigurationWarning) for each in events), "nothing is told"
    )
    [told] = [each.reason for each in events if isinstance(each, ConfigurationWarning)]
    operator.close()
    verifier.close()

    assert "failover" in told


def test_a_cluster_keeps_denials_and_uses(nodes: list[RedisServer]) -> None:
    client = cluster_client(nodes)
    client.flushall()
    store: Any = open_store(client)
    following = Following(store)
    following.catch_up()
    store.deny(Denial(subject="ann", by="ops"))
    deny_many(store, [Denial(token_id=f"t-{number}") for number in range(5_000)])
    following.catch_up()
    assert len(following.list) == len(store.denials()) == len(store.made()) == 5_001
    assert store.allow(Denial(subject="ann"))
    assert not store.allow(Denial(subject="ann"))
    following.catch_up()
    assert len(following.list) == 5_000
    uses = [store.use_once(f"k-{number}", time.time() + 60) for number in range(50)]
    again = [store.use_once(f"k-{number}", time.time() + 60) for number in range(50)]
    store.close()

    assert (set(uses), set(again)) == ({True}, {False})
    assert client.ping()
    assert store.name.startswith("redis-cluster://127.0.0.1:")


def test_a_verifier_at_a_cluster_refuses_what_is_denied_or_used(nodes: list[RedisServer]) -> None:
    verifier = verifier_of(cluster_client(nodes), one_time=True, replicas=0)
    operator = open_store(cluster_client(nodes))
    traffic = Traffic(verifier)
    raw = token(jti="cluster-1")
    assert [traffic.send(raw, "ann").status for _ in range(2)] == [200, 401]
    operator.deny(Denial(subject="eve"))
    eventually(lambda: traffic.send(token(sub="eve", jti="cluster-2"), "eve").status == 401, "in")
    verifier.close()
    operator.close()


def test_a_cluster_without_replicas_keeps_no_use_that_needs_one(nodes: list[RedisServer]) -> None:
    store = open_store(cluster_client(nodes), replicas=1)
    with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
        store.use_once("needs-one", time.time() + 60)
    store.close()
