"""Ed25519 and Ed448 as algorithm names of their own (RFC 9864), beside EdDSA."""

from __future__ import annotations

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import BadSignature, UnacceptableAlgorithm
from jwt_middleware.testing import SigningKey, mint

NAMES = ["Ed25519", "Ed448"]


def token(key: SigningKey, **header: str) -> str:
    return mint(key, {}, form="standard", header=header)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("source", ["pem", "jwk", "jwk without alg"])
def test_a_listed_name_verifies_its_own_tokens(name: str, source: str) -> None:
    key = SigningKey(name, key_id="ed")
    keys = {
        "pem": key.public_pem,
        "jwk": key.jwk(alg=name),
        "jwk without alg": {k: v for k, v in key.jwk().items() if k != "alg"},
    }[source]
    verifier = Verifier(keys=keys, gateway="standard", algorithms=[name])

    assert verifier.verify(token(key)).subject == verifier.verify(token(key, kid="ed")).subject
    with pytest.raises(UnacceptableAlgorithm, match="alg EdDSA is not in the configured list"):
        verifier.verify(token(key, alg="EdDSA"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gateway", ["standard", "bearer"])
def test_a_list_of_eddsa_means_that_name_only(name: str, gateway: str) -> None:
    """The name in the token is compared with the list, never what it stands for (RFC 8725, 3.1)."""
    key = SigningKey("EdDSA", curve=name)
    named = SigningKey(name, private=key.private)
    options = {"issuer": "https://a", "audience": "b"} if gateway == "bearer" else {}
    verifier = Verifier(keys=key.public_pem, gateway=gateway, **options)  # type: ignore[arg-type]
    line = "Bearer " if gateway == "bearer" else ""

    claims = {"iss": "https://a", "aud": "b", "sub": "s"} if gateway == "bearer" else {}
    good = mint(key, claims, form="standard", header={"typ": "at+jwt"})
    assert verifier.authenticate([line + good]) is not None
    with pytest.raises(UnacceptableAlgorithm, match=f"alg {name} is not in the configured list"):
        verifier.authenticate([line + mint(named, claims, form="standard")])


def test_a_jwk_of_one_name_serves_no_token_of_the_other() -> None:
    key = SigningKey("EdDSA", key_id="ed")
    named = SigningKey("Ed25519", key_id="ed", private=key.private)
    both = ["EdDSA", "Ed25519"]
    for alg, good, bad in (("EdDSA", key, named), ("Ed25519", named, key)):
        verifier = Verifier(keys=key.jwk(alg=alg), gateway="standard", algorithms=both)
        verifier.verify(token(good))
        with pytest.raises(UnacceptableAlgorithm):
            verifier.verify(token(bad))


def test_a_jwk_of_ed25519_beside_others_leaves_them_all_in_use() -> None:
    old, new = SigningKey(key_id="rsa"), SigningKey("Ed25519", key_id="ed")
    keys = {"keys": [old.jwk(), new.jwk(alg="Ed25519")]}
    verifier = Verifier(keys=keys, gateway="standard", algorithms=["RS256", "Ed25519"])

    assert verifier.verify(token(old)).key_id == "rsa"
    assert verifier.verify(token(new)).key_id == "ed"


@pytest.mark.parametrize(("name", "curve"), [("Ed25519", "Ed448"), ("Ed448", "Ed25519")])
def test_a_name_holds_for_its_own_curve_only(name: str, curve: str) -> None:
    key = SigningKey("EdDSA", curve=curve)
    keys = [key.public_pem, SigningKey(name).public_pem]
    verifier = Verifier(keys=keys, gateway="standard", algorithms=[name])

    with pytest.raises(BadSignature):
        verifier.verify(token(key, alg=name))
