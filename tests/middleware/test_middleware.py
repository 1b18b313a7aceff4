"""The decisions that every door shares."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    Client,
    ClientRegistry,
    ConfigurationError,
    MissingToken,
    PermissionDenied,
    Principal,
    Refusal,
    RequestError,
    RequestView,
    TokenTooLarge,
    client,
    has_role,
    header,
    policy,
    query_param,
)
from jwt_middleware.authorization.guards import Guard
from jwt_middleware.authorization.routes import Route
from jwt_middleware.background import watched_files as files
from jwt_middleware.events import log
from jwt_middleware.events.kinds import ConfigurationWarning, Decided
from jwt_middleware.middleware.enforcing import enforce, principal_of, refusal_of
from jwt_middleware.middleware.live import substituted
from jwt_middleware.middleware.middleware import MIDDLEWARE_KEY, Middleware
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

EVERYONE = has_role("Internal/everyone")
NOBODY = has_role("nobody")
PREFLIGHT = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))


def admitted(
    middleware: Middleware, lines: Any, request: RequestView | None = None
) -> Principal | None:
    """Whom the middleware lets in by these header lines."""
    carrier: dict[str, Any] = {}
    middleware.admit(lines, carrier, lambda _: request or RequestView())
    return carrier.get(PRINCIPAL_KEY)


def admitted_async(
    middleware: Middleware, lines: Any, request: RequestView | None = None
) -> Principal | None:
    carrier: dict[str, Any] = {}
    asyncio.run(middleware.admit_async(lines, carrier, lambda _: request or RequestView()))
    return carrier.get(PRINCIPAL_KEY)


class Heard(list[Any]):
    """A listener that keeps the refusals it hears."""

    def __call__(self, event: Any) -> None:
        if isinstance(event, Decided) and not event.allowed:
            self.append(event)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def make(rsa_key: SigningKey, heard: Heard) -> Any:
    def middleware(**options: Any) -> Middleware:
        return Middleware({"keys": rsa_key.certificate_pem, "listeners": [heard], **options})

    return middleware


@pytest.fixture
def token(rsa_key: SigningKey) -> str:
    return mint(rsa_key, ucsd_claims())


def test_a_good_line_admits_and_announces_no_refusal(make: Any, token: str, heard: Heard) -> None:
    principal = admitted(make(), [token])

    assert principal is not None
    assert principal.subject == "jroe@carbon.super"
    assert heard == []


def test_both_ways_to_admit_say_the_same(make: Any, token: str) -> None:
    middleware = make(authorize=EVERYONE)
    waited = admitted_async(middleware, [token])

    assert waited is not None
    assert waited is admitted(middleware, [token])


@pytest.mark.parametrize("waiting", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "lines, options, code",
    [
        ([], {}, "missing_token"),
        (["x.y.z"], {}, "malformed_token"),
        ([b"x.y.z"], {"optional": True}, "malformed_token"),
        (["a", "a"], {}, "duplicate_header"),
        (["{token}"], {"authorize": NOBODY}, "insufficient_permission"),
        (["{token}"], {"api": "/orders"}, "invalid_claim"),
    ],
    ids=str,
)
def test_every_refusal_is_announced_once_with_the_callers_reference(
    waiting: bool, lines: Any, options: Any, code: str, make: Any, token: str, heard: Heard
) -> None:
    middleware, request = make(**options), RequestView("PUT", "/x")
    found = [token if line == "{token}" else line for line in lines]

    with pytest.raises(RequestError) as caught:
        (admitted_async if waiting else admitted)(middleware, found, request)

    error = caught.value
    assert error.code == code
    assert [(event.code, event.reference) for event in heard] == [(code, error.reference)]
    assert (heard[0].method, heard[0].path) == ("PUT", "/x")


def test_authorize_reads_the_request(make: Any, token: str) -> None:
    middleware = make(authorize=(query_param("tenant") == "acme") | (header("X-Tenant") == "acme"))

    assert admitted(middleware, [token], RequestView(query_string="tenant=acme"))
    assert admitted(middleware, [token], RequestView(headers=[("x-tenant", "acme")]))
    for request in (RequestView(), RequestView(query_string="tenant=acme&tenant=acme")):
        with pytest.raises(PermissionDenied):
            admitted(middleware, [token], request)


def test_a_denied_caller_is_named_in_the_event_with_the_whole_decision(
    make: Any, rsa_key: SigningKey, heard: Heard
) -> None:
    middleware = make(authorize=client("other"))
    with pytest.raises(PermissionDenied):
        admitted(middleware, [mint(rsa_key, ucsd_claims(client_id="app"))])

    assert (heard[0].subject, heard[0].client_id) == ("jroe@carbon.super", "app")
    assert heard[0].decision is not None
    assert "other" in heard[0].decision.explain()


# --- open paths ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, headers, opened",
    [
        ("OPTIONS", PREFLIGHT, True),
        ("options", PREFLIGHT, False),
        ("GET", PREFLIGHT, False),
        ("OPTIONS", PREFLIGHT[:1], False),
        ("OPTIONS", PREFLIGHT[1:], False),
        ("OPTIONS", (*PREFLIGHT, *PREFLIGHT), False),
        ("OPTIONS", (), False),
    ],
)
def test_a_preflight_is_options_with_both_headers_once(
    method: str, headers: Any, opened: bool, make: Any
) -> None:
    request = RequestView(method, "/", headers=headers)

    assert make(cors_preflight="pass").skips_verification(request) is opened
    assert make().skips_verification(request) is False


def test_an_optional_path_is_not_open_its_header_is_read(make: Any) -> None:
    middleware = make(optional=("/who",), exempt=("/health",))

    assert middleware.skips_verification(RequestView(path="/health"))
    assert not middleware.skips_verification(RequestView(path="/who"))
    assert admitted(middleware, [], RequestView(path="/who")) is None
    with pytest.raises(MissingToken):
        admitted(middleware, [], RequestView(path="/other"))


# --- guards ----------------------------------------------------------------------------------


def test_a_guard_reads_principal_and_gate_from_the_carrier(
    make: Any, token: str, heard: Heard
) -> None:
    middleware = make()
    principal = admitted(middleware, [token])
    carrier = {MIDDLEWARE_KEY: middleware, PRINCIPAL_KEY: principal}

    enforce(Guard(EVERYONE), carrier, RequestView())
    with pytest.raises(PermissionDenied):
        enforce(Guard(NOBODY), carrier, RequestView())
    with pytest.raises(MissingToken):
        enforce(Guard(~client("x")), {MIDDLEWARE_KEY: middleware}, RequestView())

    assert [event.code for event in heard] == ["insufficient_permission", "missing_token"]


def test_a_carrier_without_a_gate_lets_nobody_in_whatever_it_carries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only the middleware sets it, so a principal that stands there alone is not believed."""
    with pytest.raises(MissingToken):
        enforce(Guard(EVERYONE), {PRINCIPAL_KEY: Principal({"sub": "x"})}, RequestView())

    assert "not installed" in caplog.text


