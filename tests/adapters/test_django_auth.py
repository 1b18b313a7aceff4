"""Django's own users beside the principal: only whom the site's ``map_user`` finds."""

from __future__ import annotations

import importlib
from base64 import b64encode
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.signals import user_login_failed
from django.core.checks.registry import registry
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import RequestFactory, override_settings
from django.urls import path

from jwt_middleware import ConfigurationError, Principal
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey

from .client_cases import ACME, client_options, sent
from .harness import Answer, call_asgi, call_wsgi

SERVERS = pytest.mark.parametrize("server", ["wsgi", "asgi"])
OURS = "jwt_middleware_django.JWTMiddleware"
USERS = "jwt_middleware_django.auth.UserMiddleware"
BACKEND = "jwt_middleware_django.auth.PrincipalBackend"
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "jwt_middleware_django"]
ADA = {"client_id": ACME, "sub": "ada"}
ASKED: list[str | None] = []


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    ASKED.clear()
    checks = set(registry.registered_checks)
    with override_settings(
        INSTALLED_APPS=APPS,
        MIDDLEWARE=[OURS, USERS],
        AUTHENTICATION_BACKENDS=[BACKEND],
        ROOT_URLCONF=__name__,
    ):
        yield
    # Django's apps register theirs for ever, and those fail where the apps are not installed.
    registry.registered_checks = checks


def adapter() -> Any:
    """The module, which can be imported only where Django's users are installed."""
    return importlib.import_module("jwt_middleware_django.auth")


def user(name: str, *, saved: bool = True, active: bool = True, pk: Any = 7) -> Any:
    """One of Django's users, as if it had come from the database."""
    from django.contrib.auth.models import User

    found = User(pk=pk, username=name, is_active=active)
    found._state.adding = not saved
    return found


def by_subject(principal: Principal) -> Any:
    ASKED.append(principal.subject)
    return user(f"user of {principal.subject}")


# --- the site --------------------------------------------------------------------------------


def tell(request: HttpRequest) -> JsonResponse:
    found: Any = request.user  # type: ignore[attr-defined]
    return JsonResponse([found.get_username(), found.is_authenticated, found.is_staff], safe=False)


async def tell_async(request: HttpRequest) -> JsonResponse:
    found: Any = await request.auser()  # type: ignore[attr-defined]
    return JsonResponse([found.get_username(), found.is_authenticated, found.is_staff], safe=False)


def unasked(request: HttpRequest) -> JsonResponse:
    return JsonResponse("served", safe=False)


urlpatterns = [path("me", tell), path("async-me", tell_async), path("unasked", unasked)]


@pytest.fixture
def ask(rsa_key: SigningKey) -> Any:
    def send(
        map_user: Any, path: str = "/me", claims: Any = ADA, server: str = "wsgi", **more: Any
    ) -> Answer:
        options = client_options(rsa_key) | {"map_user": map_user} | more
        headers = [] if claims is None else sent(rsa_key, claims)
        with override_settings(JWT_MIDDLEWARE=options):
            if server == "wsgi":
                return call_wsgi(WSGIHandler(), "GET", path, headers)
            return call_asgi(ASGIHandler(), "GET", path, headers)

    return send


# --- who is signed in ------------------------------------------------------------------------

NOBODY = ["", False, False]
PATHS = pytest.mark.parametrize("path", ["/me", "/async-me"])


@SERVERS
@PATHS
def test_the_user_is_whom_map_user_finds(server: str, path: str, ask: Any) -> None:
    assert ask(by_subject, path, server=server).json() == ["user of ada", True, False]


@pytest.mark.parametrize("dotted", [f"{__name__}.by_subject"])
def test_map_user_may_be_named_by_its_path(dotted: str, ask: Any) -> None:
    assert ask(dotted).json() == ["user of ada", True, False]


@PATHS
@pytest.mark.parametrize(
    "found",
    [
        lambda principal: None,
        lambda principal: user("ada", active=False),
        lambda principal: user("ada", saved=False),
        lambda principal: user("ada", pk=None),
        lambda principal: user("ada", pk=None, saved=False),
    ],
    ids=["None", "inactive", "unsaved", "without a key", "new"],
)
def test_a_user_that_may_not_sign_in_is_nobody(found: Any, path: str, ask: Any) -> None:
    assert ask(found, path).json() == NOBODY


@PATHS
def test_without_a_principal_nobody_is_signed_in_and_map_user_is_not_asked(
    path: str, ask: Any
) -> None:
    assert ask(by_subject, path, claims=None, optional=True).json() == NOBODY
    assert ASKED == []


def test_a_refused_request_asks_for_no_user(ask: Any) -> None:
    assert ask(by_subject, claims={"client_id": "wayne_ent"}).json()["code"] == "unknown_client"
    assert ASKED == []


def test_map_user_is_asked_once_and_only_where_the_view_wants_the_user(ask: Any) -> None:
    assert ask(by_subject, "/unasked").status == 200
    assert ASKED == []

    ask(by_subject, "/me")

    assert ASKED == ["ada"]


def test_a_map_user_that_fails_signs_nobody_in(ask: Any) -> None:
    def fails(principal: Principal) -> Any:
        raise LookupError("of the site")

    assert ask(fails).status == 500


def test_staff_is_only_whom_the_sites_own_user_says(ask: Any) -> None:
    def staff(principal: Principal) -> Any:
        found = user("root")
        found.is_staff = principal.subject == "ada"
        return found

    assert ask(staff).json() == ["root", True, True]
    assert ask(staff, claims={**ADA, "sub": "bob", "is_staff": True}).json()[2] is False


def test_another_backend_does_not_sign_the_caller_in_in_our_name(ask: Any) -> None:
    with override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"]):
        assert ask(by_subject).json() == NOBODY


