"""The README tells the truth: every block in it is run, read or held against the product."""

from __future__ import annotations

import io
import json
import logging
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwt_middleware import Predicate, Principal, Verifier
from jwt_middleware.errors import TokenExpired, TokenRevoked
from jwt_middleware.gateways import PRESETS
from jwt_middleware.middleware.settings import Options, Settings
from jwt_middleware.responses import Challenge, refusal_for
from jwt_middleware.testing import SigningKey, mint, ucsd_claims
from jwt_middleware.tools.cli import main
from jwt_middleware_starlette import JWTMiddleware

from .adapters.harness import Answer, call_asgi, call_wsgi

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
HEADER = "X-JWT-Assertion"


def block(language: str, *parts: str) -> str:
    """The one block of a language that holds all of these texts."""
    found = [text for kind, text in BLOCKS if kind == language and all(p in text for p in parts)]
    assert len(found) == 1, (language, parts, len(found))
    return found[0]


@pytest.fixture
def in_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey) -> Path:
    """A folder with the gateway's certificate, as the examples find it."""
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def app_of(*parts: str, **options: Any) -> Any:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block("python", *parts), "README.md", "exec"), names)
    if options:
        names["app"].user_middleware[0].kwargs.update(options)
    return names["app"]


def ask(app: Any, kind: str, path: str, token: str | None) -> Answer:
    call = call_asgi if kind == "asgi" else call_wsgi
    return call(app, "GET", path, [] if token is None else [(HEADER, token)])


EXAMPLES = {
    "fastapi": ("asgi", ("from fastapi import",)),
    "starlette": ("asgi", ("from starlette.applications", "def me")),
    "flask": ("wsgi", ("from flask import", "UCSD")),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_lets_in_and_refuses_as_it_says(
    name: str, in_site: Path, rsa_key: SigningKey
) -> None:
    kind, parts = EXAMPLES[name]
    app = app_of(*parts)
    guest = mint(rsa_key, ucsd_claims())
    registrar = mint(rsa_key, ucsd_claims(role="registrar"))

    assert ask(app, kind, "/me", None).status == 401
    assert ask(app, kind, "/me", guest).json() == {"user_id": "00112233445566778899aabbccddeeff"}
    assert ask(app, kind, "/reports", guest).status == 403
    assert ask(app, kind, "/reports", registrar).json() == ["enrolment"]


def test_a_client_with_the_hook_carries_the_assertion_to_the_named_host_alone(
    in_site: Path, rsa_key: SigningKey
) -> None:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block("python", "forward_assertion"), "README.md", "exec"), names)
    assert names["stock"].event_hooks["request"] == [names["forward"]]
    app, token = app_of("from starlette.applications", "def me"), mint(rsa_key, ucsd_claims())
    sent: list[str | None] = []

    def items(request: Any) -> JSONResponse:
        for url in ("https://stock.example.edu/items", "https://other.example.edu/items"):
            hop = httpx.Request("GET", url)
            names["forward"](hop)
            sent.append(hop.headers.get(HEADER))
        return JSONResponse(None)

    app.router.routes.append(Route("/items", items))

    assert ask(app, "asgi", "/items", token).status == 200
    assert sent == [token, None]


def test_the_plain_door_around_flask_verifies_what_answers_beside_the_app(
    in_site: Path, rsa_key: SigningKey
) -> None:
    def metrics(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"0"]

    names: dict[str, Any] = {"__name__": "readme", "make_metrics_app": lambda: metrics}
    exec(compile(block("python", "DispatcherMiddleware"), "README.md", "exec"), names)

    for path, status in (("/metrics", 200), ("/", 404)):
        assert ask(names["app"], "wsgi", path, None).status == 401
        assert ask(names["app"], "wsgi", path, mint(rsa_key, ucsd_claims())).status == status


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_a_plain_example_lets_in_and_refuses(kind: str, in_site: Path, rsa_key: SigningKey) -> None:
    app = app_of(f"from jwt_middleware.{kind} import")

    assert ask(app, kind, "/", None).status == 401
    assert ask(app, kind, "/", mint(rsa_key, ucsd_claims())).body == b"jroe@carbon.super"


