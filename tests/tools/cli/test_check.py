"""``jwt-assertion check``: what a configuration means, and each danger by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run

SAFE = """
keys = "gateway.pem"
api = "/orders/1.0"
max_age = 600
unguarded = "refuse"
"""
REGISTRY = """
[clients.acme_corp]
name = "Acme Corporation"
namespace = "acme"
roles = ["roles"]
permissions = ["permissions"]
attributes.tier = { claim = "tier" }
policies."orders.read" = { role = "acme_buyer" }

[clients.stark_ind]
enabled = false
namespace = "stark"
trust = { keys = "gateway.pem" }
"""
APP = """
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from jwt_middleware import WSO2, client, has_role
from jwt_middleware_starlette import JWTMiddleware, public, requires

def view(request):
    return PlainTextResponse("served")

def other(request):
    return PlainTextResponse("served")

def make(guard=has_role("acme_admin"), bare=True, **options):
    routes = [Route("/guarded", requires(guard)(view))]
    app = Starlette(routes=routes + ([Route("/bare", other)] if bare else []))
    if options:
        app.add_middleware(JWTMiddleware, **{"keys": "gateway.pem", "api": "/orders", **options})
    return app

app = make(max_age=600)
production = make(max_age=600, unguarded="refuse", bare=False,
                  authorize=WSO2.key_type == "PRODUCTION")
refusing = make(unguarded="refuse")
typo = make(guard=client("acme_crop"), clients="clients.toml")
wrong = make(leway=3)
naked = make()

def with_cors(app, **options):
    kind = type("SiteCORS", (CORSMiddleware,), {}) if options.pop("own", False) else CORSMiddleware
    app.add_middleware(kind, allow_origins=["https://shop.example.com"])
    return app

safe = dict(max_age=600, unguarded="refuse", bare=False,
            authorize=WSO2.key_type == "PRODUCTION")
def added_before(app=None, **cors):
    app = with_cors(app or make(bare=False), **cors)
    app.add_middleware(JWTMiddleware, keys="gateway.pem", api="/orders", max_age=600,
                       unguarded="refuse", authorize=WSO2.key_type == "PRODUCTION")
    return app

