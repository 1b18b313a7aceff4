"""A deny list that follows its store: each change costs the same, and none is missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Revocations
from jwt_middleware.revocation import Denial, deny_many
from jwt_middleware.revocation import sqlite as sqlite_module
from jwt_middleware.revocation.following import Following
from jwt_middleware.revocation.sqlite import SQLiteStore
from jwt_middleware.revocation.store import AT_ONCE, ListedStore

from ..conftest import Clock
from .asking import LATER, forget_changes, raw, subjects
from .conftest import KINDS, NOW, SHARED
from .test_check import refused, token, verifier_of

ALL = pytest.mark.parametrize("url", KINDS, indirect=True)
ALL_SHARED = pytest.mark.parametrize("url", SHARED, indirect=True)


def followed(store: ListedStore) -> Following:
    """Follow a store that has a log, as Redis has from its first denial on."""
    store.deny(Denial(subject="nobody", until=LATER))
    store.allow(Denial(subject="nobody"))
    following = Following(store)
    following.catch_up()
    return following


@ALL
def test_only_what_has_changed_is_read(store: ListedStore, clock: Clock) -> None:
    store.deny(Denial(subject="a", until=LATER))
    store.deny(Denial(subject="b", until=NOW + 5))
    here = store.changes(None)
    assert here.entries is None
    assert not store.changes(here.position).entries
    store.deny(Denial(subject="c", issued_before=NOW, until=LATER))
    store.allow(Denial(subject="a"))
    clock.now += 5
    store.deny(Denial(subject="d", until=LATER))
    changes = store.changes(here.position)

    assert changes.entries is not None
    found = {(*entry[:3], bool(entry[3]), *entry[4:]) for entry in changes.entries}
    assert found == {
        ("subject", "c", "", False, NOW, LATER),
        ("subject", "a", "", True, None, None),
        ("subject", "b", "", True, None, None),
        ("subject", "d", "", True, None, LATER),
    }
    assert not store.changes(changes.position).entries


@ALL
def test_a_list_that_follows_is_the_list_that_is_read_anew(store: ListedStore) -> None:
    following = followed(store)
    first = following.list
    names: list[dict[str, Any]] = [
        {"subject": "a"},
        {"subject": "a", "issuer": "https://a"},
        {"subject": "a", "issued_before": NOW},
        {"token_id": "a"},
        {"issuer": "https://b"},
    ]
    for name in names:
        store.deny(Denial(**name, until=LATER))
    for number in range(3):
        store.deny(Denial(client_id=f"c-{number}", until=LATER))
    store.allow(Denial(subject="a"))
    store.allow(Denial(client_id="c-1"))
    store.allow(Denial(client_id="nobody"))
    following.catch_up()
    anew = Following(store)
    anew.catch_up()

    assert following.list is first
    assert following.list._by_kind == anew.list._by_kind
    assert len(following.list) == len(anew.list) == len(store.denials()) == 5


@ALL
def test_many_changes_are_read_in_parts(store: ListedStore) -> None:
    following = followed(store)
    deny_many(store, [Denial(token_id=f"t-{n}", until=LATER) for n in range(2 * AT_ONCE + 1)])
    position = following._position
    assert len(store.changes(position).entries or ()) == AT_ONCE
    following.catch_up()

    assert len(following.list) == 2 * AT_ONCE + 1
    assert sum(map(len, store.everything())) == 2 * AT_ONCE + 1


@ALL
def test_who_has_missed_more_than_the_log_reads_everything(store: ListedStore) -> None:
    following = Following(store)
    store.deny(Denial(subject="a", until=LATER))
    assert subjects(following, "a") == ["a"]
    first = following.list
    store.allow(Denial(subject="a"))
    store.deny(Denial(subject="b", until=LATER))
    store.deny(Denial(subject="c", until=LATER))
    forget_changes(store)
    changes = store.changes(following._position)
    assert (changes.entries, changes.is_another) == (None, False)

    assert subjects(following, "a", "b", "c") == ["b", "c"]
    assert following.list is not first


def test_the_log_is_as_long_as_it_may_be(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed = sqlite_module._TRIMMED.replace("50000", "10")
    monkeypatch.setattr(sqlite_module, "_TRIMMED", trimmed)
    store = SQLiteStore(tmp_path / "store.db", clock=clock)
    for number in range(30):
        store.deny(Denial(subject=f"s-{number}", until=LATER))
    [count] = raw(store).execute("SELECT count(*) FROM jwt_middleware_changes").fetchone()
    store.close()

    assert count == 10


@ALL
def test_one_change_clears_a_few_ended_denials_away(store: ListedStore, clock: Clock) -> None:
    following = Following(store)
    deny_many(store, [Denial(subject=f"s-{number}", until=NOW + 1) for number in range(100)])
    following.catch_up()
    assert len(following.list) == 100
    clock.now += 1
    for number in range(2):
        store.deny(Denial(subject=f"new-{number}", until=LATER))
    following.catch_up()

    assert len(following.list) == 2


@ALL
def test_many_are_denied_at_one_look_or_none_is(store: ListedStore, clock: Clock) -> None:
    looks: list[int] = []
    verifier = verifier_of(clock, Revocations(store, keep_for=600))
    assert verifier.revocations is not None
    known = verifier.revocations.watch.following
    monitored = known.look
    known.look = lambda: (looks.append(len(known.list)), monitored())[1]  # type: ignore[method-assign]
    verifier.revocations.deny_many(Denial(subject=name) for name in ("a", "jroe", "b"))

    refused(verifier, token(clock))
    assert set(looks) == {0, 3}
    assert [each.until for each in store.denials()] == [NOW + 600] * 3
    with pytest.raises(AttributeError):
        deny_many(store, [Denial(subject="c"), None])  # type: ignore[list-item]
    assert len(store.denials()) == 3
    verifier.revocations.deny_many([])
    verifier.close()


@ALL
def test_of_many_denials_of_one_name_none_weakens_another(store: ListedStore) -> None:
    deny_many(
        store,
        [
            Denial(subject="a", until=LATER, note="first"),
            Denial(subject="a", until=LATER - 9),
            Denial(subject="a", issued_before=NOW, until=LATER),
        ],
    )

    assert set(store.denials()) == {
        Denial(subject="a", until=LATER, note="first"),
        Denial(subject="a", issued_before=NOW, until=LATER),
    }
