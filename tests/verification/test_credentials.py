"""A token with its scheme, or without it, as ``Verifier.verify`` takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import TokenTooLarge
from jwt_middleware.testing import SigningKey, mint


@pytest.fixture
def verifier(rsa_key: SigningKey) -> Verifier:
    return Verifier(
        keys=rsa_key.public_pem,
        gateway="bearer",
        issuer="https://idp.example.com",
        audience="https://api.example.com",
    )


@pytest.mark.parametrize("scheme", ["", "Bearer ", " bearer  "])
@pytest.mark.parametrize("made", [str.encode, str, lambda t: bytearray(t, "ascii"),
                                  lambda t: memoryview(t.encode())],
                         ids=["bytes", "str", "bytearray", "memoryview"])  # fmt: skip
def test_a_value_of_any_kind_that_a_server_gives_is_read(
    verifier: Verifier, rsa_key: SigningKey, scheme: str, made: Callable[[str], Any]
) -> None:
    token = mint(rsa_key, {"sub": "ana"}, form="bearer")

    assert verifier.verify(made(scheme + token)).subject == "ana"


class Unread(str):
    """A text that fails if anybody looks into it."""

    __slots__ = ()

    def strip(self, *_: Any) -> str:
        raise AssertionError

    __contains__ = encode = isascii = strip  # type: ignore[assignment]


@pytest.mark.parametrize("blank", ["", "Bearer "])
def test_a_value_that_is_too_long_is_refused_before_it_is_read(
    verifier: Verifier, blank: str
) -> None:
    with pytest.raises(TokenTooLarge):
        verifier.verify(Unread(blank + "a" * 20_000))
