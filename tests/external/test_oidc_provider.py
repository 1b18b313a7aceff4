"""A real issuer: npm's oidc-provider, whose keys rotate and retire over loopback HTTP.

OIDC_PROVIDER_DIR names a copy of ``oidc_provider`` in which ``npm install`` has been run.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from jwt_middleware import (
    Discovery,
    InvalidClaim,
    JWKSEndpoint,
    KeysUnavailable,
    UnknownKey,
    Verifier,
)
from jwt_middleware.events.kinds import KeyAdded, KeyRemoved, KeysFetched

pytestmark = pytest.mark.external

API = "https://backend.example.edu"
START_LIMIT = 30.0


class Provider:
    """The running issuer."""

    def __init__(self, process: subprocess.Popen[str], port: str) -> None:
        self.process = process
        self.issuer = f"http://127.0.0.1:{port}"

    def token(self) -> str:
        """Get an access token as a client does (RFC 6749, 4.4)."""
        secret = base64.b64encode(b"svc:svc-secret-of-the-tests").decode()
        answer = self._post(
            "/token",
            urlencode({"grant_type": "client_credentials", "scope": "read"}).encode(),
            {"Authorization": f"Basic {secret}"},
        )
        token: str = json.loads(answer)["access_token"]
        return token

    def rotate(self) -> str:
        """Sign with a new key from now on; return its kid."""
        return self._post("/rotate").decode()

    def retire(self) -> None:
        """Publish the newest key only."""
        self._post("/retire")

    def _post(self, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        request = Request(self.issuer + path, body, headers or {}, method="POST")
        with urlopen(request, timeout=10) as response:
            found: bytes = response.read()
            return found


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    folder = os.environ.get("OIDC_PROVIDER_DIR")
    assert folder, "OIDC_PROVIDER_DIR is not set; .ci/run installs the provider and sets it"
    log = tmp_path / "provider.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            ["node", "op.mjs"], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        # Where it never says its port, its end closes the pipe, and so the wait.
        alarm = threading.Timer(START_LIMIT, process.kill)
        alarm.start()
        try:
            assert process.stdout is not None
            ports = (line.split()[1] for line in process.stdout if line.startswith("PORT "))
            port = next(ports, None)
            alarm.cancel()
            assert port is not None, f"the provider did not start:\n{log.read_text()}"
            yield Provider(process, port)
        finally:
            alarm.cancel()
            process.kill()


SOURCES = {
    "discovery": lambda issuer: Discovery(issuer),
    "url-of-the-metadata": lambda issuer: issuer + "/.well-known/openid-configuration",
    "jwks-endpoint": lambda issuer: JWKSEndpoint(issuer + "/jwks"),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, provider: Provider) -> Any:
    return SOURCES[request.param](provider.issuer)


def reading(source: Any, heard: list[Any] | None = None) -> Verifier:
    return Verifier(
        keys=source,
        gateway="standard",
        audience=API,
        typ="at+jwt",
        listeners=[(heard if heard is not None else []).append],
    )


def test_its_access_token_is_verified(provider: Provider, source: Any) -> None:
    principal = reading(source).verify(provider.token())

    assert principal.issuer == provider.issuer
    assert principal.client_id == "svc"
    assert principal.permissions == {"read"}
    assert principal.key_id == "key-1"


def test_a_token_for_another_api_is_refused(provider: Provider, source: Any) -> None:
    verifier = Verifier(keys=source, gateway="standard", audience="https://other.example.edu")

    with pytest.raises(InvalidClaim):
        verifier.verify(provider.token())


def test_a_rotation_is_revealed_by_the_first_token_and_the_old_one_still_counts(
    provider: Provider, source: Any
) -> None:
    heard: list[Any] = []
    verifier = reading(source, heard)
    old = provider.token()
    verifier.verify(old)
    kid = provider.rotate()

    assert verifier.verify(provider.token()).key_id == kid == "key-2"
    assert verifier.verify(old).key_id == "key-1"
    assert [event.key_id for event in heard if isinstance(event, KeyAdded)] == ["key-1", "key-2"]
    assert len([event for event in heard if isinstance(event, KeysFetched)]) == 2


def test_a_retired_key_stops_verifying_cached_tokens_too(provider: Provider, source: Any) -> None:
    heard: list[Any] = []
    verifier = reading(source, heard)
    tokens = [provider.token()]
    provider.rotate()
    tokens.append(provider.token())
    for token in tokens:
        verifier.verify(token)
    provider.rotate()
    provider.retire()

    assert verifier.verify(provider.token()).key_id == "key-3"
    for token in tokens:
        with pytest.raises(UnknownKey):
            verifier.verify(token)
    removed = [event.key_id for event in heard if isinstance(event, KeyRemoved)]
    assert sorted(removed) == ["key-1", "key-2"]


def test_200_requests_at_the_moment_of_a_rotation_all_succeed_with_one_fetch(
    provider: Provider, source: Any
) -> None:
    heard: list[Any] = []
    verifier = reading(source, heard)
    verifier.verify(provider.token())
    provider.rotate()
    tokens = [provider.token() for _ in range(20)] * 10

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*(verifier.verify_async(token) for token in tokens))

    assert [each.key_id for each in asyncio.run(ask_all())] == ["key-2"] * 200
    assert len([event for event in heard if isinstance(event, KeysFetched)]) == 2


def test_good_tokens_are_served_when_the_provider_is_gone(provider: Provider, source: Any) -> None:
    verifier = reading(source)
    tokens = [provider.token() for _ in range(3)]
    verifier.verify(tokens[0])
    provider.rotate()
    unknown = provider.token()
    provider.process.kill()
    provider.process.wait(10)

    assert [verifier.verify(token).key_id for token in tokens] == ["key-1"] * 3
    with pytest.raises(UnknownKey):
        verifier.verify(unknown)


def test_an_app_that_starts_before_its_provider_says_503(provider: Provider, source: Any) -> None:
    token = provider.token()
    provider.process.kill()
    provider.process.wait(10)

    with pytest.raises(KeysUnavailable):
        reading(source).verify(token)
