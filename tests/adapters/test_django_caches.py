"""Django's own caches, above our middleware and below it, and the order of the middleware."""

from __future__ import annotations

from . import django_site  # noqa: F401 - configures Django before REST framework is imported

# isort: split
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.cache import caches
from django.core.checks import run_checks
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.cache import (
    CacheMiddleware,
    FetchFromCacheMiddleware,
)
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path
from django.views.decorators.cache import cache_page
from rest_framework.response import Response
from rest_framework.views import APIView

from jwt_middleware import ConfigurationError, has_role
from jwt_middleware_django import (
    JWTMiddleware,
    current_principal,
    current_principal_or_none,
    requires,
)
from jwt_middleware_django.personal import principal_or_none
from jwt_middleware_django.rest_framework import JWTAuthentication, Requires

from .conftest import Caller
from .harness import Answer, call_wsgi
from .test_django import OURS, SERVERS, ask, ours, site

Options = dict[str, Any]
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
BOTH = "django.middleware.cache.CacheMiddleware"
EVERYONE = has_role("Internal/everyone")
BOSS = has_role("boss")
CALLS: list[str] = []


def said(principal: Any) -> HttpResponse:
    return JsonResponse(principal and principal.subject, safe=False)


def by_attribute(request: HttpRequest) -> HttpResponse:
    return said(request.principal)  # type: ignore[attr-defined]


@requires(EVERYONE)
def guarded_by_attribute(request: HttpRequest) -> HttpResponse:
    return said(request.principal)  # type: ignore[attr-defined]


async def by_attribute_async(request: HttpRequest) -> HttpResponse:
    return said(request.principal)  # type: ignore[attr-defined]


def by_function(request: HttpRequest) -> HttpResponse:
    return said(current_principal())


def by_function_or_none(request: HttpRequest) -> HttpResponse:
    return said(current_principal_or_none())


def by_template(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string('"{{ request.principal.subject }}"')
    return TemplateResponse(request, template, {"request": request})  # type: ignore[arg-type]


def by_name_of_the_user(request: HttpRequest) -> HttpResponse:
    """As ``request.user`` of a middleware that asked who calls before the cache did."""
    return JsonResponse(request.caller, safe=False)  # type: ignore[attr-defined]


def guarded(request: HttpRequest) -> HttpResponse:
    CALLS.append("guarded")
    return JsonResponse("for the boss", safe=False)


def same_for_all(request: HttpRequest) -> HttpResponse:
    CALLS.append("same for all")
    return JsonResponse("the same", safe=False)


def same_and_public(request: HttpRequest) -> HttpResponse:
    CALLS.append("public")
    return HttpResponse('"the same"', headers={"Cache-Control": "public, max-age=60"})


def mine_and_public(request: HttpRequest) -> HttpResponse:
    answer = by_attribute(request)
    answer["Cache-Control"] = "public, max-age=60"
    return answer


class ByRestFramework(APIView):
    authentication_classes = (JWTAuthentication,)

    def get(self, request: Any) -> Response:
        return Response(request.user.subject)


class GuardedByRestFramework(APIView):
    authentication_classes = ()
    permission_classes = (Requires(BOSS),)

    def get(self, request: Any) -> Response:
        return Response("for the boss")


kept = cache_page(60)
PERSONAL = {
    "attribute": by_attribute,
    "attribute-async": by_attribute_async,
    "function": by_function,
    "function-or-none": by_function_or_none,
    "template": by_template,
    "rest-framework": ByRestFramework.as_view(),
    "guarded": guarded_by_attribute,
    "user": by_name_of_the_user,
}
urlpatterns = [
    *(path(name, view) for name, view in PERSONAL.items()),
    *(path(f"kept/{name}", kept(view)) for name, view in PERSONAL.items()),
    path("guard", requires(BOSS)(guarded)),
    path("kept/guard-below", kept(requires(BOSS)(guarded))),
    path("kept/guard-above", requires(BOSS)(kept(guarded))),
    path("kept/guard-rest", kept(GuardedByRestFramework.as_view())),
    path("same", same_for_all),
    path("kept/same", kept(same_for_all)),
    path("public", same_and_public),
    path("kept/public", kept(same_and_public)),
    path("mine-and-public", mine_and_public),
]


class CallerName:
    """Puts the caller's name on the request, as a middleware for users does."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        principal = principal_or_none(request)
        request.caller = principal and principal.subject  # type: ignore[attr-defined]
        return self.get_response(request)


class SiteCache(FetchFromCacheMiddleware):
    """A site's own."""


Aliased = CacheMiddleware
USERS = f"{__name__}.CallerName"


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    templates = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
    rest = {"UNAUTHENTICATED_USER": None}
    with override_settings(CACHES=memory, TEMPLATES=templates, REST_FRAMEWORK=rest):
        caches["default"].clear()
        CALLS.clear()
        yield


ORDERS = {
    "no cache of the site": [OURS, USERS],
    "as Django documents it": [UPDATE, OURS, USERS, FETCH],
    "both below": [OURS, USERS, UPDATE, FETCH],
    "one below": [OURS, USERS, BOTH],
    "users below the cache": [OURS, UPDATE, FETCH, USERS],
}
IN_ANY_ORDER = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)


