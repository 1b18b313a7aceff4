"""``jwt-assertion schema``: the schemas say what the readers do, of the same tables."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import jwt_middleware
from jwt_middleware import ConfigurationError, ProtectedResource, Revocations
from jwt_middleware.authorization.clients import Attribute, Client, ClientTrust
from jwt_middleware.authorization.clients_toml import read_clients
from jwt_middleware.gateways import PRESETS
from jwt_middleware.middleware.settings import Options
from jwt_middleware.options.catalogue import OPTIONS
from jwt_middleware.options.sources import merged_options
from jwt_middleware.sign_on.integrations import Integration
from jwt_middleware.testing.accounts import Accounts, ClientAccount, User
from jwt_middleware.tools.schemas import FILES, schema_of
from jwt_middleware.verification.options import Issuer

from ...authorization.test_clients_toml import WRONG as WRONG_CLIENTS
from ...authorization.test_predicates_toml import BAD, GOOD
from ...middleware.test_settings import WRONG_TOML
from ...sign_on.test_integrations_toml import WRONG as WRONG_INTEGRATIONS
from .conftest import Run
from .test_check import REGISTRY, SAFE

PACKAGE = Path(jwt_middleware.__file__).parent


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(name))


def accepts(name: str, text: str) -> bool:
    return validator(name).is_valid(tomllib.loads(text))


def kind_of(text: str) -> str:
    """Which file a text is of, by the tables that it has."""
    document = tomllib.loads(text)
    if not document.keys().isdisjoint(("registry", "users")):
        return "accounts"
    tables = (name for name in ("clients", "integrations") if isinstance(document.get(name), dict))
    return next(tables, "options")


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_a_valid_schema(name: str, command: Run) -> None:
    said = command("schema", name)
    schema = json.loads(said.out)

    assert said.status == 0
    assert schema == schema_of(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "$id" not in schema
    assert schema["title"]
    Draft202012Validator.check_schema(schema)


def test_another_file_has_none(command: Run) -> None:
    said = command("schema", "users")

    assert said.status == 2
    assert "clients, integrations, accounts, options" in said.err.replace("'", "")


# --- what is right ---------------------------------------------------------------------------


def samples() -> Iterator[Any]:
    yield pytest.param((PACKAGE / "testing/clients.toml").read_text(), id="the demo's")
    yield pytest.param((PACKAGE / "testing/accounts.toml").read_text(), id="accounts")
    yield pytest.param(REGISTRY, id="a registry")
    yield pytest.param(SAFE, id="options")


@pytest.mark.parametrize("text", list(samples()))
def test_a_file_that_the_readers_take_is_valid(text: str) -> None:
    errors = list(validator(kind_of(text)).iter_errors(tomllib.loads(text)))

    assert [error.message for error in errors] == []


@pytest.mark.parametrize("text", GOOD)
def test_a_condition_that_the_reader_takes_is_valid(text: str) -> None:
    assert accepts("clients", f"[clients.a]\npolicies.p = {text}")
    assert accepts("clients", f"[clients.a]\npolicies.p = {text[:-1]}, enforce = false }}")


RIGHT = {
    "clients": [
        "clients.a = {}",
        '[clients."with a space"]\nroles = [["a.b", "c"], { claim = "d", separator = " " }]',
        'clients.a.trust = { keys = ["a.pem", { url = "https://a" }], issuer = "ANY" }',
        'clients.a.trust = { algorithms = ["PS256"], audience = ["x"] }',
    ],
    "integrations": [
        "[integrations]",
        "[integrations.a]\nkeys = ['a.pem']\nalgorithms = 'RS256'\naccounts = 'by_email'",
        "[integrations.a]\nsecrets = [{ file = 'a', kid = '1' }, { env = 'B' }]",
    ],
    "options": [
        "",
        "keys = { kid = '-----BEGIN PUBLIC KEY-----' }",
        "keys = { keys = [{ kty = 'RSA' }] }",
        "keys = ['a.pem', { path = 'a.p12', password_file = 'a' }, { issuer = 'https://a' }]",
        "keys = { url = 'https://a', headers = { X-Key = 'a' }, allow_http = true }",
        "optional = true\nvary = false\nmax_age = 1.5",
        "optional = ['/a/*']\naudience = 'ANY'\nheader = ['X-A', 'X-B']",
        "revocations = { url = 'process-memory', one_time = true, fail = 'open' }",
        "resource = { resource = 'https://a/mcp', scopes_supported = 'read' }",
        "[[issuers]]\nissuer = 'https://a'\nkeys = 'a.pem'\ngateway = 'standard'",
    ],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in RIGHT.items() for text in texts]
)
def test_what_is_right_is_valid(name: str, text: str) -> None:
    assert accepts(name, text)


# --- what is wrong ---------------------------------------------------------------------------

OF_SEVERAL_KEYS = (
    "no namespace",  # namespaced beside no namespace of the client
    "an integer carries no namespace",
    "does not carry",
    "leave 'type' out",
)
"""What only several values together say, and no schema of one of them."""


@pytest.mark.parametrize(
    "lines", [lines for lines, _, what in WRONG_CLIENTS if what not in OF_SEVERAL_KEYS]
)
def test_what_the_reader_of_clients_refuses_is_invalid(lines: str) -> None:
    assert not accepts("clients", f"[clients.a]\n{lines}")


@pytest.mark.parametrize("text", ["", "[clients]", "clients = 5", "clients.a = 5", '[clients.""]'])
def test_a_registry_without_clients_is_invalid(text: str) -> None:
    assert not accepts("clients", text)
    assert not accepts("clients", f"client = 5\n{text}")


@pytest.mark.parametrize("text", [text for text, _, what in BAD if "no JSON number" not in what])
def test_what_the_reader_of_conditions_refuses_is_invalid(text: str) -> None:
    assert not accepts("clients", f"[clients.a]\npolicies.p = {text}")


@pytest.mark.parametrize("lines", [lines for lines, _ in WRONG_INTEGRATIONS])
def test_what_the_reader_of_integrations_refuses_is_invalid(lines: str) -> None:
    assert not accepts("integrations", f"[integrations.acme]\n{lines}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[users.ana]\npassword='x'",
        "clients = 5",
        "[clients]",
        "[clients.a]\nroles = 'a'",
        "[clients.a]\nrole = ['a']",
        "[clients.a]\n[users.ana]",
    ],
)
def test_what_the_reader_of_accounts_refuses_is_invalid(text: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(text)

    assert not accepts("accounts", text)
    with pytest.raises(ConfigurationError):
        Accounts.read(path)


@pytest.mark.parametrize("text", ["", "integrations = 5", "integration = 5\n[integrations]"])
def test_a_file_without_integrations_is_invalid(text: str) -> None:
    assert not accepts("integrations", text)


@pytest.mark.parametrize(
    "text",
    [text for text, near in WRONG_TOML if near not in ("assertion.toml", "missing.pem")]
    + [
        "gateway = 'wso3'",
        "algorithms = ['none']",
        "algorithms = []",
        "unguarded = 'no'",
        "cors_preflight = true",
        "api = 'orders'",
        "max_age = 0",
        "max_age = inf",
        "leeway = 3601",
        "leeway = true",
        "cache_size = -1",
        "max_token_size = 63",
        "minimum_rsa_bits = 512",
        "exempt = '/health'",
        "exempt = ['health']",
        "header = 'X_JWT'",
        "audience = []",
        "clients = {}",
        "revocations = { fail = 'open' }",
        "revocations = { url = 'process-memory', keep = 5 }",
        "revocations = { url = 'process-memory', fail = 'never' }",
        "resource = { resource_name = 'a' }",
        "resource = { resource = 'https://a', name = 'a' }",
        "keys = { url = 'https://a', cafile = 'a.pem' }",
        "keys = { url = 'https://a', password_file = 'a' }",
        "keys = { path = 'a.pem', ca_file = 'a' }",
        "keys = { url = 'https://a', fresh_for = 0 }",
        "keys = { url = 'https://a', allow_http = 'true' }",
        "keys = { ca_file = 'a.pem' }",
        "keys = [['a.pem']]",
    ],
)
def test_what_the_reader_of_options_refuses_is_invalid(text: str) -> None:
    assert not accepts("options", text)


# --- one table -------------------------------------------------------------------------------


def stands_in_toml(name: str, folder: Path) -> bool:
    """Whether the reader takes the option's name in a file, whatever its value."""
    path = folder / "options.toml"
    path.write_text(f"{name} = 5")
    try:
        merged_options({}, {"JWT_MIDDLEWARE_CONFIG": str(path)})
    except ConfigurationError as error:
        return "only be given in code" not in str(error)
    return True


