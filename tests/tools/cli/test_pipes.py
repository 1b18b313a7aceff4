"""Commands whose reader goes away: their exit status is still the verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims


@pytest.mark.parametrize("lifetime, status", [(900, 0), (-3600, 1)])
@pytest.mark.parametrize("command", ["verify", "inspect"])
@pytest.mark.parametrize("size", [0, 6_000], ids=["short", "long"])
def test_the_exit_status_survives_a_closed_pipe(
    size: int, command: str, lifetime: int, status: int, folder: Path, rsa_key: SigningKey
) -> None:
    claims = ucsd_claims() | {"long": "x" * size}
    (folder / "t.txt").write_text(mint(rsa_key, claims, lifetime=lifetime))
    reading, writing = os.pipe()
    os.close(reading)
    run = [
        sys.executable,
        "-m",
        "jwt_middleware",
        command,
        "--keys",
        "gateway.pem",
        "--api",
        "/echo/1.0.0",
    ]
    ended = subprocess.run([*run, "--json", "t.txt"], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)

    assert ended.returncode == status, ended.stderr
    assert b"Traceback" not in ended.stderr
    assert b"BrokenPipe" not in ended.stderr
