"""Every door writes the same audit lines for the same requests: one line each."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import JSONLines, policy
from jwt_middleware.testing import SigningKey

from . import test_websockets as sockets
from .apps import DOORS, Door
from .client_cases import ACME_ADMIN, STARK_TOKEN, client_options, sent
from .conformance import DENIED, EXPIRY, JWT, MAYBE, NOW, ROWS, Row, Tokens
from .conftest import Caller, check_no_secret, decisions
from .harness import DENIAL, Answer, open_websocket, without_reference
from .rule_apps import ADAPTERS, Adapter, Rule, said

ROUTED = [door for door in DOORS if "guards" in door.can]
ID = ("X-Request-ID", "r-1")

Line = dict[str, Any]


class Written(io.StringIO):
    """What JSONLines has written."""

    def decisions(self) -> list[Line]:
        """The lines of requests, with the template as one framework writes it."""
        found = decisions(self.getvalue())
        for line in found:
            if "http.route" in line:
                line["http.route"] = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", line["http.route"])
        return found


@pytest.fixture
def written() -> Written:
    return Written()


Ask = Callable[[Door, Row], tuple[Answer, Line]]


@pytest.fixture
def ask(tokens: Tokens, rsa_key: SigningKey, endpoint: str) -> Ask:
    """Build a door's app with a row's options, send the row's request; its answer and line."""

    def send(door: Door, row: Row) -> tuple[Answer, Line]:
        written = Written()
        options = {
            "keys": rsa_key.certificate_pem,
            "clock": lambda: row.now,
            "listeners": [JSONLines(written, clock=lambda: row.now)],
            **row.options,
        }
        if options["keys"] == "{endpoint}":
            options["keys"] = endpoint
        headers = [(JWT, value.format_map(tokens)) for value in row.sent]
        headers += [(name, value.format_map(tokens)) for name, value in (ID, *row.headers)]
        query = row.query.format_map(tokens)
        answer = door.ask(door.build(options), row.method, row.path, headers, query=query)
        [line] = written.decisions()
        assert (answer.status, line["http.request.id"]) == (row.status, "r-1")
        assert line.get("jwt.reference") == (answer.json()["reference"] if row.code else None)
        check_no_secret(written.getvalue(), tokens)
        return answer, line

    return send


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_door_refuses_with_the_same_bytes_and_every_framework_writes_the_same_line(
    row: Row, ask: Ask
) -> None:
    doors = [door for door in DOORS if row.needs <= door.can]
    asked = [ask(door, row) for door in doors]

    if row.code:
        assert len({without_reference(answer) for answer, _ in asked}) == 1
        assert len({answer.json()["reference"] for answer, _ in asked}) == len(asked)
    lines = [line for door, (_, line) in zip(doors, asked, strict=True) if door in ROUTED]
    for line in lines:
        line.pop("jwt.reference", None)
        if row.path == "//who":  # which Flask alone routes to /who
            assert (line.pop("http.route", None) or line.pop("url.path")) in ("/who", "//who")
        line.pop("jwt.reason", None)  # two lines of a header are one with a comma under WSGI

    assert [line for line in lines if line != lines[0]] == []


def test_a_line_names_the_caller_and_the_template_and_not_the_ids_in_the_path(ask: Ask) -> None:
    row = Row(name="", sent=("{good}",), path="/projects/A00000001")

    for door in ROUTED:
        _, line = ask(door, row)
        assert line == {
            "@timestamp": "2016-11-17T19:07:31.000000Z",
            "event.name": "decided",
            "jwt.result": "allowed",
            "http.request.method": "GET",
            "http.route": "/projects/{project_id}",
            "http.response.status_code": 200,
            "http.request.id": "r-1",
            "jwt.guarded": True,
            "network.protocol.name": "http",
            "enduser.id": "jroe@carbon.super",
            "jwt.application": "DefaultApplication",
            "jwt.issuer": "wso2.org/products/am",
            "jwt.cached": False,
        }