def test_a_refusal_without_a_gate_has_the_plain_shape() -> None:
    refusal = refusal_of(MissingToken(), {}, RequestView())

    assert refusal.status == 401
    assert ("Content-Type", "application/problem+json") in refusal.headers


def test_principal_of_raises_where_there_is_none() -> None:
    principal = Principal({"sub": "ana"})

    assert principal_of({PRINCIPAL_KEY: principal}) is principal
    with pytest.raises(MissingToken):
        principal_of({})


# --- refuse= ---------------------------------------------------------------------------------


def test_the_hook_gets_the_plain_refusal_and_the_request(make: Any) -> None:
    seen: list[Any] = []
    own = Refusal(418, (), b"own")

    def hook(refusal: Refusal, request: RequestView) -> Refusal:
        seen.append((refusal.status, request))
        return own

    request = RequestView()

    assert make(refuse=hook).refusal(MissingToken(), request) is own
    assert seen == [(401, request)]


@pytest.mark.parametrize(
    "hook",
    [
        lambda refusal, request: None,
        lambda refusal, request: {"status": 401},
        lambda refusal: refusal,
        lambda refusal, request: 1 // 0,
    ],
    ids=["None", "a dict", "a wrong signature", "raises"],
)
def test_a_failing_hook_costs_nobody_the_answer(
    hook: Any, make: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_rate", log.LogRate())  # other tests may have used up the minute's
    refusal = make(refuse=hook).refusal(TokenTooLarge(), RequestView())

    assert refusal.status == 401
    assert b"token_too_large" in refusal.body
    assert [each.levelno for each in caplog.records if "refuse=" in each.message] == [logging.ERROR]


@pytest.mark.parametrize(
    "accept, html",
    [((), False), (("text/html",), True), (("text/html", "application/json"), False)],
)
def test_accept_lines_count_together(accept: Any, html: bool, make: Any) -> None:
    request = RequestView(headers=[("Accept", line) for line in accept])

    assert (b"<html" in make().refusal(MissingToken(), request).body) is html


def test_a_policy_on_a_route_needs_a_registry(rsa_key: SigningKey) -> None:
    middleware = Middleware({"keys": rsa_key.certificate_pem, "api": "/x"})
    route = Route("/a", ("GET",), "a", (Guard(policy("orders.read")),))

    with pytest.raises(ConfigurationError, match=r"/a: policy\('orders.read'\).*set clients="):
        middleware.inspect([route])


@pytest.mark.parametrize("started", ["alone", "in an override"])
def test_an_edit_with_which_the_app_would_not_start_is_warned_of(
    rsa_key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str
) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.0)
    registry = tmp_path / "clients.toml"
    registry.write_text('[clients.a.policies]\n"x" = { authenticated = true }\n')
    heard: list[Any] = []
    middleware = Middleware(
        {
            "keys": rsa_key.certificate_pem,
            "api": "/x",
            "clients": registry,
            "listeners": [heard.append],
        }
    )
    other = Middleware({"keys": rsa_key.certificate_pem, "api": "/x"}).verifier
    with substituted(
        lambda middleware: middleware.verifier if started == "alone" else other, [middleware]
    ):
        middleware.inspect([Route("/a", ("GET",), "a", (Guard(policy("x")),))])
    registry.write_text("[clients.a]\n")
    ends = time.monotonic() + 3
    while not any(isinstance(each, ConfigurationWarning) for each in heard):
        assert time.monotonic() < ends
        middleware.verifier.health()

    [warning] = [each for each in heard if isinstance(each, ConfigurationWarning)]
    assert warning.reason.startswith("with these clients the app would not start: /a: policy('x')")


