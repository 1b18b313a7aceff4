"""What weakens is loud: one line and one event a middleware, and none where nothing weakens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import (
    ANY,
    Client,
    ClientRegistry,
    Issuer,
    Original,
    Revocations,
    Verifier,
    client,
)
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.events.kinds import ChecksWeakened
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey

from ..adapters.apps import DOORS, Door
from ..adapters.conformance import JWT
from ..kit import Events

Make = Callable[..., tuple[str, ...]]


@pytest.fixture
def weakened(rsa_key: SigningKey) -> Make:
    """Make a middleware by these options, and return what it is weakened by."""

    def make(**options: Any) -> tuple[str, ...]:
        events = Events()
        Middleware(
            {"keys": rsa_key.public_pem, "api": "/echo", "listeners": events.append} | options
        )
        found = events.of(ChecksWeakened)
        assert len(found) <= 1
        assert all(event.options for event in found)
        return found[0].options if found else ()

    return make


@pytest.mark.parametrize(
    "options, told",
    [
        ({"optional": True}, "optional=True"),
        ({"optional": ("/b", "/a/*")}, "optional=/a/*, /b"),
        ({"exempt": ("/health",)}, "exempt=/health"),
        ({"audience": ANY}, "audience=ANY"),
        (
            {"original": Original(header="X-O", forwarders=client("a"), audience=ANY)},
            "original.audience=ANY",
        ),
        ({"cors_preflight": "pass"}, "cors_preflight=pass"),
        ({"vary": False}, "vary=False"),
        ({"minimum_rsa_bits": 1024}, "minimum_rsa_bits=1024"),
        ({"allow_wso2_default_keys": True}, "allow_wso2_default_keys=True"),
        (
            {"revocations": Revocations("process-memory", fail="open")},
            "revocations.fail=open",
        ),
        (
            {"clients": ClientRegistry([Client("acme", trust=ClientTrust(issuer=ANY))])},
            "clients.trust.issuer=ANY (for acme)",
        ),
        (
            {"clients": ClientRegistry([Client("acme", trust=ClientTrust(audience=ANY))])},
            "clients.trust.audience=ANY (for acme)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_option_that_weakens_is_reported_with_its_value(
    options: dict[str, Any], told: str, weakened: Make
) -> None:
    assert weakened(**options) == (told,)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optional": False, "exempt": (), "cors_preflight": "refuse", "audience": "me"},
        {"optional": ()},
        {"minimum_rsa_bits": 2048},
        {"allow_wso2_default_keys": False},
        {"revocations": "process-memory"},
        {"revocations": Revocations("process-memory", one_time=True)},
        {"clients": ClientRegistry([Client("acme"), Client("b", enabled=False)])},
    ],
    ids=repr,
)
def test_where_nothing_weakens_nothing_is_reported(options: dict[str, Any], weakened: Make) -> None:
    assert weakened(**options) == ()


def test_an_issuer_that_takes_any_audience_is_named(
    rsa_key: SigningKey, other_rsa_key: SigningKey, weakened: Make
) -> None:
    issuers = [
        Issuer("https://a", keys=rsa_key.public_pem, audience=ANY),
        Issuer("https://b", keys=other_rsa_key.public_pem, audience="me"),
    ]

    assert weakened(keys=None, issuers=issuers) == ("audience=ANY (of https://a)",)


def test_a_ready_verifier_weakens_as_its_options_do(rsa_key: SigningKey) -> None:
    events = Events()
    verifier = Verifier(
        keys=rsa_key.public_pem, api="/echo", minimum_rsa_bits=1024, listeners=events.append
    )
    assert not any(isinstance(event, ChecksWeakened) for event in events)
    for _ in range(2):
        Middleware({"verifier": verifier, "exempt": ["/a"]})

    assert events[-2:] == [ChecksWeakened(("exempt=/a", "minimum_rsa_bits=1024"))] * 2


def test_many_clients_and_long_paths_make_one_bounded_line(
    weakened: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_middleware")
    clients = [Client(f"c{n:04}", trust=ClientTrust(issuer=ANY)) for n in range(1000)]
    paths = [f"/p{n}/{'x' * 50}\u00e9" for n in range(200)]

    _, told = weakened(exempt=paths, clients=ClientRegistry(clients))

    assert told.endswith("c0019 and 980 more)")
    [line] = [r.getMessage() for r in caplog.records if "weakened" in r.getMessage()]
    assert len(line) < 1200
    assert "clients.trust.issuer=ANY" in line
    assert line.isascii()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_door_writes_one_line_when_it_is_made(
    door: Door, rsa_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_middleware")
    options = {"keys": rsa_key.public_pem, "api": "/echo", "exempt": ("/a",), "optional": True}
    app = door.build(options)
    for _ in range(3):
        door.ask(app, "GET", "/a", [(JWT, "x.y.z")])

    lines = [record for record in caplog.records if "weakened" in record.getMessage()]
    assert [(each.levelname, each.getMessage()) for each in lines] == [
        ("INFO", "weakened by optional=True; exempt=/a")
    ]
