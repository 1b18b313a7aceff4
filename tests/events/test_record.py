"""One request, one decision: told when the answer begins, with what was decided until then."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jwt_middleware import JSONLines, MissingToken, Principal, Verifier, asgi, wsgi
from jwt_middleware.authorization.request import EnvironView, RequestView, ScopeView
from jwt_middleware.errors import BadSignature
from jwt_middleware.events.kinds import Decided, Refused, Verified
from jwt_middleware.events.log import Announcer
from jwt_middleware.events.record import TRAIL_KEY, Trail, current_trail, trail_of
from jwt_middleware.middleware.live import substituted
from jwt_middleware.middleware.middleware import Gate, follows
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..adapters.harness import ask_asgi, call_asgi, call_wsgi, http_scope

JWT = "X-JWT-Assertion"
ANA = Principal({"sub": "ana", "client_id": "app"})


class Heard(list[Any]):
    """A listener that keeps all it hears."""

    def __call__(self, event: Any) -> None:
        self.append(event)

    def decisions(self) -> list[Decided]:
        return [event for event in self if isinstance(event, Decided)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def options(rsa_key: SigningKey, heard: Heard) -> dict[str, Any]:
    return {"keys": rsa_key.certificate_pem, "api": "/echo", "listeners": [heard]}


@pytest.fixture
def token(rsa_key: SigningKey) -> str:
    return mint(rsa_key, ucsd_claims())


@contextmanager
def begin(
    heard: Heard, carrier: dict[str, Any] | None = None, **more: Any
) -> Generator[Trail, None, None]:
    carrier = {} if carrier is None else carrier
    trail = Trail(Announcer([heard]), carrier, RequestView(), "r-0", PRINCIPAL_KEY, **more)
    try:
        yield trail
    finally:
        trail.leave(carrier)


# --- the trail itself ------------------------------------------------------------------------


def test_a_decision_is_told_once_with_the_first_reason(heard: Heard) -> None:
    with begin(heard) as trail:
        trail.verified(ANA, cached=False)
        first = BadSignature("first")
        trail.refused(first, None, None)
        trail.refused(MissingToken("what followed from it"), None, None)
        trail.tell(401, {})
        trail.tell(200, {})

    [event] = heard
    assert (event.allowed, event.code, event.reason) == (False, "bad_signature", "first")
    assert (event.status, event.reference) == (401, first.reference)
    assert (event.subject, event.client_id) == ("ana", "app")


def test_a_request_whose_answer_was_not_seen_is_told_all_the_same(heard: Heard) -> None:
    with pytest.raises(LookupError), begin(heard):
        raise LookupError("of the app")

    assert [(event.allowed, event.status) for event in heard] == [(True, None)]


def test_a_principal_that_was_put_in_by_other_means_is_named_too(heard: Heard) -> None:
    carrier: dict[str, Any] = {}
    with begin(heard, carrier):
        carrier[PRINCIPAL_KEY] = ANA

    assert heard[0].subject == "ana"


def test_a_template_takes_the_place_of_the_path(heard: Heard) -> None:
    with begin(heard, find_route=lambda method, path: f"{method} {path}"):
        pass
    with begin(heard, find_route=lambda method, path: None):
        pass

    assert [(event.route, event.path) for event in heard] == [("GET /", None), (None, "/")]


def test_a_trail_inside_another_has_the_same_request_id_and_gives_way_at_its_end(
    heard: Heard,
) -> None:
    carrier: dict[str, Any] = {}
    with begin(heard, carrier) as outer:
        with begin(heard, carrier) as inner:
            assert current_trail() is carrier[TRAIL_KEY] is inner
        assert current_trail() is carrier[TRAIL_KEY] is outer
    assert current_trail() is None

    assert heard[0].request_id == heard[1].request_id == outer.request_id


def test_a_trail_is_of_the_listeners_that_will_be_told_and_of_no_others(heard: Heard) -> None:
    carrier: dict[str, Any] = {}
    request = ScopeView(carrier)

    with begin(heard, carrier) as trail:
        assert trail_of(request, trail.announce) is trail
        assert trail_of(request, Announcer([heard])) is None
        assert trail_of(RequestView(), trail.announce) is None
        assert trail_of(None, trail.announce) is None
        trail.tell(200, carrier)
        assert trail_of(request, trail.announce) is None


def test_a_trail_that_has_ended_is_no_circle_for_the_garbage_collector(heard: Heard) -> None:
    class Carrier(dict[str, Any]):
        pass

    carrier = Carrier()
    gone = weakref.ref(carrier)
    gc.disable()
    try:
        with begin(heard, carrier, find_route=lambda *_, held=carrier: None):
            pass
        del carrier
        assert gone() is None
    finally:
        gc.enable()


# --- with the audit and the gate -------------------------------------------------------------


def test_the_parts_of_a_decision_carry_its_request_id(options: Any, heard: Heard) -> None:
    door = asgi.JWTMiddleware(served, **options)
    call_asgi(door, "GET", "/x", [(JWT, "x.y.z"), ("X-Request-ID", "r-1")])

    refused, decided = heard[-2:]
    assert isinstance(refused, Refused)
    assert refused.request_id == decided.request_id == "r-1"
    assert refused.reference == decided.reference
    assert (refused.method, refused.path, refused.route) == ("GET", "/x", None)


def test_a_verifier_without_a_door_tells_of_no_request(
    options: Any, heard: Heard, token: str
) -> None:
    verifier = Verifier(**options)
    verifier.verify(token)
    verifier.verify(token, request=RequestView("GET", "/x"))
    with pytest.raises(BadSignature):
        verifier.verify(token[:-8] + "AAAAAAA=")

    told = [type(event) for event in heard if isinstance(event, Decided | Verified | Refused)]
    assert told == [Verified, Verified, Refused]
    assert {getattr(event, "request_id", None) for event in heard} == {None}


def test_another_verifier_that_the_app_asks_meanwhile_tells_its_own_listeners(
    options: Any, heard: Heard, token: str, rsa_key: SigningKey
) -> None:
    """Its refusal is no decision on this request, so no ``Decided`` sums it up."""
    out = io.StringIO()
    other = Verifier(keys=rsa_key.certificate_pem, api="/orders", listeners=[JSONLines(out)])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(Exception, match="apicontext"):
            other.verify(token, request=ScopeView(scope))
        await served(scope, receive, send)

    call_asgi(asgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert [event.allowed for event in heard.decisions()] == [True]
    assert json.loads(out.getvalue().splitlines()[-1])["event.name"] == "refused"


def test_verification_is_measured_where_somebody_listens_and_not_for_cached_tokens(
    options: Any, heard: Heard, token: str
) -> None:
    verifier = Verifier(**options)
    verifier.verify(token)
    verifier.verify(token)

    first, second = (event for event in heard if isinstance(event, Verified))
    assert first.seconds is not None
    assert 0 < first.seconds < 1
    assert second.seconds is None


def test_a_verifier_put_in_for_tests_is_the_one_that_is_told(options: Any, heard: Heard) -> None:
    gate = Gate({**options, "listeners": ()})
    assert not gate.audits
    with substituted(lambda _: Verifier(**options), [gate]):
        assert gate.audits
        carrier: dict[str, Any] = {}
        trail = gate.follow(carrier, EnvironView(carrier))
        assert follows(gate, carrier)
        trail.leave(carrier)
    assert not gate.audits
    assert len(heard.decisions()) == 1


# --- the plain doors -------------------------------------------------------------------------


async def served(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def test_a_decision_is_told_before_the_answer_and_not_at_the_end_of_a_long_one(
    options: Any, heard: Heard, token: str
) -> None:
    known: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        known.append(len(heard.decisions()))
        await send({"type": "http.response.body", "body": b"more"})

    call_asgi(asgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert known == [1]
    assert len(heard.decisions()) == 1


def test_two_doors_with_one_verifier_tell_one_decision(
    options: Any, heard: Heard, token: str
) -> None:
    verifier = Verifier(**options)
    inner = asgi.JWTMiddleware(served, verifier=verifier)
    call_asgi(asgi.JWTMiddleware(inner, verifier=verifier), "GET", "/x", [(JWT, token)])

    assert [(event.allowed, event.status) for event in heard.decisions()] == [(True, 201)]


def test_two_doors_with_verifiers_of_their_own_tell_a_decision_each(
    options: Any, heard: Heard, token: str
) -> None:
    """A mounted app may have a middleware and listeners of its own."""
    inner = Heard()
    mounted = asgi.JWTMiddleware(served, **options | {"listeners": [inner]})
    call_asgi(asgi.JWTMiddleware(mounted, **options), "GET", "/x", [(JWT, token)])

    for listener in (heard, inner):
        told = [(event.allowed, event.status) for event in listener.decisions()]
        assert told == [(True, 201)]


def test_a_refusal_after_the_answer_began_is_a_line_with_the_requests_id(
    options: Any, token: str
) -> None:
    out = io.StringIO()
    verifier = Verifier(**options | {"listeners": [JSONLines(out)]})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await served(scope, receive, send)
        with pytest.raises(Exception, match="not three segments"):
            verifier.verify("x.y", request=ScopeView(scope))

    door = asgi.JWTMiddleware(app, verifier=verifier)
    call_asgi(door, "GET", "/x", [(JWT, token), ("X-Request-ID", "r-1")])

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    found = [(line["event.name"], line.get("http.request.id")) for line in lines[-2:]]
    assert found == [("decided", "r-1"), ("refused", "r-1")]


def test_a_task_that_outlives_its_request_has_no_trail(options: Any, token: str) -> None:
    seen: list[Trail | None] = []

    async def run() -> None:
        tasks: list[asyncio.Task[None]] = []
        ended = asyncio.Event()

        async def work() -> None:
            seen.append(current_trail())
            await ended.wait()
            seen.append(current_trail())

        async def app(scope: Any, receive: Any, send: Any) -> None:
            tasks.append(asyncio.create_task(work()))
            await asyncio.sleep(0)
            await served(scope, receive, send)

        door = asgi.JWTMiddleware(app, **options)
        await ask_asgi(door, http_scope("GET", "/x", [(JWT, token)]))
        ended.set()
        await tasks[0]

    asyncio.run(run())

    assert seen[0] is not None
    assert seen[1] is None


def test_a_request_that_is_cancelled_is_told(options: Any, heard: Heard, token: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def run() -> None:
        door = asgi.JWTMiddleware(app, **options)
        task = asyncio.create_task(ask_asgi(door, http_scope("GET", "/x", [(JWT, token)])))
        while not heard or not isinstance(heard[-1], Verified):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())

    assert [(event.allowed, event.status) for event in heard.decisions()] == [(True, None)]


def test_a_wsgi_app_that_answers_when_it_is_read_is_told_with_its_status(
    options: Any, heard: Heard, token: str
) -> None:
    closed: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("202 Accepted", [])
            yield b"a"
            assert len(heard.decisions()) == 1
            yield b"b"
        finally:
            closed.append(True)

    answer = call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert (answer.status, answer.body) == (202, b"ab")
    assert closed == [True]
    assert [event.status for event in heard.decisions()] == [202]
    assert current_trail() is None


def test_a_wsgi_app_that_refuses_after_it_has_begun_is_told_as_refused(
    options: Any, heard: Heard, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise MissingToken("it asked too late")

    answer = call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert answer.status == 401
    [event] = heard.decisions()
    assert (event.allowed, event.status, event.code) == (False, 401, "missing_token")


def test_a_wsgi_app_that_fails_is_told_without_a_status(
    options: Any, heard: Heard, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise LookupError("of the app")

    with pytest.raises(LookupError):
        call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert [event.status for event in heard.decisions()] == [None]
    assert current_trail() is None


def test_an_error_that_the_app_raised_from_a_verifier_of_its_own_is_told_as_the_requests(
    options: Any, heard: Heard, token: str
) -> None:
    """The same verifier, asked without the request: the refusal was told, and denies it now."""
    verifier = Verifier(**options)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        verifier.verify("x.y.z")

    door = asgi.JWTMiddleware(app, verifier=verifier)
    answer = call_asgi(door, "GET", "/x", [(JWT, token)])

    assert answer.status == 401
    assert [event.code for event in heard.decisions()] == ["malformed_token"]
    assert len([event for event in heard if isinstance(event, Refused)]) == 1
