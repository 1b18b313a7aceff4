"""A registry's TOML: every fault is told, at once, with its key path, and no value is echoed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Client, ConfigurationError, has_role
from jwt_middleware.authorization.clients import Attribute, ClientTrust
from jwt_middleware.authorization.clients_toml import read_clients
from jwt_middleware.authorization.predicate import NamedPolicy
from jwt_middleware.principal import ListClaim

FOLDER = Path("etc") / "app"
FILE = FOLDER / "clients.toml"


def read(text: str) -> list[Client]:
    return read_clients(text.encode(), FILE)


def client(lines: str) -> Client:
    [found] = read(f"[clients.a]\n{lines}")
    return found


def faults(text: str) -> list[str]:
    """The faults that are told of a whole document, without the head line."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    head, *told = str(caught.value).split("\n  ")
    assert head == f"{FILE}: {'1 fault' if len(told) == 1 else f'{len(told)} faults'}"
    return told


# --- what a good file says -------------------------------------------------------------------


def test_an_empty_entry_is_a_client_that_is_granted_nothing() -> None:
    assert client("") == Client("a", name="a")


def test_every_key_of_an_entry_is_read() -> None:
    found = client(
        """
        name = "Acme"
        namespace = "acme"
        enabled = false
        roles = ["roles", { claim = "role", separator = "," }]
        permissions = [{ claim = "scope", separator = " " }, { claim = "perms" }]
        required = ["level"]
        attributes.level = { claim = "lvl", levels = ["acme_1", "acme_2"], namespaced = true }
        attributes.age = { claim = "years", type = "integer" }
        attributes."of many" = { claim = "units", type = "list", namespaced = true }
        attributes.plain = { claim = "plain", type = "string", namespaced = false }
        trust.issuer = "https://acme"
        trust.audience = ["me", "you"]
        trust.algorithms = "PS256"
        policies."x.read" = { role = "acme_reader" }
        policies."x.write" = { role = "acme_writer", enforce = false }
        """
    )
    assert found == Client(
        "a",
        name="Acme",
        namespace="acme",
        enabled=False,
        roles=(ListClaim("roles"), ListClaim("role", ",")),
        permissions=(ListClaim("scope", " "), ListClaim("perms")),
        required=("level",),
        attributes={
            "level": Attribute("lvl", "string", ("acme_1", "acme_2"), True),
            "age": Attribute("years", "integer"),
            "of many": Attribute("units", "list", (), True),
            "plain": Attribute("plain"),
        },
        trust=ClientTrust(None, ("https://acme",), ("me", "you"), ("PS256",)),
        policies={
            "x.read": NamedPolicy(has_role("acme_reader")),
            "x.write": NamedPolicy(has_role("acme_writer"), enforce=False),
        },
    )


def test_clients_keep_their_order_and_any_id_that_is_not_empty() -> None:
    ids = ["b", "a", "with.dot", "with space", "ünï", "https://c/app"]
    text = "".join(f'[clients."{each}"]\n' for each in ids)

    assert [each.client_id for each in read(text)] == ids


@pytest.mark.parametrize(
    "keys, read_as",
    [
        ('"acme.pem"', [FOLDER / "acme.pem"]),
        ('["keys/a.pem", "../b.jwks"]', [FOLDER / "keys/a.pem", FOLDER / "../b.jwks"]),
        ('"/abs/a.pem"', [Path("/abs/a.pem")]),
        ('"https://gw/jwks"', ["https://gw/jwks"]),
        ('"-----BEGIN PUBLIC KEY-----"', ["-----BEGIN PUBLIC KEY-----"]),
        ('["a.pem", "https://gw/jwks"]', [FOLDER / "a.pem", "https://gw/jwks"]),
    ],
)
def test_relative_paths_of_keys_start_at_the_files_folder(keys: str, read_as: list[Any]) -> None:
    trust = client(f"trust.keys = {keys}").trust

    assert trust == ClientTrust(read_as)


