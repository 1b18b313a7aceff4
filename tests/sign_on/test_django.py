"""Sign-on in Django: its own users, never staff, and its own ``login``."""

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
from django.core.handlers.asgi import ASGIHandler
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.urls import clear_url_caches

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import PATH, Account, AccountRefused, Arrival, Credit, Integration
from jwt_middleware_django.sign_on import DjangoDirectory, SignOn

from ..adapters.harness import call_asgi
from ..conftest import Clock
from .directory_rules import arrival
from .kit import EMAIL, KEY, NOW, token


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    clear_url_caches()
    with own_site.site(own_site.sqlite(tmp_path)):
        yield
    clear_url_caches()


def view(**options: Any) -> SignOn:
    return SignOn(
        **{
            "integrations": [Integration("acme", secret=KEY.secret)],
            "store": "process-memory",
            "clock": Clock(NOW),
            **options,
        }
    )


@pytest.fixture
def client() -> Iterator[Client]:
    with own_site.serving(view()):
        yield Client()


def users() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model()._default_manager


def arrive(client: Client, raw: str, go: str = "/me") -> Any:
    return client.get(PATH, {"token": raw, "go": go})


# --- the view --------------------------------------------------------------------------------


def test_a_person_is_logged_in(client: Client) -> None:
    answer = arrive(client, token())

    assert (answer.status_code, answer["Location"]) == (303, "/me")
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    user = users().get()
    assert client.get("/me").json()["user"] == user.pk
    assert (user.email, user.is_staff, user.is_superuser) == (EMAIL, False, False)
    assert not user.has_usable_password()
    assert user.last_login is not None


def test_the_session_gets_another_id(client: Client) -> None:
    client.get("/plant")
    planted = client.cookies["sessionid"].value
    arrive(client, token())
    eve = Client()
    eve.cookies["sessionid"] = planted

    assert client.cookies["sessionid"].value != planted
    assert eve.get("/me").json() == {"user": None, "keys": []}


def test_nothing_of_another_users_session_is_left(client: Client) -> None:
    arrive(client, token(jti="1", email="bo@example.edu"))
    client.get("/plant")
    arrive(client, token(jti="2"))

    assert "planted" not in client.get("/me").json()["keys"]


def test_a_refused_person_is_not_logged_in(client: Client) -> None:
    answer = arrive(client, "x")

    assert answer.status_code == 401
    assert b"<h1>Sign-in failed</h1>" in answer.content
    assert client.get("/me").json()["user"] is None


def test_head_uses_no_token(client: Client) -> None:
    raw = token()

    assert client.head(PATH, {"token": raw}).status_code == 405
    assert client.post(f"{PATH}?token={raw}").status_code == 405
    assert arrive(client, raw).status_code == 303


def test_it_serves_under_asgi(client: Client) -> None:
    raw = token()
    answer = call_asgi(ASGIHandler(), "GET", PATH, query=f"token={raw}&go=/me")

    assert (answer.status, answer.header("Location")) == (303, "/me")
    assert "sessionid=" in str(answer.header("Set-Cookie"))


def test_whoever_looks_after_the_view_sees_no_token() -> None:
    seen: list[str] = []
    shown = view()

    def looking(request: Any) -> Any:
        answer = shown(request)
        seen.extend([repr(request.META), repr(request.GET), request.get_full_path()])
        seen.append(repr(request.environ))
        return answer

    with own_site.serving(looking):  # type: ignore[arg-type]
        raw = token()
        assert arrive(Client(), raw).status_code == 303
    assert seen
    assert not any(raw in each for each in seen)


def test_a_log_in_that_fails_signs_nobody_in_and_does_not_eat_the_link() -> None:
    from django.contrib.auth.signals import user_logged_in

    def fails(**_: Any) -> None:
        raise RuntimeError

    raw = token()
    with own_site.serving(view()):
        client = Client()
        user_logged_in.connect(fails)
        try:
            assert arrive(client, raw).status_code == 503
        finally:
            user_logged_in.disconnect(fails)
        assert client.get("/me").json()["user"] is None
        assert arrive(client, raw).status_code == 303


def test_a_directory_of_the_sites_own_names_the_user() -> None:
    user = users().create(username="ana")

    class Own:
        def sync(self, arrival: Arrival) -> Account:
            return Account(str(user.pk), False, user)

    with own_site.serving(view(directory=Own())):
        client = Client()
        assert arrive(client, token()).status_code == 303
        assert client.get("/me").json()["user"] == user.pk


def test_a_backend_is_one_of_the_settings() -> None:
    with pytest.raises(ConfigurationError, match="AUTHENTICATION_BACKENDS"):
        view(backend="nowhere.Backend")


# --- the directory ---------------------------------------------------------------------------


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


def test_no_claim_makes_anybody_staff(client: Client) -> None:
    arrive(client, token(is_staff=True, is_superuser=True, meta={"is_staff": True}))

    assert users().filter(is_staff=False, is_superuser=False).count() == 1


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
