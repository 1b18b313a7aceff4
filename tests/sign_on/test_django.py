"""Sign-on in Django: its own users, never staff, and its own ``login``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import django_sign_on_site as own_site

# isort: split
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.test import Client, override_settings
from django.urls import clear_url_caches

from jwt_middleware import ConfigurationError
from jwt_middleware.sign_on import PATH, Account, Integration, Profile
from jwt_middleware_django.sign_on import SignOn

from ..adapters.harness import call_asgi
from ..conftest import Clock
from .django_sign_on_site import users
from .kit import EMAIL, KEY, NOW, OTHER_KEY, TRANSLATED, token, translated


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


def arrive(client: Client, raw: str, go: str = "/me") -> Any:
    return client.get(PATH, {"token": raw, "go": go})


# --- the view --------------------------------------------------------------------------------


def test_a_person_is_logged_in(client: Client) -> None:
    answer = arrive(client, token())

    assert (answer.status_code, answer["Location"]) == (303, "/me")
    assert (answer["Referrer-Policy"], answer["Cache-Control"]) == ("no-referrer", "no-store")
    user = users().get()
    assert client.get("/me").json()["user"] == user.pk
    assert (user.email, user.is_staff, user.is_superuser) == ("", False, False)
    assert user.sign_on_accounts.get().email == EMAIL
    assert not user.has_usable_password()
    assert user.last_login is not None


def test_a_site_that_requires_a_log_in_lets_people_arrive() -> None:
    requires_login = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    middleware = [*own_site.SETTINGS["MIDDLEWARE"], requires_login]
    with override_settings(MIDDLEWARE=middleware), own_site.serving(view()):
        client = Client()
        assert client.get("/me").status_code == 302
        assert arrive(client, token()).status_code == 303
        assert client.get("/me").status_code == 200


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


def test_a_site_translates_the_page() -> None:
    with own_site.serving(view(refuse=translated)):
        answer = Client(headers={"Accept-Language": "de"}).get(PATH, {"token": "x"})

    assert (answer.status_code, answer.content) == (401, TRANSLATED)


def test_the_host_is_the_one_that_the_settings_trust() -> None:
    both = [
        Integration("acme", hosts=["partner.example"], secret=KEY.secret),
        Integration("rest", secret=OTHER_KEY.secret),
    ]
    settings = {"USE_X_FORWARDED_HOST": True, "ALLOWED_HOSTS": ["partner.example"]}
    with own_site.serving(view(integrations=both)), override_settings(**settings):
        forwarded = {"HTTP_HOST": "internal:8000", "HTTP_X_FORWARDED_HOST": "partner.example"}
        asked = {"token": token()}
        assert Client().get(PATH, asked, **forwarded).status_code == 303
        feigned = {"HTTP_HOST": "partner.example", "HTTP_X_FORWARDED_HOST": "other.example"}
        asked = {"token": token(jti="2")}
        assert Client().get(PATH, asked, **feigned).status_code == 400


@pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"])
def test_a_link_that_a_browser_fetches_ahead_is_not_used(client: Client, name: str) -> None:
    raw = token()

    ahead = client.get(PATH, {"token": raw}, headers={name: "prefetch;prerender"})

    assert ahead.status_code == 503
    assert arrive(client, raw).status_code == 303


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
        def sync(self, profile: Profile) -> Account:
            return Account(str(user.pk), False, user)

    with own_site.serving(view(directory=Own())):
        client = Client()
        assert arrive(client, token()).status_code == 303
        assert client.get("/me").json()["user"] == user.pk


def test_a_backend_is_one_of_the_settings() -> None:
    with pytest.raises(ConfigurationError, match="AUTHENTICATION_BACKENDS"):
        view(backend="nowhere.Backend")


def test_no_claim_makes_anybody_staff(client: Client) -> None:
    arrive(client, token(is_staff=True, is_superuser=True, meta={"is_staff": True}))

    assert users().filter(is_staff=False, is_superuser=False).count() == 1
