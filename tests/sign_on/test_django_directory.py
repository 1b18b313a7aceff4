"""The directory of Django's own users: never staff, and nobody by another partner's word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from . import django_sign_on_site as own_site

# isort: split
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, connections

from jwt_middleware.sign_on import Account, AccountRefused, Arrival, Credit
from jwt_middleware_django.sign_on import DjangoDirectory

from .directory_rules import arrival
from .django_sign_on_site import users
from .kit import EMAIL


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    with own_site.site(own_site.sqlite(tmp_path)):
        yield


def account() -> Any:
    return apps.get_model("jwt_sign_on", "SignOnAccount")._default_manager.get()


def test_the_tables_are_as_the_models_say() -> None:
    call_command("makemigrations", "jwt_sign_on", check=True, dry_run=True, verbosity=0)


def test_absent_leaves_alone_and_present_replaces_all() -> None:
    directory = DjangoDirectory()
    first = directory.sync(arrival(meta={"a": (1,)}, groups=("a", 7), credits=(Credit("A", 1),)))
    second = directory.sync(arrival())
    kept = account()
    directory.sync(arrival(meta={}, groups=(), credits=()))
    removed = account()

    assert (first.created, second.created) == (True, False)
    assert first.user == second.user
    assert (kept.meta, kept.groups) == ({"a": [1]}, ["a", 7])
    assert kept.credits == [{"orderId": "A", "id": 1}]
    assert (removed.meta, removed.groups, removed.credits) == ({}, [], [])


def test_an_integrations_own_users_are_none_of_the_sites() -> None:
    """Else a partner could sign in as anybody, by an address alone."""
    users().create(username="ana", email=EMAIL)
    ids = {DjangoDirectory().sync(arrival(integration=name)).user_id for name in ("acme", "beta")}

    assert len(ids) == 2
    assert users().count() == 3


def test_by_email_finds_the_sites_user_in_any_case() -> None:
    ana = users().create(username="ana", email="Ana@Example.edu")
    found = DjangoDirectory().sync(arrival(by_email=True))

    assert (found.user, found.created) == (ana, False)


def test_by_email_finds_none_where_several_have_the_address() -> None:
    for name in ("ana", "ann"):
        users().create(username=name, email=EMAIL)

    with pytest.raises(AccountRefused, match="several"):
        DjangoDirectory().sync(arrival(by_email=True))


def test_by_email_creates_a_user_where_the_site_has_none() -> None:
    first = DjangoDirectory().sync(arrival(by_email=True, integration="acme"))
    second = DjangoDirectory().sync(arrival(by_email=True, integration="beta"))

    assert (first.created, second.created) == (True, False)
    assert first.user == second.user


@pytest.mark.parametrize("own_first", [True, False])
def test_a_partner_with_users_of_its_own_takes_over_nobodys_address(own_first: bool) -> None:
    """An address that an integration of its own claims is no proof to one that goes by address."""
    own, trusted = arrival(integration="shady"), arrival(integration="trusted", by_email=True)
    order = [own, trusted] if own_first else [trusted, own]
    ids = {each.integration: DjangoDirectory().sync(each).user_id for each in [*order, *order]}

    assert ids["shady"] != ids["trusted"]
    assert users().count() == 2


def test_a_partner_with_users_of_its_own_locks_nobody_out() -> None:
    victim = users().create(username="victim", email=EMAIL)
    DjangoDirectory().sync(arrival(integration="shady"))

    found = DjangoDirectory().sync(arrival(integration="trusted", by_email=True))

    assert (found.user, found.created) == (victim, False)


def test_by_email_follows_an_address_that_changes_hands() -> None:
    former = users().create(username="former", email=EMAIL)
    DjangoDirectory().sync(arrival(by_email=True))
    former.email = "former@example.edu"
    former.save()
    owner = users().create(username="owner", email=EMAIL)

    found = DjangoDirectory().sync(arrival(by_email=True))

    assert (found.user, found.created) == (owner, False)
    assert account().user == owner


def test_by_email_makes_a_user_where_the_former_one_gave_the_address_up() -> None:
    first = DjangoDirectory().sync(arrival(by_email=True))
    users().update(email="former@example.edu")

    second = DjangoDirectory().sync(arrival(by_email=True))
    third = DjangoDirectory().sync(arrival(by_email=True))

    assert second.created
    assert not third.created
    assert first.user != second.user == third.user


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_staff_is_never_signed_in(power: str) -> None:
    users().create(username="root", email=EMAIL, **{power: True})

    with pytest.raises(AccountRefused, match="staff"):
        DjangoDirectory().sync(arrival(by_email=True))
    assert apps.get_model("jwt_sign_on", "SignOnAccount")._default_manager.count() == 0


@pytest.mark.parametrize(
    "change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}]
)
def test_a_user_who_has_become_staff_or_was_switched_off_is_signed_in_no_more(
    change: dict[str, bool],
) -> None:
    directory = DjangoDirectory()
    directory.sync(arrival(groups=("a",)))
    users().update(**change)

    with pytest.raises(AccountRefused):
        directory.sync(arrival(groups=("b",)))
    assert account().groups == ["a"]


def test_an_override_takes_part_in_the_transaction() -> None:
    class Mapping(DjangoDirectory):
        def update_user(self, user: Any, arrival: Arrival) -> None:
            user.first_name = "Ana"
            user.save()
            if arrival.groups == ("fails",):
                raise RuntimeError

    Mapping().sync(arrival())
    with pytest.raises(RuntimeError):
        Mapping().sync(arrival(email="bo@example.edu", groups=("fails",)))

    assert [user.first_name for user in users().all()] == ["Ana"]


def test_two_sign_ons_of_one_new_person_at_once_make_one_user() -> None:
    start = threading.Barrier(6)

    def sync(number: int) -> Account:
        try:
            start.wait(10)
            return DjangoDirectory().sync(arrival(groups=(number, number)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(sync, range(6)))

    assert len({each.user_id for each in found}) == 1
    assert sum(each.created for each in found) == 1
    assert users().count() == 1
    assert connection.vendor == "sqlite"


def test_where_the_sites_model_allows_an_address_once_nobody_takes_it_over() -> None:
    """As with custom users whose address is unique; here a unique index stands for it."""
    users().create(username="ana", email=EMAIL)
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_address ON auth_user (email)")

    with pytest.raises(AccountRefused, match="another user"):
        DjangoDirectory().sync(arrival())
