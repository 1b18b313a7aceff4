"""Telling a client's misuse from a forgery: how much a token that is refused anyway may cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jwt_middleware import Client, ClientRegistry, RequestError, Verifier
from jwt_middleware.authorization.clients import Clients, ClientTrust
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware.verification import issuer
from jwt_middleware.verification.bound import RegistrySnapshot

SEGMENTS = (b"header", b"payload", b"signature", b"signed")


class Another:
    """Another client's verifier, with so many keys that fit the token."""

    def __init__(self, keys: int, *, signed: bool = False) -> None:
        self._keys = tuple(range(keys))
        self._signed = signed
        self.looks = 0
        self.checked = 0

    def signers(self, segments: Any, now: float) -> tuple[int, ...]:
        self.looks += 1
        return self._keys

    def signed(self, segments: Any, keys: tuple[int, ...]) -> bool:
        self.checked += len(keys)
        return self._signed


def ask(others: list[Another]) -> bool:
    verifiers: Iterator[Any] = iter(others)
    return RegistrySnapshot(Clients([Client("a")]), {}).signed_by_another(SEGMENTS, verifiers, 0.0)


@pytest.mark.parametrize("keys", [1, 2, 3, 4, 5])
def test_at_most_four_signatures_are_checked_of_all_the_others(keys: int) -> None:
    others = [Another(keys) for _ in range(64)]

    assert not ask(others)
    assert sum(other.checked for other in others) == 4


def test_the_fourth_key_is_asked_and_the_fifth_is_not() -> None:
    fourth, fifth = ([Another(1) for _ in range(others)] for others in (3, 4))

    assert ask([*fourth, Another(1, signed=True)])
    assert not ask([*fifth, Another(1, signed=True)])


def test_keys_that_do_not_fit_the_token_count_for_nothing() -> None:
    assert ask([*(Another(0) for _ in range(63)), Another(1, signed=True)])


def test_who_has_no_key_that_fits_is_not_asked_for_a_signature() -> None:
    assert not ask([Another(0, signed=True)])


def test_at_most_64_others_are_looked_at() -> None:
    others = [Another(0) for _ in range(70)]

    assert not ask([*others, Another(1, signed=True)])
    assert sum(other.looks for other in others) == 64


def test_a_forged_token_costs_no_more_with_a_hundred_bound_clients(
    rsa_key: SigningKey, other_rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [SigningKey("ES256") for _ in range(100)]
    clients = [Client(f"c{n}", trust=ClientTrust(key.public_pem)) for n, key in enumerate(keys)]
    verifier = Verifier(
        keys=rsa_key.public_pem,
        algorithms=["RS256", "ES256"],
        gateway="standard",
        clients=ClientRegistry(clients),
    )
    checked: list[int] = []
    verify = issuer.verify_signature

    def counting(chosen: Any, signature: bytes, signing_input: bytes) -> Any:
        checked.append(len(chosen))
        return verify(chosen, signature, signing_input)

    monkeypatch.setattr(issuer, "verify_signature", counting)
    forged = mint(SigningKey("ES256"), {"client_id": "c50"}, form="standard")
    with pytest.raises(RequestError):
        verifier.verify(forged)

    assert sum(checked) == 1 + 4
