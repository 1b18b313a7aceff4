"""Keys generated once a session, and factories for the tokens that tests need."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Principal, Verifier
from jwt_middleware.testing import SigningKey


@pytest.fixture(autouse=True)
def _no_options_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("JWT_MIDDLEWARE_"):
            monkeypatch.delenv(name)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a name with an address in it, which no other process would know the test by."""
    if " at 0x" in item.nodeid:
        raise pytest.UsageError(f"{item.nodeid}: give this case an id")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the seed of the order, which ``-q`` leaves out of the header."""
    seed = config.getoption("randomly_seed")
    terminalreporter.write_line(f"in the order of --randomly-seed={seed}")


def recalled(verifier: Verifier, raw: Any) -> Principal | None:
    """The principal of a token that the verifier need not verify again; None for any other."""
    known = verifier.begin(raw)
    return known if isinstance(known, Principal) else None


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_479_409_651.0)


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask that takes nothing away, or little."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A JWKS URL where nobody listens, and nobody else can begin to."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/jwks"


@pytest.fixture(scope="session")
def rsa_key() -> SigningKey:
    return SigningKey("RS256")


@pytest.fixture(scope="session")
def other_rsa_key() -> SigningKey:
    return SigningKey("RS256")


_KEYS: dict[tuple[str, str], SigningKey] = {}


@pytest.fixture(scope="session")
def key_for() -> Callable[..., SigningKey]:
    """A key for an algorithm, the same one all session."""

    def find(algorithm: str, curve: str = "Ed25519") -> SigningKey:
        if (algorithm, curve) not in _KEYS:
            _KEYS[algorithm, curve] = SigningKey(algorithm, curve=curve)
        return _KEYS[algorithm, curve]

    return find


def modes_of(folder: Path) -> dict[str, str]:
    """The permissions of every file of a folder."""
    return {each.name: oct(each.stat().st_mode & 0o777) for each in folder.iterdir()}