DJANGO_SITE = """
import json, sys
from django.conf import settings
import site_settings
names = {name: getattr(site_settings, name) for name in dir(site_settings) if name.isupper()}
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["testserver"], SECRET_KEY="x" * 50, **names)
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING")
def ask(path, token=None):
    headers = {} if token is None else {"X-JWT-Assertion": token}
    return Client().get(path, headers=headers)
guest, registrar = sys.argv[1:]
answers = [ask("/me"), ask("/me", guest), ask("/reports", guest), ask("/reports", registrar)]
print(json.dumps([answer.status_code for answer in answers] + [answers[1].json()]))
"""


def test_the_django_example_lets_in_and_refuses(in_site: Path, rsa_key: SigningKey) -> None:
    (in_site / "site_settings.py").write_text(block("python", "INSTALLED_APPS"))
    (in_site / "views.py").write_text(block("python", "from django.http import"))
    (in_site / "urls.py").write_text(
        "from django.urls import path\nimport views\n"
        "urlpatterns = [path('me', views.me), path('reports', views.reports)]\n"
    )
    (in_site / "site.py.txt").write_text(DJANGO_SITE)
    tokens = [mint(rsa_key, ucsd_claims()), mint(rsa_key, ucsd_claims(role="registrar"))]
    code = "import sys; sys.path.insert(0, '.'); exec(open('site.py.txt').read())"
    done = subprocess.run(
        [sys.executable, "-c", code, *tokens], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    expected = [401, 200, 403, 200, {"user_id": "00112233445566778899aabbccddeeff"}]
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_the_predicates_are_values_that_decide() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "is_staff ="), names)
    rule = names["rule"]

    assert isinstance(rule, Predicate)
    assert not rule.evaluate(Principal({})).allowed


def test_the_vocabulary_of_ones_own_reads_its_claims() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "class Campus"), names)
    principal = Principal({"https://campus.example.edu/claims/courses": ["MATH-101"]})

    assert principal.view(names["Campus"]).courses == ("MATH-101",)
    assert names["enrolled"].evaluate(principal).allowed


def test_the_gateway_of_ones_own_verifies_its_tokens() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "edge = Gateway("), names)
    key = SigningKey("ES256")
    given: dict[str, Any] = {"gateway": names["edge"], "issuer": "https://e", "audience": "app"}
    verifier = Verifier(keys=key.public_pem, **given)
    claims = {"iss": "https://e", "aud": "app", "zone": "inner", "user": {"id": 7}}
    token = mint(key, claims | {"realm_access": {"roles": ["staff"]}}, form="standard")
    principal = verifier.verify(token)

    assert (principal.subject, principal.roles, principal.kind) == ("7", {"staff"}, "person")
    assert verifier.headers == ("X-Edge-Assertion",)
    keys = Verifier(**given).issuers[0].keys.source
    assert keys.name == "https://e/keys.json"


ROWS = re.findall(r"^\| ([^|`]+) \| `([^`]+=[^`]+)` \| [^|]+ \|$", README, re.MULTILINE)


def test_every_preset_has_its_line_in_the_table() -> None:
    named = {eval(f"dict({options})").get("gateway", "wso2") for _, options in ROWS}

    assert named == set(PRESETS) - {"wso2-1.4", "wso2-3.1"}


@pytest.mark.parametrize("title, options", ROWS, ids=[title for title, _ in ROWS])
def test_a_gateways_line_is_all_that_a_verifier_needs(title: str, options: str) -> None:
    verifier = Verifier(**eval(f"dict({options})"))

    assert verifier.headers


def test_the_line_of_the_first_screen_is_one_of_the_table() -> None:
    first = block("python", "app.add_middleware(JWTMiddleware, gateway=").strip()
    options = first.removeprefix("app.add_middleware(JWTMiddleware, ").removesuffix(")")

    assert options in [line for _, line in ROWS]


def test_the_option_of_originals_is_read_as_it_stands(in_site: Path) -> None:
    app = Starlette()
    names: dict[str, Any] = {"app": app, "JWTMiddleware": JWTMiddleware}
    exec(block("python", "original=Original("), names)

    (installed,) = app.user_middleware
    options: Any = installed.kwargs
    assert Settings.read(options).original == options["original"]
    first = Principal({"roles": ["staff"]}, names=PRESETS["standard"].names)
    assert names["may_look"].evaluate(Principal({}).with_original(first)).allowed


def test_the_tokens_for_ones_own_tests_verify() -> None:
    names: dict[str, Any] = {}
    exec(block("python", "from jwt_middleware.testing import SigningKey"), names)
    verifier = Verifier(**names["options"])

    assert verifier.verify(names["headers"][HEADER]).roles == {"registrar"}
    with pytest.raises(TokenExpired):
        verifier.verify(names["expired"][HEADER])


