"""Claims and principals go where values go: JSON, frameworks' answers, pickle and copies."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask, jsonify
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask
import jwt_middleware_starlette
from jwt_middleware import Client, ClientRegistry, Principal, Verifier, kind
from jwt_middleware.authorization.clients import Attribute
from jwt_middleware.principal import ReadOnlyDict
from jwt_middleware.testing import SigningKey, mint

from .adapters.harness import call_asgi, call_wsgi

CLAIMS = {
    "sub": "ana",
    "client_id": "acme",
    "roles": ["r"],
    "realm_access": {"roles": ["deep", {"x": [1, None, True]}]},
    "level": "high",
}


@pytest.fixture
def token(rsa_key: SigningKey) -> str:
    return mint(rsa_key, CLAIMS, form="standard")


@pytest.fixture
def principal(rsa_key: SigningKey, token: str) -> Principal:
    return Verifier(keys=rsa_key.public_pem, gateway="standard").verify(token)


def sent(claims: Any) -> dict[str, Any]:
    """What of the claims does not depend on the time."""
    return {name: value for name, value in claims.items() if name != "exp"}


def test_claims_are_json_for_every_encoder(principal: Principal) -> None:
    assert sent(json.loads(json.dumps(principal.claims))) == CLAIMS
    assert json.dumps(principal.claims["realm_access"]) == json.dumps(CLAIMS["realm_access"])


def test_starlette_and_fastapi_answer_with_claims(rsa_key: SigningKey, token: str) -> None:
    async def claims(_: Request) -> JSONResponse:
        return JSONResponse(jwt_middleware_starlette.current_principal().claims)

    fastapi = FastAPI()

    @fastapi.get("/")
    async def typed() -> dict[str, Any]:
        return jwt_middleware_starlette.current_principal().claims

    @fastapi.get("/whole")
    async def whole() -> dict[str, Any]:
        return jwt_middleware_starlette.current_principal().to_dict()

    for app in (Starlette(routes=[Route("/", claims)]), fastapi):
        app.add_middleware(
            jwt_middleware_starlette.JWTMiddleware, keys=rsa_key.public_pem, gateway="standard"
        )
        answer = call_asgi(app, "GET", "/", [("X-JWT-Assertion", token)])
        assert (answer.status, sent(answer.json())) == (200, CLAIMS)
    answer = call_asgi(fastapi, "GET", "/whole", [("X-JWT-Assertion", token)])
    assert (answer.json()["subject"], answer.json()["roles"]) == ("ana", ["r"])


def test_flask_answers_with_claims(rsa_key: SigningKey, token: str) -> None:
    app = Flask("claims")
    jwt_middleware_flask.JWTMiddleware(app, keys=rsa_key.public_pem, gateway="standard")
    app.add_url_rule("/", view_func=lambda: jwt_middleware_flask.current_principal().claims)
    app.add_url_rule(
        "/jsonify",
        "jsonify",
        lambda: jsonify(claims=jwt_middleware_flask.current_principal().claims),
    )

    answer = call_wsgi(app, "GET", "/", [("X-JWT-Assertion", token)])
    assert (answer.status, sent(answer.json())) == (200, CLAIMS)
    answer = call_wsgi(app, "GET", "/jsonify", [("X-JWT-Assertion", token)])
    assert sent(answer.json()["claims"]) == CLAIMS


@pytest.mark.parametrize("change", ["set", "delete", "ior", "clear", "pop", "popitem", "update"])
def test_claims_cannot_be_changed(principal: Principal, change: str) -> None:
    claims: Any = principal.claims
    changes = {
        "set": lambda: claims.__setitem__("sub", "eve"),
        "delete": lambda: claims.__delitem__("sub"),
        "ior": lambda: claims.__ior__({"sub": "eve"}),
        "clear": claims.clear,
        "pop": lambda: claims.pop("sub"),
        "popitem": claims.popitem,
        "update": lambda: claims.update(sub="eve"),
    }

    with pytest.raises(TypeError, match="read-only"):
        changes[change]()
    with pytest.raises(TypeError, match="read-only"):
        claims["realm_access"]["roles"][1]["x"] = 1
    assert principal.subject == "ana"


def test_a_copy_of_claims_may_be_changed_and_a_deep_copy_is_the_same(principal: Principal) -> None:
    own = dict(principal.claims)
    own["sub"] = "eve"
    merged = principal.claims | {"sub": "eve"}

    assert type(merged) is dict
    assert type(principal.claims.copy()) is dict
    assert principal.subject == "ana"
    for same in (copy.copy, copy.deepcopy):
        assert same(principal.claims) is principal.claims
        assert same(principal) is principal


def test_claims_and_a_principal_go_through_pickle(principal: Principal) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        claims = pickle.loads(pickle.dumps(principal.claims, protocol))
        assert type(claims) is ReadOnlyDict
        assert claims == principal.claims
        again = pickle.loads(pickle.dumps(principal, protocol))
        assert again.to_dict() == principal.to_dict()
        assert again.roles == principal.roles
        with pytest.raises(TypeError):
            again.claims["sub"] = "eve"


def test_what_the_registry_granted_goes_through_pickle_without_its_rules(
    rsa_key: SigningKey, token: str
) -> None:
    entry = Client(
        "acme",
        attributes={"level": Attribute("level", levels=("low", "high"))},
        policies={"p": kind == "person"},  # type: ignore[dict-item]
    )
    verifier = Verifier(
        keys=rsa_key.public_pem, gateway="standard", clients=ClientRegistry([entry])
    )
    principal = verifier.verify(token)
    original = Principal({"sub": "ben"})

    again = pickle.loads(pickle.dumps(principal.with_original(original)))
    assert again.attributes == {"level": "high"}
    assert again.attributes["level"].order == ("low", "high")
    assert (dict(again.policies), set(principal.policies)) == ({}, {"p"})
    assert again.original.subject == "ben"


def test_a_principal_as_plain_data_is_ones_own(principal: Principal) -> None:
    data = principal.with_original(Principal({"sub": "ben"})).to_dict()

    assert json.loads(json.dumps(data)) == data
    assert data["original"]["subject"] == "ben"
    data["claims"]["realm_access"]["roles"].append("more")
    assert principal.claims["realm_access"]["roles"][0] == "deep"
    assert list(data) == [
        "kind",
        "subject",
        "client_id",
        "issuer",
        "roles",
        "permissions",
        "attributes",
        "expires_at",
        "token_id",
        "key_id",
        "claims",
        "original",
    ]
