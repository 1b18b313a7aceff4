"""``jwt-assertion gateway`` as a person runs it, before an app that takes its keys."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.testing import FORMS
from jwt_middleware.tools.cli import main
from jwt_middleware.tools.explain import principal_as_json
from jwt_middleware.tools.gateway import serving

from .conftest import Running


@contextmanager
def running_process(*arguments: str) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Run the command; give the gateway's URL, all that it printed, and the process."""
    with subprocess.Popen(
        [sys.executable, "-m", "jwt_middleware", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        told = ""
        try:
            for line in process.stdout:
                told += line
                if line.startswith("Serving until"):
                    break
            urls = re.findall(r"http://[\w.]+:\d+", told)
            assert urls, told
            yield urls[0], told, process
        finally:
            process.kill()


class App:
    """An app that says who calls; its keys are those of a gateway that comes later."""

    def __init__(self, stack: ExitStack) -> None:
        self.guarded: Any = None
        self.url = stack.enter_context(serving(self._app))

    def trusts(self, url: str, **options: Any) -> None:
        self.guarded = JWTMiddleware(_tell, keys=f"{url}/jwks", **options)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.guarded(scope, receive, send)


async def _tell(scope: Any, receive: Any, send: Any) -> None:
    import json

    principal = scope["jwt_middleware.principal"]
    told = {**principal_as_json(principal), "claims": dict(principal.claims)}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


@pytest.fixture
def app() -> Iterator[App]:
    with ExitStack() as stack:
        yield App(stack)


def get(url: str, **headers: str) -> httpx2.Response:
    return httpx2.get(url, headers=headers, trust_env=False, timeout=20)


def test_a_request_without_a_token_is_the_named_clients_and_users(
    running: Running, app: App
) -> None:
    with running(
        *("gateway", "--upstream", app.url, "--port", "0"),
        *("--client", "acme_corp", "--as", "ana", "--wso2", "4.2"),
    ) as (url, told):
        app.trusts(url, gateway="wso2")
        answer = get(url + "/x", **{"X-JWT-Assertion": "forged"})

        assert answer.json()["client_id"] == "acme_corp"
        assert answer.json()["subject"] == "ana"
        assert answer.json()["claims"]["roles"] == ["acme_admin", "acme_seller"]
        assert "DEVELOPMENT" in told
        assert get(url + "/_inspector").status_code == 200
        assert get(url + "/echo/1.0.0").json()["principal"]["subject"] == "ana"


@pytest.mark.parametrize("version", ["1.4", "1.9", "2.6", "3.0", "3.1", "3.2", "4.0", "4.3", "4.6"])
def test_every_version_verifies_by_the_options_that_it_prints(
    running: Running, app: App, version: str
) -> None:
    with running(
        *("gateway", "--upstream", app.url, "--port", "0", "--wso2", version),
        *("--as", "ana", "--role", "admin", "--role", "dean", "--api", "/orders/1.0"),
    ) as (url, told):
        line = next(line for line in told.splitlines() if "your app:" in line)
        options = eval(f"dict({line.partition('your app:')[2]})")  # what a person would copy
        assert options.pop("keys") == f"{url}/jwks"
        app.trusts(url, **options)
        answer = get(url + "/x")

    assert answer.status_code == 200, answer.text
    assert sorted(answer.json()["roles"]) == ["admin", "dean"]
    assert options["api"] == "/orders/1.0"


def test_what_the_environment_says_stands_in_no_option_that_it_prints(
    running: Running, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_MIDDLEWARE_MAX_AGE", "900")
    with running("gateway", "--upstream", app.url, "--port", "0", "--as", "ana") as (_, told):
        line = next(line for line in told.splitlines() if "your app:" in line)

    assert "max_age" not in line


@pytest.mark.parametrize(
    "variable, value",
    [
        ("JWT_MIDDLEWARE_KEYS", "http://127.0.0.1:1/jwks"),
        ("JWT_MIDDLEWARE_LEEWAY", "soon"),
        ("JWT_MIDDLEWARE_JWKS", "unknown"),
        ("JWT_MIDDLEWARE_EXEMPT", "/health"),
        ("JWT_MIDDLEWARE_CONFIG", "service.toml"),
        ("JWT_MIDDLEWARE_CONFIG", "none.toml"),
    ],
)
def test_the_options_of_the_app_in_the_environment_are_none_of_the_gateways(
    variable: str,
    value: str,
    app: App,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "service.toml").write_text('exempt = ["/echo/*"]\nresource = "https://a.example"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)

    command = ("gateway", "--upstream", app.url, "--port", "0", "--as", "ana")
    with running_process(*command) as (url, _, _process):
        echoed = get(url + "/echo/1.0.0").json()

    assert echoed["principal"]["subject"] == "ana"


VENDORS = [name for name in FORMS if not name.startswith("wso2-") and name != "standard"]


@pytest.mark.parametrize("form", VENDORS)
def test_every_vendor_s_app_verifies_by_the_options_that_it_prints(
    running: Running, app: App, form: str
) -> None:
    header = FORMS[form].gateway.headers[0]
    with running(
        *("gateway", "--upstream", app.url, "--port", "0", "--form", form, "--as", "ana"),
    ) as (url, told):
        line = next(line for line in told.splitlines() if "your app:" in line)
        options = eval(f"dict({line.partition('your app:')[2]})")  # what a person would copy
        assert options["gateway"] == FORMS[form].preset
        assert options.keys() >= FORMS[form].gateway.needs.keys()
        app.guarded = JWTMiddleware(_tell, **options)
        forged = {} if header == "Authorization" else {header: "forged"}
        answer = get(url + "/x", **forged)
        echoed = get(url + "/echo/1.0.0").json()
        sample = httpx2.post(url + "/_inspector/sample", json={}).json()
        shown = httpx2.post(url + "/_inspector/inspect", json=sample).json()

    assert answer.status_code == 200, answer.text
    assert answer.json()["subject"] == "ana"
    assert echoed["principal"]["subject"] == "ana"
    assert shown["code"] == "accepted"


@pytest.mark.parametrize("form", [name for name in VENDORS if FORMS[name].service is not None])
def test_a_client_by_itself_is_a_service_of_every_vendor_that_has_them(
    running: Running, app: App, form: str
) -> None:
    with running(
        *("gateway", "--upstream", app.url, "--port", "0", "--form", form, "--client", "robot"),
    ) as (url, told):
        line = next(line for line in told.splitlines() if "your app:" in line)
        app.guarded = JWTMiddleware(_tell, **eval(f"dict({line.partition('your app:')[2]})"))
        answer = get(url + "/x").json()

    assert "robot" in (answer["client_id"], answer["subject"], str(answer["subject"])[4:])


def test_a_service_calls_for_itself(running: Running, app: App) -> None:
    asked = ("gateway", "--upstream", app.url, "--port", "0", "--form", "cloudflare-access")
    with running(*asked, "--service", "robot.access") as (url, told):
        line = next(line for line in told.splitlines() if "your app:" in line)
        options = eval(f"dict({line.partition('your app:')[2]})")
        app.guarded = JWTMiddleware(_tell, **options)
        answer = get(url + "/x")

    assert answer.json()["client_id"] == "robot.access"
    assert answer.json()["subject"] is None


def test_a_client_of_a_gateway_of_people_calls_on_behalf_of_one(running: Running, app: App) -> None:
    asked = ("gateway", "--upstream", app.url, "--port", "0", "--form", "aws-alb")
    with running(*asked, "--client", "robot") as (_, told):
        assert "for robot, on behalf of admin" in told


def test_issuer_audience_and_signer_of_one_s_own_are_in_the_options_that_it_prints(
    running: Running, app: App
) -> None:
    own = ("--issuer", "app.acme.example", "--audience", "app.acme.example")
    arguments = ("gateway", "--upstream", app.url, "--port", "0", "--as", "ana")
    with running(*arguments, "--form", "pomerium", *own) as (_, told):
        assert "issuer='app.acme.example', audience='app.acme.example'" in told
    arn = "arn:aws-cn:elasticloadbalancing:cn-north-1:210987654321:loadbalancer/app/x/0f"
    with running(*arguments, "--form", "aws-alb", "--signer", arn) as (url, told):
        assert f"keys='{url}/{{kid}}'" in told
        assert f"signer='{arn}'" in told
        assert get(url + "/01234567-89ab-4def-8123-456789abcdef").status_code == 404
        assert "x-amzn-oidc-data" in get(url + "/echo/1.0.0").json()["headers"]


def test_a_key_in_a_file_outlives_the_gateway(running: Running, app: App, tmp_path: Path) -> None:
    key = tmp_path / "gateway.pem"
    arguments = ("gateway", "--upstream", app.url, "--port", "0", "--as", "ana", "--key", str(key))
    with running(*arguments) as (url, _):
        first = get(url + "/jwks").json()
    with running(*arguments) as (url, _):
        assert get(url + "/jwks").json() == first
        app.guarded = JWTMiddleware(_tell, keys=tmp_path / "gateway.crt")
        assert get(url + "/x").json()["subject"] == "ana"
    assert oct(key.stat().st_mode)[-3:] == "600"


def test_accounts_of_ones_own_are_who_may_call(running: Running, app: App, tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text('[clients.shop]\nsecret = "s3"\nclaims = { plan = "gold" }\n')
    with running("gateway", "--upstream", app.url, "--port", "0", "--accounts", str(accounts)) as (
        url,
        told,
    ):
        app.trusts(url)
        assert get(url + "/x").status_code == 401
        grant = {"grant_type": "client_credentials"}
        answer = httpx2.post(url + "/token", data=grant, auth=("shop", "s3"), trust_env=False)
        token = answer.json()["access_token"]
        called = get(url + "/x", Authorization=f"Bearer {token}").json()

    assert called["claims"]["plan"] == "gold"
    assert called["client_id"] == "shop"
    assert "s3" not in told


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_well(app: App, sent: signal.Signals) -> None:
    with running_process("gateway", "--upstream", app.url, "--port", "0") as (_, _told, process):
        os.kill(process.pid, sent)

        assert process.wait(10) == 0


def test_it_listens_on_loopback_only(running: Running, app: App) -> None:
    with running("gateway", "--upstream", app.url, "--port", "0") as (url, _):
        port = int(url.rpartition(":")[2])
        for address in ("127.0.0.2", "::1"):
            with pytest.raises(OSError):
                socket.create_connection((address, port), timeout=5)


Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--upstream", "127.0.0.1:8000"], "http://127.0.0.1:8000"),
        (["--upstream", "ftp://x/"], "--upstream"),
        (["--upstream", "http://"], "--upstream"),
        (["--upstream", "http://a:b@c/"], "--upstream"),
        (["--upstream", "http://x:port"], "--upstream"),
        (["--upstream", "http://x", "--wso2", "new"], "1.4 to 4.6"),
        (["--upstream", "http://x", "--api", "orders"], "begins with /"),
        (["--upstream", "http://x", "--accounts", "none.toml"], "No such file"),
        (["--upstream", "http://x", "--claim", "x"], "NAME=VALUE"),
        (["--upstream", "http://x", "--permission", "p"], "no claim of the gateway holds them"),
        (["--upstream", "http://x", "--key", "/"], "--key"),
        (["--upstream", "http://x", "--header", "a b"], "--header"),
        (["--upstream", "http://x", "--wso2", "standard", "--api", "/a"], "no API context"),
        (["--upstream", "http://127.0.0.1:8280", "--port", "8280"], "on its own --port"),
        (["--upstream", "http://x", "--wso2", "9.9"], "1.4 to 4.6"),
        (["--upstream", "http://x", "--form", "iap"], "google-iap"),
        (["--upstream", "http://x", "--form", "google-iap", "--role", "a"], "no claim for roles"),
        (["--upstream", "http://x", "--form", "aws-alb", "--service", "s"], "of people only"),
        (["--upstream", "http://x", "--service", "s", "--as", "a"], "calls for itself"),
        (["--upstream", "http://x", "--form", "bearer", "--api", "/a"], "no API context"),
        (["--upstream", "http://x", "--form", "aws-alb", "--signer", "me"], "is no ARN"),
    ],
)
def test_a_wrong_option_ends_with_2_and_a_hint(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    assert main(["gateway", *port, *arguments]) == 2
    assert hint in capsys.readouterr().err


def test_a_port_that_is_taken_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["gateway", "--upstream", "http://127.0.0.1:1", "--port", port]) == 2

    assert f"127.0.0.1:{port}" in capsys.readouterr().err


REGISTRY = """
[clients.library]
namespace = "lib"
roles = ["staff_roles"]
"""


def test_roles_go_where_the_apps_registry_reads_them(
    running: Running, app: App, tmp_path: Path
) -> None:
    registry = tmp_path / "clients.toml"
    registry.write_text(REGISTRY)
    with running(
        *("gateway", "--upstream", app.url, "--port", "0", "--clients", str(registry)),
        *("--client", "library", "--role", "lib_staff"),
    ) as (url, _):
        app.trusts(url, clients=registry)
        answer = get(url + "/x").json()

    assert answer["roles"] == ["lib_staff"]
    assert answer["claims"]["staff_roles"] == ["lib_staff"]


def test_a_gateway_that_starts_anew_is_known_at_once(running: Running, app: App) -> None:
    arguments = ("--as", "ana", "--wso2", "standard")
    with running("gateway", "--upstream", app.url, "--port", "0", *arguments) as (url, _):
        app.trusts(url, gateway="standard")
        assert get(url + "/x").status_code == 200
        port = url.rpartition(":")[2]
    with running("gateway", "--upstream", app.url, "--port", port, *arguments) as (url, told):
        assert get(url + "/x").status_code == 200
        assert "--key FILE keeps one" in told


@pytest.mark.parametrize(
    ("accounts", "hint"),
    [
        ('[clients.library]\nsecret = "x"\npermissions = ["p"]', "clients.library: permissions"),
        ('[clients.a]\nsecret = "x"\nattributes = { level = "1" }', "clients.a: attributes"),
    ],
)
def test_what_cannot_be_said_of_a_client_is_reported_at_start(
    tmp_path: Path, accounts: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clients.toml").write_text(REGISTRY)
    path = tmp_path / "accounts.toml"
    path.write_text(f'registry = "clients.toml"\n{accounts}\n')

    assert main(["gateway", "--upstream", "http://x", "--port", "0", "--accounts", str(path)]) == 2
    assert hint in capsys.readouterr().err