def test_the_toml_file_is_read_as_it_stands(in_site: Path) -> None:
    path = in_site / "jwt.toml"
    path.write_text(block("toml", "exempt ="))
    settings = Settings.read({}, {"JWT_MIDDLEWARE_CONFIG": str(path)})

    assert isinstance(settings.verifier, Verifier)
    assert "/health" in settings.exempt
    assert set(tomllib.loads(block("toml", "exempt ="))) <= set(Options.__annotations__)


def test_the_error_body_is_what_is_sent() -> None:
    shown = json.loads(block("json"))
    sent = json.loads(refusal_for(TokenExpired(), Challenge()).body)

    assert list(shown) == list(sent)
    assert {**sent, "reference": shown["reference"]} == shown


def test_the_answers_at_the_top_are_what_the_demo_gives() -> None:
    lines = re.findall(r"^GET (\S+) .*? (\d+)  .*$", block("text", "GET /me"), re.MULTILINE)

    assert lines == [("/me", "401"), ("/me", "200"), ("/reports", "403")]


def test_the_option_table_names_every_option_with_its_default() -> None:
    table = re.findall(r"^\| (`[^|]+`) \| ", README, re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}

    assert set(Options.__annotations__) <= named


def test_the_first_two_commands_are_one_line_each() -> None:
    first, second, *_ = (text for kind, text in BLOCKS if kind == "sh")

    for command in (first, second):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv")


def test_the_other_commands_are_ones_that_there_are() -> None:
    commands = [text.split()[1] for kind, text in BLOCKS if text.startswith("jwt-assertion ")]

    assert {"keys", "routes", "check"} <= set(commands)
    for command in commands:
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])


def test_the_shell_says_of_an_old_token_what_the_readme_says(
    in_site: Path, rsa_key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    token = mint(rsa_key, ucsd_claims(), now=1_479_410_551.0, lifetime=0)
    (in_site / "token.txt").write_text(token)
    command, _, name = block("sh", "jwt-assertion inspect").strip().partition(" < ")
    shown = block("text", "token_expired: The signature").strip()

    assert main([*command.split()[1:], name, "--at", "2026-11-22"]) == 1
    assert capsys.readouterr().out.startswith(shown)


def test_the_key_sources_are_made_as_they_stand(in_site: Path) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "from jwt_middleware import Discovery"), names)

    assert callable(names["readiness"])
    assert names["issuer"].issuer == "https://login.example.edu"


def test_no_text_says_to_install_the_package_that_is_somebody_else_s() -> None:
    assert "pip install jwt-middleware" not in README


def test_signing_out_refuses_the_tokens_of_now_and_takes_newer_ones(
    in_site: Path, rsa_key: SigningKey
) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "def sign_out"), names)
    verifier: Verifier = names["verifier"]
    begun = int(time.time())
    tokens = [mint(rsa_key, ucsd_claims() | {"iat": begun + age}) for age in (-5, 20)]
    tokens.append(mint(rsa_key, ucsd_claims()))
    callers = [verifier.verify(token) for token in tokens]
    names["sign_out"](callers[0])
    codes: list[str] = []
    for token in tokens:
        try:
            verifier.verify(token)
        except TokenRevoked as refused:
            codes.append(refused.code)
        else:
            codes.append("taken")
    verifier.close()

    assert codes == ["token_revoked", "taken", "token_revoked"]
    assert main(["revocations", "--store", "sqlite:///revocations.db"]) == 0


def test_the_commands_on_revocations_are_as_written(
    in_site: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    rsa_key: SigningKey,
) -> None:
    (in_site / "token.txt").write_text(mint(rsa_key, ucsd_claims()))
    lines = block("sh", "revoke --store").strip().splitlines()
    for line in lines:
        command, _, file = line.partition(" < ")
        if file:
            monkeypatch.setattr("sys.stdin", io.StringIO((in_site / file).read_text()))
        assert main(shlex.split(command)[1:]) == 0, line
    told = capsys.readouterr().out

    assert "3 denials in force" in told
    assert "taken back: subject jroe@carbon.super" in told


def test_a_log_line_of_ones_own_is_written_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "handler.addFilter(RequestFilter())"), names)
    handler = names["handler"]
    record = logging.LogRecord("own", logging.INFO, "", 1, "hello", None, None)

    assert handler.filter(record)
    assert handler.format(record) == "- - - hello"
