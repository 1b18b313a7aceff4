"""Redis as people run it: a client of an app's own, TLS, users with few rights, replicas."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.sentinel import Sentinel

from jwt_middleware import ConfigurationError, Revocations, StoreUnavailable
from jwt_middleware.events.kinds import ChecksWeakened, ConfigurationWarning, Event
from jwt_middleware.revocation import Denial, deny_many, open_store
from jwt_middleware.revocation import redis as redis_module
from jwt_middleware.revocation.following import Following
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from .redis_server import RedisServer
from .test_check import deny, refused, token, verifier_of

pytestmark = pytest.mark.external

LATER = time.time() + 3600
PROMPT = ("--shutdown-timeout", "0", "--repl-diskless-sync-delay", "0")
"""A master that waits for no replica, neither at its end nor before it sends one its data."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, *PROMPT) as server:
        yield server


def all_that_a_service_asks(store: Any) -> None:
    following = Following(store)
    following.catch_up()
    store.deny(Denial(subject="a", until=LATER, note="ä"))
    deny_many(store, [Denial(token_id=f"t-{n}", until=LATER) for n in range(3)])
    following.catch_up()
    assert len(following.list) == len(store.denials()) == len(store.made()) == 4
    assert store.allow(Denial(subject="a"))
    following.catch_up()
    assert len(following.list) == 3
    anew = Following(store)
    anew.catch_up()
    assert anew.list._by_kind == following.list._by_kind
    assert store.use_once("k", LATER)
    assert not store.use_once("k", LATER)
    assert store.was_used("k")
    assert store.revision()
    assert store.identity()
    assert store.replicas_not_awaited() == 0


@pytest.mark.parametrize("decodes", [False, True])
@pytest.mark.parametrize("protocol", [2, 3])
def test_a_client_of_ones_own_serves_and_stays_open(
    server: RedisServer, decodes: bool, protocol: int
) -> None:
    client: Any = redis.Redis.from_url(server.url, decode_responses=decodes, protocol=protocol)
    store = open_store(client)
    all_that_a_service_asks(store)
    kept = client.connection_pool._available_connections
    store.close()

    assert all(each._sock is not None for each in kept)
    assert store.name == server.url
    assert Revocations(client).name == server.url


def test_a_verifier_takes_a_client_and_leaves_it_open(server: RedisServer, clock: Clock) -> None:
    client: Any = redis.Redis.from_url(server.url, socket_timeout=0.7)
    verifier = verifier_of(clock, Revocations(client, one_time=True))
    raw = token(clock)
    assert verifier.verify(raw).subject == "jroe"
    deny(verifier, subject="jroe")
    refused(verifier, token(clock, jti="t-2"))
    verifier.close()

    assert client.connection_pool.connection_kwargs["socket_timeout"] == 0.7
    assert client.ping()


