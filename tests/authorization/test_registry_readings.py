"""What a new reading of a registry costs: only what has changed, and no other thread's turn."""

from __future__ import annotations

import gc
import inspect
import pickle
import time
import weakref
from collections.abc import Callable
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    Predicate,
    Verifier,
    attribute,
    has_role,
    policy,
)
from jwt_middleware.authorization import name_checks, registry
from jwt_middleware.authorization.client import Attribute
from jwt_middleware.authorization.predicate import NamedPolicy
from jwt_middleware.background import watched_files as files
from jwt_middleware.events.kinds import ClientsLoaded
from jwt_middleware.principal import ReadOnlyDict
from jwt_middleware.testing import SigningKey, mint

from .test_registry_calls import READER, Database, Service


@pytest.fixture(autouse=True)
def _look_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)


def sleeping_by(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], object]) -> None:
    """Replace ``time.sleep`` for the registry, and for no other thread's code."""
    own = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)
    monkeypatch.setattr(registry, "time", own)


def many(number: int, **changed: Any) -> list[Client]:
    clients = [
        Client(
            f"c{n}",
            namespace=f"space{n}",
            roles=("roles",),
            attributes={"level": Attribute("level", levels=("low", "high"))},
            policies={"p": has_role(f"space{n}_x"), "q": attribute("level") >= "low"},
        )
        for n in range(number)
    ]
    return [Client("c7", **changed) if changed and n == 7 else c for n, c in enumerate(clients)]


def test_only_what_has_changed_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(*many(500))
    made = ClientRegistry(database, every=0.0001)
    checked: list[str] = []
    faults = name_checks.policy_faults

    def counted(predicate: Any, client: Client) -> list[str]:
        checked.append(client.client_id)
        return faults(predicate, client)

    monkeypatch.setattr(name_checks, "policy_faults", counted)
    database.answer = many(500, namespace="seven", roles=("r",), policies={"p": has_role("seven")})
    newest = made.ask()

    assert checked == ["c7"]
    assert newest.changed == ("c7",)
    assert newest.get("c8") is made.clients.get("c8")  # an equal one is the same one
    assert ("seven" in newest.namespaces, "space7" in newest.namespaces) == (True, False)
    assert ("seven" in made.clients.namespaces, "space7" in made.clients.namespaces) == (
        False,
        True,
    )


def test_an_equal_answer_is_no_new_reading(rsa_key: SigningKey) -> None:
    database = Database()
    database.answer = lambda: many(30)
    service = Service(rsa_key, database)
    before = service.verifier.clients
    service.asked_again()

    assert service.verifier.clients is before
    assert len(service.events.of(ClientsLoaded)) == 1


def test_other_threads_have_their_turn_while_many_clients_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = Database(*many(1000))
    made = ClientRegistry(database, every=1e-9)
    turns: list[float] = []
    sleeping_by(monkeypatch, turns.append)
    made.ask()

    assert len(turns) == 10
    assert all(turn > 0 for turn in turns)


def test_other_threads_have_their_turn_while_many_clients_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns: list[float] = []
    during: list[int] = []

    def load() -> list[Client]:
        clients = many(1000)
        during.append(len(turns))
        return clients

    made = ClientRegistry(load, every=1e-9)
    sleeping_by(monkeypatch, turns.append)
    made.ask()

    assert during == [0, 10]


def test_clients_that_are_made_anew_leave_nothing_to_the_garbage_collector() -> None:
    tracked: list[int] = []

    def of_clients() -> int:
        ours = (Client, Attribute, Predicate, NamedPolicy, ReadOnlyDict)
        return sum(issubclass(type(each), ours) for each in gc.get_objects())

    def load() -> list[Client]:
        before = of_clients()
        clients = many(500, name=f"reading {len(tracked)}")
        tracked.append(of_clients() - before)
        return clients

    gc.collect()
    gc.disable()  # or what other tests have left goes meanwhile
    try:
        made = ClientRegistry(load, every=1e-9)
        first = made.clients
        newest = made.ask()
    finally:
        gc.enable()

    assert tracked[0] > 500  # the first reading makes them
    assert tracked[1] < 50  # the second one finds all but c7
    assert newest.changed == ("c7",)
    assert newest.get("c8") is first.get("c8")


def test_a_client_that_a_reading_has_cannot_be_changed_by_who_made_it() -> None:
    client = many(1)[0]

    with pytest.raises(TypeError, match="read-only"):
        client.policies["q"] = has_role("space0_y")  # type: ignore[index]
    with pytest.raises(TypeError, match="read-only"):
        client.attributes["level"] = Attribute("other")  # type: ignore[index]


def test_a_client_says_what_it_is_made_of() -> None:
    assert [*inspect.signature(Client).parameters] == [each.name for each in fields(Client)]
    assert replace(READER, name="b") == Client("a", name="b", roles=("roles",))
    assert pickle.loads(pickle.dumps(READER)) == READER


def test_only_what_the_function_makes_is_found_among_the_known() -> None:
    ClientRegistry(lambda: many(3), every=1e-9).ask()

    assert Client("c1") is not Client("c1")


def test_a_mapping_that_is_changed_while_it_is_read_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables: dict[str, Any] = {f"c{n}": {"roles": ["roles"]} for n in range(300)}
    made = ClientRegistry(lambda: tables, every=1e-9)
    sleeping_by(monkeypatch, lambda _: tables.update({f"c{len(tables)}": {}}))

    before = len(made.ask())
    assert before == 300
    assert len(made.ask()) > before


def test_of_many_tables_each_is_let_go_of_as_it_is_read() -> None:
    class Table(dict[str, Any]):
        pass

    tables = {f"c{n}": Table() for n in range(20)}
    gone = [weakref.ref(table) for table in tables.values()]
    read = registry._entries(tables)
    del tables
    alive = [next(read) and sum(each() is not None for each in gone) for _ in range(20)]

    assert alive == [20, *range(19, 0, -1)]


def test_of_a_long_list_each_client_is_let_go_of_as_it_is_compared() -> None:
    clients = many(20)
    gone = [weakref.ref(client) for client in clients]
    compared = registry._entries(clients)
    del clients
    alive = [next(compared) and sum(each() is not None for each in gone) for _ in range(20)]

    assert alive == list(range(19, -1, -1))


def test_equal_claims_and_attributes_of_many_clients_are_one_object() -> None:
    first, second, *_ = many(2)

    assert first.roles is second.roles
    assert first.attributes["level"] is second.attributes["level"]


def test_all_verifiers_of_one_registry_ask_once(rsa_key: SigningKey) -> None:
    database = Database(READER)
    made = ClientRegistry(database, every=60)
    for _ in range(3):
        Verifier(keys=rsa_key.public_pem, gateway="standard", clients=made)

    assert database.asked == 1


def test_a_policy_of_a_new_client_counts(rsa_key: SigningKey) -> None:
    service = Service(rsa_key, Database(READER))
    own = Client("b", roles=("roles",), policies={"p": has_role("reader")})
    service.database.answer = [READER, own]
    service.asked_again()
    token = mint(rsa_key, {"client_id": "b", "roles": ["reader"]}, form="standard")

    assert policy("p").evaluate(service.verifier.verify(token)).allowed
