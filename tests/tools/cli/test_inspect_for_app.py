"""``jwt-assertion inspect --app``: what an app's own options and guards say of a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from .conftest import Run

RULES = """
from jwt_middleware import has_role, path_param
OPTIONS = {"keys": "gateway.pem", "api": "/echo/1.0.0", "exempt": ["/health"]}
OWN = path_param("year") == "2026"
"""
FLASK = """
from flask import Flask
from rules import *
from jwt_middleware_flask import JWTMiddleware, public, requires

app = Flask(__name__)
app.add_url_rule("/reports", view_func=requires(has_role("admin"))(lambda: "x"), endpoint="a")
app.add_url_rule("/years/<year>", view_func=requires(OWN)(lambda year: "x"), endpoint="b")
app.add_url_rule("/open", view_func=public(lambda: "x"), endpoint="c")
app.add_url_rule("/bare", view_func=lambda: "x", endpoint="d")
app.add_url_rule("/health", view_func=requires(OWN)(lambda: "x"), endpoint="e")
JWTMiddleware(app, unguarded="warn", **OPTIONS)
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from rules import *
from jwt_middleware_starlette import JWTMiddleware, public, requires

def make():
    def handler(request):
        return PlainTextResponse("x")
    return handler

routes = [Route("/reports", requires(has_role("admin"))(make())),
          Mount("/years", routes=[Route("/{year}", requires(OWN)(make()))]),
          Route("/open", public(make())), Route("/bare", make()),
          Route("/health", requires(OWN)(make()))]
app = Starlette(routes=routes)
app.add_middleware(JWTMiddleware, unguarded="warn", **OPTIONS)
"""
FASTAPI = """
from fastapi import Depends, FastAPI
from rules import *
from jwt_middleware_starlette import JWTMiddleware, public
from jwt_middleware_starlette.fastapi import guard

