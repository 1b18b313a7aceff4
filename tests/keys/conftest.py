"""Key endpoints: a server on loopback, and one whose answers a test sets without any network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jwt_middleware import Principal, Verifier
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..key_server import KeyServer
from ..kit import Events


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    with KeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def old_key() -> SigningKey:
    return SigningKey(key_id="old")


@pytest.fixture(scope="session")
def new_key() -> SigningKey:
    return SigningKey(key_id="new")


@pytest.fixture(scope="session")
def forger() -> SigningKey:
    return SigningKey(key_id="forged")


def published(*keys: SigningKey) -> dict[str, Any]:
    """The JWKS of these keys."""
    return {"keys": [key.jwk() for key in keys]}


class Reader:
    """A verifier of one endpoint, and what it told."""

    def __init__(self, endpoint: JWKSEndpoint, algorithms: list[str] | None = None) -> None:
        self.endpoint = endpoint
        self.events = Events()
        self.verifier = Verifier(
            keys=endpoint, algorithms=algorithms, api="/echo", listeners=[self.events]
        )

    def token(self, key: SigningKey, **claims: Any) -> str:
        return mint(key, {"http://wso2.org/claims/apicontext": "/echo", **claims})

    def verify(self, key: SigningKey, **claims: Any) -> Principal:
        """Verify a token of this key; other claims make another token."""
        return self.verifier.verify(self.token(key, **claims))

    def settle(self) -> None:
        """Wait for the fetch under way, if there is one."""
        running = self.endpoint._flight.running
        assert running is None or running.wait(5)

    def touch(self) -> None:
        """Do what any request does, and wait for the fetch that this starts."""
        self.endpoint.snapshot()
        self.settle()

    def told(self, kind: type) -> list[Any]:
        return self.events.of(kind)


class Scripted(Reader):
    """Reads an endpoint whose ``answer`` a test sets: a document, bytes, or an error to raise."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        algorithms: list[str] | None = None,
        **options: Any,
    ) -> None:
        self.answer: Any = ConnectionError()
        self.fetches = 0
        url = "https://gateway.example.edu/jwks"
        super().__init__(JWKSEndpoint(url, fetch=self._fetch, clock=clock, **options), algorithms)

    def publish(self, *keys: SigningKey) -> None:
        self.answer = published(*keys)

    def _fetch(self, url: str) -> bytes:
        self.fetches += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        if isinstance(self.answer, dict):
            return json.dumps(self.answer).encode()
        return self.answer  # type: ignore[no-any-return]


@pytest.fixture
def scripted(clock: Clock) -> Callable[..., Scripted]:
    """Makes an endpoint on the test's clock."""
    return lambda **options: Scripted(clock, **options)


@pytest.fixture
def reading(key_server: KeyServer) -> Callable[..., Reader]:
    """Makes a reader of the key server, on the test's options."""
    return lambda **options: Reader(
        JWKSEndpoint(key_server.url, **{"wait_budget": 1, "deadline": 1, **options})
    )


@pytest.fixture
def loaded(scripted: Callable[..., Scripted], old_key: SigningKey) -> Scripted:
    """An endpoint whose first load has brought the old key."""
    reader = scripted()
    reader.publish(old_key)
    reader.verify(old_key)
    return reader


@pytest.fixture
def may_answer() -> Iterator[threading.Event]:
    """Set when an answer that is held back may go."""
    event = threading.Event()
    yield event
    event.set()


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something holds within two seconds."""
    waiting = threading.Event()
    return any(holds() or waiting.wait(0.01) for _ in range(200))
