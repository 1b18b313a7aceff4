"""Lists of paths: two forms only, and nothing that two programs might read differently."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_middleware import ConfigurationError
from jwt_middleware.authorization.request import is_plain
from jwt_middleware.middleware.settings import PathList, path_list


@pytest.mark.parametrize(
    "path, matches",
    [
        ("/health", True),
        ("/health/", False),
        ("/healthy", False),
        ("/HEALTH", False),
        ("health", False),
        ("", False),
        ("/static/a", True),
        ("/static/a/b.css", True),
        ("/static/a/", True),
        ("/static", False),
        ("/static/", True),
        ("/static/*", True),  # a file may be called so
        ("/staticx/a", False),
        ("/x/static/a", False),
        ("/with/slash/", True),
        ("/with/slash", False),
    ],
)
def test_a_path_matches_exactly_or_below(path: str, matches: bool) -> None:
    paths = path_list("exempt", ("/health", "/static/*", "/with/slash/"))

    assert (path in paths) is matches


@pytest.mark.parametrize(
    "path",
    [
        "//static/",
        "/static//",
        "/static/.",
        "/static/./",
        "/static/../",
        "/static/;",
        "//static/a",
        "/static//a",
        "/static/a//",
        "/static/./a",
        "/static/../admin",
        "/static/a/..",
        "/static/..;/admin",
        "/static/..;x=1/admin",
        "/static/.;/a",
        "/static/;/a",
        "/static/;a",
        "/static/a\\..\\admin",
        "/static/\\",
        "/static/a\0",
        "/static/a\n",
        "/static/a\r\nX: y",
        "/static/a\t",
        "/static/a\x7f",
        "/static/a\x85",
        "/static/a\u2028b",
        "/static/a\u202eb",
        "/static/a\u200bb",
        "/static/a\ud800",
    ],
    ids=ascii,
)
def test_a_path_with_more_than_one_reading_matches_nothing(path: str) -> None:
    assert path not in path_list("exempt", ("/static/*",))
    assert not is_plain(path)


@pytest.mark.parametrize(
    "path",
    [
        "/static/%2e%2e/admin",
        "/static/a%2fb",
        "/static/%2f",
        "/static/%",
        "/static/100%",
        "/static/%252e",
        "/a%41",
    ],
)
def test_a_path_that_holds_a_percent_sign_after_decoding_matches_nothing(path: str) -> None:
    assert path not in path_list("exempt", ("/static/*", "/aA"))
    assert path not in PathList(["/static/*", path])


@pytest.mark.parametrize("path", ["/caf%C3%A9", "/a%2Fb", "/%2e%2e/x", "/%", "/100%", "/a%20b/*"])
@pytest.mark.parametrize("name", ["exempt", "optional"])
def test_a_configured_path_is_written_decoded(name: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: .*write it decoded") as caught:
        path_list(name, ("/ok", path))

    assert repr(path) in str(caught.value)
    assert "/caf\u00e9" in path_list(name, ("/caf\u00e9", "/a b/*"))


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/a/b", "/a.b", "/.well-known/x", "/...", "/ü"])
def test_an_ordinary_path_is_plain(path: str) -> None:
    assert is_plain(path)


@given(st.text(alphabet="/.;\\a%\0", max_size=12))
def test_whatever_matches_below_has_no_empty_or_dotted_segment(rest: str) -> None:
    path = "/static/" + rest

    if path in path_list("exempt", ("/static/*",)):
        segments = rest.removesuffix("/").split("/") if rest else []
        assert all(each.split(";")[0] not in ("", ".", "..") for each in segments)
        assert not set(rest) & {"\\", "\0", "%"}


@pytest.mark.parametrize(
    "value, text",
    [
        ("/health", "tuple"),
        (None, "tuple"),
        (True, "tuple"),
        ({"/health": 1}, "tuple"),
        (("health",), "'health'"),
        (("",), "no path"),
        ((b"/health",), "no path"),
        ((3,), "no path"),
        (("/a//b",), "'/a//b'"),
        (("/a/../b",), "'/a/../b'"),
        (("/a\\b",), "no path"),
        (("/a/*/b",), "no path"),
        (("/a*",), "wildcard"),
        (("/*",), "every path"),
        (("*",), "no path"),
        (("/a/**",), "no path"),
        (("/ok", "bad"), "'bad'"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["exempt", "optional"])
def test_anything_else_is_refused_and_named(name: str, value: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: ") as caught:
        path_list(name, value)

    assert text in str(caught.value)


@pytest.mark.parametrize("value", [(), [], set()])
def test_an_empty_list_matches_nothing_and_is_false(value: Any) -> None:
    paths = path_list("exempt", value)

    assert not paths
    assert "/" not in paths


@pytest.mark.parametrize("kind", [tuple, list, set, frozenset])
def test_any_collection_of_paths_will_do(kind: Any) -> None:
    assert "/health" in path_list("exempt", kind(["/health"]))


def test_the_root_alone_can_be_listed() -> None:
    paths = path_list("exempt", ("/",))

    assert "/" in paths
    assert "/admin" not in paths
    assert "//" not in paths
