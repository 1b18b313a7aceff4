"""Installed apps take a test's verifier or its principal, and their own is back at the end."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, override_settings
from fastapi import Depends, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

import jwt_middleware
import jwt_middleware.asgi
import jwt_middleware.wsgi
import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Principal, Verifier, attribute, has_permission, has_role, policy
from jwt_middleware.errors import UnknownClient
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import LocalGateway, SigningKey, as_principal, mint, override
from jwt_middleware_starlette.fastapi import guard

from ..adapters import django_site
from ..adapters.harness import call_asgi, call_wsgi
from ..kit import Events

CLIENTS = Path(jwt_middleware.__file__).parent / "testing" / "clients.toml"
PLAIN = {"subject": "ana", "client_id": "app", "roles": ["Internal/everyone"]}

Ask = Callable[..., tuple[int, Any]]


def unreachable() -> str:
    """The URL of a gateway that nobody runs."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{port.getsockname()[1]}/jwks"


def told(principal: Any) -> Any:
    return django_site.told(principal)


def flask_app(**options: Any) -> Flask:
    app = Flask("test")
    jwt_middleware_flask.JWTMiddleware(app, keys=unreachable(), **options)

    @app.get("/who")
    def who() -> Any:
        return told(jwt_middleware_flask.current_principal())

    @app.get("/denied")
    @jwt_middleware_flask.requires(has_role("nobody"))
    def denied() -> Any:
        return {}

    return app


async def _who(request: Request) -> JSONResponse:
    return JSONResponse(told(request.user))


@jwt_middleware_starlette.requires(has_role("nobody"))
async def _denied(request: Request) -> JSONResponse:
    return JSONResponse({})


def starlette_app(**options: Any) -> Starlette:
    app = Starlette(routes=[Route("/who", _who), Route("/denied", _denied)])
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, keys=unreachable(), **options)
    return app


def fastapi_app(**options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, keys=unreachable(), **options)

    @app.get("/who")
    def who(principal: Principal = Depends(guard())) -> Any:  # noqa: B008
        return told(principal)

    @app.get("/denied")
    def denied(principal: Principal = Depends(guard(has_role("nobody")))) -> Any:  # noqa: B008
        return {}

    return app