def test_the_schema_of_options_has_exactly_those_that_stand_in_toml(tmp_path: Path) -> None:
    assert set(OPTIONS) == set(Options.__annotations__)
    assert set(schema_of("options")["properties"]) == {
        name for name in Options.__annotations__ if stands_in_toml(name, tmp_path)
    }


def test_a_tables_keys_are_the_fields_of_what_it_makes() -> None:
    options, clients, integrations = map(schema_of, ("options", "clients", "integrations"))

    def keys_of(shape: Any) -> set[str]:
        return set(shape["properties"])

    def fields_of(kind: Any) -> set[str]:
        return {field.name for field in fields(kind)}

    assert keys_of(options["$defs"]["issuers"]["items"]) == fields_of(Issuer)
    assert keys_of(options["$defs"]["revocations"]["anyOf"][1]) == fields_of(Revocations)
    assert keys_of(options["$defs"]["resource"]["anyOf"][1]) == fields_of(ProtectedResource)
    assert keys_of(clients["$defs"]["client"]) == fields_of(Client) - {"client_id"}
    assert keys_of(clients["$defs"]["attribute"]) == fields_of(Attribute)
    assert keys_of(clients["$defs"]["trust"]) == set(ClientTrust._fields)
    secrets = {"secret_file", "secret_env", "secrets"}
    accounts = schema_of("accounts")["$defs"]
    assert keys_of(accounts["account"]) == {*ClientAccount._fields[1:], "wso2"}
    assert keys_of(accounts["user"]) == {*User._fields[1:], "wso2"}
    own = fields_of(Integration) - {"id", "secret"}
    assert keys_of(integrations["$defs"]["integration"]) == own | secrets