def test_a_request_refused_before_it_was_routed_has_its_template_too(ask: Ask) -> None:
    row = Row(name="", status=401, code="missing_token", path="/projects/A00000001")

    assert {ask(door, row)[1]["http.route"] for door in ROUTED} == {"/projects/{project_id}"}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_repeated_token_is_a_line_each_time(
    door: Door, tokens: Tokens, rsa_key: SigningKey, written: Written
) -> None:
    app = door.build(
        {"keys": rsa_key.certificate_pem, "clock": lambda: NOW, "listeners": [JSONLines(written)]}
    )
    for _ in range(3):
        door.ask(app, "GET", "/who", [(JWT, tokens["of_x"])])
    door.ask(app, "GET", "/who", [(JWT, tokens["expired"])])

    told = [(line.get("jwt.client_id"), line.get("jwt.cached")) for line in written.decisions()]
    assert told == [("x", False), ("x", True), ("x", True), (None, None)]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_without_a_listener_nothing_is_noted_of_a_request(
    door: Door, tokens: Tokens, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot path is measured without listeners: it must not pay for them."""
    app = door.build({"keys": rsa_key.certificate_pem, "clock": lambda: EXPIRY - 60})
    monkeypatch.setattr("jwt_middleware.middleware.middleware.RequestRecord", None)

    assert door.ask(app, "GET", "/who", [(JWT, tokens["good"])]).status == 200
    assert door.ask(app, "GET", "/who").status == 401


# --- shadow mode, and a client's own policies ------------------------------------------------


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda each: each.name)
def test_what_shadow_mode_lets_in_is_allowed_and_says_what_it_would_refuse(
    adapter: Adapter, rsa_key: SigningKey, written: Written
) -> None:
    options = client_options(rsa_key) | {"listeners": [JSONLines(written)]}
    rules = [Rule("/x", ACME_ADMIN, enforce=False), Rule("/y", policy("catalogue.read"))]
    app = adapter.build(rules, options)
    headers = sent(rsa_key, STARK_TOKEN)

    assert said(app.get("/x", headers)) == (200, None)
    assert said(app.get("/y", headers)) == (403, DENIED)
    told = [
        (each["http.route"], each["jwt.result"], each.get("jwt.code"), each.get("jwt.would_refuse"))
        for each in written.decisions()
    ]
    assert told == [("/x", "allowed", None, [DENIED]), ("/y", "denied", DENIED, None)]
    assert {line["jwt.client_id"] for line in written.decisions()} == {"stark_ind"}


# --- websockets ------------------------------------------------------------------------------


@sockets.APPS
@pytest.mark.parametrize("extensions", [DENIAL, {}], ids=["denial", "close"])
def test_a_websocket_is_one_line_when_it_is_accepted_or_refused(
    build: Any, extensions: Any, rsa_key: SigningKey, caller: Caller, written: Written
) -> None:
    app = build(
        {"keys": rsa_key.certificate_pem, "api": "/echo", "listeners": [JSONLines(written)]}
    )
    for path, headers in (
        ("/everyone", caller()),
        ("/nobody", caller()),
        ("/mounted/nobody", caller()),
        ("/greet", []),
    ):
        open_websocket(app, path, headers, extensions=extensions)

    told = [
        (line["http.route"], line.get("http.response.status_code"), line.get("jwt.code"))
        for line in written.decisions()
    ]
    refused = 403 if extensions else None  # the server makes a status of a close code
    assert told == [
        ("/everyone", 101, None),
        ("/nobody", refused, DENIED),
        ("/mounted/nobody", refused, DENIED),
        ("/greet", 401 if extensions else None, "missing_token"),
    ]
    assert {line["network.protocol.name"] for line in written.decisions()} == {"websocket"}


@sockets.APPS
def test_what_is_refused_after_a_websocket_was_accepted_is_a_line_of_its_own(
    build: Any, rsa_key: SigningKey, written: Written
) -> None:
    options = {"keys": rsa_key.certificate_pem, "api": "/echo", **MAYBE}
    app = build(options | {"listeners": [JSONLines(written)]})
    open_websocket(app, "/greet")

    lines = written.decisions()
    told = [(line["event.name"], line.get("jwt.code")) for line in lines]
    assert told == [("decided", None), ("decided", "missing_token")]
    assert lines[0]["http.request.id"] == lines[1]["http.request.id"]
    assert lines[0]["http.route"] == lines[1]["http.route"] == "/greet"
