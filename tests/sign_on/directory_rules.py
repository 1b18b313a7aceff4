"""What every database must do as a directory of accounts, told once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jwt_middleware.sign_on import Account, Credit, Profile
from jwt_middleware.sign_on.sql import SQLDirectory, User


def profile(**values: Any) -> Profile:
    return Profile(**{"integration": "acme", "email": "ana@example.edu", **values})


class DirectoryRules:
    """The tests of one database; ``database`` is a fixture of its own, empty at each."""

    @pytest.fixture
    def directory(self, database: str) -> SQLDirectory:
        return SQLDirectory(database)

    def found(self, directory: SQLDirectory, email: str = "ana@example.edu") -> User:
        user = directory.find("acme", email)
        assert user is not None
        return user

    def test_a_person_is_created_once_and_found_again(self, directory: SQLDirectory) -> None:
        first, second = directory.sync(profile()), directory.sync(profile())

        assert (first.created, second.created) == (True, False)
        assert first.user_id == second.user_id
        user = directory.get(first.user_id)
        assert user == User(first.user_id, "acme", "ana@example.edu", {}, (), ())

    def test_who_is_not_there_is_nobody(self, directory: SQLDirectory) -> None:
        assert directory.find("acme", "ana@example.edu") is None
        assert directory.get("0") is None

    def test_everything_is_kept_as_it_came(self, directory: SQLDirectory) -> None:
        credits = (Credit("", 0), Credit("ü" * 32, 2**63 - 1), Credit("A", 1), Credit("A", 1))
        groups = ("7", 7, -1, "x" * 255, "ü", 2**63 - 1)
        meta = {"deep": {"list": (1, 2.5, None, True, "é")}, "": ""}
        directory.sync(profile(meta=meta, groups=groups, credits=credits))
        user = self.found(directory)

        assert (user.meta, user.groups, user.credits) == (meta, groups, credits)

    def test_absent_leaves_alone_and_present_replaces_all(self, directory: SQLDirectory) -> None:
        directory.sync(profile(meta={"a": 1}, groups=("a", "b"), credits=(Credit("A", 1),)))
        directory.sync(profile())
        kept = self.found(directory)
        directory.sync(profile(groups=("b", "c")))
        replaced = self.found(directory)
        directory.sync(profile(meta={}, groups=(), credits=()))
        removed = self.found(directory)

        assert (kept.meta, kept.groups, kept.credits) == ({"a": 1}, ("a", "b"), (Credit("A", 1),))
        assert (replaced.groups, replaced.credits) == (("b", "c"), (Credit("A", 1),))
        assert (removed.meta, removed.groups, removed.credits) == ({}, (), ())

    def test_one_address_is_another_person_in_another_integration(
        self, directory: SQLDirectory
    ) -> None:
        ids = [
            directory.sync(profile(integration=name, by_email=shared)).user_id
            for name, shared in (("acme", False), ("beta", False), ("acme", True), ("beta", True))
        ]

        assert len(set(ids)) == 3
        assert ids[2] == ids[3]

    def test_of_two_people_neither_changes_the_other(self, directory: SQLDirectory) -> None:
        directory.sync(profile(groups=("a",)))
        directory.sync(profile(email="bo@example.edu", groups=("b",), credits=(Credit("B", 2),)))
        directory.sync(profile(groups=()))

        assert self.found(directory, "bo@example.edu").groups == ("b",)
        assert self.found(directory, "bo@example.edu").credits == (Credit("B", 2),)

    def test_two_sign_ons_of_one_new_person_at_once_make_one_account(
        self, directory: SQLDirectory
    ) -> None:
        for number in range(5):
            start = threading.Barrier(8)

            def sync(own: int, number: int = number, start: Any = start) -> Account:
                start.wait(10)
                groups = tuple(f"{own}-{each}" for each in range(5))
                return directory.sync(profile(email=f"p{number}@example.edu", groups=groups))

            with ThreadPoolExecutor(8) as pool:
                accounts = list(pool.map(sync, range(8)))
            groups = self.found(directory, f"p{number}@example.edu").groups

            assert len({each.user_id for each in accounts}) == 1
            assert sum(each.created for each in accounts) == 1
            # The lists are one sign-on's, whole, and not a mixture.
            assert len(groups) == 5
            assert len({str(group).split("-")[0] for group in groups}) == 1

    def test_several_workers_may_make_the_tables_at_once(self, database: str) -> None:
        with ThreadPoolExecutor(4) as pool:
            directories = list(pool.map(SQLDirectory, [database] * 4))

        assert len({each.sync(profile()).user_id for each in directories}) == 1