def nodes(shape: Any) -> Iterator[dict[str, Any]]:
    if isinstance(shape, dict):
        yield shape
    for part in shape.values() if isinstance(shape, dict) else shape:
        if isinstance(part, dict | list):
            yield from nodes(part)


@pytest.mark.parametrize("name", FILES)
def test_every_key_says_what_it_means_and_no_table_takes_others(name: str) -> None:
    schema = schema_of(name)
    tables = [node for node in nodes(schema) if isinstance(node.get("properties"), dict)]

    assert len(tables) > 2
    for table in tables:
        assert table["additionalProperties"] is False
        for key, shape in table["properties"].items():
            assert shape.get("description"), key
            assert "``" not in shape.get("description", "")
            if "default" in shape:
                resolved = {"$defs": schema.get("$defs", {}), **shape}
                assert Draft202012Validator(resolved).is_valid(shape["default"]), key


def test_the_fixed_words_are_those_of_the_code() -> None:
    schema = schema_of("options")

    assert schema["$defs"]["gateway"]["enum"] == list(PRESETS)
    for name, option in OPTIONS.items():
        if option.shape is not None:
            assert schema["properties"][name].get("default") == (
                list(option.default) if isinstance(option.default, tuple) else option.default
            )


def test_a_key_that_the_reader_takes_is_in_the_schema(tmp_path: Path) -> None:
    """A table that stands in no refusal: every key of a client, by the schema's own names."""
    for key in schema_of("clients")["$defs"]["client"]["properties"]:
        with pytest.raises(ConfigurationError) as caught:
            read_clients(f"[clients.a]\n{key} = 1979-05-27".encode(), tmp_path / "clients.toml")
        assert "there is no such key" not in str(caught.value)
