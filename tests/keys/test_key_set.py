"""Which key of a set may verify which token."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_middleware.errors import BadSignature, UnacceptableAlgorithm, UnknownKey
from jwt_middleware.keys.algorithms import ALGORITHMS, Algorithm, verify_signature
from jwt_middleware.keys.jwk import read_jwk, read_jwks
from jwt_middleware.keys.key import Key, KeyRules
from jwt_middleware.keys.key_set import MAX_TRIED, KeySet, differences
from jwt_middleware.testing import SigningKey

KeyFor = Callable[..., SigningKey]
RS256, ES256, ES384 = ALGORITHMS["RS256"], ALGORITHMS["ES256"], ALGORITHMS["ES384"]


def _ec(count: int) -> list[SigningKey]:
    return [SigningKey("ES256") for _ in range(count)]


def _key(key: SigningKey, **options: Any) -> Key:
    return Key(key.private.public_key(), **options)


def chosen(keys: KeySet, algorithm: Algorithm, header: dict[str, Any]) -> tuple[Key, ...]:
    candidates = keys.select(algorithm, header)
    if isinstance(candidates, str):
        raise UnknownKey(candidates)
    return tuple(key for key, _ in candidates.checks)


def _der(key: SigningKey) -> bytes:
    return key.certificate.public_bytes(serialization.Encoding.DER)


def test_a_kid_picks_its_key_by_exact_match() -> None:
    one, other = (_key(key, key_id=kid) for key, kid in zip(_ec(2), ("a", "b"), strict=True))
    keys = KeySet([one, other])

    assert chosen(keys, ES256, {"kid": "b"}) == (other,)
    assert keys.key_ids == ("a", "b")


@pytest.mark.parametrize(
    "kid", ["A", " a", "a ", "a\x00", "", "á", "../a", "a' OR '1'='1", "a\n"], ids=ascii
)
def test_a_kid_that_only_resembles_one_is_unknown(kid: str) -> None:
    keys = KeySet([_key(key, key_id="a") for key in _ec(1)])

    with pytest.raises(UnknownKey):
        chosen(keys, ES256, {"kid": kid})


def test_unknown_kid_is_refused_unless_no_candidate_has_one() -> None:
    bare, named = (_key(key, key_id=kid) for key, kid in zip(_ec(2), (None, "a"), strict=True))

    assert chosen(KeySet([bare]), ES256, {"kid": "x"}) == (bare,)
    with pytest.raises(UnknownKey):
        chosen(KeySet([named]), ES256, {"kid": "x"})
    with pytest.raises(UnknownKey):
        chosen(KeySet([bare, named]), ES256, {"kid": "x"})


def test_a_key_that_cannot_serve_the_algorithm_is_no_candidate(rsa_key: SigningKey) -> None:
    bare = _key(_ec(1)[0])
    keys = KeySet([bare, _key(rsa_key, key_id="rsa")])

    assert chosen(keys, ES256, {"kid": "x"}) == (bare,)


def test_cve_2021_46743_a_kid_of_another_family_is_refused_and_falls_back_to_nothing(
    rsa_key: SigningKey,
) -> None:
    keys = KeySet([_key(_ec(1)[0], key_id="ec"), _key(rsa_key, key_id="rsa")])

    with pytest.raises(UnacceptableAlgorithm):
        chosen(keys, RS256, {"kid": "ec"})


def test_of_keys_with_the_same_kid_those_that_fit_are_taken(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    ec = _key(_ec(1)[0], key_id="k")
    other_curve = _key(SigningKey("ES384"), key_id="k")
    rs256, ps256 = _key(rsa_key, key_id="k"), _key(other_rsa_key, key_id="k", algorithm="PS256")
    keys = KeySet([ec, other_curve, rs256, ps256])

    assert chosen(keys, ES256, {"kid": "k"}) == (ec,)
    assert chosen(keys, ES384, {"kid": "k"}) == (other_curve,)
    assert chosen(keys, RS256, {"kid": "k"}) == (rs256,)
    assert chosen(keys, ALGORITHMS["PS256"], {"kid": "k"}) == (rs256, ps256)


def test_of_keys_with_the_same_kid_the_one_for_encryption_is_not_taken() -> None:
    signing, encrypting = (key.jwk(kid="k") for key in _ec(2))
    keys = read_jwks({"keys": [encrypting | {"use": "enc"}, signing | {"use": "sig"}]})

    assert [key.spki for key in chosen(keys, ES256, {"kid": "k"})] == [read_jwk(signing).spki]


def test_a_kid_wins_over_a_thumbprint() -> None:
    one, other = _ec(2)
    keys = KeySet(
        [_key(one, key_id="a", certificate=one.certificate), _key(other, key_id="b")],
    )

    assert chosen(keys, ES256, {"kid": "b", "x5t": one.x5t(as_hex=True)}) == (keys.keys[1],)


def _shapes(digest: bytes) -> dict[str, str]:
    texts = {"raw": digest, "hex": digest.hex().encode(), "HEX": digest.hex().upper().encode()}
    found = {}
    for name, content in texts.items():
        for alphabet, encode in (("std", base64.b64encode), ("url", base64.urlsafe_b64encode)):
            found[f"{name}-{alphabet}-padded"] = encode(content).decode()
            found[f"{name}-{alphabet}"] = encode(content).decode().rstrip("=")
    return found


@pytest.mark.parametrize("member", ["x5t", "x5t#S256"])
@pytest.mark.parametrize("hash_", ["sha1", "sha256"])
@pytest.mark.parametrize("shape", _shapes(b""))
def test_a_thumbprint_picks_its_certificate_in_any_shape_that_wso2_writes(
    member: str, hash_: str, shape: str, key_for: KeyFor
) -> None:
    wanted, other = key_for("ES256"), key_for("ES256", "other")
    keys = KeySet([_key(each, certificate=each.certificate) for each in (other, wanted)])
    digest = hashlib.new(hash_, _der(wanted)).digest()

    assert chosen(keys, ES256, {member: _shapes(digest)[shape]}) == (keys.keys[1],)


def test_a_thumbprint_picks_among_the_members_of_a_jwks() -> None:
    one, other = _ec(2)
    sha1 = base64.urlsafe_b64encode(hashlib.sha1(b"one").digest()).rstrip(b"=").decode()
    sha256 = base64.urlsafe_b64encode(hashlib.sha256(b"two").digest()).rstrip(b"=").decode()
    keys = read_jwks({"keys": [one.jwk(x5t=sha1), other.jwk(**{"x5t#S256": sha256})]})

    assert chosen(keys, ES256, {"x5t": sha1}) == (keys.keys[0],)
    assert chosen(keys, ES256, {"x5t#S256": sha256}) == (keys.keys[1],)


def test_a_thumbprint_that_names_no_key_is_unknown_unless_no_candidate_has_one() -> None:
    one, other = _ec(2)
    bare, certified = _key(one), _key(other, certificate=other.certificate)
    unknown = {"x5t": SigningKey("ES256").x5t(as_hex=True)}

    assert chosen(KeySet([bare]), ES256, unknown) == (bare,)
    with pytest.raises(UnknownKey):
        chosen(KeySet([certified]), ES256, unknown)
    with pytest.raises(UnknownKey):
        chosen(KeySet([bare, certified]), ES256, unknown)


def test_a_thumbprint_of_a_key_that_does_not_fit_is_refused(rsa_key: SigningKey) -> None:
    ec = _ec(1)[0]
    keys = KeySet([_key(each, certificate=each.certificate) for each in (ec, rsa_key)])

    with pytest.raises(UnacceptableAlgorithm):
        chosen(keys, RS256, {"x5t": ec.x5t(as_hex=False)})


def test_an_unknown_kid_of_a_pem_leaves_the_choice_to_the_thumbprint() -> None:
    one, other = _ec(2)
    keys = KeySet([_key(each, certificate=each.certificate) for each in (one, other)])

    assert chosen(keys, ES256, {"kid": "x", "x5t": other.x5t(as_hex=True)}) == (keys.keys[1],)


def test_without_a_selector_every_fitting_key_is_tried(rsa_key: SigningKey) -> None:
    keys = KeySet([*(_key(key) for key in _ec(3)), _key(rsa_key)])

    assert chosen(keys, ES256, {}) == keys.keys[:3]
    assert chosen(keys, RS256, {}) == keys.keys[3:]
    with pytest.raises(UnknownKey):
        chosen(keys, ES384, {})


def test_at_most_four_keys_are_tried_and_more_are_refused() -> None:
    keys = [_key(key) for key in _ec(MAX_TRIED + 1)]

    assert MAX_TRIED == 4
    assert len(chosen(KeySet(keys[:MAX_TRIED]), ES256, {})) == MAX_TRIED
    with pytest.raises(UnknownKey):
        chosen(KeySet(keys), ES256, {})


def test_more_than_four_keys_under_one_kid_are_refused() -> None:
    keys = KeySet([_key(key, key_id="k") for key in _ec(MAX_TRIED + 1)])

    with pytest.raises(UnknownKey):
        chosen(keys, ES256, {"kid": "k"})


def test_one_key_listed_under_several_algorithms_counts_once(rsa_key: SigningKey) -> None:
    jwks = {"keys": [rsa_key.jwk(kid="k", alg=f"{kind}256") for kind in ("RS", "PS") * 5]}
    keys = read_jwks(jwks)

    assert len(keys) == 10
    assert len(chosen(keys, RS256, {"kid": "k"})) == 1
    assert len(chosen(keys, RS256, {})) == 1


def test_the_key_under_which_the_signature_holds_is_returned() -> None:
    signers = _ec(3)
    keys = tuple(_key(key) for key in signers)

    checks = tuple((key, key.check_for(ES256)) for key in keys)

    assert verify_signature(checks, signers[2].sign(b"data"), b"data") is keys[2]
    with pytest.raises(BadSignature):
        verify_signature(checks[:2], signers[2].sign(b"data"), b"data")
    with pytest.raises(BadSignature):
        verify_signature((), signers[2].sign(b"data"), b"data")


def test_admitted_keeps_the_good_keys_with_a_note_for_each_other() -> None:
    good, weak = _key(_ec(1)[0]), _key(SigningKey("RS256", bits=1024), key_id="weak")
    admitted = KeySet([weak, good]).admitted(KeyRules())

    assert admitted.keys == (good,)
    assert [(note.key_id, note.skipped) for note in admitted.notes] == [("weak", True)]


def test_a_key_set_is_immutable() -> None:
    keys = KeySet([_key(_ec(1)[0])])

    assert isinstance(keys.keys, tuple)
    assert isinstance(keys.notes, tuple)
    assert len(keys) == 1


def _named(*names: str | None) -> list[Key]:
    return [_key(key, key_id=name) for key, name in zip(_ec(len(names)), names, strict=True)]


def test_two_sets_differ_by_the_keys_that_came_went_and_changed_under_their_kid() -> None:
    stays, changes, goes = _named("stays", "changes", "goes")
    changed, comes = _named("changes", "comes")
    found = differences(KeySet([stays, changes, goes]), KeySet([stays, changed, comes]))

    assert (found.added, found.changed, found.removed) == (("comes",), ("changes",), ("goes",))
    assert found.any


def test_the_same_keys_in_another_order_make_no_difference() -> None:
    keys = _named("a", "b", None)

    assert not differences(KeySet(keys), KeySet(keys[::-1])).any


def test_before_the_first_keys_all_are_new() -> None:
    assert differences(None, KeySet(_named("a", "b"))).added == ("a", "b")


def test_a_key_without_a_kid_goes_by_the_start_of_its_hash() -> None:
    [one], [other] = _named(None), _named(None)
    found = differences(KeySet([one]), KeySet([other]))

    assert found.added == (f"spki:{other.spki[:16]}",)
    assert found.removed == (f"spki:{one.spki[:16]}",)


def test_another_algorithm_or_thumbprint_of_the_same_key_is_a_change() -> None:
    [signer] = _ec(1)
    plain = KeySet([_key(signer, key_id="a")])

    for other in (
        _key(signer, key_id="a", algorithm="ES256"),
        _key(signer, key_id="a", certificate=signer.certificate),
    ):
        assert differences(plain, KeySet([other])).changed == ("a",)