def asgi_door(**options: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await JSONResponse(told(scope[PRINCIPAL_KEY]))(scope, receive, send)

    return jwt_middleware.asgi.JWTMiddleware(app, keys=unreachable(), **options)


def wsgi_door(**options: Any) -> Any:
    inner = Flask("inner")

    @inner.get("/who")
    def who() -> Any:
        from flask import request

        return told(request.environ[PRINCIPAL_KEY])

    return jwt_middleware.wsgi.JWTMiddleware(inner.wsgi_app, keys=unreachable(), **options)


APPS: dict[str, Any] = {
    "flask": (flask_app, call_wsgi),
    "starlette": (starlette_app, call_asgi),
    "fastapi": (fastapi_app, call_asgi),
    "asgi": (asgi_door, call_asgi),
    "wsgi": (wsgi_door, call_wsgi),
}


@pytest.fixture(params=[*APPS, "django"])
def installed(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Ask]]:
    """What override takes for an app whose gateway is unreachable, and how to ask the app."""
    if request.param == "django":
        with override_settings(JWT_MIDDLEWARE={"keys": unreachable()}):
            client = Client()

            def ask_django(path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
                answer = client.get(path, headers=headers or {})
                return answer.status_code, answer.json()

            yield None, ask_django
        return
    make, call = APPS[request.param]
    app = make()

    def ask(path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        answer = call(app, "GET", path, list((headers or {}).items()))
        return answer.status, answer.json()

    yield app, ask


@pytest.fixture(scope="module")
def local() -> Iterator[LocalGateway]:
    with LocalGateway() as gateway:
        yield gateway


ANA = as_principal("ana", "app", roles=["Internal/everyone"])


def test_a_principal_needs_no_token_and_goes_at_the_end(installed: tuple[Any, Ask]) -> None:
    app, ask = installed

    with override(app, principal=ANA):
        assert ask("/who") == (200, PLAIN)
        assert ask("/who", {"X-JWT-Assertion": "anything"}) == (200, PLAIN)
    assert ask("/who")[0] == 401


def test_an_app_that_has_served_before_is_overridden_too(installed: tuple[Any, Ask]) -> None:
    app, ask = installed
    assert ask("/who")[0] == 401

    with override(app, principal=ANA):
        assert ask("/who") == (200, PLAIN)
    assert ask("/who")[0] == 401


def test_a_local_gateway_s_tokens_are_taken_and_no_others(
    installed: tuple[Any, Ask], local: LocalGateway, other_rsa_key: SigningKey
) -> None:
    app, ask = installed

    with override(app, local):
        good = local.headers("app", "ana", roles=["Internal/everyone"])
        assert ask("/who", good) == (200, PLAIN)
        assert ask("/who")[0] == 401
        forged = {"X-JWT-Assertion": mint(other_rsa_key, {"sub": "ana"})}
        assert ask("/who", forged)[1]["code"] in ("unknown_key", "bad_signature")


def test_a_verifier_of_one_s_own_is_asked(installed: tuple[Any, Ask], rsa_key: SigningKey) -> None:
    app, ask = installed
    verifier = Verifier(keys=rsa_key.certificate_pem, gateway="standard")
    claims = {"sub": "ana", "client_id": "app", "roles": ["Internal/everyone"]}
    token = mint(rsa_key, claims, form="standard")

    with override(app, verifier):
        assert ask("/who", {"X-JWT-Assertion": token}) == (200, PLAIN)


def test_overrides_nest_and_survive_errors(installed: tuple[Any, Ask]) -> None:
    app, ask = installed
    inner = as_principal("bob")

    with override(app, principal=ANA):
        with pytest.raises(RuntimeError), override(app, principal=inner):
            assert ask("/who")[1]["subject"] == "bob"
            raise RuntimeError
        assert ask("/who")[1]["subject"] == "ana"
    assert ask("/who")[0] == 401


@pytest.mark.parametrize("name", ["flask", "starlette", "fastapi"])
def test_guards_hold_for_a_fixed_principal(name: str) -> None:
    make, call = APPS[name]
    app = make()

    with override(app, principal=ANA):
        refused = call(app, "GET", "/denied")
        assert (refused.status, refused.json()["code"]) == (403, "insufficient_permission")
    with override(app, principal=as_principal(roles=["nobody"])):
        assert call(app, "GET", "/denied").status == 200


def test_a_django_guard_holds_for_a_fixed_principal() -> None:
    with (
        override_settings(JWT_MIDDLEWARE={"keys": unreachable()}),
        override(WSGIHandler(), principal=ANA),
    ):
        assert Client().get("/denied").status_code == 403
        assert Client().get("/needs-role").status_code == 200


def test_django_that_must_have_keys_starts_without_its_gateway() -> None:
    options = {"keys": unreachable(), "fail_fast": True}

    with override_settings(JWT_MIDDLEWARE=options), override(None, principal=ANA):
        assert Client().get("/who").status_code == 200


def test_an_overridden_starlette_app_starts_without_its_gateway() -> None:
    from starlette.testclient import TestClient

    app = starlette_app(fail_fast=True)

    with override(app, principal=ANA), TestClient(app) as client:
        assert client.get("/who").json() == PLAIN
    assert app.middleware_stack is None


def test_middleware_can_be_added_after_an_override() -> None:
    app = starlette_app()
    with override(app, principal=ANA):
        call_asgi(app, "GET", "/who")
    app.add_middleware(jwt_middleware_starlette.JWTMiddleware, keys=unreachable())


def test_a_mounted_app_and_a_door_inside_flask_are_found() -> None:
    outer = Starlette(routes=[Mount("/in", app=starlette_app())])
    flask = Flask("outer")
    flask.add_url_rule("/", view_func=lambda: "served")
    flask.wsgi_app = jwt_middleware.wsgi.JWTMiddleware(  # type: ignore[method-assign]
        flask.wsgi_app, keys=unreachable()
    )

    with override(outer, principal=ANA), override(flask, principal=ANA):
        assert call_asgi(outer, "GET", "/in/who").json() == PLAIN
        assert call_wsgi(flask, "GET", "/").status == 200


def test_the_app_s_own_registry_judges_its_routes() -> None:
    app = flask_app(clients=CLIENTS)  # its route names a role that nobody has

    with override(app, principal=ANA):
        assert call_wsgi(app, "GET", "/who").status == 503


def test_refusals_reach_the_app_s_listeners() -> None:
    events = Events()
    app = flask_app(listeners=[events])
    with override(app, principal=ANA):
        call_wsgi(app, "GET", "/denied")

    assert [each.code for each in events.decisions] == ["insufficient_permission"]


def test_what_cannot_be_overridden_is_an_error(local: LocalGateway) -> None:
    app = flask_app(header="X-Other")

    with pytest.raises(TypeError, match="either"), override(app):
        pass
    with pytest.raises(TypeError, match="either"), override(app, local, principal=ANA):
        pass
    with pytest.raises(TypeError, match="no Verifier"), override(app, "gateway.pem"):  # type: ignore[arg-type]
        pass
    with pytest.raises(TypeError, match="no JWTMiddleware"), override(Flask("x"), principal=ANA):
        pass
    with pytest.raises(ValueError, match="header='X-Other'"), override(app, local):
        pass


def test_the_apps_own_listeners_go_on_hearing(local: LocalGateway) -> None:
    events = Events()
    app = flask_app(listeners=[events])

    with override(app, local):
        app.test_client().get("/", headers=local.headers(user="ana"))

    assert [event.subject for event in events.decisions] == ["ana"]


def test_a_gateway_without_the_apps_registry_is_told_so(local: LocalGateway) -> None:
    app = flask_app(clients=CLIENTS)

    with pytest.raises(ValueError, match="LocalGateway\\(clients="), override(app, local):
        pass


def test_so_it_is_by_the_first_request_to_a_django_site(local: LocalGateway) -> None:
    options = {"keys": unreachable(), "clients": CLIENTS}
    refused = pytest.raises(ValueError, match="LocalGateway\\(clients=")

    with override_settings(JWT_MIDDLEWARE=options), override(None, local), refused:
        Client().get("/who", headers=local.headers(user="ana"))


def test_the_end_of_an_inner_block_raises_nothing(local: LocalGateway) -> None:
    """Nor does it ask for the registry that the gateway of the outer block lacks."""
    outer, inner = override(None, local), override(None, principal="ana")
    with outer, inner:
        door = wsgi_door(api="/echo", clients=CLIENTS)

    assert door.middleware.verifier is door.middleware.settings.verifier


def test_a_principal_is_what_it_was_made_of() -> None:
    made = as_principal(
        "ana", "app", ["r"], ["p"], {"level": 3}, **{"http://wso2.org/claims/enduser": "ana"}
    )

    assert (made.subject, made.client_id, made.roles, made.permissions) == (
        "ana",
        "app",
        {"r"},
        {"p"},
    )
    assert has_permission("p").evaluate(made).allowed
    assert (attribute("level") == 3).evaluate(made).allowed
    assert made.claims["http://wso2.org/claims/enduser"] == "ana"


def test_a_principal_of_a_registry_has_levels_policies_and_its_namespace_alone() -> None:
    made = as_principal(
        client_id="globex_ind",
        permissions=["view_globex_audit", "view_acme_orders"],
        attributes={"access_level": "globex_level2"},
        clients=CLIENTS,
    )

    assert (attribute("access_level") >= "globex_level2").evaluate(made).allowed
    assert policy("audit.read").evaluate(made).allowed
    assert made.permissions == {"view_globex_audit"}
    with pytest.raises(UnknownClient):
        as_principal(client_id="nobody", clients=CLIENTS)
