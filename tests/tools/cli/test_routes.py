"""``jwt-assertion routes``: the routes of an app as a table, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from jwt_middleware import has_role
from jwt_middleware_starlette import public, requires

@requires(has_role("acme_admin"))
def guarded(request):
    return PlainTextResponse("served")

@public
def opened(request):
    return PlainTextResponse("served")

def forgotten(request):
    return PlainTextResponse("served")

ROUTES = [Route("/guarded", guarded, methods=["POST"]), Route("/opened", opened),
          Mount("/static", StaticFiles(directory="."))]
app = Starlette(routes=[*ROUTES, Route("/forgotten", forgotten)])
closed = Starlette(routes=ROUTES)
empty = Starlette()
wrapped = type("Wrapper", (), {"app": app})()
number = 5

def make():
    return closed

def _hidden():
    return closed
"""
FASTAPI = """
from fastapi import APIRouter, Depends, FastAPI
from jwt_middleware import has_role
from jwt_middleware_starlette.fastapi import guard

router = APIRouter(dependencies=[Depends(guard(has_role("acme_admin")))])
router.add_api_route("/x", lambda: "served")
app = FastAPI()
app.include_router(router, prefix="/v1")
"""
FLASK = """
from flask import Flask
from jwt_middleware import has_role
from jwt_middleware_flask import requires

app = Flask(__name__)

@app.route("/x")
@requires(has_role("acme_admin"))
def x():
    return "served"

wsgi = type("Wrapper", (), {"wsgi_app": app})()
"""
GUARD = "requires(has_role('acme_admin'))"
EXEMPT = "  (exempt: none is read)"
KEYLESS = """
from starlette.applications import Starlette
from starlette.routing import Route
from jwt_middleware import Verifier
from jwt_middleware_starlette import JWTMiddleware, public
from site_starlette import guarded, opened

verifier = Verifier.from_settings()
app = Starlette(routes=[Route("/opened", opened), Route("/home", guarded), Route("/x", guarded)])
app.add_middleware(JWTMiddleware, keys="nowhere.pem", exempt=["/opened"], optional=("/home",))
"""


@pytest.fixture
def site(folder: Path) -> Path:
    (folder / "site_starlette.py").write_text(STARLETTE)
    (folder / "site_fastapi.py").write_text(FASTAPI)
    (folder / "site_flask.py").write_text(FLASK)
    (folder / "site_broken.py").write_text("import nowhere_at_all\n")
    return folder


# --- what is told ----------------------------------------------------------------------------


def test_for_a_person_the_unguarded_routes_come_first(site: Path, command: Run) -> None:
    said = command("routes", "site_starlette:app")

    assert said.status == 0
    assert said.err == (
        "jwt-assertion: site_starlette:app: JWTMiddleware is not installed on it, so every guard "
        "refuses\n"
    )
    lines = [line.split() for line in said.out.splitlines()]
    assert lines == [
        ["UNGUARDED:", "neither", "requires", "nor", "public:", "1"],
        ["GET,HEAD", "/forgotten", "site_starlette.forgotten"],
        ["guarded:", "1"],
        ["POST", "/guarded", GUARD],
        ["public:", "1"],
        ["GET,HEAD", "/opened", "site_starlette.opened"],
        ["the", "framework's", "own:", "1"],
        ["any", "/static/*", "starlette.staticfiles.StaticFiles"],
    ]


def test_for_a_program_every_route_has_the_same_members(site: Path, command: Run) -> None:
    said = command("routes", "site_starlette:app", "--json")

    assert said.status == 0
    assert json.loads(said.out) == [
        {
            "path": "/guarded",
            "methods": ["POST"],
            "handler": "site_starlette.guarded",
            "kind": "guarded",
            "guard": GUARD,
            "token": None,
        },
        {
            "path": "/opened",
            "methods": ["GET", "HEAD"],
            "handler": "site_starlette.opened",
            "kind": "public",
            "guard": None,
            "token": None,
        },
        {
            "path": "/static/*",
            "methods": [],
            "handler": "starlette.staticfiles.StaticFiles",
            "kind": "framework",
            "guard": None,
            "token": None,
        },
        {
            "path": "/forgotten",
            "methods": ["GET", "HEAD"],
            "handler": "site_starlette.forgotten",
            "kind": "unguarded",
            "guard": None,
            "token": None,
        },
    ]


