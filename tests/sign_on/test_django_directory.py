"""The directory of Django's own users: never staff, and nobody by another partner's word."""

from __future__ import annotations

import threading
import unicodedata
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

from jwt_middleware.sign_on import Account, AccountRefused, Credit, Profile
from jwt_middleware.sign_on.addresses import normal_email
from jwt_middleware_django.sign_on import DjangoDirectory

from .directory_rules import profile
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
    first = directory.sync(profile(meta={"a": (1,)}, groups=("a", 7), credits=(Credit("A", 1),)))
    second = directory.sync(profile())
    kept = account()
    directory.sync(profile(meta={}, groups=(), credits=()))
    removed = account()

    assert (first.created, second.created) == (True, False)
    assert first.user == second.user
    assert (kept.meta, kept.groups) == ({"a": [1]}, ["a", 7])
    assert kept.credits == [{"orderId": "A", "id": 1}]
    assert (removed.meta, removed.groups, removed.credits) == ({}, [], [])


def test_an_integrations_own_users_are_none_of_the_sites() -> None:
    """Else a partner could sign in as anybody, by an address alone."""
    users().create(username="ana", email=EMAIL)
    ids = {DjangoDirectory().sync(profile(integration=name)).user_id for name in ("acme", "beta")}

    assert len(ids) == 2
    assert users().count() == 3


def test_by_email_finds_the_sites_user_in_any_case() -> None:
    ana = users().create(username="ana", email="Ana@Example.edu")
    found = DjangoDirectory().sync(profile(by_email=True))

    assert (found.user, found.created) == (ana, False)


def test_by_email_finds_none_where_several_have_the_address() -> None:
    for name in ("ana", "ann"):
        users().create(username=name, email=EMAIL)

    with pytest.raises(AccountRefused, match="several"):
        DjangoDirectory().sync(profile(by_email=True))


def test_by_email_creates_a_user_where_the_site_has_none() -> None:
    first = DjangoDirectory().sync(profile(by_email=True, integration="acme"))
    second = DjangoDirectory().sync(profile(by_email=True, integration="beta"))

    assert (first.created, second.created) == (True, False)
    assert first.user == second.user


@pytest.mark.parametrize("typed", ["H\u0331ana", "T\u0308ana", "W\u030aana", "J\u030cana"])
def test_by_email_makes_one_user_of_an_address_whose_capital_is_written_in_two_parts(
    typed: str,
) -> None:
    email = normal_email(f"{typed}@example.org")
    found = [DjangoDirectory().sync(profile(by_email=True, email=email)) for _ in range(3)]

    assert [each.created for each in found] == [True, False, False]
    assert users().count() == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_by_email_finds_the_sites_user_however_the_accents_were_stored(form: str) -> None:
    stored = unicodedata.normalize(form, "\u00fcber@Example.edu")
    ana = users().create(username="ana", email=stored)
    found = DjangoDirectory().sync(profile(by_email=True, email="\u00fcber@example.edu"))

    assert (found.user, found.created) == (ana, False)


@pytest.mark.parametrize("own_first", [True, False])
def test_a_partner_with_users_of_its_own_takes_over_nobodys_address(own_first: bool) -> None:
    """An address that an integration of its own claims is no proof to one that goes by address."""
    own, trusted = profile(integration="shady"), profile(integration="trusted", by_email=True)
    order = [own, trusted] if own_first else [trusted, own]
    ids = {each.integration: DjangoDirectory().sync(each).user_id for each in [*order, *order]}

    assert ids["shady"] != ids["trusted"]
    assert users().count() == 2


def test_a_partner_with_users_of_its_own_locks_nobody_out() -> None:
    victim = users().create(username="victim", email=EMAIL)
    DjangoDirectory().sync(profile(integration="shady"))

    found = DjangoDirectory().sync(profile(integration="trusted", by_email=True))

    assert (found.user, found.created) == (victim, False)


def test_by_email_follows_an_address_that_changes_hands() -> None:
    former = users().create(username="former", email=EMAIL)
    DjangoDirectory().sync(profile(by_email=True))
    former.email = "former@example.edu"
    former.save()
    owner = users().create(username="owner", email=EMAIL)

    found = DjangoDirectory().sync(profile(by_email=True))

    assert (found.user, found.created) == (owner, False)
    assert account().user == owner


def test_by_email_makes_a_user_where_the_former_one_gave_the_address_up() -> None:
    first = DjangoDirectory().sync(profile(by_email=True))
    users().update(email="former@example.edu")

    second = DjangoDirectory().sync(profile(by_email=True))
    third = DjangoDirectory().sync(profile(by_email=True))

    assert second.created
    assert not third.created
    assert first.user != second.user == third.user


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_staff_is_never_signed_in(power: str) -> None:
    users().create(username="root", email=EMAIL, **{power: True})

    with pytest.raises(AccountRefused, match="staff"):
        DjangoDirectory().sync(profile(by_email=True))
    assert apps.get_model("jwt_sign_on", "SignOnAccount")._default_manager.count() == 0


