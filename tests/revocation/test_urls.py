"""Which URLs name a store, and what is told of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.revocation import open_store
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.revocation.urls import plain_name, relative_to

SECRET = "not-for-the-log"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "PROCESS-MEMORY",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:////tmp/",
        f"sqlite:///a.db?key={SECRET}",
        "sqlite:///a\0b",
        "/var/lib/a.db",
        f"postgresql://u:{SECRET}@h/db",
        f"redis:{SECRET}",
        "redis://",
        f"redis://:{SECRET}@/0",
        f"redis://u:{SECRET}@h:port/0",
        f"redis://u:{SECRET}@h/name",
        f"http://u:{SECRET}@h/",
    ],
)
def test_any_other_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        open_store(url)

    assert "the store's URL" in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "url, name",
    [
        ("process-memory", "process-memory"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        (f"redis://u:{SECRET}@h/3?socket_timeout=2", "redis://h:6379/3"),
        (f"rediss://:{SECRET}@h.example:7000", "rediss://h.example:7000/0"),
        ("redis://[::1]:7000/0", "redis://[::1]:7000/0"),
    ],
)
def test_a_store_is_called_by_its_url_without_a_password(url: str, name: str) -> None:
    assert plain_name(url) == name


def test_a_file_is_relative_to_the_folder_that_is_meant(tmp_path: Path) -> None:
    assert relative_to("sqlite:///a.db", tmp_path) == f"sqlite:///{tmp_path}/a.db"
    assert relative_to("sqlite:////var/a.db", tmp_path) == "sqlite:////var/a.db"
    assert relative_to("redis://h/0", tmp_path) == "redis://h/0"


def test_a_file_without_a_folder_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///a.db")
    store.close()

    assert (tmp_path / "a.db").exists()
    assert store.name == f"sqlite:///{tmp_path}/a.db"


def test_each_process_memory_is_one_of_its_own() -> None:
    one, other = open_store("process-memory"), open_store("process-memory")

    assert isinstance(one, MemoryStore)
    assert one.use_once("a", 9e9)
    assert other.use_once("a", 9e9)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "redis", missing)
    with pytest.raises(ConfigurationError, match=r"jwt-assertion-middleware\[redis\]"):
        open_store("redis://127.0.0.1:1/0")
