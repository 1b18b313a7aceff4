"""Events are text: from none, and from no log record, a token, header or request is reached."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import pytest

from jwt_middleware import Principal, authenticated, header, predicate
from jwt_middleware.authorization.predicate import Evaluation, Predicate
from jwt_middleware.authorization.request import RequestView
from jwt_middleware.errors import Decision
from jwt_middleware.events.record import current_record
from jwt_middleware.testing import SigningKey

from ..kit import Events
from .apps import DOORS, Door
from .client_cases import ACME_ADMIN, ACME_TOKEN, client_options, sent
from .conformance import JWT, ROWS, Tokens
from .rule_apps import ADAPTERS, Adapter, Rule

PLAIN = (str, int, float, bool, type(None))
EVERY_DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


def parts_of(thing: Any) -> Iterator[Any]:
    """What can be had from a thing: members, attributes, slots, closures, bound arguments."""
    if isinstance(thing, Mapping):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, Iterable) and not isinstance(thing, str | bytes):
        yield from thing if isinstance(thing, list | tuple | set | frozenset) else ()
    if isinstance(thing, functools.partial):
        yield from (thing.func, thing.args, thing.keywords)
    if isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    if isinstance(thing, FunctionType):
        yield from (*(thing.__closure__ or ()), thing.__defaults__, thing.__kwdefaults__)
    if isinstance(thing, CellType):
        try:
            yield thing.cell_contents
        except ValueError:
            pass  # it is empty
    yield from getattr(thing, "__dict__", {}).values()
    for kind in type(thing).__mro__:
        slots = getattr(kind, "__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield getattr(thing, name, None)


def reachable(*roots: Any, but: Any = None) -> list[Any]:
    seen: dict[int, Any] = {id(but): but}
    left = list(roots)
    while left:
        thing = left.pop()
        if id(thing) not in seen and not isinstance(thing, ModuleType | type):
            seen[id(thing)] = thing
            assert len(seen) < 100_000, "an app is reached, and with it everything"
            left += parts_of(thing)
    return list(seen.values())[1:]


class Reaching(Events):
    """It keeps as well what it could reach from the request's record."""

    def __init__(self) -> None:
        self.beside: list[Any] = []

    def __call__(self, event: Any) -> None:
        super().__call__(event)
        record = current_record()
        if record is not None:
            self.beside += reachable(record, but=self)


@pytest.fixture
def events() -> Reaching:
    return Reaching()


@pytest.fixture(scope="module")
def tokens(rsa_key: SigningKey, other_rsa_key: SigningKey) -> Tokens:
    return Tokens(rsa_key, other_rsa_key)


def check_texts(things: list[Any], secrets: Iterable[str]) -> None:
    pieces = {piece for secret in secrets for piece in secret.split(".") if len(piece) > 8}
    for thing in things:
        text = thing.decode("latin-1") if isinstance(thing, bytes) else thing
        if isinstance(text, str):
            assert [piece for piece in pieces if piece in text] == []
        assert not isinstance(thing, RequestView | Principal)
        if isinstance(thing, Mapping):
            assert {"headers", "wsgi.version", "REQUEST_METHOD"}.isdisjoint(thing)


def check_events(
    events: Reaching, records: list[logging.LogRecord], secrets: Iterable[str]
) -> None:
    assert events
    assert records
    for thing in reachable(*events):
        is_event = (
            isinstance(thing, tuple) and type(thing).__module__ == "jwt_middleware.events.kinds"
        )
        assert is_event or type(thing) in (*PLAIN, tuple, Decision), thing
    for record in records:
        members = reachable(vars(record))
        assert {type(each) for each in members} <= {*PLAIN, tuple, list, dict}
    everything = [*reachable(*events), *events.beside, *(reachable(*map(vars, records)))]
    check_texts(everything, secrets)


@EVERY_DOOR
def test_no_event_and_no_record_of_any_request_reaches_its_token_or_headers(
    door: Door,
    events: Reaching,
    tokens: Tokens,
    rsa_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "jwt_middleware")
    for row in ROWS:
        if row.options.get("keys") or not row.needs <= door.can:
            continue
        options = {
            "keys": rsa_key.certificate_pem,
            "clock": lambda now=row.now: now,
            "listeners": [events],
            **row.options,
        }
        sent_lines = [(JWT, value.format_map(tokens)) for value in row.sent]
        sent_lines += [(name, value.format_map(tokens)) for name, value in row.headers]
        app = door.build(options)
        door.ask(app, row.method, row.path, sent_lines, query=row.query.format_map(tokens))

    assert {event.allowed for event in events.decisions} == {True, False}
    assert events.beside
    records = [each for each in caplog.records if each.name == "jwt_middleware"]
    check_events(events, records, tokens.values())


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_no_event_of_a_guard_in_force_or_in_shadow_mode_reaches_the_request(
    adapter: Adapter, events: Reaching, rsa_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "jwt_middleware")
    options = client_options(rsa_key) | {"listeners": [events]}
    rules = [
        Rule("/shadow", header(JWT) == "of the operator", enforce=False),
        Rule("/forced", ACME_ADMIN & (header(JWT) == "of the operator")),
    ]
    app = adapter.build(rules, options)
    headers = sent(rsa_key, ACME_TOKEN | {"roles": ["acme_admin", "globex_x"]})
    for rule in rules:
        app.get(rule.path, headers)

    assert {type(event).__name__ for event in events} >= {"ValuesDropped", "Decided"}
    records = [each for each in caplog.records if each.name == "jwt_middleware"]
    check_events(events, records, [value for _, value in headers])
    explained = [event.decision.explain() for event in events if getattr(event, "decision", None)]
    assert len(explained) == 2
    assert all("a value that is not kept" in each for each in explained)


class Careless(Predicate):
    """A predicate of the app's own, which returns what it was given as its two sides."""

    def verdict(self, evaluation: Evaluation) -> bool:
        return False

    def needed_and_held(self, evaluation: Evaluation) -> Any:
        return evaluation.principal, evaluation.request

    def key(self) -> tuple[Any, ...]:
        return ()

    def __repr__(self) -> str:
        return "careless"


@pytest.mark.parametrize(
    "rule",
    [
        Careless(),
        predicate(lambda principal, request: False),
        header(JWT).is_present & header("Cookie").is_in(["x"]),
        ~header(JWT).is_present,
        ~authenticated,
    ],
    ids=repr,
)
def test_a_decision_is_texts_and_goes_on_explaining(rule: Predicate) -> None:
    request = RequestView("GET", "/x", headers=[(JWT, "aa.bb.cc"), ("Cookie", "sid=of-ana")])

    decision = rule.evaluate(Principal({"sub": "ana"}), request)

    assert not decision.allowed
    assert {type(each) for each in reachable(decision)} <= {*PLAIN, Decision}
    explained = decision.explain()
    assert explained.startswith("insufficient_permission: ")
    assert "aa.bb" not in explained
    assert "of-ana" not in explained