@pytest.fixture
def asked(options: Options) -> Any:
    def send(server: str, path: str, headers: Any, order: list[str], **more: Any) -> Answer:
        return ask(server, options | more, path, headers, MIDDLEWARE=order, ROOT_URLCONF=__name__)

    return send


# --- what is kept ----------------------------------------------------------------------------


@SERVERS
@IN_ANY_ORDER
@pytest.mark.parametrize("name", [*PERSONAL, *(f"kept/{name}" for name in PERSONAL)])
def test_nobody_gets_another_callers_page(
    name: str, order: list[str], server: str, asked: Any, caller: Caller
) -> None:
    told = [
        asked(server, f"/{name}", caller(enduser=who), order).json()
        for who in ("ana", "bob", "ana", "cy")
    ]

    assert told == ["ana", "bob", "ana", "cy"]


@IN_ANY_ORDER
@pytest.mark.parametrize("name", ["attribute", "function-or-none"])
@pytest.mark.parametrize("kept_by", ["", "kept/"])
def test_nobody_gets_a_callers_page_without_a_token(
    kept_by: str, name: str, order: list[str], asked: Any, caller: Caller
) -> None:
    told = [
        asked("wsgi", f"/{kept_by}{name}", headers, order, optional=True).json()
        for headers in ([], caller(enduser="ana"), [])
    ]

    assert told == [None, "ana", None]
    assert asked("wsgi", f"/{kept_by}{name}", [], order).status == 401


@SERVERS
@IN_ANY_ORDER
@pytest.mark.parametrize(
    "path", ["/guard", "/kept/guard-below", "/kept/guard-above", "/kept/guard-rest"]
)
def test_a_guard_is_asked_of_every_caller(
    path: str, order: list[str], server: str, asked: Any, caller: Caller
) -> None:
    boss, clerk = caller(role="boss"), caller(role="clerk")

    statuses = [asked(server, path, who, order).status for who in (boss, clerk, [], boss)]

    assert statuses == [200, 403, 401, 200]


@IN_ANY_ORDER
def test_a_page_that_says_public_and_asks_who_calls_is_kept_by_nobody(
    order: list[str], asked: Any, caller: Caller
) -> None:
    told = [
        asked("wsgi", "/mine-and-public", caller(enduser=who), order).json()
        for who in ("ana", "bob")
    ]

    assert told == ["ana", "bob"]


@SERVERS
def test_a_page_that_asks_nobody_is_kept_as_the_site_says(
    server: str, asked: Any, caller: Caller
) -> None:
    for who in ("ana", "bob"):
        assert asked(server, "/kept/same", caller(enduser=who), [OURS]).json() == "the same"

    assert CALLS == ["same for all"]
    assert asked(server, "/kept/same", [], [OURS]).status == 401


def test_the_sites_cache_above_keeps_a_public_page_for_each_token(
    asked: Any, caller: Caller
) -> None:
    ana, bob = caller(enduser="ana"), caller(enduser="bob")
    order = [UPDATE, OURS, FETCH]

    for headers in (ana, bob, ana, bob):
        assert asked("wsgi", "/public", headers, order).json() == "the same"
        assert asked("wsgi", "/same", headers, order).json() == "the same"

    assert CALLS.count("public") == 2
    assert CALLS.count("same for all") == 4  # private by our word, so it is kept by nobody


def test_an_exempt_page_may_ask_and_is_kept(asked: Any, caller: Caller) -> None:
    """Its principal is None for everybody, so the page is the same."""
    order = [UPDATE, OURS, FETCH]

    for headers in ([], caller(), []):
        answer = asked("wsgi", "/same", headers, order, exempt=("/same",))
        assert (answer.header("Vary"), answer.json()) == (None, "the same")

    assert CALLS == ["same for all"]


def test_a_middleware_below_may_put_another_principal(options: Options, caller: Caller) -> None:
    with site(options, MIDDLEWARE=[OURS, f"{__name__}.Impersonating"], ROOT_URLCONF=__name__):
        handler = WSGIHandler()

        assert call_wsgi(handler, "GET", "/attribute", caller(enduser="ana")).json() == "other"


