"""The request's id and caller stand on the app's own log lines, and probes in no trail."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwt_middleware import RequestFilter, add_request
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..adapters.apps import DOORS, Door
from ..kit import Events

JWT = "X-JWT-Assertion"
logger = logging.getLogger("tests.app")


class Lines(logging.Handler):
    """Formats what is logged."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(form))
        self.lines: list[str] = []
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        self.records.append(record)


@pytest.fixture
def lines() -> Iterator[Lines]:
    """A handler with the filter."""
    handler = Lines("%(message)s %(request_id)s %(subject)s %(client_id)s")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)


def logging_app(door: Door, options: dict[str, Any]) -> Any:
    """An app of a door whose handler logs a line."""
    return door.build({**options, "authorize": _logs()})


def _logs() -> Any:
    from jwt_middleware import predicate

    def logs(*_: Any) -> bool:
        logger.info("working")
        return True

    return predicate(logs)


@pytest.mark.parametrize("made", ["before", "after"])
@pytest.mark.parametrize("listens", [False, True])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_line_of_the_app_says_whose_request_it_is(
    door: Door, listens: bool, made: str, lines: Lines, rsa_key: SigningKey
) -> None:
    options: dict[str, Any] = {"keys": rsa_key.public_pem}
    if listens:
        options["listeners"] = [Events()]
    if made == "before":
        lines.addFilter(RequestFilter())
    app = logging_app(door, options)
    if made == "after":
        lines.addFilter(RequestFilter())
    token = mint(rsa_key, ucsd_claims(client_id="app"))

    for turn in ("r-1", "r-2"):
        answer = door.ask(app, "GET", "/who", [(JWT, token), ("X-Request-ID", turn)])
        assert answer.status == 200
    assert lines.lines == [
        "working r-1 jroe@carbon.super app",
        "working r-2 jroe@carbon.super app",
    ]
    fields = vars(lines.records[0])
    assert (fields["http.request.id"], fields["enduser.id"]) == ("r-1", "jroe@carbon.super")


def test_outside_a_request_the_fields_are_dashes(lines: Lines) -> None:
    lines.addFilter(RequestFilter())

    logger.info("starting")
    assert lines.lines == ["starting - - -"]
    assert "http.request.id" not in vars(lines.records[0])


def test_an_extra_of_the_apps_own_stays(lines: Lines) -> None:
    lines.addFilter(RequestFilter())

    logger.info("mine", extra={"subject": "own"})
    assert lines.lines == ["mine - own -"]


def test_control_characters_of_a_caller_forge_no_line(lines: Lines, rsa_key: SigningKey) -> None:
    lines.addFilter(RequestFilter())
    app = logging_app(DOORS[0], {"keys": rsa_key.public_pem})

    DOORS[0].ask(app, "GET", "/who", [(JWT, mint(rsa_key, {"sub": "a\nfake line"}))])
    assert "\n" not in lines.lines[0]


def test_structlog_gets_the_fields_by_a_processor(rsa_key: SigningKey) -> None:
    written: list[str] = []
    log = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[add_request, lambda *e: written.append(json.dumps(e[2])) or json.dumps(e[2])],
    )
    log.info("starting")

    async def work(_: Any) -> JSONResponse:
        log.info("working")
        return JSONResponse("done")

    from starlette.applications import Starlette

    from jwt_middleware_starlette import JWTMiddleware

    from ..adapters.harness import call_asgi

    app = Starlette(routes=[Route("/items/{id}", work)])
    app.add_middleware(JWTMiddleware, keys=rsa_key.public_pem)
    token = mint(rsa_key, {"sub": "ana", "client_id": "app"})
    call_asgi(app, "GET", "/items/7", [(JWT, token), ("X-Request-ID", "r-1")])

    assert json.loads(written[0]) == {"event": "starting"}
    assert json.loads(written[1]) == {
        "event": "working",
        "http.request.id": "r-1",
        "http.route": "/items/{id}",
        "enduser.id": "ana",
        "jwt.client_id": "app",
    }


# --- quiet paths -----------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_quiet_path_stands_in_the_trail_only_where_it_is_refused(
    door: Door, rsa_key: SigningKey
) -> None:
    events = Events()
    options = {"keys": rsa_key.public_pem, "quiet": ["/who"], "listeners": [events]}
    app = door.build(options)
    token = mint(rsa_key, ucsd_claims())

    assert door.ask(app, "GET", "/who", [(JWT, token)]).status == 200
    assert events.decisions == []
    assert door.ask(app, "GET", "/who").status == 401
    assert [event.code for event in events.decisions] == ["missing_token"]


def test_an_exempt_probe_may_be_quiet(rsa_key: SigningKey) -> None:
    events = Events()
    options: dict[str, Any] = {"keys": rsa_key.public_pem, "listeners": [events]}
    paths = {"exempt": ["/who"]}
    loud = DOORS[0].build({**options, **paths})
    quiet = DOORS[0].build({**options, **paths, "quiet": ["/who"]})

    DOORS[0].ask(loud, "GET", "/who")
    assert len(events.decisions) == 1
    DOORS[0].ask(quiet, "GET", "/who")
    assert len(events.decisions) == 1


def test_quiet_takes_paths_in_the_grammar_of_exempt(rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="quiet: "):
        Middleware({"keys": rsa_key.public_pem, "quiet": "/health"})