# --- faults of one key -----------------------------------------------------------------------

TEXT = "one text that is not empty"
TEXTS = "a list of texts"
FLAG = "true or false"
NAME = "a claim's name, or { claim = '...', separator = ',' }"
PATHS = "a path, PEM text or URL, or a list of them"
WRONG: list[tuple[str, str, str]] = [
    *((f"name = {value}", "name", TEXT) for value in ('""', "5", "true", "[]", "{}", "1979-05-27")),
    *((f"namespace = {value}", "namespace", TEXT) for value in ('""', "5", "false", '["acme"]')),
    *((f"enabled = {value}", "enabled", FLAG) for value in ('"true"', "1", "0", "[]", '""')),
    *((f"roles = {value}", "roles", "a list of claim names") for value in ('"a"', "5", "true")),
    *((f"permissions = {value}", "permissions[0]", NAME) for value in ("[5]", '[""]', "[[]]")),
    ('roles = ["a", true]', "roles[1]", NAME),
    ('roles = [{ separator = "," }]', "roles[0].claim", "missing"),
    ('roles = [{ claim = "a", separator = "" }]', "roles[0].separator", TEXT),
    ('roles = [{ claim = "a", separator = 5 }]', "roles[0].separator", TEXT),
    ('roles = [{ claim = "" }]', "roles[0].claim", TEXT),
    ('roles = [{ claim = "a", seperator = "," }]', "roles[0].seperator", "mean 'separator'?"),
    *((f"required = {value}", "required", TEXTS) for value in ('"a"', "5", "[5]", '[""]', "{}")),
    *((f"attributes = {value}", "attributes", "a table") for value in ('"a"', "5", "[]", "true")),
    *((f"attributes.x = {value}", "attributes.x", "a table") for value in ('"a"', "5", '["a"]')),
    ("attributes.x = {}", "attributes.x.claim", "missing"),
    ('attributes.x = { claim = "" }', "attributes.x.claim", TEXT),
    ("attributes.x = { claim = 5 }", "attributes.x.claim", TEXT),
    ('attributes.x = { claim = "c", type = "int" }', "attributes.x.type", "string, integer, list"),
    ('attributes.x = { claim = "c", type = 5 }', "attributes.x.type", TEXT),
    ('attributes.x = { claim = "c", levels = [] }', "attributes.x.levels", "empty"),
    ('attributes.x = { claim = "c", levels = "a" }', "attributes.x.levels", TEXTS),
    ('attributes.x = { claim = "c", levels = [1, 2] }', "attributes.x.levels", TEXTS),
    ('attributes.x = { claim = "c", levels = ["a", "b", "a"] }', "attributes.x.levels", "once"),
    (
        'attributes.x = { claim = "c", type = "integer", levels = ["a"] }',
        "attributes.x.levels",
        "leave 'type' out",
    ),
    ('attributes.x = { claim = "c", namespaced = "yes" }', "attributes.x.namespaced", FLAG),
    (
        'attributes.x = { claim = "c", namespaced = true }',
        "attributes.x.namespaced",
        "no namespace",
    ),
    (
        'namespace = "n"\nattributes.x = { claim = "c", type = "integer", namespaced = true }',
        "attributes.x.namespaced",
        "an integer carries no namespace",
    ),
    (
        'namespace = "n"\nattributes.x = { claim = "c", levels = ["nn_2"], namespaced = true }',
        "attributes.x.levels",
        "does not carry",
    ),
    ('attributes.x = { claim = "c", level = ["a"] }', "attributes.x.level", "mean 'levels'?"),
    ("trust = {}", "trust", "empty"),
    *((f"trust.keys = {value}", "trust.keys", PATHS) for value in ('""', "5", "[]", '["a", ""]')),
    *((f"trust.{key} = 5", f"trust.{key}", TEXTS) for key in ("issuer", "audience", "algorithms")),
    *((f"trust.{key} = []", f"trust.{key}", "empty") for key in ("issuer", "audience")),
    *((f'trust.{key} = ["a", ""]', f"trust.{key}", TEXTS) for key in ("issuer", "algorithms")),
    ('trust.key = "a.pem"', "trust.key", "mean 'keys'?"),
    ('trust.isuer = "a"', "trust.isuer", "mean 'issuer'?"),
    *((f"policies = {value}", "policies", "a table") for value in ('"a"', "5", "[]")),
    *((f"policies.p = {value}", "policies.p", "a condition is a table") for value in ("5", "{}")),
    ("policies.p = { enforce = false }", "policies.p", "a condition is a table"),
    ('policies.p = { authenticated = true, enforce = "no" }', "policies.p.enforce", FLAG),
    (
        "policies.p = { not = { authenticated = true, enforce = false } }",
        "policies.p.not",
        "enforce",
    ),
    *(
        (f"{wrong} = 5", wrong, f"did you mean '{right}'?")
        for wrong, right in {
            "nmae": "name",
            "name_space": "namespace",
            "enable": "enabled",
            "role": "roles",
            "permision": "permissions",
            "require": "required",
            "attribute": "attributes",
            "policy": "policies",
        }.items()
    ),
    ("xyzzy = 5", "xyzzy", "there are: attributes, enabled, name, namespace, permissions"),
    ('"a key" = 5', '"a key"', "no such key"),
    ('attributes."a.b" = 5', 'attributes."a.b"', "a table"),
    ('policies."x.read" = 5', 'policies."x.read"', "a condition is a table"),
    ('policies."say \\"x\\"\\n" = 5', 'policies."say \\"x\\"\\n"', "a condition is a table"),
]