cors_inside = added_before()
own_cors_inside = added_before(own=True)
fastapi_cors_inside = added_before(FastAPI(docs_url=None, redoc_url=None, openapi_url=None))
cors_outside = with_cors(make(**safe))
naked_cors = with_cors(make())
"""


@pytest.fixture
def check(folder: Path, command: Run) -> Any:
    """Write a file of options and check it."""

    def run(options: str, *arguments: str) -> Any:
        (folder / "options.toml").write_text(options)
        return command("check", "options.toml", *arguments)

    return run


def dangers(said: Any) -> list[str]:
    assert (said.status, said.err) == (0, "")
    lines = [line.strip() for line in said.out.splitlines()]
    return [line.removeprefix("DANGER").strip() for line in lines if line.startswith("DANGER")]


# --- a file of options -----------------------------------------------------------------------


def test_options_are_shown_in_words(check: Any) -> None:
    said = check(SAFE + 'exempt = ["/health"]\noptional = ["/docs/*"]\nleeway = 10\n')

    assert (said.status, said.err) == (0, "")
    for told in (
        "The header is X-JWT-Assertion;",
        "in the form of wso2 verify by RS256 under the keys of gateway.pem (1 known).",
        "They must be for the API /orders/1.0.",
        "Clocks may differ by 10 s.",
        "A token is refused 600 s after it was issued (iat).",
        "passes without a principal on",
        "The header is not read on",
        "Answers carry Vary: X-JWT-Assertion, and Cache-Control: private unless",
        "The app does not start while a route has no guard.",
    ):
        assert told in said.out


def test_the_metadata_of_a_resource_is_shown_with_whom_it_names(check: Any) -> None:
    said = check(
        """
        keys = "gateway.pem"
        gateway = "bearer"
        issuer = "https://login.example.com"
        audience = "https://mcp.example.com/mcp"
        resource = "https://mcp.example.com/mcp"
        """
    )

    assert (
        "Anybody may read https://mcp.example.com/.well-known/oauth-protected-resource/mcp, which "
        "every challenge names. It sends clients of https://mcp.example.com/mcp to "
        "https://login.example.com."
    ) in said.out


def test_for_a_program_the_same_is_lists(check: Any) -> None:
    plain, said = check(SAFE), check(SAFE, "--json")
    report = json.loads(said.out)

    assert (said.status, said.err) == (0, "")
    assert list(report) == ["meaning", "clients", "dangers", "outages"]
    assert report["clients"] == []
    assert report["dangers"] == dangers(plain)
    assert [line for line in report["meaning"] if line not in plain.out] == []


def test_a_registry_that_the_options_name_is_shown_too(folder: Path, check: Any) -> None:
    (folder / "clients.toml").write_text(REGISTRY)

    said = check(SAFE + 'clients = "clients.toml"\n')

    assert "clients.toml names 2 clients; any other client is refused (403)." in said.out
    assert "acme_corp (Acme Corporation): roles from roles; " in said.out


SANDBOX = "sandbox and production tokens with the same keys"


def test_a_careful_configuration_leaves_only_what_a_file_cannot_say(check: Any) -> None:
    [danger] = dangers(check(SAFE))

    assert SANDBOX in danger
    assert "authorize=(WSO2.key_type == 'PRODUCTION')" in danger


DANGERS = [
    ('api = "/orders/1.0"\n', "", "without api=, a token minted for any other API", "Set api="),
    ("max_age = 600", "leeway = 300\nmax_age = 600", "leeway=300: an expired token", "30 s is"),
    ("max_age = 600", "", "No max_age: a token lives as long as its own exp", "max_age"),
    ('unguarded = "refuse"', "", "unguarded='allow': a forgotten route serves", "good token"),
    ("", "optional = true", "optional=True: a route without requires(...)", "Name paths"),
    ("", 'audience = "ANY"', "audience=ANY: a token meant for another service", "Name yours"),
    ("", "minimum_rsa_bits = 1024", "RSA keys of 1024 bits are accepted", "2048"),
    ("", "allow_wso2_default_keys = true", "anybody can sign with WSO2's default keys", "Tests"),
    ("", 'revocations = "process-memory"', "no other worker and no command knows", "sqlite:///"),
    ("", 'revocations = {url = "sqlite:///a.db", fail = "open"}', "denied meanwhile are", "'open'"),
    ("", "vary = false", "a cache may give one caller's answer to another", "Leave it out"),
    ("", 'gateway = "standard"', "No audience is configured: a token without aud", "audience="),
]


@pytest.mark.parametrize("old, new, told, hint", DANGERS, ids=[row[2] for row in DANGERS])
def test_each_danger_is_shown_once_with_its_hint(
    old: str, new: str, told: str, hint: str, check: Any
) -> None:
    assert old in SAFE
    options = SAFE.replace(old, new) if old else f"{SAFE}{new}\n"
    if "standard" in new:
        options = options.replace('api = "/orders/1.0"\n', "")

    [found] = [each for each in dangers(check(options)) if told in each]

    assert hint in found
    assert not any(told in each for each in dangers(check(SAFE)))


def test_the_standard_form_knows_no_sandbox(check: Any) -> None:
    standard = SAFE.replace('api = "/orders/1.0"', 'gateway = "standard"\naudience = "orders"')

    assert dangers(check(standard)) == []


def test_the_other_distribution_of_our_import_name_is_a_danger(
    folder: Path, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = folder / "installed"
    other = installed / "jwt_middleware-2.0.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: jwt-middleware\nVersion: 2.0.0\n")
    told = "The distribution jwt-middleware is installed. It is another project's"
    assert not any(told in each for each in dangers(check(SAFE)))

    monkeypatch.setattr(sys, "path", [*sys.path, str(installed)])

    [found] = [each for each in dangers(check(SAFE)) if told in each]
    assert "uninstall it" in found


# --- a registry ------------------------------------------------------------------------------


@pytest.fixture
def registry(folder: Path, command: Run) -> Any:
    def run(text: str, *arguments: str) -> Any:
        (folder / "clients.toml").write_text(text)
        return command("check", "clients.toml", *arguments)

    return run


def test_a_registry_is_shown_client_by_client(registry: Any) -> None:
    said = registry(REGISTRY)

    assert (said.status, said.err) == (0, "")
    first, *_, acme, stark = said.out.splitlines()
    assert first == "clients.toml: 2 clients."
    assert "does not say which issuers the app trusts: check the app's options as well" in said.out
    assert acme == (
        "  acme_corp (Acme Corporation): roles from roles; permissions from permissions; "
        "attributes tier; policies orders.read, only values with 'acme'."
    )
    assert stark == (
        "  stark_ind (stark_ind): nothing, only values with 'stark', bound to its own keys or "
        "issuer, SWITCHED OFF."
    )


def test_a_registry_for_a_program(registry: Any) -> None:
    report = json.loads(registry(REGISTRY, "--json").out)

    assert report["meaning"][0] == "clients.toml: 2 clients."
    assert [line.split()[0] for line in report["clients"]] == ["acme_corp", "stark_ind"]
    assert report["dangers"] == []


CLIENT_DANGERS = [
    ('namespace = "acme"\n', "", "acme_corp has no namespace: every role and permission"),
    ('namespace = "stark"', 'namespace = "acme"', "share the namespace 'acme'"),
    (
        '{ role = "acme_buyer" }',
        '{ role = "acme_buyer", enforce = false }',
        "acme_corp: in shadow mode, so not enforced: orders.read.",
    ),
]


@pytest.mark.parametrize("old, new, told", CLIENT_DANGERS, ids=[row[2] for row in CLIENT_DANGERS])
def test_each_danger_of_a_registry_is_shown(
    old: str, new: str, told: str, registry: Any, check: Any
) -> None:
    assert old in REGISTRY

    [found] = dangers(registry(REGISTRY.replace(old, new)))

    assert told in found
    assert found in dangers(check(SAFE + 'clients = "clients.toml"\n'))


# --- an app ----------------------------------------------------------------------------------


@pytest.fixture
def app(folder: Path, command: Run) -> Any:
    (folder / "shop.py").write_text(APP)
    (folder / "clients.toml").write_text(REGISTRY)
    return lambda name, *arguments: command("check", f"shop:{name}", *arguments)


def test_an_apps_options_and_routes_are_shown(app: Any) -> None:
    said = app("app")

    assert (said.status, said.err) == (0, "")
    assert "under the keys of gateway.pem (1 known)" in said.out
    assert "2 routes, 1 without a guard." in said.out
    assert "unguarded='allow'" in said.out


def test_an_app_can_be_without_danger(app: Any) -> None:
    said = app("production")

    assert dangers(said) == []
    assert "1 route, 0 without a guard." in said.out


@pytest.mark.parametrize(
    "name, kind",
    [
        ("cors_inside", "CORSMiddleware"),
        ("own_cors_inside", "SiteCORS"),
        ("fastapi_cors_inside", "CORSMiddleware"),
    ],
)
def test_a_cors_middleware_inside_ours_is_a_danger(name: str, kind: str, app: Any) -> None:
    [found] = dangers(app(name))

    assert f"{kind} stands inside JWTMiddleware" in found
    assert f"app.add_middleware({kind}, ...) after" in found
    assert json.loads(app(name, "--json").out)["dangers"] == [found.removeprefix("DANGER  ")]


def test_a_cors_middleware_outside_ours_is_none(app: Any) -> None:
    assert dangers(app("cors_outside")) == []
    assert "JWTMiddleware is not installed on it" in app("naked_cors").err


CORS_IN_FLASK = """
from flask import Blueprint, Flask
from flask_cors import CORS
from jwt_middleware_flask import JWTMiddleware, requires