# --- start-up, and verifiers put in for tests --------------------------------------------------


PREFETCHES: dict[str, Callable[[Middleware], None]] = {
    "thread": Middleware.prefetch,
    "loop": lambda middleware: asyncio.run(middleware.prefetch_async()),
}
BOTH_WAYS = pytest.mark.parametrize("prefetch", PREFETCHES.values(), ids=PREFETCHES)


@BOTH_WAYS
def test_an_app_may_start_before_its_gateway(
    prefetch: Callable[[Middleware], None], make: Any, endpoint: str
) -> None:
    prefetch(make(keys=endpoint))


@BOTH_WAYS
def test_with_fail_fast_no_keys_are_an_error_that_names_the_source(
    prefetch: Callable[[Middleware], None], make: Any, endpoint: str
) -> None:
    prefetch(make(fail_fast=True))
    with pytest.raises(ConfigurationError, match=rf"fail_fast: .*{endpoint} \("):
        prefetch(make(keys=endpoint, fail_fast=True))


def test_without_fail_fast_a_thread_waits_for_no_keys(make: Any, endpoint: str) -> None:
    middleware = make(keys=endpoint)
    middleware.prefetch()

    [source] = middleware.verifier.health()["sources"]
    assert source["last_error"] is None


@pytest.mark.parametrize("before, meanwhile", [(True, False), (False, True)])
def test_requests_are_followed_where_the_verifier_that_is_asked_has_listeners(
    before: bool, meanwhile: bool, rsa_key: SigningKey, heard: Heard
) -> None:
    def middleware(listens: bool) -> Middleware:
        return Middleware(
            {"keys": rsa_key.certificate_pem, "listeners": [heard] if listens else []}
        )

    own, other = middleware(before), middleware(meanwhile).verifier
    kept = own.verifier
    with substituted(lambda _: other, [own]):
        assert (own.verifier, own.has_listeners) == (other, meanwhile)
    assert (own.verifier, own.has_listeners) == (kept, before)


def test_what_is_served_unasked_is_warned_of_once(rsa_key: SigningKey) -> None:
    heard: list[Any] = []
    middleware = Middleware(
        {
            "keys": rsa_key.certificate_pem,
            "api": "/x",
            "unguarded": "warn",
            "listeners": [heard.append],
        }
    )
    for _ in range(2):
        middleware.report_fault("/open is served unasked")

    warnings = [each.reason for each in heard if isinstance(each, ConfigurationWarning)]
    assert warnings == ["/open is served unasked"]


def test_routes_are_looked_at_for_the_registry_or_for_guards(rsa_key: SigningKey) -> None:
    keys = {"keys": rsa_key.certificate_pem, "api": "/x"}

    assert not Middleware(keys).needs_routes
    assert Middleware(keys | {"unguarded": "warn"}).needs_routes
    assert Middleware(keys | {"clients": ClientRegistry([Client("acme")])}).needs_routes