@pytest.mark.parametrize("lines, path, what", WRONG)
def test_a_fault_is_reported_alone_with_its_key_path_and_the_remedy(
    lines: str, path: str, what: str
) -> None:
    [told] = faults(f"[clients.a]\n{lines}")

    assert told.startswith(f"clients.a.{path}: ")
    assert what in told


@pytest.mark.parametrize("value", ["acme_corp", "_", "acme_", "a\\nb", "a\\u0000"])
def test_a_namespace_is_one_word(value: str) -> None:
    [told] = faults(f'[clients.a]\nnamespace = "{value}"')

    assert told.startswith("clients.a.namespace: ")
    assert "one word without '_'" in told


@pytest.mark.parametrize("value", ['"a"', "5", "[]", "true"])
def test_a_trust_that_is_no_table_is_reported_once(value: str) -> None:
    [told] = faults(f"[clients.a]\ntrust = {value}")

    assert told == "clients.a.trust: a table [clients.a.trust]"


def test_a_policy_whose_names_the_entry_cannot_grant_is_a_fault() -> None:
    text = """
    [clients.a]
    namespace = "acme"
    roles = ["roles"]
    attributes.level = { claim = "lvl", levels = ["low", "high"] }
    policies.one = { any = [{ role = "acme_a" }, { role = "globex_a" }, { permission = "p" }] }
    policies."t.wo" = { attribute = "level", at_least = "top" }
    policies.three = { attribute = "levle", is_present = true }
    [clients.g]
    namespace = "globex"
    roles = ["roles"]
    permissions = ["permissions"]
    """
    told = faults(text)

    assert [each.partition(": ")[0] for each in told] == [
        "clients.a.policies.one",
        "clients.a.policies.one",
        'clients.a.policies."t.wo"',
        "clients.a.policies.three",
    ]
    for each, what in zip(told, ["globex_a", "permissions", "low, high", "'level'?"], strict=True):
        assert what in each


# --- whole documents -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing", "[clients]", "clients = 5", "clients = []"])
def test_a_registry_has_clients(text: str) -> None:
    assert faults(text) == ["clients: missing: write a table [clients.ID] for each client"]


