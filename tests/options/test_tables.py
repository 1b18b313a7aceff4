"""Tables of configuration: what is wrong is remembered by its key path, and told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.options.tables import TableReader, read_toml, toml_key

FILE = Path("app.toml")


def told(reader: TableReader) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        reader.raise_faults(FILE)
    return str(caught.value).split("\n  ")


def test_without_a_fault_nothing_is_raised() -> None:
    TableReader().raise_faults(FILE)


def test_every_fault_is_reported_below_their_number() -> None:
    reader = TableReader()
    reader.fault("a", "b")
    assert told(reader) == ["app.toml: 1 fault", "a: b"]
    reader.fault("c.d", "e")
    assert told(reader) == ["app.toml: 2 faults", "a: b", "c.d: e"]
    assert reader.faults == 2


@pytest.mark.parametrize(
    "method, value, found",
    [
        ("texts", ["a", "b"], ("a", "b")),
        ("texts", [], ()),
        ("text", "a", "a"),
        ("table", {"a": 1}, {"a": 1}),
    ],
)
def test_a_value_of_its_kind_is_read(method: str, value: Any, found: Any) -> None:
    reader = TableReader()

    assert getattr(reader, method)("w", {"x": value}, "x") == found
    assert reader.faults == 0


@pytest.mark.parametrize(
    "method, value, fault",
    [
        ("texts", "a", "w.x: a list of texts"),
        ("texts", [""], "w.x: a list of texts"),
        ("texts", [5], "w.x: a list of texts"),
        ("text", "", "w.x: one text that is not empty"),
        ("text", 5, "w.x: one text that is not empty"),
        ("table", [], "w.x: a table [w.x]"),
    ],
)
def test_a_value_of_another_kind_is_a_fault(method: str, value: Any, fault: str) -> None:
    reader = TableReader()
    getattr(reader, method)("w", {"x": value}, "x")

    assert told(reader)[1:] == [fault]


def test_one_text_may_stand_for_a_list_and_an_empty_list_for_none() -> None:
    reader = TableReader()

    assert reader.texts("w", {"x": "a"}, "x", single=True) == ("a",)
    assert reader.texts("w", {"x": []}, "x", single=True) == ()
    assert told(reader)[1:] == ["w.x: empty: leave it out, or name one"]


def test_a_flag_that_is_none_is_its_default() -> None:
    reader = TableReader()

    assert reader.flag("w", {}, "x", default=True)
    assert not reader.flag("w", {"x": False}, "x", default=True)
    assert reader.flag("w", {"x": "no"}, "x", default=True)
    assert told(reader)[1:] == ["w.x: true or false"]


def test_an_unknown_key_is_reported_with_the_nearest_one() -> None:
    reader = TableReader()
    reader.known("w", {"isuer": 1, "a b": {}}, ("issuer",))

    assert told(reader)[1:] == [
        "w.isuer: there is no such key; did you mean 'issuer'?",
        'w."a b": there is no such key; a name with a dot needs quotes',
    ]


@pytest.mark.parametrize("name, written", [("a_b-1", "a_b-1"), ("a.b", '"a.b"'), ("", '""')])
def test_a_key_is_written_as_toml_writes_it(name: str, written: str) -> None:
    assert toml_key(name) == written


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_reported_with_its_file(content: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"app\.toml: not valid TOML"):
        read_toml(content, FILE)
