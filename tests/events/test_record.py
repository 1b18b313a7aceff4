"""One request, one decision: emitted when the answer begins, with what was decided until then."""

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

from jwt_middleware import (
    JSONLines,
    MissingToken,
    PermissionDenied,
    Principal,
    Verifier,
    asgi,
    authenticated,
    has_role,
    wsgi,
)
from jwt_middleware.authorization.guards import Guard
from jwt_middleware.authorization.request import EnvironView, RequestView, ScopeView
from jwt_middleware.errors import BadSignature, Decision
from jwt_middleware.events.log import Announcer
from jwt_middleware.events.record import (
    RECORD_KEY,
    Audit,
    RequestRecord,
    current_record,
    open_record,
)
from jwt_middleware.middleware.enforcing import enforce
from jwt_middleware.middleware.live import substituted
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..adapters.harness import ask_asgi, call_asgi, call_wsgi, http_scope
from ..kit import Events

JWT = "X-JWT-Assertion"
ANA = Principal({"sub": "ana", "client_id": "app"})
CLIENT = "client('kiosk')"
DENIED = Decision(False, "insufficient_permission", "client('kiosk')", "client kiosk", "client app")
NO_ROLE = Decision(False, "insufficient_permission", "has_role('a')", "role a", "no roles")


@pytest.fixture
def options(rsa_key: SigningKey, events: Events) -> dict[str, Any]:
    return {"keys": rsa_key.certificate_pem, "api": "/echo", "listeners": [events]}


@pytest.fixture
def token(rsa_key: SigningKey) -> str:
    return mint(rsa_key, ucsd_claims())


@contextmanager
def begin(
    events: Events, carrier: dict[str, Any] | None = None
) -> Generator[RequestRecord, None, None]:
    carrier = {} if carrier is None else carrier
    record = RequestRecord(Announcer([events]), carrier, RequestView(), "r-0", PRINCIPAL_KEY)
    try:
        yield record
    finally:
        record.finish(carrier)


# --- the record itself -----------------------------------------------------------------------


def test_a_decision_is_emitted_once_with_the_first_reason(events: Events) -> None:
    scope: dict[str, Any] = {"type": "http", "headers": []}
    request = ScopeView(scope)
    with begin(events, scope) as record:
        audit = Audit(record.announce)
        audit.verified(ANA, request, cached=False, seconds=0.5)
        audit.verified(ANA, request, cached=True)  # by another door inside
        audit.would_refuse(DENIED, ANA, request, CLIENT)
        first = BadSignature("first")
        assert audit.refused(first, request) is first
        audit.refused(MissingToken("what followed from it"), request)
        assert events == []
        record.emit(401, scope)
        record.emit(200, scope)
        audit.refused(first, request)  # the app raises it again

    [event] = events
    assert (event.cached, event.seconds) == (False, 0.5)
    assert event.would_refuse == (DENIED.code,)
    assert (event.allowed, event.code, event.reason) == (False, "bad_signature", "first")
    assert (event.status, event.reference) == (401, first.reference)
    assert (event.subject, event.client_id) == ("ana", "app")


def test_a_refusal_says_which_rule_refused_and_not_what_shadow_mode_let_in_before(
    events: Events,
) -> None:
    scope: dict[str, Any] = {"type": "http", "headers": []}
    request = ScopeView(scope)
    with begin(events, scope) as record:
        audit = Audit(record.announce)
        audit.would_refuse(DENIED, ANA, request, CLIENT)
        audit.refused(PermissionDenied("no", decision=NO_ROLE), request, ANA, "has_role(...)")

    assert [(e.code, e.guard, e.decision) for e in events] == [
        ("insufficient_permission", "has_role(...)", NO_ROLE)
    ]
    assert events[0].would_refuse == (DENIED.code,)


def test_a_request_whose_answer_was_not_seen_is_emitted_all_the_same(events: Events) -> None:
    with pytest.raises(LookupError), begin(events):
        raise LookupError("of the app")

    assert [(event.allowed, event.status) for event in events] == [(True, None)]


def test_a_principal_that_was_put_in_by_other_means_is_named_too(events: Events) -> None:
    carrier: dict[str, Any] = {}
    with begin(events, carrier):
        carrier[PRINCIPAL_KEY] = ANA

    assert events[0].subject == "ana"


def test_a_template_that_is_known_late_stands_beside_the_path(events: Events) -> None:
    with begin(events) as record:
        record.route = "/{rest:path}"

    assert [(event.method, event.route, event.path) for event in events] == [
        ("GET", "/{rest:path}", "/")
    ]


def test_a_record_inside_another_has_the_same_request_id_and_gives_way_at_its_end(
    events: Events,
) -> None:
    carrier: dict[str, Any] = {}
    with begin(events, carrier) as outer:
        with begin(events, carrier) as inner:
            assert current_record() is carrier[RECORD_KEY] is inner
        assert current_record() is carrier[RECORD_KEY] is outer
    assert current_record() is None

    assert events[0].request_id == events[1].request_id == outer.request_id


