"""Django's admin beside the principal's users: it has a session of its own, on exempt paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..sign_on import django_sign_on_site as own_site

# isort: split
import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import clear_url_caches

from jwt_middleware import Principal
from jwt_middleware.testing import SigningKey

from .client_cases import ACME, client_options, sent

DJANGOS = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
OURS = "jwt_middleware_django.JWTMiddleware"
USERS = "jwt_middleware_django.auth.UserMiddleware"
SITE: dict[str, Any] = {
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
    ],
    "MIDDLEWARE": [*DJANGOS, OURS, USERS],
    "AUTHENTICATION_BACKENDS": [
        "django.contrib.auth.backends.ModelBackend",
        "jwt_middleware_django.auth.PrincipalBackend",
    ],
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],  # for speed
    "ROOT_URLCONF": "tests.adapters.admin_urls",
    "STATIC_URL": "/static/",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
}
LOGIN = {"username": "root", "password": "of the tests", "next": "/admin/"}
ORDERS = [
    [*DJANGOS, OURS, USERS],
    [OURS, *DJANGOS, USERS],
]


def me(request: HttpRequest) -> JsonResponse:
    user: Any = request.user
    return JsonResponse({"user": user.get_username()})


async def async_me(request: HttpRequest) -> JsonResponse:
    user: Any = await request.auser()
    return JsonResponse({"user": user.get_username()})


def by_subject(principal: Principal) -> Any:
    return own_site.users().filter(username=principal.subject).first()


@pytest.fixture(autouse=True)
def _site(tmp_path: Path, rsa_key: SigningKey) -> Iterator[None]:
    clear_url_caches()
    options = client_options(rsa_key) | {
        "map_user": by_subject,
        "exempt": ["/admin/*", "/exempt/*"],
    }
    with own_site.site(own_site.sqlite(tmp_path), **SITE, JWT_MIDDLEWARE=options):
        own_site.users().create_superuser("root", password=LOGIN["password"])
        own_site.users().create_user("ada")
        yield
    clear_url_caches()


@pytest.fixture(params=ORDERS, ids=["ours below", "ours above"])
def client(request: Any) -> Iterator[Client]:
    """A browser that has logged in to the admin."""
    with override_settings(MIDDLEWARE=request.param):
        browser = Client()
        assert browser.post("/admin/login/", LOGIN).headers["Location"] == "/admin/"
        yield browser


def signed(rsa_key: SigningKey, subject: str) -> dict[str, str]:
    return dict(sent(rsa_key, {"client_id": ACME, "sub": subject}))


def test_a_superuser_works_in_the_admin_by_a_session(client: Client) -> None:
    index = client.get("/admin/")

    assert (index.status_code, b"Site administration" in index.content) == (200, True)
    assert client.get("/admin/auth/user/").status_code == 200
    added = client.post("/admin/auth/group/add/", {"name": "clerks", "_save": "Save"})
    assert added.headers["Location"] == "/admin/auth/group/"


def test_the_admin_asks_for_a_log_in_also_where_a_good_token_comes(rsa_key: SigningKey) -> None:
    answer = Client().get("/admin/", headers=signed(rsa_key, "root"))

    assert answer.headers["Location"] == "/admin/login/?next=/admin/"


def test_the_user_of_a_session_is_nobody_where_the_header_is_read(
    client: Client, rsa_key: SigningKey
) -> None:
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers=signed(rsa_key, "ada")).json() == {"user": "ada"}
    assert client.get("/me", headers=signed(rsa_key, "unknown")).json() == {"user": ""}


@pytest.mark.parametrize("path", ["/exempt/me", "/exempt/async-me"])
def test_on_an_exempt_path_the_user_is_that_of_the_session(
    path: str, client: Client, rsa_key: SigningKey
) -> None:
    assert client.get(path).json() == {"user": "root"}
    assert client.get(path, headers=signed(rsa_key, "ada")).json() == {"user": "root"}
    assert Client().get(path, headers=signed(rsa_key, "ada")).json() == {"user": ""}


def test_on_an_exempt_path_of_an_async_site_too(client: Client) -> None:
    browser = AsyncClient()
    browser.cookies = client.cookies

    assert async_to_sync(browser.get)("/exempt/async-me").json() == {"user": "root"}


def test_without_users_of_djangos_own_nobody_is_signed_in_on_an_exempt_path() -> None:
    with override_settings(MIDDLEWARE=[OURS, USERS]):
        assert Client().get("/exempt/me").json() == {"user": ""}


def test_a_passed_preflight_leaves_the_user_of_the_session(
    client: Client, rsa_key: SigningKey
) -> None:
    options = client_options(rsa_key) | {"map_user": by_subject, "cors_preflight": "pass"}
    lines = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    with override_settings(JWT_MIDDLEWARE=options):
        browser = Client()
        browser.cookies = client.cookies
        assert browser.options("/me", headers=lines).json() == {"user": "root"}