@pytest.mark.parametrize(
    "change", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}]
)
def test_a_user_who_has_become_staff_or_was_switched_off_is_signed_in_no_more(
    change: dict[str, bool],
) -> None:
    directory = DjangoDirectory()
    directory.sync(profile(groups=("a",)))
    users().update(**change)

    with pytest.raises(AccountRefused):
        directory.sync(profile(groups=("b",)))
    assert account().groups == ["a"]


def test_an_override_takes_part_in_the_transaction() -> None:
    class Mapping(DjangoDirectory):
        def update_user(self, user: Any, profile: Profile) -> None:
            user.first_name = "Ana"
            user.save()
            if profile.groups == ("fails",):
                raise RuntimeError

    Mapping().sync(profile())
    with pytest.raises(RuntimeError):
        Mapping().sync(profile(email="bo@example.edu", groups=("fails",)))

    assert [user.first_name for user in users().all()] == ["Ana"]


def test_two_sign_ons_of_one_new_person_at_once_make_one_user() -> None:
    start = threading.Barrier(6)

    def sync(number: int) -> Account:
        try:
            start.wait(10)
            return DjangoDirectory().sync(profile(groups=(number, number)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(sync, range(6)))

    assert len({each.user_id for each in found}) == 1
    assert sum(each.created for each in found) == 1
    assert users().count() == 1
    assert connection.vendor == "sqlite"


def only_one_user_of_an_address() -> None:
    """As with custom users whose address is unique; a unique index stands for it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_address ON auth_user (email)")


def test_an_integrations_own_user_has_no_address_of_the_sites() -> None:
    """Else a log-in by address meets a partner's user, or two of them and fails."""
    dean = users().create(username="dean", email=EMAIL, is_staff=True)
    own = [DjangoDirectory().sync(profile(integration=name)).user for name in ("acme", "beta")]
    again = DjangoDirectory().sync(profile())

    assert users().get(email__iexact=EMAIL) == dean
    assert [user.email for user in own] == ["", ""]
    assert (again.user, again.created, again.user.email) == (own[0], False, "")
    kept = apps.get_model("jwt_sign_on", "SignOnAccount")._default_manager.all()
    assert {each.email for each in kept} == {EMAIL}


def test_an_address_that_the_site_gives_to_an_own_user_later_stays() -> None:
    user = DjangoDirectory().sync(profile()).user
    user.email = "proven@example.edu"
    user.save()

    again = DjangoDirectory().sync(profile())

    assert (again.user, again.user.email) == (user, "proven@example.edu")


def test_a_user_whose_name_looks_like_the_address_is_nobody_to_a_partner() -> None:
    named = users().create(username=EMAIL)
    own = DjangoDirectory().sync(profile())
    by_email = DjangoDirectory().sync(profile(by_email=True))

    assert len({named.pk, own.user.pk, by_email.user.pk}) == 3
    assert EMAIL not in (own.user.username, by_email.user.username)


def test_where_the_sites_model_allows_an_address_once_each_own_user_gets_one_of_nobody() -> None:
    users().create(username="ana", email=EMAIL)
    only_one_user_of_an_address()
    people = [f"{name}@example.edu" for name in ("ana", "bo", "cy")]
    made = [DjangoDirectory().sync(profile(email=email)) for email in people]
    again = [DjangoDirectory().sync(profile(email=email)) for email in people]

    assert [each.created for each in made + again] == [True] * 3 + [False] * 3
    addresses = [each.user.email for each in made]
    assert all(not each or each.endswith("@sign-on.invalid") for each in addresses)
    assert len(set(addresses)) == 3


def test_where_an_address_is_the_users_name_an_own_user_has_a_random_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users().model, "USERNAME_FIELD", "email")

    user = DjangoDirectory().sync(profile()).user

    assert user.email.startswith("sign-on-")
    assert "@" not in user.email


def test_an_address_in_a_field_of_the_sites_own_stays_empty_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(users().model, "EMAIL_FIELD", "last_name")

    own = DjangoDirectory().sync(profile()).user
    trusted = DjangoDirectory().sync(profile(by_email=True)).user

    assert (own.last_name, own.email) == ("", "")
    assert (trusted.last_name, trusted.email) == (EMAIL, "")


def test_where_the_sites_model_allows_an_address_once_nobody_takes_it_over() -> None:
    """The address of a user whom one partner made as its own is none that another may take."""
    own = DjangoDirectory().sync(profile()).user
    own.email = EMAIL
    own.save()
    only_one_user_of_an_address()

    with pytest.raises(AccountRefused, match="another user"):
        DjangoDirectory().sync(profile(by_email=True))
