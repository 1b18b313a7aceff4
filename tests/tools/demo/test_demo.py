"""The README's first command, as a user runs it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from jwt_middleware.tools.cli import main


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jwt_middleware", "demo", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_demo_shows_good_requests_and_refused_ones_and_ends() -> None:
    done = run_demo()

    assert done.returncode == 0, done.stderr
    statuses = re.findall(r"  (200|401|403)  +(\S+)", done.stdout)
    assert statuses == [
        ("200", "-"),
        ("401", "missing_token"),
        ("401", "bad_signature"),
        ("401", "token_expired"),
        ("403", "insufficient_permission"),
        *[("200", "-"), ("403", "insufficient_permission")] * 6,
        ("401", "Missing"),
        ("200", "an"),
        ("200", "the"),
    ]
    assert "the app saw acme_corp" in done.stdout
    assert re.search(r"The inspector: http://127\.0\.0\.1:\d+/\n", done.stdout)
    assert done.stdout.endswith(
        "\nServing until Ctrl-C or the end of standard input.\n"
        "Standard input has ended, so this ends too; in a terminal it serves until Ctrl-C.\n"
        "Ended.\n"
    )


@pytest.mark.parametrize("more", [(), ("--services",)])
def test_the_options_of_an_app_in_the_environment_are_none_of_the_demos(
    more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_MIDDLEWARE_UNGUARDED", "refuse")
    monkeypatch.setenv("JWT_MIDDLEWARE_HEADER", "X-Mine")
    monkeypatch.setenv("JWT_MIDDLEWARE_JWKS", "unknown")

    assert run_demo("--once", *more).returncode == 0


def test_a_port_that_is_taken_is_reported_with_the_remedy() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run_demo("--port", str(taken.getsockname()[1]))

    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_that_is_missing_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([])

    assert exit_.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