class Other:
    subject = "other"


class Impersonating(CallerName):
    def __call__(self, request: HttpRequest) -> Any:
        request.principal = Other()  # type: ignore[attr-defined]
        return self.get_response(request)


# --- the order -------------------------------------------------------------------------------


@pytest.mark.parametrize("fetching", [FETCH, BOTH, f"{__name__}.SiteCache", f"{__name__}.Aliased"])
@pytest.mark.parametrize("ours_is", [OURS, f"{__name__}.SiteMiddleware"])
def test_a_cache_that_answers_before_anybody_is_asked_is_an_error(
    fetching: str, ours_is: str, options: Options
) -> None:
    with site(options, MIDDLEWARE=[UPDATE, fetching, ours_is]):
        with pytest.raises(ConfigurationError, match=f"{fetching} stands above"):
            WSGIHandler()
        [error] = [each for each in ours(run_checks()) if each.is_serious()]

    assert error.id == "jwt_middleware.E002"
    assert fetching in error.msg
    assert f"below {ours_is}" in str(error.hint)


class SiteMiddleware(JWTMiddleware):
    """A site's own."""


def test_vary_false_changes_nothing_of_that(options: Options) -> None:
    with (
        site(options | {"vary": False}, MIDDLEWARE=[FETCH, OURS]),
        pytest.raises(ConfigurationError, match="stands above"),
    ):
        WSGIHandler()


class CorsMiddleware:
    """Named as that of django-cors-headers."""

    __module__ = "corsheaders.middleware"


class AuthenticationMiddleware:
    """Named as Django's own, which needs its apps."""

    __module__ = "django.contrib.auth.middleware"


def UserMiddleware(get_response: Any) -> Any:
    """Named as ours, which needs Django's."""


UserMiddleware.__module__ = "jwt_middleware_django.auth"

CORS = f"{__name__}.CorsMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
DJANGOS = f"{__name__}.AuthenticationMiddleware"
OUR_USERS = f"{__name__}.UserMiddleware"
MAPPED = {"map_user": lambda principal: None}
BACKENDS = ["jwt_middleware_django.auth.PrincipalBackend"]


def ordered(options: Options, order: list[str]) -> Any:
    """A site with this MIDDLEWARE, and with users of its own where that serves them."""
    if OUR_USERS not in order:
        return site(options, MIDDLEWARE=order)
    return site(options | MAPPED, MIDDLEWARE=order, AUTHENTICATION_BACKENDS=BACKENDS)


@pytest.mark.parametrize(
    "order, number, told, hint",
    [
        ([OURS, OURS], "E003", "more than once", "Keep one"),
        ([OURS, f"{__name__}.SiteMiddleware"], "E003", "more than once", "Keep one"),
        ([OURS, CORS], "W002", "CorsMiddleware stands below", f"above {OURS}"),
        ([OURS, UPDATE, FETCH], "W003", "UpdateCacheMiddleware stands below", f"above {OURS}"),
        ([OURS, BOTH], "W003", "CacheMiddleware stands below", f"above {OURS}"),
        ([OUR_USERS, OURS], "W004", "request.user", "below"),
        ([OURS, SESSIONS, OUR_USERS, DJANGOS], "W004", DJANGOS, "below"),
        ([OURS, OUR_USERS, SESSIONS], "W004", SESSIONS, "below"),
    ],
)
def test_the_system_check_reports_every_wrong_place(
    order: list[str], number: str, told: str, hint: str, options: Options
) -> None:
    with ordered(options, order):
        [found] = ours(run_checks())

    assert found.id == f"jwt_middleware.{number}"
    assert found.is_serious() == number.startswith("E")
    assert told in found.msg
    assert hint in str(found.hint)


@pytest.mark.parametrize(
    "order",
    [
        [UPDATE, OURS, FETCH],
        [CORS, SESSIONS, DJANGOS, OURS, OUR_USERS],
        [CORS, OURS, SESSIONS, DJANGOS, OUR_USERS],
        [SESSIONS, DJANGOS, f"{__name__}.SiteMiddleware"],
    ],
)
def test_the_system_check_has_nothing_to_say_of_a_right_order(
    order: list[str], options: Options
) -> None:
    with ordered(options, order):
        assert ours(run_checks()) == []


def test_a_middleware_that_cannot_be_imported_is_djangos_to_tell(options: Options) -> None:
    with site(options, MIDDLEWARE=["nowhere.Middleware", OURS]):
        assert ours(run_checks()) == []