def test_another_table_than_clients_is_reported_with_the_nearest() -> None:
    told = faults("[client.a]\n[clients.a]")

    assert told == ["client: there is no such table; a name with a dot needs quotes"]


@pytest.mark.parametrize("value", ["5", '"a"', "[]", "true"])
def test_a_client_is_a_table(value: str) -> None:
    assert faults(f"clients.a = {value}") == ["clients.a: a table [clients.a]"]


def test_a_client_id_is_not_empty_and_an_odd_one_is_quoted_as_toml_does() -> None:
    assert faults('[clients.""]') == ['clients."": a client id is not empty']
    assert faults('[clients."a.b\\\\ü"]\nname = 5') == [f'clients."a.b\\\\\\xfc".name: {TEXT}']


def test_every_fault_is_reported_at_once() -> None:
    good = 'permissions = ["p"]\n'
    parts = [f"[clients.c{number}]\n{lines}\n" for number, (lines, _, _) in enumerate(WRONG)]
    told = faults("".join(parts) + "[clients.good]\n" + good + "[more]\n")

    assert len(told) == len(WRONG) + 1
    for number, (_, path, _) in enumerate(WRONG):
        assert sum(each.startswith(f"clients.c{number}.{path}: ") for each in told) == 1


@pytest.mark.parametrize(
    "text, place",
    [
        ("[clients.a]\nname = \n", "line 2"),
        ("[clients.a]\n\n[clients.a]\n", "line 3"),
        ("[clients.a]\nname = 'a'\nname = 'b'\n", "line 3"),
        ("[clients.a\n", "line 1"),
        ("\ufeff\ufeff[clients.a]", "line 1"),
        ("name = 'zeta-zeta' zeta\n", "line 1"),
        ('name = "\\q zeta-zeta"\n', "line 1"),
    ],
)
def test_a_syntax_error_has_the_file_and_the_line_and_no_text_of_it(text: str, place: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{FILE}: not valid TOML: ")
    assert place in str(caught.value)
    assert "zeta" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("content", [b"\xff\xfe[clients.a]", b"a = " + b"[" * 100_000])
def test_what_is_no_text_or_nested_without_end_is_no_toml(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        read_clients(content, FILE)


# --- secrets in wrong places -----------------------------------------------------------------

SECRET = "-----BEGIN PRIVATE KEY-----\\nZETAZETAZETA\\n-----END PRIVATE KEY-----"
MISPLACED = [
    'enabled = "{}"',
    'roles = "{}"',
    'required = "{}"',
    'attributes = "{}"',
    'attributes.x = "{}"',
    'attributes.x = {{ claim = "c", type = "{}" }}',
    'attributes.x = {{ claim = "c", namespaced = "{}" }}',
    'namespace = "{}_"',
    'namespace = "n"\nattributes.x = {{ claim = "c", levels = ["{}"], namespaced = true }}',
    'trust = "{}"',
    'trust.keys = ["{}", ""]',
    'trust.keys = {{ pem = "{}" }}',
    'trust.key = "{}"',
    'trust.password = "{}"',
    'policies = "{}"',
    'policies.p = "{}"',
    'policies.p = {{ role = ["{}"] }}',
    'policies.p = {{ authenticated = "{}" }}',
    'policies.p = {{ all = "{}" }}',
    'policies.p = {{ authenticated = true, enforce = "{}" }}',
    'policies.p = {{ claim = "c", secret = "{}" }}',
    'policies.p = {{ claim = "c", is_in = "{}" }}',
    'policies.p = {{ claim = "c", is_present = "{}" }}',
    'policies.p = {{ claim = "c", equals = {{ path_param = ["{}"] }} }}',
    'secret = "{}"',
]


@pytest.mark.parametrize("line", MISPLACED)
def test_a_secret_in_a_wrong_place_is_not_echoed(line: str) -> None:
    told = faults("[clients.a]\n" + line.format(SECRET))

    assert "ZETA" not in "".join(told)
    assert "BEGIN" not in "".join(told)