@pytest.mark.parametrize("arguments", [["--strict"], ["--strict", "--json"]])
def test_strict_is_status_1_where_a_route_has_no_guard_and_0_where_none_is_bare(
    arguments: list[str], site: Path, command: Run
) -> None:
    assert command("routes", "site_starlette:app", *arguments).status == 1
    assert command("routes", "site_starlette:closed", *arguments).status == 0


def test_an_app_without_routes_says_so(site: Path, command: Run) -> None:
    assert command("routes", "site_starlette:empty").out == "no routes\n"
    assert command("routes", "site_starlette:empty", "--json").out == "[]\n"


@pytest.mark.parametrize(
    "spec, path",
    [
        ("site_starlette:make()", "/guarded"),
        ("site_starlette:_hidden()", "/guarded"),
        ("site_starlette:wrapped", "/guarded"),
        ("site_fastapi:app", "/v1/x"),
        ("site_flask:app", "/x"),
        ("site_flask:wsgi", "/x"),
    ],
)
def test_factories_wrappers_and_every_framework_are_understood(
    spec: str, path: str, site: Path, command: Run
) -> None:
    routes = json.loads(command("routes", spec, "--json").out)

    assert [each["guard"] for each in routes if each["path"] == path] == [GUARD]


def test_the_keys_need_not_be_there_and_paths_without_a_token_are_told(
    site: Path, command: Run
) -> None:
    (site / "site_keyless.py").write_text(KEYLESS)
    said = command("routes", "site_keyless:app")

    assert (said.status, said.err) == (0, "")
    assert [line.split(maxsplit=2)[1:] for line in said.out.splitlines() if "/" in line] == [
        ["/home", f"{GUARD}  (optional: no token is needed)"],
        ["/x", GUARD],
        ["/opened", f"site_starlette.opened{EXEMPT}"],
    ]
    told = json.loads(command("routes", "site_keyless:app", "--json").out)
    assert [each["token"] for each in told] == ["not read", "optional", "required"]


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, told",
    [
        ("site_starlette", "write module:app, such as main:app"),
        (":app", "write module:app, such as main:app"),
        ("site_starlette:", "write module:app, such as main:app"),
        ("site_starlett:app", "there is no module site_starlett"),
        ("site_broken:app", "there is no module nowhere_at_all"),
        ("site_starlette:closd", "'closd'; did you mean 'closed'?"),
        ("site_starlette:number", "a Starlette, FastAPI, Flask or Django app is wanted, not int"),
        ("site_starlette:make", "app is wanted, not function"),
    ],
)
def test_an_app_that_cannot_be_found_is_status_2_with_the_remedy(
    spec: str, told: str, site: Path, command: Run
) -> None:
    said = command("routes", spec)

    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("jwt-assertion: ")
    assert told in said.err


def test_requires_above_the_route_is_status_2_and_names_the_handler(
    folder: Path, command: Run
) -> None:
    (folder / "site_above.py").write_text(
        STARLETTE + 'requires(has_role("acme_admin"))(forgotten)\n'
    )
    said = command("routes", "site_above:app")

    assert (said.status, said.out) == (2, "")
    assert "site_above.forgotten" in said.err
    assert "put @requires directly below" in said.err


def test_without_an_app_the_usage_is_reported(command: Run) -> None:
    said = command("routes")

    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("usage: jwt-assertion routes")


def test_help_lists_the_options(command: Run) -> None:
    said = command("routes", "--help")

    assert (said.status, said.err) == (0, "")
    assert all(word in said.out for word in ("--strict", "--all", "--json", "module:app"))