def make(where, **more):
    app, part = Flask(__name__), Blueprint("part", __name__)
    part.get("/")(requires()(lambda: "x"))
    CORS({"app": app, "part": part}[where], origins=["https://shop.example.com"])
    app.register_blueprint(part)
    JWTMiddleware(app, keys="gateway.pem", api="/a", max_age=60, unguarded="refuse", **more)
    return app

on_app, on_part, right = make("app"), make("part"), make("app", cors_preflight="pass")
"""


def test_flask_cors_which_answers_no_preflight_is_a_danger(command: Run, folder: Path) -> None:
    (folder / "site_of_flask.py").write_text(CORS_IN_FLASK)

    for name, is_told in (("on_app", True), ("on_part", True), ("right", False)):
        said = command("check", f"site_of_flask:{name}")
        assert ("Set cors_preflight='pass'." in said.out) is is_told, said


@pytest.mark.parametrize("asked", ["has_permission('x')", "has_role('x')"])
def test_a_rule_that_holds_for_nobody_is_a_danger(asked: str, app: Any, folder: Path) -> None:
    gateway = "wso2" if "permission" in asked else "cloudflare-access"
    source = f"""
from dataclasses import replace
from jwt_middleware import has_permission
from jwt_middleware.gateways import PRESETS
wanted = {asked}
own = replace(PRESETS["{gateway}"], needs={{}}, required={{}}, keys=None, issuer=None)
nobody = make(guard=has_role("a") | wanted, gateway=own, **OPEN)
asked_first = make(guard=client("a"), gateway=own, authorize=wanted, **OPEN)
"""
    more = 'OPEN = dict(api=None, audience="a", max_age=600, unguarded="refuse", bare=False)\n'
    (folder / "shop.py").write_text(APP + more + source)
    fault = f"{asked} holds for nobody: no claim of the gateway {gateway} holds"

    assert f"/guarded: {fault}" in app("nobody").out
    assert f"authorize: {fault}" in app("asked_first").out


def test_a_registry_says_itself_which_claims_hold_permissions(app: Any, folder: Path) -> None:
    source = """
