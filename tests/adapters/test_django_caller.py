"""REST framework and Django ask the user of a request more than a principal knows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from . import django_site  # noqa: F401 - configures Django before the adapter is imported

# isort: split
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import cache
from django.core.checks.registry import registry
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db.models.query import EmptyQuerySet
from django.test import override_settings
from django.urls import path
from rest_framework.permissions import IsAdminUser, IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle, UserRateThrottle
from rest_framework.views import APIView

from jwt_middleware import WSO2, ConfigurationError, Issuer, Principal, has_role
from jwt_middleware.gateways import PRESETS
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_django.caller import Caller
from jwt_middleware_django.rest_framework import JWTAuthentication, Requires

from .client_cases import ACME, client_options, sent
from .harness import Answer, call_asgi, call_wsgi

ADA = {"client_id": ACME, "sub": "ada"}
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
SERVERS = pytest.mark.parametrize("server", ["wsgi", "asgi"])


class Twice(UserRateThrottle):
    rate = "2/hour"


class ScopedTwice(ScopedRateThrottle):
    THROTTLE_RATES = {"page": "2/hour"}  # noqa: RUF012


class Page(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes: Any = ()
    throttle_scope = "page"

    def get(self, request: Request) -> Response:
        user: Any = request.user
        return Response({"user": str(user), "pk": user.pk, "auth": repr(type(request.auth))})

    post = get


def page(**more: Any) -> Any:
    return type("Page", (Page,), more).as_view()  # type: ignore[attr-defined]


def by_model(request: Any) -> Any:
    """A view of a model, which can be imported only where Django's users are installed."""
    from django.contrib.auth.models import Group
    from rest_framework.permissions import DjangoModelPermissions

    own = {"queryset": Group.objects.all(), "permission_classes": (DjangoModelPermissions,)}
    return page(**own)(request)


urlpatterns = [
    path("me", page()),
    path("throttled", page(throttle_classes=(Twice,))),
    path("scoped", page(throttle_classes=(ScopedTwice,))),
    path("authenticated", page(permission_classes=(IsAuthenticated,))),
    path("staff", page(permission_classes=(IsAdminUser,))),
    path("boss", page(permission_classes=(Requires(has_role("acme_admin")),))),
    path("model", by_model),
    path("html", page(renderer_classes=(BrowsableAPIRenderer,))),
]


@pytest.fixture(autouse=True)
def _site() -> Iterator[None]:
    cache.clear()
    checks = set(registry.registered_checks)
    with override_settings(
        INSTALLED_APPS=APPS,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
        ROOT_URLCONF=__name__,
        STATIC_URL="/static/",
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
        ],
    ):
        yield
    # Django's apps register theirs for ever, and those fail where the apps are not installed.
    registry.registered_checks = checks


@pytest.fixture
def ask(rsa_key: SigningKey) -> Any:
    def send(path: str, claims: Any = ADA, method: str = "GET", **more: Any) -> Answer:
        server = more.pop("server", "wsgi")
        with override_settings(JWT_MIDDLEWARE=client_options(rsa_key) | more):
            headers = sent(rsa_key, claims)
            if server == "wsgi":
                return call_wsgi(WSGIHandler(), method, path, headers)
            return call_asgi(ASGIHandler(), method, path, headers)

    return send


# --- a site without users --------------------------------------------------------------------


@SERVERS
@pytest.mark.parametrize("path", ["/throttled", "/scoped"])
def test_a_rate_is_limited_for_a_caller_and_for_no_other(server: str, path: str, ask: Any) -> None:
    bob = ADA | {"sub": "bob"}

    of_ada = [ask(path, server=server).status for _ in range(3)]
    assert of_ada == [200, 200, 429]
    assert [ask(path, bob, server=server).status for _ in range(3)] == [200, 200, 429]


