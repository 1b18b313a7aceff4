"""A registry that a function of the app's own returns, as from a database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    Verifier,
    has_role,
)
from jwt_middleware.background import watched_files as files
from jwt_middleware.errors import ClientDisabled, UnknownClient
from jwt_middleware.events.kinds import ClientsKept, ClientsLoaded
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events


@pytest.fixture(autouse=True)
def _look_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)


class Database:
    """What the function returns, and how often it was asked."""

    def __init__(self, *clients: Client) -> None:
        self.answer: Any = list(clients)
        self.error: Exception | None = None
        self.asked = 0

    def __call__(self) -> Any:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.answer() if callable(self.answer) else self.answer


class Service:
    """A verifier whose clients come from a database."""

    def __init__(self, key: SigningKey, database: Database, **options: Any) -> None:
        self.events = Events()
        self._key = key
        self.database = database
        self.verifier = Verifier(
            keys=key.public_pem,
            gateway="standard",
            clients=ClientRegistry(database, every=0.001),
            listeners=[self.events],
            **options,
        )

    def roles(self, client_id: str, **claims: Any) -> frozenset[str]:
        claims = {"client_id": client_id, "roles": ["reader"], **claims}
        return self.verifier.verify(mint(self._key, claims, form="standard")).roles

    def asked_again(self) -> None:
        """Wait until the function was asked again, and its answer is in use."""
        for _ in range(2):
            before = self.database.asked
            assert soon(lambda before=before: self.asks() > before)  # type: ignore[misc]

    def asks(self) -> int:
        assert self.verifier.clients is not None  # a request would do the same
        return self.database.asked


def soon(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 5
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.002)
    return True


READER = Client("a", roles=("roles",))


def test_the_clients_are_those_that_the_function_returns_now(rsa_key: SigningKey) -> None:
    service = Service(rsa_key, Database(READER, Client("b")))
    assert (service.roles("a"), service.roles("b")) == ({"reader"}, frozenset())

    service.database.answer = [Client("a", enabled=False), Client("c", roles=("roles",))]
    service.asked_again()

    assert service.roles("c") == {"reader"}
    with pytest.raises(ClientDisabled):
        service.roles("a")
    with pytest.raises(UnknownClient):
        service.roles("b")


def test_the_option_itself_may_be_the_function(rsa_key: SigningKey) -> None:
    database = Database(READER)
    verifier = Verifier(keys=rsa_key.public_pem, gateway="standard", clients=database)
    token = mint(rsa_key, {"client_id": "a", "roles": ["x"]}, form="standard")

    assert verifier.verify(token).roles == {"x"}
    assert database.asked == 1
    assert verifier.health()["clients"] == 1


def test_the_function_is_asked_while_no_request_comes(rsa_key: SigningKey) -> None:
    service = Service(rsa_key, Database(READER))
    asked = service.database.asked

    assert soon(lambda: service.database.asked > asked)


def test_a_list_that_is_changed_in_place_is_seen(rsa_key: SigningKey) -> None:
    service = Service(rsa_key, Database(READER))
    service.database.answer.append(Client("b", roles=("roles",)))
    service.asked_again()

    assert service.roles("b") == {"reader"}


def tables() -> dict[str, Any]:
    return {
        "a": {"roles": ["roles"], "namespace": "acme"},
        "b": {"policies": {"p": {"authenticated": True}}},
        "c": Client("c"),
    }


@pytest.mark.parametrize(
    "answer",
    [
        (READER, Client("b"), Client("c")),
        {"a": READER, "b": Client("b"), "c": Client("c")},
        lambda: iter([READER, Client("b"), Client("c")]),
        lambda: (Client(name, roles=("roles",)) for name in "abc"),
        tables(),
    ],
    ids=["tuple", "by id", "iterator", "generator", "tables"],
)
def test_whatever_it_returns_the_clients_in(answer: Any) -> None:
    database = Database()
    database.answer = answer
    clients = ClientRegistry(database).clients

    assert [client.client_id for client in clients] == ["a", "b", "c"]


WRONG: dict[str, Any] = {
    "None": None,
    "a text": "clients.toml",
    "a number": 5,
    "texts": ["a", "b"],
    "a client and a text": [READER, "b"],
    "one id twice": [READER, Client("a")],
    "an id that is another": {"b": READER},
    "a table with a fault": {"a": {"rolez": ["roles"]}},
    "a policy of a role that no claim grants": [Client("a", policies={"p": has_role("x")})],
    "no client": [],
    "an empty mapping": {},
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_keeps_an_app_from_starting_and_later_the_last_good_one(
    answer: Any, rsa_key: SigningKey
) -> None:
    database = Database()
    database.answer = answer
    with pytest.raises(ConfigurationError, match="clients"):
        ClientRegistry(database)

    service = Service(rsa_key, Database(READER))
    service.database.answer = answer
    service.asked_again()
    service.asked_again()

    assert service.roles("a") == {"reader"}
    assert len(service.events.of(ClientsKept)) == 1


def test_a_failure_keeps_the_last_good_clients_and_is_told_once_like_its_end(
    rsa_key: SigningKey,
) -> None:
    service = Service(rsa_key, Database(READER))
    service.database.error = OSError("postgresql://app:zeta@db.example.edu")
    service.asked_again()
    service.asked_again()
    [kept] = service.events.of(ClientsKept)

    assert service.roles("a") == {"reader"}
    assert (kept.source, kept.reason) == ("clients", "clients: the function raised OSError")
    assert len(service.events.of(ClientsLoaded)) == 1
    service.database.error = None
    assert soon(lambda: bool(service.asks()) and len(service.events.of(ClientsLoaded)) == 2)


def test_a_function_that_raises_at_the_start_keeps_the_app_from_starting() -> None:
    database = Database(READER)
    database.error = OSError("postgresql://app:zeta@db.example.edu")

    with pytest.raises(ConfigurationError, match="the function raised OSError") as refused:
        ClientRegistry(database)
    assert "zeta" not in str(refused.value)
    assert refused.value.__cause__ is database.error


def test_an_async_function_is_refused() -> None:
    async def load() -> list[Client]:
        return [READER]

    with pytest.raises(ConfigurationError, match="async"):
        ClientRegistry(load)  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [0, -1, "5", float("nan"), True])
def test_the_seconds_between_two_calls_are_a_number(every: Any) -> None:
    with pytest.raises(ConfigurationError, match="every"):
        ClientRegistry(Database(READER), every=every)
