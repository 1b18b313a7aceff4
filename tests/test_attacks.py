"""Ways around the checks that somebody has tried, each closed. Named by the attack."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pickle
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PublicFormat,
    pkcs12,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from jwt_middleware import (
    ConfigurationError,
    Gateway,
    Predicate,
    Principal,
    RequestView,
    SharedSecret,
    Verifier,
    claim,
    has_role,
    header,
    query_param,
)
from jwt_middleware.authorization.decorators import requires_by
from jwt_middleware.errors import PermissionDenied
from jwt_middleware.gateways import Text
from jwt_middleware.keys.key import UnusableKey
from jwt_middleware.keys.pem import read_pem
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_starlette import JWTMiddleware, requires
from jwt_middleware_starlette.fastapi import guard

from .adapters.harness import call_asgi

ADMIN = has_role("admin")


@pytest.mark.parametrize("value", [64, [1] * 64, None, b"\x00" * 64, "\ud800" * 40], ids=type)
def test_a_secret_of_another_type_does_not_become_zero_bytes_that_anybody_knows(value: Any) -> None:
    with pytest.raises(ConfigurationError):
        Verifier(keys=SharedSecret(value), algorithms=["HS256"], gateway="standard")


def test_an_hmac_with_the_empty_key_is_never_accepted() -> None:
    verifier = Verifier(keys=SharedSecret("k" * 32), algorithms=["HS256"], gateway="standard")
    segments = [{"alg": "HS256"}, {"exp": int(time.time()) + 60}]
    texts = [base64.urlsafe_b64encode(json.dumps(s).encode()).rstrip(b"=") for s in segments]
    mac = hmac.digest(b"", b".".join(texts), hashlib.sha256)
    token = b".".join([*texts, base64.urlsafe_b64encode(mac).rstrip(b"=")])

    with pytest.raises(Exception, match="signature"):
        verifier.verify(token)


CALLER = Principal({"sub": "ana"})


@pytest.mark.parametrize(
    "query",
    ["all=1", "all=1&all=1", "all=1" + "&a" * 2000],
    ids=["once", "twice", "thousands of fields"],
)
def test_repeating_a_parameter_does_not_make_it_absent(query: str) -> None:
    request = RequestView(query_string=query)

    assert not (~query_param("all").is_present).evaluate(CALLER, request).allowed
    if query != "all=1":
        assert not (query_param("all") == "1").evaluate(CALLER, request).allowed
        assert not (query_param("all") != "2").evaluate(CALLER, request).allowed


def test_repeating_a_header_does_not_make_it_absent() -> None:
    request = RequestView(headers=[("X-Act-As", "a"), ("x-act-as", "b")])

    assert not (~header("X-Act-As").is_present).evaluate(CALLER, request).allowed


@pytest.mark.parametrize("right", [5, True], ids=repr)
def test_contains_of_another_type_is_unknown_so_its_negation_denies(right: Any) -> None:
    blocked = Principal({"blocked": ["5"]})

    assert not (~claim("blocked").contains(right)).evaluate(blocked).allowed
    assert not (~claim("blocked").contains(claim("x"))).evaluate(blocked).allowed


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_constant_that_no_json_number_is_cannot_be_compared(number: float) -> None:
    with pytest.raises(TypeError):
        claim("f").equals(number)


class Odd(Predicate):
    """A predicate of an app's own that answers anything."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def verdict(self, evaluation: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def key(self) -> tuple[Any, ...]:
        return (str(self.answer),)

    def __repr__(self) -> str:
        return "odd"


@pytest.mark.parametrize("answer", [0, 1, "", "no", [], ValueError("x")], ids=repr)
def test_a_predicate_of_ones_own_that_answers_no_truth_value_denies_in_every_combination(
    answer: Any,
) -> None:
    odd = Odd(answer)

    for predicate in (odd, ~odd, ~~odd, odd & ~ADMIN, ~(odd | ADMIN), ADMIN | ~odd):
        assert not predicate.evaluate(CALLER).allowed