def test_people_of_two_issuers_have_limits_of_their_own(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    keys = {"https://one": rsa_key, "https://two": other_rsa_key}
    issuers = [
        Issuer(name, keys=key.certificate_pem, gateway="standard") for name, key in keys.items()
    ]

    def status(issuer: str) -> int:
        token = mint(keys[issuer], {"iss": issuer, "sub": "ada"}, form="standard")
        with override_settings(JWT_MIDDLEWARE={"issuers": issuers}):
            headers = [("X-JWT-Assertion", token)]
            return call_wsgi(WSGIHandler(), "GET", "/throttled", headers).status

    assert [status("https://one") for _ in range(3)] == [200, 200, 429]
    assert [status("https://two") for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    "path, method, status",
    [
        ("/authenticated", "GET", 200),
        ("/staff", "GET", 403),
        ("/model", "GET", 200),  # as for any proven user of Django's
        ("/model", "POST", 403),
    ],
)
def test_the_frameworks_permissions_take_a_caller_for_a_user_without_rights(
    path: str, method: str, status: int, ask: Any
) -> None:
    claims = ADA | {"is_staff": True, "is_superuser": True, "roles": ["acme_admin"]}

    assert ask(path, claims, method).status == status


def test_the_browsable_api_names_the_caller(ask: Any) -> None:
    answer = ask("/html")

    assert answer.status == 200
    assert b"ada" in answer.body


# --- a site with users -----------------------------------------------------------------------


def user(**more: Any) -> Any:
    from django.contrib.auth.models import User

    found = User(**({"pk": 7, "username": "of the site"} | more))
    found._state.adding = False
    return found


def unsaved(principal: Principal) -> Any:
    found = user()
    found._state.adding = True
    return found


@SERVERS
def test_the_user_is_the_sites_own_where_it_maps_one(server: str, ask: Any) -> None:
    found = ask("/me", map_user=lambda principal: user(username=principal.subject), server=server)

    assert found.json() == {"user": "ada", "pk": 7, "auth": repr(Principal)}


def test_staff_is_whom_the_sites_own_user_says(ask: Any) -> None:
    assert ask("/staff", map_user=lambda _: user(is_staff=True)).status == 200
    assert ask("/staff", map_user=lambda _: user()).status == 403


@pytest.mark.parametrize(
    "map_user",
    [lambda principal: None, lambda principal: user(is_active=False), unsaved],
    ids=["None", "inactive", "unsaved"],
)
def test_a_proven_caller_without_a_user_of_the_site_is_not_signed_in(
    map_user: Any, ask: Any
) -> None:
    assert ask("/me", map_user=map_user).json()["user"] == "AnonymousUser"
    assert ask("/me", map_user=map_user).json()["auth"] == repr(Principal)
    assert ask("/authenticated", map_user=map_user).status == 403
    # Guards ask the principal, not the user.
    boss = ADA | {"roles": ["acme_admin"]}
    assert ask("/boss", boss, map_user=map_user).status == 200


def test_a_map_user_that_is_no_function_is_named(ask: Any) -> None:
    from jwt_middleware_django.users import user_of

    with (
        override_settings(JWT_MIDDLEWARE={"map_user": "nowhere.at.all"}),
        pytest.raises(ConfigurationError, match="map_user"),
    ):
        user_of(Principal({}))


# --- the caller itself -----------------------------------------------------------------------

NAMED = {"iss": "https://a", "client_id": "c", "sub": "ada"}


def caller(**changes: Any) -> Caller:
    claims = {name: value for name, value in (NAMED | changes).items() if value is not None}
    return Caller(Principal(claims, names=PRESETS["standard"].names))


def test_the_key_of_a_caller_is_the_same_for_each_token_of_it_and_for_no_other_caller() -> None:
    changes = [{"iss": "https://b"}, {"client_id": "d"}, {"sub": "bob"}, {"sub": None}]
    keys = {caller().pk, *(caller(**each).pk for each in changes)}

    assert len(keys) == 5
    assert caller(jti="1", exp=1).pk == caller(jti="2", exp=2).pk == caller().id
    assert caller(jti="1") == caller(jti="2")
    assert len({caller(jti="1"), caller(jti="2"), caller(sub="bob")}) == 2
    assert caller(client_id="x", sub="y").pk != caller(client_id="y", sub="x").pk
    for key in keys:
        assert key.isascii()
        assert " " not in key
        with pytest.raises(ValueError, match="int"):
            int(key)


def test_a_caller_has_no_rights_of_djangos() -> None:
    who = caller(is_staff=True, groups=["staff"])

    flags = who.is_authenticated, who.is_active, who.is_anonymous, who.is_staff, who.is_superuser
    assert flags == (True, True, False, False, False)
    assert not who.has_perm("auth.add_group")
    assert not who.has_perms(["auth.add_group"])
    assert who.has_perms([])
    assert not who.has_module_perms("auth")
    assert who.get_all_permissions() == who.get_user_permissions() == set()
    assert not async_to_sync(who.ahas_perm)("auth.add_group")
    assert not async_to_sync(who.ahas_perms)(["auth.add_group"])
    assert not async_to_sync(who.ahas_module_perms)("auth")
    for none in (who.groups.filter(name="staff"), who.user_permissions.all()):
        assert isinstance(none, EmptyQuerySet)


def test_a_caller_has_no_groups_where_django_has_no_users() -> None:
    with override_settings(INSTALLED_APPS=[]):
        assert list(caller().groups) == list(caller().user_permissions) == []


def test_a_caller_has_the_attributes_of_its_principal() -> None:
    who = caller(roles=["a"])

    assert (who.subject, who.client_id, who.issuer) == ("ada", "c", "https://a")
    assert who.roles == {"a"}
    assert who.claims["sub"] == "ada"
    assert who.view(WSO2) is not None
    assert who.get_username() == who.username == str(who) == "ada"
    assert "ada" not in repr(who)
    with pytest.raises(AttributeError, match="email"):
        who.email  # noqa: B018


def test_a_caller_goes_through_pickle_and_copies() -> None:
    who = caller()

    assert pickle.loads(pickle.dumps(who)).subject == deepcopy(who).subject == "ada"
    assert pickle.loads(pickle.dumps(who)) == who