@pytest.mark.parametrize(
    "client, name",
    [
        (redis.Redis("h", 7000, 2, "hidden", username="u"), "redis://h:7000/2"),
        (redis.Redis("::1", password="hidden"), "redis://[::1]:6379/0"),
        (redis.Redis("h", ssl=True, password="hidden"), "rediss://h:6379/0"),
        (redis.Redis(unix_socket_path="/run/r.sock"), "unix:///run/r.sock?db=0"),
        (
            Sentinel([("h", 1)], password="hidden").master_for("mine", db=3),
            "redis-sentinel://mine/3",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_client_is_named_without_its_password(client: Any, name: str) -> None:
    option = Revocations(client)

    assert option.name == name
    assert "hidden" not in repr(option)


def test_a_client_of_an_event_loop_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match=r"not of redis\.asyncio"):
        Revocations(redis.asyncio.Redis())


def test_an_acl_user_with_the_rights_that_the_docstring_names_may_all(server: RedisServer) -> None:
    documented = re.search(r"An ACL user(.*?)\n\n", f"{redis_module.__doc__}\n\n", re.DOTALL)
    assert documented is not None
    rights = re.findall(r"[~+][\w{}:*@|-]+", documented[1])
    admin: Any = redis.Redis.from_url(server.url)
    admin.execute_command("ACL", "SETUSER", "app", "reset", "on", ">secret", *rights)
    url = server.url.replace("//", "//app:secret@")
    store = open_store(url, replicas=0)
    all_that_a_service_asks(store)
    waiting = open_store(url, replicas=1)
    with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
        waiting.use_once("w", LATER)
    log = admin.execute_command("ACL", "LOG")
    store.close()
    waiting.close()

    assert log == []


def test_a_user_with_too_few_rights_is_reported_at_start_up(server: RedisServer) -> None:
    admin: Any = redis.Redis.from_url(server.url)
    admin.execute_command("ACL", "SETUSER", "app", "reset", "on", ">secret", "+@connection")

    with pytest.raises(ConfigurationError, match="permission"):
        open_store(server.url.replace("//", "//app:secret@"))


def test_tls_is_taken_with_the_authority_that_the_url_names(tmp_path: Path) -> None:
    certificate, private = tmp_path / "server.pem", tmp_path / "server.key"
    write_certificate(certificate, private)
    options = ["--tls-cert-file", certificate, "--tls-key-file", private]
    options += ["--tls-ca-cert-file", certificate, "--tls-auth-clients", "no", "--tls-port"]
    with RedisServer(tmp_path) as free:
        port = free.port
    with RedisServer(tmp_path, *map(str, options), str(port)):
        store = open_store(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}")
        all_that_a_service_asks(store)
        store.close()
        unknown = open_store(f"rediss://127.0.0.1:{port}/0")
        with pytest.raises(StoreUnavailable, match="certificate"):
            unknown.revision()


def write_certificate(certificate: Path, private: Path) -> None:
    """Write a certificate of 127.0.0.1 that is its own authority."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    own = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(own.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(own, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


# Replicas.


@pytest.fixture
def replica(server: RedisServer, tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "replica"
    folder.mkdir()
    with RedisServer(folder, "--replicaof", "127.0.0.1", str(server.port)) as found:
        client: Any = redis.Redis.from_url(server.url)
        ends = time.monotonic() + 30
        while not (client.set("x", "y") and client.wait(1, 200)):
            assert time.monotonic() < ends
            time.sleep(0.05)
        yield found
        found.kill()


def test_a_use_counts_once_enough_replicas_have_it(
    server: RedisServer, replica: RedisServer
) -> None:
    store = open_store(server.url, replicas=1)
    assert store.use_once("a", LATER)
    assert not store.use_once("a", LATER)
    assert open_store(replica.url).was_used("a")
    replica.kill()
    with pytest.raises(StoreUnavailable, match="0 of 1 replicas have the use of a token"):
        store.use_once("b", LATER)

    assert not store.use_once("b", LATER)
    store.close()


def test_a_token_whose_use_no_replica_has_is_refused_with_503(
    server: RedisServer, replica: RedisServer, clock: Clock
) -> None:
    option = Revocations.of({"url": server.url, "one_time": True, "replicas": 1})
    verifier = verifier_of(clock, option)
    assert verifier.verify(token(clock)).subject == "jroe"
    replica.kill()
    with pytest.raises(StoreUnavailable):
        verifier.verify(token(clock, jti="t-2"))
    verifier.close()


@pytest.mark.usefixtures("replica")
def test_a_server_with_replicas_whose_failover_may_forget_is_warned_of(
    server: RedisServer, clock: Clock
) -> None:
    told: dict[int | None, list[str]] = {}
    for replicas in (None, 0, 1):
        events: list[Event] = []
        option = Revocations(server.url, one_time=True, replicas=replicas)
        verifier_of(clock, option, api="/a", listeners=[events.append]).close()
        told[replicas] = [each.reason for each in events if isinstance(each, ConfigurationWarning)]

    assert [len(each) for each in told.values()] == [1, 0, 0]
    assert "replicas=1" in told[None][0]
    assert "replicas=0" in told[None][0]


def test_a_client_of_a_sentinel_says_what_one_time_may_lose() -> None:
    client: Any = Sentinel([("127.0.0.1", 1)]).master_for("mine")
    with pytest.raises(ConfigurationError, match=r"replicas=1 .* replicas=0"):
        Revocations(client, one_time=True)
    assert Revocations(client, one_time=True, replicas=0).replicas == 0
    assert Revocations(client).replicas is None


@pytest.mark.parametrize(
    "values, told",
    [
        ({"url": "redis://h/0", "replicas": 1}, "only with one_time=True"),
        ({"url": "sqlite:///a.db", "one_time": True, "replicas": 1}, "are of Redis"),
        ({"url": "redis://h/0", "one_time": True, "replicas": -1}, "0 or more"),
        ({"url": "redis://h/0", "one_time": True, "replicas": True}, "whole number"),
    ],
)
def test_replicas_that_mean_nothing_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Revocations.of(values)


def test_who_lives_with_what_a_failover_forgets_says_so_in_the_log(server: RedisServer) -> None:
    from jwt_middleware.wsgi import JWTMiddleware

    events: list[Event] = []
    option = Revocations(server.url, one_time=True, replicas=0)
    key = SigningKey("RS256")
    JWTMiddleware(
        lambda environ, start: [],
        keys=key.public_pem,
        api="/a",
        revocations=option,
        listeners=events.append,
    )

    [told] = [each for each in events if isinstance(each, ChecksWeakened)]
    assert told.options == ("revocations.replicas=0",)
