"""Why this package exists: no peer reads UCSD's token form and its lifetime both right.

The token is padded standard base64 with ``exp`` in milliseconds. A right verifier takes it one
minute before its end and refuses it one second after.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import jose.exceptions
import jose.jwt
import joserfc.errors
import joserfc.jwt
import jwt
import pytest
from joserfc.jwk import RSAKey

from jwt_middleware import AuthenticationError, Verifier
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

Accepts = Callable[[str, str], bool]


def ours(token: str, pem: str) -> bool:
    try:
        Verifier(keys=pem, api="/echo/1.0.0", leeway=0).verify(token)
    except AuthenticationError:
        return False
    return True


def pyjwt(token: str, pem: str) -> bool:
    try:
        jwt.decode(token, pem, algorithms=["RS256"])
    except jwt.PyJWTError:
        return False
    return True


def joserfc_(token: str, pem: str) -> bool:
    try:
        decoded = joserfc.jwt.decode(token, RSAKey.import_key(pem), algorithms=["RS256"])
        joserfc.jwt.JWTClaimsRegistry(exp={"essential": True}).validate(decoded.claims)
    except joserfc.errors.JoseError:
        return False
    return True


def python_jose(token: str, pem: str) -> bool:
    try:
        jose.jwt.decode(token, pem, algorithms=["RS256"])
    except jose.exceptions.JWTError:
        return False
    return True


def authlib(token: str, pem: str) -> bool:
    # It tells of its deprecation on import, by a filter of its own if this import is its first.
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        from authlib.jose import JsonWebToken
        from authlib.jose.errors import JoseError

    try:
        JsonWebToken(["RS256"]).decode(token, pem).validate()
    except JoseError:
        return False
    return True


def lives(key: SigningKey) -> tuple[str, str]:
    """A token that ends in a minute, and one that ended a second ago."""
    return (
        mint(key, ucsd_claims(), lifetime=60),
        mint(key, ucsd_claims(), lifetime=-1),
    )


def test_this_package_takes_the_token_until_its_end_and_not_after(rsa_key: SigningKey) -> None:
    fresh, expired = lives(rsa_key)

    assert ours(fresh, rsa_key.public_pem)
    assert not ours(expired, rsa_key.public_pem)


@pytest.mark.parametrize(
    "peer",
    [pyjwt, joserfc_, python_jose, authlib],
    ids=["PyJWT", "joserfc", "python-jose", "Authlib"],
)
def test_every_peer_gets_one_of_the_two_wrong(peer: Accepts, rsa_key: SigningKey) -> None:
    """PyJWT 2.13 and older accept the token for ever; 2.15 refuses it."""
    fresh, expired = lives(rsa_key)

    assert not peer(fresh, rsa_key.public_pem) or peer(expired, rsa_key.public_pem)


def test_joserfc_refuses_the_gateway_s_good_token(rsa_key: SigningKey) -> None:
    fresh, _ = lives(rsa_key)

    assert not joserfc_(fresh, rsa_key.public_pem)


@pytest.mark.parametrize("peer", [python_jose, authlib], ids=["python-jose", "Authlib"])
def test_these_peers_accept_the_expired_token_for_ever(peer: Accepts, rsa_key: SigningKey) -> None:
    fresh, expired = lives(rsa_key)

    assert peer(fresh, rsa_key.public_pem)
    assert peer(expired, rsa_key.public_pem)