# --- map_user itself -------------------------------------------------------------------------


@SERVERS
@pytest.mark.parametrize("wrong", [None, 5, "", "nowhere.at.all", f"{__name__}.ADA", "no_dots"])
def test_a_map_user_that_is_missing_or_no_function_fails_when_the_handler_is_made(
    server: str, wrong: Any, ask: Any
) -> None:
    with pytest.raises(ConfigurationError, match="map_user"):
        ask(wrong, server=server)


def test_without_the_middleware_for_users_it_is_asked_for_at_the_first_sign_in(
    rsa_key: SigningKey,
) -> None:
    request = RequestFactory().get("/")
    request.META[PRINCIPAL_KEY] = Principal({"sub": "ada"})
    with (
        override_settings(JWT_MIDDLEWARE={"keys": rsa_key.certificate_pem}),
        pytest.raises(ConfigurationError, match="map_user"),
    ):
        adapter().PrincipalBackend().authenticate(request)


def test_map_user_is_no_option_of_the_middleware_itself(ask: Any) -> None:
    with override_settings(MIDDLEWARE=[OURS]):
        assert ask(by_subject, "/unasked").status == 200


# --- the backend -----------------------------------------------------------------------------


class Passwords:
    """A site's own backend, which finds that the password is wrong; it takes what Django's does."""

    def authenticate(
        self, request: HttpRequest | None, username: Any = None, password: Any = None, **_: Any
    ) -> None:
        return None

    async def aauthenticate(self, request: HttpRequest | None, **_: Any) -> None:
        return None


PASSWORDS = f"{__name__}.Passwords"
WRONG = {"username": "victim", "password": "guess"}
BACKENDS = pytest.mark.parametrize(
    "backends", [[BACKEND], [PASSWORDS, BACKEND], [BACKEND, PASSWORDS]]
)


@pytest.fixture
def failed() -> Iterator[list[Any]]:
    """The credentials of every sign-in that Django says has failed."""
    seen: list[Any] = []

    def note(credentials: Any, **_: Any) -> None:
        seen.append(credentials)

    user_login_failed.connect(note)
    yield seen
    user_login_failed.disconnect(note)


def proven(method: str = "GET", data: Any = None) -> Any:
    """A request of a proven caller."""
    request: Any = RequestFactory().generic(
        method, "/", data or "", "application/x-www-form-urlencoded"
    )
    request.META[PRINCIPAL_KEY] = Principal(ADA)
    request._dont_enforce_csrf_checks = True
    return request


@BACKENDS
@pytest.mark.parametrize(
    "credentials",
    [WRONG, {"token": "x"}, {"email": "ada@example.org"}, {"remote_user": "victim"}],
    ids=["a password", "a token", "an address", "a name alone"],
)
def test_wrong_credentials_fail_beside_a_good_header(
    credentials: Any, backends: list[str], failed: list[Any]
) -> None:
    from django.contrib.auth import aauthenticate, authenticate

    options = {"map_user": by_subject}
    with override_settings(JWT_MIDDLEWARE=options, AUTHENTICATION_BACKENDS=backends):
        assert authenticate(proven(), **credentials) is None
        assert async_to_sync(aauthenticate)(proven(), **credentials) is None

    assert [sorted(each) for each in failed] == [sorted(credentials)] * 2
    assert ASKED == []


@BACKENDS
def test_without_other_credentials_the_principal_signs_in(backends: list[str]) -> None:
    from django.contrib.auth import aauthenticate, authenticate

    options = {"map_user": by_subject}
    with override_settings(JWT_MIDDLEWARE=options, AUTHENTICATION_BACKENDS=backends):
        users: Any = [authenticate(proven()), async_to_sync(aauthenticate)(proven())]
        assert [each.get_username() for each in users] == ["user of ada"] * 2
        assert authenticate(None) is None
        assert authenticate(RequestFactory().get("/")) is None


def test_the_log_in_page_refuses_a_wrong_password_beside_a_good_header(failed: list[Any]) -> None:
    from django.contrib.auth.views import LoginView

    page = {"registration/login.html": "{{ form.non_field_errors }}"}
    templates = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", page)]},
    }
    with override_settings(
        JWT_MIDDLEWARE={"map_user": by_subject},
        AUTHENTICATION_BACKENDS=[PASSWORDS, BACKEND],
        TEMPLATES=[templates],
    ):
        answer: Any = LoginView.as_view()(proven("POST", "username=victim&password=guess"))
        assert b"Please enter a correct username" in answer.render().content
    assert len(failed) == 1


def test_basic_authentication_refuses_a_wrong_password_beside_a_good_header() -> None:
    from rest_framework.authentication import BasicAuthentication
    from rest_framework.exceptions import AuthenticationFailed

    request = proven()
    request.META["HTTP_AUTHORIZATION"] = "Basic " + b64encode(b"victim:guess").decode()
    with (
        override_settings(
            JWT_MIDDLEWARE={"map_user": by_subject}, AUTHENTICATION_BACKENDS=[PASSWORDS, BACKEND]
        ),
        pytest.raises(AuthenticationFailed),
    ):
        BasicAuthentication().authenticate(request)


def test_the_backend_finds_nobody_by_a_session() -> None:
    assert adapter().PrincipalBackend().get_user(7) is None


def test_a_site_that_requires_a_log_in_answers_probes() -> None:
    from django.contrib.auth.middleware import LoginRequiredMiddleware

    from jwt_middleware_django import readiness

    request = SimpleNamespace(user=SimpleNamespace(is_authenticated=False))
    middleware: Any = LoginRequiredMiddleware(lambda request: HttpResponse())

    assert middleware.process_view(request, readiness, (), {}) is None