def test_two_guards_that_only_read_alike_are_two(rsa_key: SigningKey) -> None:
    def vocabulary(name: str) -> Any:
        class Shared:
            level = Text(name)

        return Shared

    one, other = (guard(vocabulary(name).level == "1") for name in ("a", "b"))

    assert one != other
    assert one == guard(vocabulary("a").level == "1")


def bare(request: Any) -> PlainTextResponse:
    return PlainTextResponse("open")


def marked() -> Any:
    """A handler that is routed bare, with the mark of a guard above its route."""

    def handler(request: Any) -> PlainTextResponse:
        return PlainTextResponse("open")

    requires(ADMIN)(handler)
    return handler


def hidden_routes(verifier: Verifier) -> dict[str, Any]:
    def sub() -> Starlette:
        return Starlette(routes=[Route("/x", marked())])

    ours = Middleware(JWTMiddleware, verifier=verifier)
    zipped = Middleware(GZipMiddleware)
    return {
        "around the app": JWTMiddleware(sub(), verifier=verifier),
        "around a wrapped app": JWTMiddleware(GZipMiddleware(sub()), verifier=verifier),
        "around a mounted app": Starlette(
            routes=[Mount("/s", app=JWTMiddleware(sub(), verifier=verifier))]
        ),
        "a wrapped app is mounted": Starlette(
            routes=[Mount("/s", app=GZipMiddleware(sub()))], middleware=[ours]
        ),
        "a router's middleware": Router([Route("/x", marked())], middleware=[zipped, ours]),
    }


@pytest.mark.parametrize("where", hidden_routes(Verifier(keys=SigningKey().public_pem)))
def test_a_bare_route_is_found_wherever_the_middleware_stands(
    where: str, rsa_key: SigningKey
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)
    app = hidden_routes(verifier)[where]
    path = "/s/x" if "mounted" in where else "/x"
    answer = call_asgi(app, "GET", path, [("X-JWT-Assertion", mint(rsa_key, {}))])

    assert answer.status == 503
    assert answer.json()["code"] == "configuration_error"


def test_a_bare_route_that_is_added_later_is_found(rsa_key: SigningKey) -> None:
    app = Starlette()
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem)
    caller = [("X-JWT-Assertion", mint(rsa_key, {}))]

    assert call_asgi(app, "GET", "/x", caller).status == 404
    app.router.routes.append(Route("/x", marked()))
    assert call_asgi(app, "GET", "/x", caller).status == 503


def test_one_function_under_two_guards_on_two_routes_keeps_them_apart(rsa_key: SigningKey) -> None:
    def shared(request: Any) -> PlainTextResponse:
        return PlainTextResponse("served")

    routes = [Route("/a", requires(has_role("a"))(shared)), Route("/b", requires(ADMIN)(shared))]
    app = Starlette(routes=routes)
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem)
    caller = [("X-JWT-Assertion", mint(rsa_key, {"http://wso2.org/claims/role": "a"}))]

    assert call_asgi(app, "GET", "/a", caller).status == 200
    assert call_asgi(app, "GET", "/b", caller).status == 403


class Slots:
    __slots__ = ()

    def __call__(self) -> None: ...


@pytest.mark.parametrize("handler", [Slots(), print], ids=type)
def test_a_handler_that_cannot_keep_a_guard_is_refused_where_it_is_decorated(handler: Any) -> None:
    with pytest.raises(TypeError, match="takes no attribute"):
        requires_by(lambda *_: None)(ADMIN)(handler)


@pytest.mark.parametrize("alias", ["none", "None", "HS256", "ES256"])
def test_no_alias_can_give_none_or_another_algorithm_s_name_a_meaning(
    alias: str, rsa_key: SigningKey
) -> None:
    gateway = Gateway(name="odd", algorithm_aliases={alias: "RS256"})

    with pytest.raises(ConfigurationError, match="alias"):
        Verifier(keys=rsa_key.public_pem, gateway=gateway)


