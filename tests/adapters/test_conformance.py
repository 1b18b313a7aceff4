"""Every door gives the same answer to the same request, and writes the same audit line."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import JSONLines, Principal, Refusal
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, ucsd_claims

from ..conftest import Clock
from .apps import DOORS, Door
from .conformance import DENIED, JWT, NOBODY, NOW, ROWS, WARMING, Row, Tokens, own_shape
from .conftest import check_no_secret, decisions
from .harness import Answer, without_reference

ALL_DOORS = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
GUARDED_DOORS = [door for door in DOORS if "guards" in door.can]
PAIRS = [(door, row) for row in ROWS for door in DOORS if row.needs <= door.can]
# Claim values that identify a person. The subject may stand in a log line; these may not.
PRIVATE = ("emailaddress", "pid", "eid", "givenname", "departmentcodes", "systemid", "racfid")

Ask = Callable[..., Answer]


@pytest.fixture
def ask(
    tokens: Tokens,
    rsa_key: SigningKey,
    endpoint: str,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> Ask:
    """Build a door's app with a row's options, warm it or not, and send the row's request."""
    caplog.set_level(logging.DEBUG)

    def send(door: Door, row: Row, *, warm: bool = False, **more: Any) -> Answer:
        options = {"keys": rsa_key.certificate_pem, "clock": clock, **more, **row.options}
        if options["keys"] == "{endpoint}":
            options["keys"] = endpoint
        app = door.build(options)
        if warm:
            clock.now = WARMING
            header = row.options.get("header", JWT)
            for name in row.warming:
                door.ask(app, "GET", row.warming_path, [(header, tokens[name])])
            caplog.clear()
        clock.now = row.now
        headers = [(JWT, value.format_map(tokens)) for value in row.sent]
        headers += [(name, value.format_map(tokens)) for name, value in row.headers]
        stale = {PRINCIPAL_KEY: Principal({"sub": "stale"})} if row.stale else {}
        return door.ask(
            app, row.method, row.path, headers, query=row.query.format_map(tokens), planted=stale
        )

    return send


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize(
    "door, row", PAIRS, ids=[f"{door.name}: {row.name}" for door, row in PAIRS]
)
def test_a_door_answers_and_audits_as_the_table_says(
    door: Door,
    row: Row,
    warm: bool,
    ask: Ask,
    tokens: Tokens,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    silent = ask(door, row, warm=warm)
    check_answer(silent, row, tokens, caplog)

    # Where somebody listens, a request takes another way through the door.
    audit = io.StringIO()
    answer = ask(door, row, warm=warm, listeners=[JSONLines(audit, clock=clock)])
    check_answer(answer, row, tokens, caplog)
    if row.code:
        assert without_reference(answer) == without_reference(silent)
    *_, line = decisions(audit.getvalue())
    assert line.get("jwt.reference") == (answer.json()["reference"] if row.code else None)
    check_line(line, row, is_cached=warm and not row.one_time)
    check_no_secret(audit.getvalue(), tokens)


@ALL_DOORS
@pytest.mark.parametrize("option", ["exempt", "optional"])
def test_a_list_of_what_is_below_covers_its_root_with_a_slash(
    door: Door, option: str, rsa_key: SigningKey
) -> None:
    app = door.build({"keys": rsa_key.certificate_pem, option: ("/files/*",)})

    def status(path: str) -> int:
        return door.ask(app, "GET", path).status

    assert status("/files/") != 401  # the app's own answer: not all have such a route
    refused = ("/files", "/files//", "//files/", "/files/./", "/files/../", "/files/%2f")
    assert {path: status(path) for path in refused} == dict.fromkeys(refused, 401)


def check_answer(
    answer: Answer, row: Row, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    assert answer.status == row.status
    if row.code is None:
        assert answer.json() == (None if row.tells is NOBODY else row.tells)
    else:
        problem = check_problem(answer, row)
        check_announced_once(problem["reference"], row.code, caplog)
        check_nothing_leaks(answer, tokens, caplog)


def check_line(line: dict[str, Any], row: Row, *, is_cached: bool) -> None:
    assert line["event.name"] == "decided"
    assert line["jwt.result"] == ("denied" if row.code else "allowed")
    assert line.get("jwt.code") == row.code
    assert line.get("jwt.cached") == (is_cached if row.has_principal else None)
    assert line["http.response.status_code"] == row.status
    assert line["http.request.method"] == row.method
    assert ("http.route" in line) != ("url.path" in line)
    enters = row.code in (None, DENIED) or bool({"optional", "exempt"} & row.options.keys())
    assert line["jwt.guarded"] is (enters and row.path in GUARDED)


GUARDED = ("/needs-role", "/denied", "/not-client", "/above", "/projects/A00000001",
           "/projects/A00000002")  # fmt: skip


def check_problem(answer: Answer, row: Row) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert list(problem) == ["type", "title", "status", "code", "detail", "reference"]
    assert problem["type"] == f"urn:jwt-middleware:problem:{row.code}"
    assert (problem["status"], problem["code"]) == (row.status, row.code)
    assert re.fullmatch("[0-9a-f]{16}", problem["reference"])
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("Content-Length") == str(len(answer.body))
    assert answer.header("Cache-Control") == "no-store"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    check_challenge(answer, row)
    return problem


def check_challenge(answer: Answer, row: Row) -> None:
    challenge = answer.header("WWW-Authenticate")
    if row.code == "missing_token" or row.challenge is None:
        assert challenge == row.challenge
    else:
        assert challenge is not None
        assert challenge.startswith(row.challenge)
    retry = answer.header("Retry-After")
    assert (retry is not None and int(retry) > 0) == (row.status == 503)


def check_announced_once(reference: str, code: str, caplog: pytest.LogCaptureFixture) -> None:
    lines = [each.getMessage() for each in caplog.records if reference in each.getMessage()]
    assert len(lines) == 1
    assert f"code={code}" in lines[0]


def check_nothing_leaks(answer: Answer, tokens: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    claims = ucsd_claims()
    private = [claims[f"http://wso2.org/claims/{name}"] for name in PRIVATE]
    pieces = {piece for token in tokens.values() for piece in token.split(".") if piece}
    left = f"{answer.headers}{answer.body!r}{caplog.text}"
    assert [text for text in (*private, *pieces) if text in left] == []
    assert "Traceback" not in left


@ALL_DOORS
def test_a_head_request_gets_the_headers_of_the_body_that_it_does_not_get(
    door: Door, ask: Ask
) -> None:
    row = Row(name="", method="HEAD", status=401, code="missing_token")
    answer = ask(door, row)
    body = ask(door, Row(name="", status=401, code="missing_token")).body

    assert (answer.status, answer.body) == (401, b"")
    assert answer.header("Content-Length") == str(len(body))
    check_challenge(answer, row)


@pytest.mark.parametrize(
    "door, path", [(door, "/who") for door in DOORS] + [(door, "/denied") for door in GUARDED_DOORS]
)
def test_a_browser_gets_a_page_with_the_code_and_the_reference(
    door: Door, path: str, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    sent, code, status = ((), "missing_token", 401)
    if path == "/denied":
        sent, code, status = (("{good}",), "insufficient_permission", 403)
    accept = (("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),)
    row = Row(name="", sent=sent, path=path, status=status, code=code, headers=accept)
    answer = ask(door, row)

    assert answer.status == status
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert code.encode() in answer.body
    [reference] = re.findall("<code>([0-9a-f]{16})</code>", answer.body.decode())
    check_announced_once(reference, code, caplog)
    check_challenge(answer, row)


OWN_SHAPE_ROWS = (
    Row(name="middleware", status=401, code="missing_token"),
    Row(name="guard", sent=("{good}",), status=403, path="/denied",
        code="insufficient_permission", needs=frozenset({"guards"})),
    Row(name="current_principal", status=401, path="/principal", code="missing_token",
        options={"optional": True}, needs=frozenset({"guards"})),
)  # fmt: skip
OWN_SHAPE = pytest.mark.parametrize(
    "door, row",
    [(door, row) for row in OWN_SHAPE_ROWS for door in DOORS if row.needs <= door.can],
    ids=lambda value: value.name,
)


@OWN_SHAPE
def test_the_refuse_hook_shapes_every_refusal(door: Door, row: Row, ask: Ask) -> None:
    answer = ask(door, with_hook(row, own_shape))

    assert answer.status == row.status + 20
    assert answer.json() == {"own": row.code, "path": row.path}
    assert answer.header("Content-Type") == "application/vnd.own+json"
    # Two lines, or both in one, which is the same (RFC 9110, 5.3).
    links = ", ".join(answer.all("Link"))
    assert links == "</help>; rel=help, </terms>; rel=terms-of-service"
    assert len(answer.all("WWW-Authenticate")) == 1


def raise_with_the_token(_: Refusal, request: Any) -> Refusal:
    raise ValueError(str(request.header_values(JWT)))


@OWN_SHAPE
@pytest.mark.parametrize(
    "hook", [raise_with_the_token, lambda *_: "no refusal"], ids=["raises", "returns a text"]
)
def test_a_failing_refuse_hook_leaves_the_plain_answer(
    door: Door, row: Row, hook: Any, ask: Ask, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(door, with_hook(row, hook))

    check_problem(answer, row)
    check_nothing_leaks(answer, tokens, caplog)
    assert any("refuse=" in each.getMessage() for each in caplog.records)


def with_hook(row: Row, hook: Any) -> Row:
    return Row(**{**vars(row), "options": {**row.options, "refuse": hook}})


@ALL_DOORS
def test_a_principal_is_of_its_own_request_only(
    door: Door, tokens: Tokens, rsa_key: SigningKey
) -> None:
    app = door.build({"keys": rsa_key.certificate_pem, "clock": lambda: NOW, "optional": True})

    told = [
        door.ask(app, "GET", "/who", headers).json()
        for headers in ([(JWT, tokens["of_x"])], [], [(JWT, tokens["of_y"])], [])
    ]

    assert [each and each["client_id"] for each in told] == ["x", None, "y", None]
