"""``manage.py check`` names each half-done set-up of a site's users, and unguarded routes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
import pytest
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path, re_path

from jwt_middleware import Principal, has_permission, has_role
from jwt_middleware_django import public, requires
from jwt_middleware_django.configuration import check_settings

APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "jwt_middleware_django",
]
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
DJANGOS = "django.contrib.auth.middleware.AuthenticationMiddleware"
OURS = "jwt_middleware_django.JWTMiddleware"
USERS = "jwt_middleware_django.auth.UserMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
REMOTE = "django.contrib.auth.middleware.RemoteUserMiddleware"
BACKEND = "jwt_middleware_django.auth.PrincipalBackend"
MODELS = "django.contrib.auth.backends.ModelBackend"
Options = dict[str, Any]


def by_subject(principal: Principal) -> None:
    return None


MAPPED = {"map_user": f"{__name__}.by_subject"}
WHOLE: dict[str, Any] = {
    "MIDDLEWARE": [SESSIONS, DJANGOS, OURS, USERS],
    "AUTHENTICATION_BACKENDS": [MODELS, BACKEND],
}


@requires(has_role("clerk"))
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@public
def marked(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("guarded", guarded), path("marked", marked)]


class Bare:
    """A urlconf with a route that bears no guard."""

    urlpatterns = (path("bare", bare), *urlpatterns)


@pytest.fixture(autouse=True)
def _site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Other tests import it; here no view uses REST framework.
    monkeypatch.delitem(sys.modules, "jwt_middleware_django.rest_framework", raising=False)
    checks = set(registry.registered_checks)
    with override_settings(INSTALLED_APPS=APPS, ROOT_URLCONF=__name__):
        yield
    # Django's apps register theirs for ever, and those fail where the apps are not installed.
    registry.registered_checks = checks


def told(options: Options, **settings: Any) -> list[Any]:
    """What ``manage.py check`` says of ours."""
    with override_settings(JWT_MIDDLEWARE=options, **WHOLE | settings):
        assert check_settings in registry.registered_checks
        return [each for each in run_checks() if str(each.id).startswith("jwt_middleware.")]


def test_it_has_nothing_to_say_of_a_whole_set_up(options: Options) -> None:
    assert told(options | MAPPED) == []
    assert told(options, MIDDLEWARE=[OURS], AUTHENTICATION_BACKENDS=[MODELS]) == []


HALVES: list[tuple[str, Options, dict[str, Any], str, str]] = [
    ("W004", MAPPED, {"MIDDLEWARE": [SESSIONS, USERS, DJANGOS, OURS]}, "stands above", "below"),
    ("W004", MAPPED, {"MIDDLEWARE": [SESSIONS, DJANGOS, USERS, OURS]}, "stands above", "below"),
    ("W006", MAPPED, {"AUTHENTICATION_BACKENDS": [MODELS]}, "PrincipalBackend", BACKEND),
    ("E004", {}, {}, "map_user", "map_user"),
    ("E004", {"map_user": "nowhere.at.all"}, {}, "nowhere", "map_user"),
    ("E004", {"map_user": 5}, {}, "map_user", "map_user"),
    ("E004", {}, {"MIDDLEWARE": [OURS]}, "map_user", "map_user"),
    (
        "W007",
        MAPPED,
        {"MIDDLEWARE": [SESSIONS, DJANGOS, OURS], "AUTHENTICATION_BACKENDS": [MODELS]},
        "UserMiddleware is missing",
        USERS,
    ),
    ("W007", MAPPED, {"MIDDLEWARE": [SESSIONS, DJANGOS, OURS]}, "UserMiddleware is missing", USERS),
    (
        "W008",
        MAPPED,
        {"MIDDLEWARE": [SESSIONS, DJANGOS, REMOTE, OURS, USERS]},
        "RemoteUserMiddleware stands above",
        "below",
    ),
    (
        "W008",
        MAPPED,
        {"MIDDLEWARE": [SESSIONS, DJANGOS, LOGIN, OURS, USERS]},
        "LoginRequiredMiddleware stands above",
        "below",
    ),
    (
        "W012",
        {},
        {"MIDDLEWARE": [SESSIONS, DJANGOS, OURS, LOGIN], "AUTHENTICATION_BACKENDS": [MODELS]},
        "to the login page",
        USERS,
    ),
]


@pytest.mark.parametrize("number, more, settings, text, hint", HALVES)
def test_it_names_each_half_of_a_set_up(
    number: str, more: Options, settings: dict[str, Any], text: str, hint: str, options: Options
) -> None:
    [message] = told(options | more, **settings)

    assert message.id == f"jwt_middleware.{number}"
    assert message.is_serious() == number.startswith("E")
    assert text in message.msg
    assert hint in str(message.hint)


def test_map_user_is_asked_by_rest_framework_alone_too(
    monkeypatch: pytest.MonkeyPatch, options: Options
) -> None:
    monkeypatch.setitem(sys.modules, "jwt_middleware_django.rest_framework", Any)

    alone = {"MIDDLEWARE": [OURS], "AUTHENTICATION_BACKENDS": [MODELS]}
    assert told(options | MAPPED, **alone) == []


def test_a_readers_place_below_is_right(options: Options) -> None:
    assert told(options | MAPPED, MIDDLEWARE=[SESSIONS, DJANGOS, OURS, USERS, REMOTE]) == []


# --- routes without a guard ------------------------------------------------------------------


@pytest.mark.parametrize("way, number", [("warn", "W009"), ("refuse", "E001")])
def test_a_route_without_a_guard_is_a_message_of_the_check_and_no_line_of_the_log(
    way: str, number: str, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "jwt_middleware"):
        [message] = told(options | MAPPED | {"unguarded": way}, ROOT_URLCONF=Bare)

    assert message.id == f"jwt_middleware.{number}"
    assert "/bare" in message.msg
    assert "/guarded" not in message.msg
    assert caplog.records == []


def test_routes_without_a_guard_are_allowed_unless_they_are_asked_for(options: Options) -> None:
    assert told(options | MAPPED, ROOT_URLCONF=Bare) == []


@pytest.mark.parametrize("way, number", [("allow", "W010"), ("warn", "W010"), ("refuse", "E001")])
def test_a_guard_that_no_route_uses_is_a_message_too(
    way: str, number: str, options: Options, caplog: pytest.LogCaptureFixture
) -> None:
    @requires(has_role("clerk"))
    def forgotten(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with caplog.at_level(logging.WARNING, "jwt_middleware"):
        [message] = told(options | MAPPED | {"unguarded": way})

    assert message.id == f"jwt_middleware.{number}"
    assert "forgotten" in message.msg
    assert caplog.records == []


@requires(has_permission("orders:read"))
def asks_for_what_nobody_has(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class Unheld:
    urlpatterns: ClassVar = [path("orders", asks_for_what_nobody_has)]


def test_a_rule_that_holds_for_nobody_is_a_message(options: Options) -> None:
    [message] = told(options | MAPPED, ROOT_URLCONF=Unheld)

    assert message.id == "jwt_middleware.W011"
    assert message.msg.startswith("/orders: has_permission('orders:read') holds for nobody")


class OfARouter:
    urlpatterns: ClassVar = [re_path(r"^orders/(?P<pk>[^/.]+)/$", bare)]


def test_a_regular_expression_is_shown_as_a_person_reads_it(options: Options) -> None:
    for way in ("warn", "refuse"):
        [message] = told(options | MAPPED | {"unguarded": way}, ROOT_URLCONF=OfARouter)

        assert "on any method /orders/<pk>/ (" in message.msg