def test_a_record_is_of_the_listeners_that_will_get_it_and_of_no_others(events: Events) -> None:
    carrier: dict[str, Any] = {}

    with begin(events, carrier) as record:
        assert open_record(record, record.announce) is record
        assert open_record(record, Announcer([events])) is None
        assert open_record(None, record.announce) is None
        record.emit(200, carrier)
        assert open_record(record, record.announce) is None


def test_a_record_that_has_ended_is_no_circle_for_the_garbage_collector(events: Events) -> None:
    class Carrier(dict[str, Any]):
        pass

    carrier = Carrier()
    gone = weakref.ref(carrier)
    gc.disable()
    try:
        with begin(events, carrier):
            pass
        del carrier
        assert gone() is None
    finally:
        gc.enable()


# --- with the audit and the middleware -------------------------------------------------------


def test_a_refusal_at_a_door_is_one_event_and_one_line_of_the_log(
    options: Any, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    door = asgi.JWTMiddleware(served, **options)
    events.clear()
    caplog.clear()
    answer = call_asgi(door, "GET", "/x", [(JWT, "x.y.z"), ("X-Request-ID", "r-1")])

    [event] = events
    assert (event.method, event.path, event.route, event.request_id) == ("GET", "/x", None, "r-1")
    assert (event.code, event.status) == ("malformed_token", 401)
    assert event.reference == answer.json()["reference"]
    refused = f"refused code=malformed_token reference={event.reference} reason={event.reason}"
    assert caplog.messages == [f"{refused} request=GET /x"]


def test_without_listeners_a_refusal_is_one_line_of_the_log_and_an_allowed_request_none(
    rsa_key: SigningKey, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    door = asgi.JWTMiddleware(served, keys=rsa_key.certificate_pem, api="/echo")
    caplog.clear()  # other libraries let INFO of all loggers through, for the rest of the process
    call_asgi(door, "GET", "/x", [(JWT, token)])
    assert caplog.messages == []

    answer = call_asgi(door, "GET", "/x")
    refused = f"refused code=missing_token reference={answer.json()['reference']}"
    why = "reason=the request carries no assertion header"
    assert caplog.messages == [f"{refused} {why} request=GET /x"]


def test_a_refusal_that_the_app_answers_itself_is_logged_with_its_rule(
    options: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(PermissionDenied):
            enforce(Guard(has_role("a")), scope, ScopeView(scope))
        await served(scope, receive, send)

    for listeners in ([Events()], []):
        door = asgi.JWTMiddleware(app, **options | {"listeners": listeners})
        caplog.clear()
        assert call_asgi(door, "GET", "/x", [(JWT, token)]).status == 201

        [line] = caplog.messages
        assert line.startswith("refused code=insufficient_permission reference=")
        assert line.endswith("guard=has_role(...)")


def test_a_call_of_a_verifier_without_a_door_is_one_event_of_no_request(
    options: Any, events: Events, token: str
) -> None:
    verifier = Verifier(**options)
    verifier.verify(token)
    verifier.verify(token, request=RequestView("GET", "/x"))
    with pytest.raises(BadSignature):
        verifier.verify(token[:-8] + "AAAAAAA=")

    decided = [(event.allowed, event.cached, event.path) for event in events.decisions]
    assert decided == [(True, False, None), (True, True, "/x"), (False, None, None)]
    assert {getattr(event, "request_id", None) for event in events} == {None}


def test_another_verifier_that_the_app_asks_meanwhile_calls_its_own_listeners(
    options: Any, events: Events, token: str, rsa_key: SigningKey
) -> None:
    """Its refusal is no decision on this request, but one of its own."""
    out = io.StringIO()
    other = Verifier(keys=rsa_key.certificate_pem, api="/orders", listeners=[JSONLines(out)])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(Exception, match="apicontext"):
            other.verify(token, request=ScopeView(scope))
        await served(scope, receive, send)

    call_asgi(asgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert [event.allowed for event in events.decisions] == [True]
    refused = json.loads(out.getvalue().splitlines()[-1])
    assert (refused["jwt.result"], refused["http.request.method"]) == ("denied", "GET")
    assert refused["http.request.id"] == events.decisions[0].request_id


def test_verification_is_measured_where_somebody_listens_and_not_for_cached_tokens(
    options: Any, events: Events, token: str
) -> None:
    verifier = Verifier(**options)
    verifier.verify(token)
    verifier.verify(token)

    first, second = events.decisions
    assert first.seconds is not None
    assert 0 < first.seconds < 1
    assert second.seconds is None


def test_a_verifier_put_in_for_tests_is_the_one_that_is_emitted(
    options: Any, events: Events
) -> None:
    middleware = Middleware({**options, "listeners": ()})
    assert not middleware.has_listeners
    with substituted(lambda _: Verifier(**options), [middleware]):
        assert middleware.has_listeners
        carrier: dict[str, Any] = {}
        record = middleware.start_record(carrier, EnvironView(carrier))
        assert record is not None
        assert middleware.record_of(carrier) is record
        assert middleware.start_record(carrier, EnvironView(carrier)) is None  # by a door inside
        record.finish(carrier)
    assert not middleware.has_listeners
    assert len(events.decisions) == 1


# --- the plain doors -------------------------------------------------------------------------


async def served(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def test_a_decision_is_emitted_before_the_answer_and_not_at_the_end_of_a_long_one(
    options: Any, events: Events, token: str
) -> None:
    known: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        known.append(len(events.decisions))
        await send({"type": "http.response.body", "body": b"more"})

    call_asgi(asgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert known == [1]
    assert len(events.decisions) == 1


def test_two_doors_with_one_verifier_tell_one_decision(
    options: Any, events: Events, token: str
) -> None:
    verifier = Verifier(**options)
    inner = asgi.JWTMiddleware(served, verifier=verifier)
    call_asgi(asgi.JWTMiddleware(inner, verifier=verifier), "GET", "/x", [(JWT, token)])

    assert [(event.allowed, event.status) for event in events.decisions] == [(True, 201)]


def test_two_doors_with_verifiers_of_their_own_tell_a_decision_each(
    options: Any, events: Events, token: str
) -> None:
    """A mounted app may have a middleware, listeners and guards of its own."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        enforce(Guard(authenticated), scope, ScopeView(scope))
        await served(scope, receive, send)

    inner = Events()
    mounted = asgi.JWTMiddleware(app, **options | {"listeners": [inner]})
    call_asgi(asgi.JWTMiddleware(mounted, **options), "GET", "/x", [(JWT, token)])

    for listener, guarded in ((events, False), (inner, True)):
        [event] = listener.decisions
        assert (event.allowed, event.status, event.guarded) == (True, 201, guarded)


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
    found = [(line["jwt.result"], line.get("http.request.id")) for line in lines[-2:]]
    assert found == [("allowed", "r-1"), ("denied", "r-1")]


def test_a_task_that_outlives_its_request_has_no_record(options: Any, token: str) -> None:
    seen: list[RequestRecord | None] = []

    async def run() -> None:
        tasks: list[asyncio.Task[None]] = []
        ended = asyncio.Event()

        async def work() -> None:
            seen.append(current_record())
            await ended.wait()
            seen.append(current_record())

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


def test_a_request_that_is_cancelled_is_emitted(options: Any, events: Events, token: str) -> None:
    serving: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        serving.append(True)
        await asyncio.Event().wait()

    async def run() -> None:
        door = asgi.JWTMiddleware(app, **options)
        task = asyncio.create_task(ask_asgi(door, http_scope("GET", "/x", [(JWT, token)])))
        while not serving:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())

    assert [(event.allowed, event.status) for event in events.decisions] == [(True, None)]


def test_a_wsgi_app_that_answers_when_it_is_read_is_emitted_with_its_status(
    options: Any, events: Events, token: str
) -> None:
    closed: list[bool] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            start_response("202 Accepted", [])
            yield b"a"
            assert len(events.decisions) == 1
            yield b"b"
        finally:
            closed.append(True)

    answer = call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert (answer.status, answer.body) == (202, b"ab")
    assert closed == [True]
    assert [event.status for event in events.decisions] == [202]
    assert current_record() is None


def test_a_wsgi_app_that_refuses_after_it_has_begun_is_emitted_as_refused(
    options: Any, events: Events, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise MissingToken("it asked too late")

    answer = call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert answer.status == 401
    [event] = events.decisions
    assert (event.allowed, event.status, event.code) == (False, 401, "missing_token")


def test_a_wsgi_app_that_fails_is_emitted_without_a_status(
    options: Any, events: Events, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise LookupError("of the app")

    with pytest.raises(LookupError):
        call_wsgi(wsgi.JWTMiddleware(app, **options), "GET", "/x", [(JWT, token)])

    assert [event.status for event in events.decisions] == [None]
    assert current_record() is None


def test_an_error_that_the_app_raised_from_a_verifier_of_its_own_is_the_requests_too(
    options: Any, events: Events, token: str
) -> None:
    """The same verifier, asked without the request: the call is one event, the request another."""
    verifier = Verifier(**options)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        verifier.verify("x.y.z")

    door = asgi.JWTMiddleware(app, verifier=verifier)
    answer = call_asgi(door, "GET", "/x", [(JWT, token)])

    assert answer.status == 401
    decided = [(event.code, event.status, event.reference) for event in events.decisions]
    reference = answer.json()["reference"]
    assert decided == [("malformed_token", None, reference), ("malformed_token", 401, reference)]
