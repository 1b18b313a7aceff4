"""``jwt-assertion echo`` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from jwt_middleware.testing import LocalGateway
from jwt_middleware.tools.cli import main

from .test_gateway import running_process


def test_it_shows_what_a_gateway_sent() -> None:
    with LocalGateway(api="/echo/1.0.0") as gateway:
        arguments = ("--keys", gateway.jwks_url, "--api", "/echo/1.0.0", "--port", "0")
        with running_process("echo", *arguments) as (url, told, _):
            headers = gateway.headers(user="ana")
            answer = httpx2.get(url + "/echo/1.0.0", headers=headers, trust_env=False)
            bare = httpx2.get(url + "/echo/1.0.0", trust_env=False)

    assert answer.json()["principal"]["subject"] == "ana"
    assert answer.headers["X-JWT-Assertion"] == headers["X-JWT-Assertion"]
    assert bare.status_code == 401
    assert "shows assertions" in told


def test_the_environment_names_its_keys_and_no_option_of_its_middleware(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with LocalGateway(api="/echo/1.0.0") as gateway:
        options = tmp_path / "service.toml"
        options.write_text(f'keys = "{gateway.jwks_url}"\nexempt = ["/echo/1.0.0"]\n')
        monkeypatch.setenv("JWT_MIDDLEWARE_CONFIG", str(options))
        with running_process("echo", "--port", "0") as (url, _, _process):
            headers = gateway.headers(user="ana")
            answer = httpx2.get(url + "/echo/1.0.0", headers=headers, trust_env=False)

    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_it_does_not_start_where_others_could_ask(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["echo", "--host", host, "--keys", "none.pem"]) == 2
    assert "--show-tokens-beyond-loopback" in capsys.readouterr().err


def test_told_by_name_it_serves_beyond_loopback() -> None:
    with LocalGateway() as gateway:
        arguments = ("--keys", gateway.jwks_url, "--port", "0", "--host", "0.0.0.0")
        with running_process("echo", *arguments, "--show-tokens-beyond-loopback") as (
            url,
            _,
            _process,
        ):
            port = url.rpartition(":")[2]
            answer = httpx2.get(
                f"http://127.0.0.1:{port}/echo/1.0.0", headers=gateway.headers(), trust_env=False
            )

    assert answer.status_code == 200


def test_without_keys_it_says_how_to_name_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["echo"]) == 2
    assert "--keys gateway.pem" in capsys.readouterr().err
