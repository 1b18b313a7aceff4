"""Django REST framework: the principal as its user, guards as its permissions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import django_rest_site as site  # it configures Django before the adapter is imported

# isort: split
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from rest_framework.permissions import AllowAny, IsAuthenticated

from jwt_middleware import Verifier, authenticated, has_role
from jwt_middleware.events.kinds import Decided
from jwt_middleware.testing import SigningKey
from jwt_middleware_django.rest_framework import JWTAuthentication, Requires

from .client_cases import ACME, CYBERDYNE_TOKEN, UMBRELLA_TOKEN, client_options, sent
from .harness import Answer, call_asgi, call_wsgi

SERVERS = pytest.mark.parametrize("server", ["wsgi", "asgi"])
ADMIN = {"client_id": ACME, "roles": ["acme_admin"], "sub": "ada"}
BUYER = {"client_id": ACME, "roles": ["acme_buyer"], "sub": "bob"}
BOTH = {"client_id": ACME, "roles": ["acme_admin", "acme_buyer"], "sub": "cyd"}
NEITHER = {"client_id": ACME, "sub": "dan"}
MISSING = (401, "missing_token")
DENIED = (403, "insufficient_permission")
SERVED = (200, None)


class Site:
    def __init__(self, key: SigningKey, server: str, options: dict[str, Any]) -> None:
        self._key = key
        handler: Any = WSGIHandler if server == "wsgi" else ASGIHandler
        self._call: Any = call_wsgi if server == "wsgi" else call_asgi
        with override_settings(JWT_MIDDLEWARE=options):
            self._handler = handler()

    def ask(self, path: str, claims: Any = None, method: str = "GET") -> Answer:
        headers = [] if claims is None else sent(self._key, claims)
        answer: Answer = self._call(self._handler, method, path, headers)
        return answer

    def says(self, path: str, claims: Any = None, method: str = "GET") -> tuple[int, str | None]:
        answer = self.ask(path, claims, method)
        return answer.status, None if answer.status == 200 else answer.json()["code"]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(
        ROOT_URLCONF=site,
        MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"],
        REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
    ):
        yield


@pytest.fixture
def ask(rsa_key: SigningKey) -> Any:
    def make(server: str = "wsgi", **options: Any) -> Site:
        return Site(rsa_key, server, client_options(rsa_key) | options)

    return make


# --- who calls -------------------------------------------------------------------------------


@SERVERS
def test_the_user_has_the_attributes_of_the_principal_which_is_the_auth(
    server: str, ask: Any
) -> None:
    assert ask(server).ask("/who", ADMIN).json() == {"subject": "ada"}


def test_where_nobody_need_be_the_user_is_the_frameworks_own_anonymous_one(ask: Any) -> None:
    assert ask(optional=True).ask("/who").json() == {"subject": None}


@SERVERS
def test_a_request_without_a_token_never_reaches_the_framework(server: str, ask: Any) -> None:
    assert ask(server).says("/who") == MISSING


def test_without_the_middleware_nobody_is_let_in(ask: Any) -> None:
    with override_settings(MIDDLEWARE=[]):
        answers = [ask().ask(path, ADMIN) for path in ("/guarded", "/authenticated")]

    assert [answer.status for answer in answers] == [500, 500]


# --- guards as permissions -------------------------------------------------------------------

TABLE = [
    ("/guarded", [ADMIN, BOTH], [BUYER, NEITHER, CYBERDYNE_TOKEN]),
    ("/function", [ADMIN], [BUYER]),
    ("/given", [ADMIN], [BUYER]),
    ("/by-method", [ADMIN], [BUYER]),
    ("/taken", [ADMIN, NEITHER], []),
    ("/authenticated", [ADMIN, NEITHER], []),
    ("/project/P-1", [UMBRELLA_TOKEN], [ADMIN]),
    ("/project/P-2", [], [UMBRELLA_TOKEN]),
    ("/two", [BOTH], [ADMIN, BUYER, NEITHER]),
    ("/and", [BOTH], [ADMIN, BUYER, NEITHER]),
    ("/api/projects/", [ADMIN], [BUYER]),
    ("/api/projects/cart/", [BUYER], [ADMIN]),
    ("/api/orders/", [ADMIN], [BUYER]),
]


@SERVERS
@pytest.mark.parametrize("path, served, refused", TABLE, ids=[row[0] for row in TABLE])
def test_a_view_serves_whom_its_permissions_let_in_and_refuses_the_rest(
    server: str, path: str, served: Any, refused: Any, ask: Any
) -> None:
    app = ask(server)

    assert [app.says(path, claims) for claims in served] == [SERVED] * len(served)
    assert [app.says(path, claims) for claims in refused] == [DENIED] * len(refused)
    assert app.says(path) == MISSING


GUARDED = [
    "/guarded", "/function", "/given", "/by-method", "/project/P-1", "/authenticated", "/shadow",
    "/two", "/and", "/and-or", "/refuses-or-and", "/not-and", "/not-and-mixed",
    "/api/projects/", "/api/projects/cart/", "/api/orders/",
]  # fmt: skip


@pytest.mark.parametrize("path", GUARDED)
def test_a_guarded_view_lets_nobody_in_where_the_middleware_asks_for_no_token(
    path: str, ask: Any
) -> None:
    assert ask(optional=True).ask(path).status == 401


@SERVERS
def test_a_refusal_has_the_products_body_and_challenge(server: str, ask: Any) -> None:
    app = ask(server, optional=True)

    denied, missing = app.ask("/guarded", BUYER), app.ask("/guarded")

    for answer, status, code in (
        (denied, 403, "insufficient_permission"),
        (missing, 401, "missing_token"),
    ):
        body = answer.json()
        assert answer.status == body["status"] == status
        assert list(body) == ["type", "title", "status", "code", "detail", "reference"]
        assert body["code"] == code
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.header("WWW-Authenticate") is not None
    assert missing.header("WWW-Authenticate") == ask().ask("/who").header("WWW-Authenticate")


def test_the_frameworks_own_refusals_are_401_with_our_challenge_or_403(ask: Any) -> None:
    app = ask(optional=True)

    assert app.ask("/frameworks", ADMIN).status == 200
    unknown = app.ask("/frameworks")
    assert unknown.status == 401
    assert unknown.header("WWW-Authenticate") == ask().ask("/who").header("WWW-Authenticate")
    assert app.ask("/refuses", ADMIN).status == 403


# --- permissions composed by the framework's operators ---------------------------------------

COMPOSED = {
    "/and": (BOTH,),
    "/and-or": (BOTH,),
    "/refuses-or-and": (BOTH,),
    "/not-and": (ADMIN, BUYER, NEITHER),
    "/not-and-mixed": (BUYER, NEITHER),
}


@pytest.mark.parametrize("path", COMPOSED)
@pytest.mark.parametrize("claims", [ADMIN, BUYER, BOTH, NEITHER], ids=lambda each: each["sub"])
def test_a_composed_permission_never_serves_one_whom_its_formula_refuses(
    path: str, claims: Any, ask: Any
) -> None:
    status = ask().ask(path, claims).status

    assert status == 403 or (status == 200 and claims in COMPOSED[path])


@pytest.mark.parametrize("path", ["/and", "/and-or", "/refuses-or-and"])
def test_and_of_permissions_serves_whom_its_formula_lets_in(path: str, ask: Any) -> None:
    assert ask().says(path, BOTH) == SERVED


@pytest.mark.parametrize(
    "combine",
    [
        lambda: site.IsAdmin | site.IsBuyer,
        lambda: site.IsAdmin | AllowAny,
        lambda: AllowAny | site.IsAdmin,
        lambda: IsAuthenticated | site.IsAdmin,
        lambda: site.IsAdmin | (site.IsBuyer & AllowAny),
        lambda: ~site.IsAdmin,
    ],
    ids=["ours", "left", "right", "another", "with and", "not"],
)
def test_or_and_not_of_permissions_are_refused_at_declaration_for_a_refusal_ends_them(
    combine: Any,
) -> None:
    with pytest.raises(TypeError, match=r"predicates?, not (the )?permission"):
        combine()


# --- the class itself ------------------------------------------------------------------------


def test_in_shadow_mode_a_permission_serves_and_reports(ask: Any, rsa_key: SigningKey) -> None:
    told: list[Any] = []
    verifier = Verifier(**client_options(rsa_key), listeners=(told.append,))
    app = Site(rsa_key, "wsgi", {"verifier": verifier})

    assert app.says("/shadow", BUYER) == SERVED
    [event] = [each for each in told if isinstance(each, Decided) and each.would_refuse]
    assert event.decision.leaf == "has_role('acme_admin')"
    assert verifier.health()["would_refuse"] == 1
    assert app.says("/shadow") == MISSING


@pytest.mark.parametrize("wrong", [True, "admin", None, has_role, lambda principal: True])
def test_only_a_predicate_makes_a_permission(wrong: Any) -> None:
    with pytest.raises(TypeError, match="predicate"):
        Requires(wrong)


def test_a_permission_says_what_it_requires() -> None:
    assert Requires().__name__ == f"requires({authenticated!r})"
    assert Requires(site.ADMIN).__name__ == "requires(has_role('acme_admin'))"


def test_authentication_takes_no_principal_that_the_middleware_has_not_put() -> None:
    class Bare:
        META: dict[str, Any] = {}  # noqa: RUF012

    assert JWTAuthentication().authenticate(Bare()) is None  # type: ignore[arg-type]