from jwt_middleware import has_permission
granted = make(guard=has_permission("acme_x"), clients="clients.toml")
"""
    (folder / "shop.py").write_text(APP + source)

    assert "holds for nobody" not in app("granted").out


def test_a_factory_is_called(app: Any) -> None:
    assert "JWTMiddleware is not installed on it" in app("make()").err


# --- what is wrong ---------------------------------------------------------------------------


def check_wrong(said: Any, told: str) -> None:
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("jwt-assertion: ")
    assert told in said.err


@pytest.mark.parametrize(
    "options, told",
    [
        (SAFE + "leway = 3\n", "'leeway'"),
        (SAFE.replace("gateway.pem", "gatewya.pem"), "gatewya.pem"),
        (SAFE + "leeway = -1\n", "leeway"),
        (SAFE + 'authorize = "x"\n', "it can only be given in code"),
        (SAFE + 'clients = "nowhere.toml"\n', "nowhere.toml cannot be read"),
        ("keys = \n", "options.toml: "),
        ("", "keys: missing"),
    ],
    ids=[
        "unknown",
        "no such file",
        "a wrong value",
        "code only",
        "no registry",
        "not valid TOML",
        "empty",
    ],
)
def test_wrong_options_are_status_2_with_a_hint(options: str, told: str, check: Any) -> None:
    check_wrong(check(options), told)
    as_json = check(options, "--json")
    assert told in json.loads(as_json.out)["reason"]
    check_wrong(as_json._replace(out=""), told)


def test_an_unknown_option_is_answered_with_those_that_a_file_may_have(check: Any) -> None:
    said = check(SAFE + 'xyzzy = "ca.pem"\n')

    assert "there are: algorithms" in said.err
    assert not any(f" {name}" in said.err for name in ("clock", "listeners", "verifier"))


def test_every_fault_of_a_registry_is_shown_at_once(registry: Any) -> None:
    broken = REGISTRY.replace("name =", "nmae =").replace("enabled = false", "enabled = 0")
    said = registry(broken)

    check_wrong(said, "2 faults")
    assert "clients.acme_corp.nmae: there is no such key; did you mean 'name'?" in said.err
    assert "clients.stark_ind.enabled: true or false" in said.err


@pytest.mark.parametrize(
    "name, told",
    [
        ("refusing", "neither requires nor public stands on GET,HEAD /bare (shop.other, "),
        ("typo", "client('acme_crop'): the registry has no such client; did you mean 'acme_corp'?"),
        ("wrong", "'leeway'"),
        ("naked", "JWTMiddleware is not installed on it"),
        ("ap", "did you mean 'app'?"),
    ],
)
def test_an_app_that_would_not_start_is_status_2_and_says_why(
    name: str, told: str, app: Any
) -> None:
    check_wrong(app(name), told)


@pytest.mark.parametrize("what", ["nowhere.toml", "nowhere", "nowhere:app"])
def test_what_is_not_there_is_status_2(what: str, folder: Path, command: Run) -> None:
    check_wrong(command("check", what), "nowhere")


def test_a_secret_in_the_options_is_never_shown(check: Any, rsa_key: Any) -> None:
    line = rsa_key.private_pem.splitlines()[3]
    said = check(f'keys = """{rsa_key.private_pem}"""\n')

    assert line not in said.out + said.err
