"""The registry: a TOML file that is watched and keeps its last good reading, or a list in code."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, ConfigurationError, Verifier, has_role
from jwt_middleware.authorization.clients import Attribute, Clients
from jwt_middleware.authorization.predicate import NamedPolicy
from jwt_middleware.background import watched_files as files
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.principal import ListClaim
from jwt_middleware.testing import SigningKey

GOOD = '[clients.a]\nname = "first"\n'
BETTER = '[clients.a]\nname = "second"\n[clients.b]\n'


@pytest.fixture(autouse=True)
def _look_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "clients.toml"
    found.write_text(GOOD)
    return found


def replaced(path: Path, text: str) -> None:
    """Replace a file as a careful editor does: whole, by rename."""
    beside = path.with_suffix(".new")
    beside.write_bytes(text.encode("utf-8", "surrogateescape"))
    beside.replace(path)


def soon(holds: Callable[[], bool]) -> bool:
    ends = time.monotonic() + 3
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.005)
    return True


def names(clients: Clients) -> list[str]:
    return [client.name for client in clients]


def watched(path: Path) -> tuple[Callable[[], Clients], list[Any]]:
    heard: list[Any] = []
    return ClientRegistry(path).watch(lambda clients: clients, heard.append), heard


# --- where the clients come from -------------------------------------------------------------


@pytest.mark.parametrize("made", [str, Path], ids=["text", "path"])
def test_a_path_is_read_when_the_registry_is_made(path: Path, made: Any) -> None:
    registry = ClientRegistry(made(path))

    assert registry.path == path
    assert registry.name == str(path)
    assert names(registry.clients) == ["first"]
    assert repr(registry) == f"<ClientRegistry {path}: 1 clients>"


@pytest.mark.parametrize("made", [list, tuple, iter], ids=["list", "tuple", "iterator"])
def test_clients_made_in_code_are_taken_as_they_are(made: Any) -> None:
    clients = [Client("a"), Client("b", namespace="b")]
    registry = ClientRegistry(made(clients))

    assert registry.path is None
    assert registry.name == "clients"
    assert list(registry.clients) == clients
    assert registry.clients.get("b") is clients[1]
    assert registry.clients.get("c") is None
    assert repr(registry) == "<ClientRegistry clients: 2 clients>"


def test_clients_made_in_code_never_change() -> None:
    registry = ClientRegistry([Client("a")])
    heard: list[Any] = []
    current = registry.watch(lambda clients: [clients], heard.append)

    assert current() is current()
    assert current() == [registry.clients]
    assert heard == []


def test_one_id_stands_in_the_list_once() -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        ClientRegistry([Client("a"), Client("b"), Client("a", enabled=False)])


@pytest.mark.parametrize(
    "source", [[], (), ["a"], [Client("a"), None], {"a": Client("a")}, b"a", "", 5, None, "\0"]
)
def test_any_other_source_is_an_error_of_configuration(source: Any) -> None:
    with pytest.raises(ConfigurationError, match="clients"):
        ClientRegistry(source)


WRONG_CLIENTS: dict[str, Any] = {
    "empty id": {"client_id": ""},
    "one text of role claims": {"roles": "roles"},
    "one text of required claims": {"required": "level"},
    "namespace of two words": {"namespace": "acme_corp"},
    "attribute as a text": {"attributes": {"x": "claim"}},
    "policy of a role that no claim grants": {"policies": {"x": NamedPolicy(has_role("a"))}},
    "trust as a path": {"trust": "a.pem"},
    "enabled as a text": {"enabled": "no"},
}


@pytest.mark.parametrize("wrong", WRONG_CLIENTS.values(), ids=WRONG_CLIENTS)
def test_a_wrong_client_made_in_code_is_an_error_at_start_up_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ClientRegistry([Client(**{"client_id": "a", **wrong})])


def test_an_attribute_of_no_type_is_an_error_where_it_is_made() -> None:
    with pytest.raises(ConfigurationError, match="type"):
        Attribute("c", "int")


def test_claims_may_be_named_by_texts_and_policies_be_predicates() -> None:
    client = Client("a", roles=["r"], policies={"x": has_role("n_a")})  # type: ignore[arg-type,dict-item]

    assert client.roles == (ListClaim("r"),)
    assert client.policies == {"x": NamedPolicy(has_role("n_a"))}


def test_a_right_client_made_in_code_is_granted_its_own() -> None:
    registry = ClientRegistry(
        [Client("a", namespace="n", roles=(ListClaim("r"),), attributes={"x": Attribute("x")})]
    )
    grants, _ = registry.clients.grants("a", {"r": ["n_a"], "x": "v"})

    assert (grants.roles, grants.attributes) == ({"n_a"}, {"x": "v"})


@pytest.mark.parametrize("name", ["none.toml", "", "clients.toml/x", "x" * 300])
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        ClientRegistry(path.parent / name)
    assert str(path.parent / name) in str(caught.value)


def test_a_wrong_file_is_an_error_with_every_fault(path: Path) -> None:
    path.write_text("[clients.a]\nnmae = 5\nenabled = 5\n")

    with pytest.raises(ConfigurationError, match="2 faults") as caught:
        ClientRegistry(path)
    assert "clients.a.nmae" in str(caught.value)
    assert "clients.a.enabled" in str(caught.value)


# --- a file that changes ---------------------------------------------------------------------


def test_a_changed_file_is_read_anew_and_reported(path: Path) -> None:
    current, heard = watched(path)
    assert names(current()) == ["first"]
    replaced(path, BETTER)

    assert soon(lambda: names(current()) == ["second", "b"])
    assert [names(each) for each in heard] == [["second", "b"]]


def test_the_registry_itself_stays_as_it_was_first_read(path: Path) -> None:
    registry = ClientRegistry(path)
    current = registry.watch(lambda clients: clients, lambda outcome: None)
    replaced(path, BETTER)

    assert soon(lambda: names(current()) == ["second", "b"])
    assert names(registry.clients) == ["first"]


def test_a_reading_is_never_changed_in_place(path: Path) -> None:
    current, _ = watched(path)
    before = current()
    replaced(path, BETTER)

    assert soon(lambda: current() is not before)
    assert names(before) == ["first"]


def test_a_file_that_stays_is_not_prepared_again(path: Path) -> None:
    prepared: list[Clients] = []
    current = ClientRegistry(path).watch(prepared.append, lambda outcome: None)
    for _ in range(20):
        current()

    assert len(prepared) == 1


BROKEN = {
    "syntax": "[clients.a\n",
    "fault": "[clients.a]\nenabled = 5\n",
    "empty": "",
    "no clients": "[other]\n",
    "no text": "\udcff",
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_edit_keeps_the_last_good_reading_and_reports_why_once(
    path: Path, broken: str
) -> None:
    current, heard = watched(path)
    before = current()
    replaced(path, broken)

    assert soon(lambda: current() is not before or bool(heard))
    assert all(current() is before for _ in range(20))
    [error] = heard
    assert isinstance(error, ConfigurationError)
    assert str(path) in str(error)


def test_a_file_that_is_gone_keeps_the_last_good_reading_and_reports(path: Path) -> None:
    current, heard = watched(path)
    before = current()
    path.unlink()

    assert soon(lambda: current() is not before or bool(heard))
    assert all(current() is before for _ in range(20))
    assert [type(each) for each in heard] == [FileNotFoundError]
    path.write_text(BETTER)
    assert soon(lambda: names(current()) == ["second", "b"])


def test_a_repaired_file_serves_again(path: Path) -> None:
    current, heard = watched(path)
    replaced(path, "broken")
    assert soon(lambda: current() is None or bool(heard))
    replaced(path, BETTER)

    assert soon(lambda: names(current()) == ["second", "b"])
    assert [type(each) for each in heard] == [ConfigurationError, Clients]


def test_a_reading_that_cannot_be_prepared_is_no_good(path: Path) -> None:
    heard: list[Any] = []

    def prepare(clients: Clients) -> list[str]:
        if len(clients) > 1:
            raise ConfigurationError("too many")
        return names(clients)

    current = ClientRegistry(path).watch(prepare, heard.append)
    replaced(path, BETTER)
    assert soon(lambda: current() != ["first"] or bool(heard))
    assert current() == ["first"]
    assert [str(each) for each in heard] == ["too many"]
    replaced(path, '[clients.a]\nname = "third"\n')
    assert soon(lambda: current() == ["third"])


def test_what_is_wrong_between_making_and_watching_is_wrong_at_start_up(path: Path) -> None:
    for change in (lambda: path.write_text("broken"), path.unlink):
        path.write_text(GOOD)
        registry = ClientRegistry(path)
        change()
        with pytest.raises(ConfigurationError, match="clients"):
            registry.watch(lambda clients: clients, lambda outcome: None)


def test_two_watchers_of_one_registry_do_not_share_their_readings(path: Path) -> None:
    registry = ClientRegistry(path)
    one = registry.watch(lambda clients: ("one", len(clients)), lambda outcome: None)
    two = registry.watch(lambda clients: ("two", len(clients)), lambda outcome: None)
    replaced(path, BETTER)

    assert soon(lambda: one() == ("one", 2))
    assert soon(lambda: two() == ("two", 2))


# --- where the option is given ---------------------------------------------------------------


@pytest.mark.parametrize("clients", [5, b"a.toml", [], [Client("a")], {}, Client("a"), "", True])
def test_any_other_value_of_the_option_clients_is_an_error(
    rsa_key: SigningKey, clients: Any
) -> None:
    with pytest.raises(ConfigurationError, match="clients"):
        Verifier(keys=rsa_key.public_pem, clients=clients)


def test_the_environment_and_a_toml_file_name_the_registry(
    tmp_path: Path, rsa_key: SigningKey
) -> None:
    (tmp_path / "clients.toml").write_text(BETTER)
    (tmp_path / "key.pem").write_text(rsa_key.public_pem)
    (tmp_path / "app.toml").write_text('keys = "key.pem"\nclients = "clients.toml"\n')
    variable = {"JWT_MIDDLEWARE_CLIENTS": str(tmp_path / "clients.toml")}
    config = {"JWT_MIDDLEWARE_CONFIG": str(tmp_path / "app.toml")}
    none = {"JWT_MIDDLEWARE_CLIENTS": "none.toml"}

    for code, environ in (({"keys": rsa_key.public_pem}, variable), ({}, config)):
        assert len(Settings.read(code, environ).verifier.clients or ()) == 2
    with pytest.raises(ConfigurationError, match=r"none\.toml.* cannot be read"):
        Settings.read({"keys": rsa_key.public_pem}, none)
    assert len(Settings.read({}, config | none).verifier.clients or ()) == 2
    assert Settings.read({"keys": rsa_key.public_pem}, {}).verifier.clients is None


def test_a_file_is_parsed_once_at_the_start_and_once_an_edit(
    tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    loads = tomllib.loads

    def counted(text: str) -> dict[str, Any]:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr(tomllib, "loads", counted)
    path = tmp_path / "clients.toml"
    path.write_text("[clients.a]\n")
    made = ClientRegistry(path)
    several = [
        Verifier(keys=rsa_key.public_pem, gateway="standard", clients=made) for _ in range(3)
    ]
    assert len(parsed) == 1
    new = tmp_path / "new"
    new.write_text("[clients.a]\n[clients.b]\n")
    new.replace(path)

    assert soon(lambda: all(len(each.clients or ()) == 2 for each in several))
    assert len(parsed) == 2
