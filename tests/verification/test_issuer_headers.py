"""What an issuer remembers of the headers of good tokens: never more than their keys.

It lets in nothing that would not come in without it.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwt_middleware import Client, ClientRegistry, Issuer, Verifier
from jwt_middleware.authorization.clients import ClientTrust
from jwt_middleware.errors import (
    BadSignature,
    ClientMismatch,
    InvalidClaim,
    KeysUnavailable,
    MalformedToken,
    RequestError,
    TokenExpired,
    UnacceptableAlgorithm,
    UnknownKey,
)
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.keys.sources import KeyFile
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock

NOW = 1_479_409_651
KEY, OTHER = SigningKey("ES256"), SigningKey("ES256")
NAMED, SAME_NAME = SigningKey("ES256", key_id="k"), SigningKey("ES256", key_id="k")
HEADER: dict[str, Any] = {"x5t": None}


def token(key: SigningKey = KEY, header: dict[str, Any] = HEADER, **claims: Any) -> str:
    return mint(key, claims, now=NOW, header=HEADER | header)


def verifier_of(keys: Any, **options: Any) -> Verifier:
    """A verifier that keeps no token, so that what it remembers of headers decides."""
    chosen: dict[str, Any] = {"algorithms": "ES256", "clock": lambda: NOW, "cache_size": 0}
    return Verifier(keys=keys, **(chosen | options))


def memo(verifier: Verifier) -> Mapping[bytes, Any]:
    return verifier.issuers[0].remembered


def segment(text: str, number: int = 0) -> bytes:
    return text.split(".")[number].encode()


def with_part(text: str, number: int, part: str) -> str:
    parts = text.split(".")
    parts[number] = part
    return ".".join(parts)


def refuses(verifier: Verifier, raw: Any, kind: type[RequestError]) -> None:
    with pytest.raises(RequestError) as refusal:
        verifier.verify(raw)
    assert type(refusal.value) is kind


def warm(verifier: Verifier, text: str) -> Verifier:
    verifier.verify(text)
    assert segment(text) in memo(verifier)
    return verifier


# What is remembered of a header.


def test_only_a_good_signature_fills_it() -> None:
    verifier = verifier_of(KEY.public_pem)
    good = token()
    for bad in (
        token(OTHER),
        with_part(good, 2, ""),
        with_part(good, 2, "AAAA"),
        with_part(good, 1, segment(token(sub="x"), 1).decode()),
        token(header={"alg": "none"}),
        token(header={"crit": ["x"]}),
        good + ",",
        "x",
    ):
        with pytest.raises(RequestError):
            verifier.verify(bad)
    assert memo(verifier) == {}

    verifier.verify(good)
    assert list(memo(verifier)) == [segment(good)]


def test_a_remembered_header_carries_no_other_signature_payload_or_key() -> None:
    good, second = token(sub="a"), token(sub="b")
    verifier = warm(verifier_of(KEY.public_pem), good)
    assert segment(good) == segment(second)

    refuses(verifier, with_part(good, 2, segment(second, 2).decode()), BadSignature)
    refuses(verifier, with_part(good, 1, segment(second, 1).decode()), BadSignature)
    refuses(verifier, token(OTHER, sub="a"), BadSignature)
    refuses(verifier, with_part(good, 2, ""), BadSignature)
    refuses(verifier, with_part(good, 2, "A" * 86), BadSignature)
    refuses(verifier, with_part(good, 2, "A"), MalformedToken)
    refuses(verifier, with_part(good, 1, "e30"), BadSignature)
    refuses(verifier, token(exp=NOW - 999), TokenExpired)
    refuses(verifier, token(iss=5), InvalidClaim)
    assert verifier.verify(second).claims["sub"] == "b"


def test_a_header_with_another_member_is_another_header() -> None:
    verifier = warm(verifier_of(NAMED.jwks(), typ="JWT"), token(NAMED))

    refuses(verifier, token(NAMED, {"kid": "K"}), UnknownKey)
    refuses(verifier, token(NAMED, {"kid": 5}), MalformedToken)
    refuses(verifier, token(NAMED, {"alg": "HS256"}), UnacceptableAlgorithm)
    refuses(verifier, token(NAMED, {"alg": "es256"}), UnacceptableAlgorithm)
    refuses(verifier, token(NAMED, {"typ": "at+jwt"}), InvalidClaim)
    refuses(verifier, token(NAMED, {"typ": None}), InvalidClaim)
    refuses(verifier, token(NAMED, {"crit": ["exp"]}), MalformedToken)
    refuses(verifier, token(NAMED, {"b64": False}), MalformedToken)
    assert len(memo(verifier)) == 1


def test_it_is_bounded() -> None:
    verifier = verifier_of(KEY.public_pem)
    sizes = []
    for number in range(600):
        verifier.verify(token(header={"n": number}))
        sizes.append(len(memo(verifier)))
    assert max(sizes) == 256


class Endpoint:
    """A JWKS endpoint whose answer a test sets, and its clock."""

    def __init__(self, clock: Clock, *keys: SigningKey, **options: Any) -> None:
        self.clock = clock
        self.answer: bytes | None = None
        self.publish(*keys)
        self.source = JWKSEndpoint("https://g/jwks", fetch=self._fetch, clock=clock, **options)

    def publish(self, *keys: SigningKey) -> None:
        self.answer = json.dumps({"keys": [key.jwk() for key in keys]}).encode()

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.source.snapshot()
        running = self.source._flight.running
        assert running is None or running.wait(5)

    def _fetch(self, url: str) -> bytes:
        if self.answer is None:
            raise ConnectionError
        return self.answer


def test_it_does_not_survive_a_rotation_at_the_endpoint(clock: Clock) -> None:
    endpoint = Endpoint(clock, NAMED)
    verifier = warm(verifier_of(endpoint.source), token(NAMED))
    endpoint.publish(SAME_NAME)
    endpoint.pass_time(400)

    refuses(verifier, token(NAMED), BadSignature)
    assert verifier.verify(token(SAME_NAME)).key_id == "k"


def test_it_does_not_outlive_the_keys(clock: Clock) -> None:
    endpoint = Endpoint(clock, NAMED, stale_for=0)
    verifier = warm(verifier_of(endpoint.source), token(NAMED))
    endpoint.answer = None
    endpoint.pass_time(400)

    refuses(verifier, token(NAMED), KeysUnavailable)


@pytest.mark.parametrize("form", ["pem", "jwks"])
def test_it_does_not_survive_a_replaced_file(tmp_path: Path, form: str) -> None:
    def write(key: SigningKey) -> None:
        path.write_text(key.public_pem if form == "pem" else json.dumps(key.jwks()) + " ")

    path = tmp_path / "keys"
    write(NAMED)
    source = KeyFile(path)
    verifier = warm(verifier_of(source), token(NAMED))
    write(SAME_NAME)
    source._file._next_look = 0
    pending = source.refresh()
    assert pending is None or pending.work.wait(5)

    refuses(verifier, token(NAMED), BadSignature)
    verifier.verify(token(SAME_NAME))


def test_it_is_not_used_where_certificates_must_be_inside_their_dates(clock: Clock) -> None:
    begins = datetime.datetime.fromtimestamp(clock.now, datetime.UTC)
    pem = KEY.certify(begins, days=1).public_bytes(Encoding.PEM)
    verifier = verifier_of(pem, clock=clock, check_certificate_dates=True)
    first, second = (token(exp=NOW + 90_000, n=n) for n in range(2))
    verifier.verify(first)
    assert memo(verifier) == {}
    clock.now += 86_401

    refuses(verifier, second, UnknownKey)


def test_issuers_do_not_share_it() -> None:
    issuers = [
        Issuer("a", keys=NAMED.jwks(), algorithms="ES256"),
        Issuer("b", keys=SAME_NAME.jwks(), algorithms="ES256"),
    ]
    verifier = Verifier(issuers=issuers, clock=lambda: NOW, cache_size=0)
    for _ in range(2):
        for name, key, foreign in (("a", NAMED, SAME_NAME), ("b", SAME_NAME, NAMED)):
            assert verifier.verify(token(key, iss=name)).issuer == name
            refuses(verifier, token(foreign, iss=name), BadSignature)
        refuses(verifier, token(NAMED, iss="c"), InvalidClaim)
    assert [len(issuer.remembered) for issuer in verifier.issuers] == [1, 1]


def test_clients_that_are_bound_to_keys_do_not_share_it() -> None:
    clients = [Client("own", trust=ClientTrust(SAME_NAME.jwks())), Client("plain")]
    verifier = verifier_of(NAMED.jwks(), gateway="standard", clients=ClientRegistry(clients))

    def of(key: SigningKey, client: str) -> str:
        return mint(key, {"client_id": client}, form="standard", now=NOW)

    for _ in range(2):
        assert verifier.verify(of(NAMED, "plain")).client_id == "plain"
        assert verifier.verify(of(SAME_NAME, "own")).client_id == "own"
        refuses(verifier, of(NAMED, "own"), ClientMismatch)
        refuses(verifier, of(SAME_NAME, "plain"), ClientMismatch)
        refuses(verifier, of(OTHER, "own"), BadSignature)


def test_verifiers_do_not_share_it() -> None:
    one, other = verifier_of(KEY.public_pem), verifier_of(OTHER.public_pem)
    for _ in range(2):
        one.verify(token(KEY))
        other.verify(token(OTHER))
        refuses(one, token(OTHER), BadSignature)
        refuses(other, token(KEY), BadSignature)


def test_a_remembered_header_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = warm(verifier_of(KEY.public_pem), token(sub="a"))
    monkeypatch.setattr("jwt_middleware.verification.issuer.decode_header", None)

    assert verifier.verify(token(sub="b")).claims["sub"] == "b"