app = FastAPI()
app.get("/reports", dependencies=[Depends(guard(has_role("admin")))])(lambda: "x")
app.get("/years/{year}", dependencies=[Depends(guard(OWN))])(lambda year: "x")
app.get("/open")(public(lambda: "x"))
app.get("/bare")(lambda: "x")
app.get("/health", dependencies=[Depends(guard(OWN))])(lambda: "x")
app.add_middleware(JWTMiddleware, unguarded="warn", **OPTIONS)
"""
DJANGO = """
from django.conf import settings
from rules import *
settings.configure(ROOT_URLCONF="urls", SECRET_KEY="x", ALLOWED_HOSTS=["*"],
                   JWT_MIDDLEWARE={"unguarded": "warn", **OPTIONS},
                   MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"])
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
from rules import *
from jwt_middleware_django import public, requires

def answer(request, **_):
    return HttpResponse("x")

def answer_openly(request):
    return HttpResponse("x")

def answer_barely(request):
    return HttpResponse("x")

urlpatterns = [path("reports", requires(has_role("admin"))(answer)),
               path("years/<year>", requires(OWN)(answer)),
               path("open", public(answer_openly)), path("bare", answer_barely),
               path("health", requires(OWN)(answer))]
"""
ASKED = [
    ("GET /reports", 403, "requires(has_role('admin')) does not hold"),
    ("GET /years/2025", 403, "requires(path_param('year') == '2026') does not hold"),
    ("GET /years/2026", None, "every rule holds"),
    ("GET /open", None, "the route is public"),
    ("GET /bare", None, "the route has no guard"),
    ("GET /none", None, "No route of the app serves GET /none: it answers 404."),
    ("GET /health", 401, "is exempt: the header is not read, so the route's guard refuses"),
]


@pytest.fixture
def site(folder: Path, rsa_key: SigningKey) -> Path:
    sources = {"rules": RULES, "on_flask": FLASK, "on_starlette": STARLETTE}
    sources |= {"on_fastapi": FASTAPI, "on_django": DJANGO, "urls": URLS}
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    (folder / "t.txt").write_text(mint(rsa_key, ucsd_claims()))
    return folder


@pytest.mark.parametrize("framework", ["flask", "starlette", "fastapi"])
@pytest.mark.parametrize("request_line, status, why", ASKED)
def test_it_says_which_rule_of_the_app_refuses(
    request_line: str, status: int | None, why: str, framework: str, site: Path, command: Run
) -> None:
    asked = ("inspect", "--app", f"on_{framework}:app", "--request", request_line, "t.txt")
    said = command(*asked)

    assert why in said.out.partition("\n")[0], said
    assert said.status == (0 if status is None else 1)
    judged = json.loads(command(*asked, "--json").out)
    code = {None: "accepted", 401: "missing_token", 403: "insufficient_permission"}[status]
    assert (judged["code"], judged["token_code"]) == (code, "accepted")
    assert (judged["request"]["code"], judged["request"]["status"]) == (code, status)
    assert why in judged["request"]["explanation"]
    if status == 403:
        [rule] = judged["request"]["rules"]
        assert (rule["holds"], bool(rule["needed"])) == (False, True)


def test_a_rule_that_nobody_can_meet_is_told(site: Path, command: Run) -> None:
    rules = RULES.replace("has_role,", "has_permission,") + "has_role = has_permission\n"
    (site / "rules.py").write_text(rules)
    said = command("inspect", "--app", "on_flask:app", "--request", "GET /reports", "t.txt")

    told = "has_permission('admin') holds for nobody: no claim of the gateway wso2 holds"
    assert told in said.out, said.out


@pytest.mark.parametrize(
    "claim, where",
    [
        ({"roles": ["admin"]}, "roles"),
        ({"groups": "staff,admin"}, "groups"),
        ({"realm_access": {"roles": ["admin"]}}, "realm_access.roles"),
    ],
)
def test_a_role_in_a_claim_that_nothing_reads_is_told_with_the_claim(
    claim: dict[str, Any], where: str, site: Path, command: Run, rsa_key: SigningKey
) -> None:
    (site / "t.txt").write_text(mint(rsa_key, ucsd_claims() | claim))
    said = command("inspect", "--app", "on_flask:app", "--request", "GET /reports", "t.txt")

    assert f"The token has admin in {where}, where has_role('admin') does not look" in said.out


@pytest.mark.parametrize("framework", ["flask", "starlette", "fastapi"])
def test_a_method_that_a_path_does_not_take_is_no_missing_path(
    framework: str, site: Path, command: Run
) -> None:
    for path in ("/reports", "/years/2026"):
        said = command(
            *("inspect", "--app", f"on_{framework}:app", "--request", f"POST {path}", "t.txt")
        )
        first = said.out.partition("\n")[0]

        assert first.startswith(f"{path} takes GET"), first
        assert first.endswith(" and not POST: the app answers 405.")


def test_it_does_so_for_a_django_site_in_a_process_of_its_own(site: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if "DJANGO" not in name}
    for request_line, status, why in ASKED:
        asked = ["inspect", "--app", "on_django:app", "--request", request_line, "t.txt"]
        ran = subprocess.run(
            [sys.executable, "-m", "jwt_middleware", *asked],
            env=environment,
            cwd=site,
            capture_output=True,
            text=True,
        )
        assert why in ran.stdout.partition("\n")[0], ran
        assert ran.returncode == (0 if status is None else 1)


def test_a_token_that_the_app_refuses_reaches_no_guard(
    site: Path, command: Run, rsa_key: SigningKey
) -> None:
    (site / "t.txt").write_text(mint(rsa_key, ucsd_claims(), lifetime=-3600))
    said = command("inspect", "--app", "on_flask:app", "--request", "GET /open", "t.txt")

    assert (said.status, said.out.split(":")[0]) == (1, "token_expired")
    assert "GET /open" not in said.out


def test_without_a_request_it_verifies_as_the_app_does(site: Path, command: Run) -> None:
    said = command("inspect", "--app", "on_flask:app", "t.txt")

    assert (said.status, said.out.split(":")[0]) == (0, "accepted")


@pytest.mark.parametrize(
    "arguments, why",
    [
        (("--request", "GET /x"), "--request: name the app too, by --app"),
        (("--app", "on_flask:app", "--request", "/x"), "write it as 'GET /reports"),
        (("--app", "on_flask:app", "--request", "GET x"), "write it as 'GET /reports"),
        (("--app", "on_flask:app", "--keys", "gateway.pem"), "leave out the others"),
        (("--app", "on_flask:app", "--at", "2026-01-01"), "leave out the others"),
        (("--app", "on_flask:nothing"), "has no 'nothing'"),
    ],
)
def test_what_does_not_go_together_is_named(
    arguments: tuple[str, ...], why: str, site: Path, command: Run
) -> None:
    said = command("inspect", *arguments, "t.txt")

    assert (said.status, said.out) == (2, "")
    assert why in said.err
