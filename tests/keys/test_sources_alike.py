"""Which key sources are equal, so that clients that are made anew keep their keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    PEM,
    Client,
    ClientRegistry,
    Discovery,
    JWKSEndpoint,
    KeyFile,
    KeySource,
    SharedSecret,
    Verifier,
)
from jwt_middleware.authorization.client import ClientTrust
from jwt_middleware.keys.option import key_source
from jwt_middleware.keys.per_kid import PEMPerKid
from jwt_middleware.keys.sources import JWKSDocument
from jwt_middleware.testing import SigningKey, mint

KEY, OTHER = SigningKey("RS256", key_id="k1"), SigningKey("RS256", key_id="k1")
URL = "https://idp.example.edu/jwks"


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


MADE: dict[str, tuple[Callable[[Path], KeySource], Callable[[Path], KeySource]]] = {
    "PEM": (lambda _: PEM(KEY.public_pem), lambda _: PEM(OTHER.public_pem)),
    "JWKS": (lambda _: JWKSDocument(KEY.jwks()), lambda _: JWKSDocument(OTHER.jwks())),
    "kid": (
        lambda _: JWKSDocument(KEY.jwks()),
        lambda _: JWKSDocument({"keys": [{**KEY.jwk(), "kid": "k2"}]}),
    ),
    "secret": (lambda _: SharedSecret("x" * 64), lambda _: SharedSecret("y" * 64)),
    "secret's file": (
        lambda folder: SharedSecret.from_file(written(folder, "a", "x" * 64)),
        lambda folder: SharedSecret.from_file(written(folder, "a", "x" * 64), key_id="k"),
    ),
    "file": (
        lambda folder: KeyFile(written(folder, "a.pem", KEY.public_pem)),
        lambda folder: KeyFile(written(folder, "b.pem", KEY.public_pem)),
    ),
    "endpoint": (lambda _: JWKSEndpoint(URL), lambda _: JWKSEndpoint(f"{URL}?tenant=b")),
    "endpoint's headers": (
        lambda _: JWKSEndpoint(URL, headers={"X-Key": "a"}),
        lambda _: JWKSEndpoint(URL, headers={"X-Key": "b"}),
    ),
    "several": (
        lambda _: key_source([PEM(KEY.public_pem), JWKSEndpoint(URL)]),
        lambda _: key_source([PEM(OTHER.public_pem), JWKSEndpoint(URL)]),
    ),
    "discovery": (
        lambda _: Discovery("https://idp.example.edu"),
        lambda _: Discovery("https://idp.example.edu", jwks_origin="https://keys.example.edu"),
    ),
    "a key at a URL": (
        lambda _: PEMPerKid("https://keys.example.edu/{kid}"),
        lambda _: PEMPerKid("https://keys.example.edu/{kid}", kid="[a-z]+"),
    ),
}


@pytest.mark.parametrize("made, other", MADE.values(), ids=MADE)
def test_sources_are_equal_where_they_are_made_of_the_same(
    made: Callable[[Path], KeySource], other: Callable[[Path], KeySource], tmp_path: Path
) -> None:
    first, second, another = made(tmp_path), made(tmp_path), other(tmp_path)

    assert first == second
    assert hash(first) == hash(second)
    assert first != another


def test_a_source_of_an_apps_own_class_equals_only_itself() -> None:
    class Own(PEM):
        tenant = ""

    one, other = Own(KEY.public_pem), Own(KEY.public_pem)

    assert one == one
    assert one != other
    assert one != PEM(KEY.public_pem)
    assert PEM(KEY.public_pem) != "a text"


def test_a_client_that_is_made_anew_keeps_the_keys_that_were_fetched_for_it() -> None:
    fetched: list[str] = []
    asked: list[Any] = [None]

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return json.dumps(KEY.jwks()).encode()

    def load() -> list[Client]:
        own = ClientTrust(keys=JWKSEndpoint(URL, fetch=fetch))
        return [Client("a", trust=own), Client("b", name=f"asked {len(asked)}")]

    registry = ClientRegistry(load, every=1e-9)
    verifier = Verifier(keys=OTHER.public_pem, gateway="standard", clients=registry)
    raw = mint(KEY, {"client_id": "a"}, form="standard")
    verifier.verify(raw)
    for _ in range(3):
        asked.append(None)
        asked[-1] = registry.ask()
        verifier.verify(raw)

    assert [each.changed for each in asked[1:]] == [("b",)] * 3
    assert fetched == [URL]
    verifier.close()