@pytest.mark.parametrize("leeway", [1e300, 3601, 10**400, float("inf"), float("nan")])
def test_a_leeway_that_makes_expired_tokens_live_on_is_refused(
    leeway: float, rsa_key: SigningKey
) -> None:
    with pytest.raises(ConfigurationError, match="leeway"):
        Verifier(keys=rsa_key.public_pem, leeway=leeway)


def test_a_list_within_the_list_of_keys_cannot_hide_a_secret(rsa_key: SigningKey) -> None:
    keys: Any = [[SharedSecret("k" * 32), rsa_key.public_pem]]

    with pytest.raises(ConfigurationError, match="list within"):
        Verifier(keys=keys, algorithms=["HS256"], gateway="standard")


def spellings(key: SigningKey) -> dict[str, bytes]:
    pem = key.public_pem.encode()
    der = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(key.jwk()).encode()
    store = pkcs12.serialize_key_and_certificates(b"a", key.private, None, None, NoEncryption())
    return {
        "base64url of DER": base64.urlsafe_b64encode(der).rstrip(b"="),
        "hex of DER": der.hex().encode(),
        "base64 of PEM": base64.b64encode(pem),
        "base64 twice": base64.b64encode(base64.b64encode(der)),
        "PEM without its first line": pem.split(b"\n", 1)[1],
        "PKCS#12": store,
        "JWK with an escape": jwk.replace(b'"kty"', b'"\\u006bty"'),
        "list of JWK": b"[" + jwk + b"]",
        "base64 of JWK": base64.b64encode(jwk),
        "UTF-16 of PEM": key.public_pem.encode("utf-16"),
        "UTF-16 of JWK": jwk.decode().encode("utf-16"),
    }


@pytest.mark.parametrize("name", spellings(SigningKey()))
def test_rs_hs_confusion_a_key_in_any_spelling_is_no_secret(name: str, rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="not a secret"):
        SharedSecret(spellings(rsa_key)[name])


def test_repeated_begin_lines_cost_no_more_than_their_length() -> None:
    """A search that begins anew at each line would take hours here."""
    with pytest.raises(UnusableKey):
        read_pem(b"-----BEGIN CERTIFICATE-----\n" * 200_000)


@pytest.mark.parametrize(
    "keys",
    [
        "hunter2" * 60,
        "https://admin:hunter2/x@gateway/jwks",
        "hunter2://hunter2/",
        "http://hunter2.example/jwks",
        "hunter2",
    ],
    ids=["too long for a path", "a port", "a scheme", "a host", "a word"],
)
def test_a_secret_that_was_given_as_keys_is_never_echoed(keys: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Verifier(keys=keys)

    assert "hunter2" not in str(refusal.value)


def test_a_refusal_that_is_pickled_leaves_what_the_token_holds_behind() -> None:
    refused = PermissionDenied("no", decision=(claim("ssn") == "x").evaluate(CALLER))

    assert pickle.loads(pickle.dumps(refused)).decision is None


def test_a_principal_is_made_once(rsa_key: SigningKey) -> None:
    principal = Verifier(keys=rsa_key.public_pem).verify(mint(rsa_key, {"sub": "ana"}))

    with pytest.raises(AttributeError):
        Principal.__init__(principal, {"sub": "eve"})
    assert principal.subject == "ana"


def test_an_rsa_key_of_another_size_than_its_signature_is_refused() -> None:
    small = SigningKey(private=rsa.generate_private_key(65537, 2048))
    large = SigningKey(private=rsa.generate_private_key(65537, 3072))
    verifier = Verifier(keys=[small.public_pem, large.public_pem])

    for key in (small, large):
        assert verifier.verify(mint(key, {})).claims["exp"]
