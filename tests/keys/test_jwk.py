"""JWKS documents: what binds, and which entries are skipped while the good ones work."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_middleware.keys.documents import read_jwks_text
from jwt_middleware.keys.jwk import MAX_KEYS, read_jwk, read_jwks
from jwt_middleware.keys.key import Key, KeyRules, UnusableKey
from jwt_middleware.testing import SigningKey

KeyFor = Callable[..., SigningKey]


def _b64u(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _der(key: SigningKey) -> bytes:
    return key.certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    "algorithm, curve",
    [
        ("RS256", ""),
        ("ES256", ""),
        ("ES384", ""),
        ("ES512", ""),
        ("EdDSA", "Ed25519"),
        ("EdDSA", "Ed448"),
        ("HS256", ""),
    ],
)
def test_a_jwk_of_every_type_is_read(algorithm: str, curve: str, key_for: KeyFor) -> None:
    signing = key_for(algorithm, curve)
    material = signing.private if algorithm == "HS256" else signing.private.public_key()

    key = read_jwk(signing.jwk(kid="k", alg=algorithm, use="sig", key_ops=["verify"]))

    assert key.spki == Key(material).spki
    assert (key.key_id, key.algorithm) == ("k", algorithm)


def test_a_bare_jwk_counts_as_a_set_of_one(rsa_key: SigningKey) -> None:
    assert len(read_jwks(rsa_key.jwk())) == 1


@pytest.mark.parametrize(
    "document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"Keys": []}], ids=str
)
def test_a_document_without_a_list_of_keys_is_a_fault(document: dict[str, Any]) -> None:
    with pytest.raises(UnusableKey):
        read_jwks(document)


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"<html>", b'{"keys":[],"keys":[]}', b'{"keys":NaN}', b"\xff\xfe{"],
    ids=repr,
)
def test_a_text_that_is_no_strict_json_object_is_a_fault(text: bytes) -> None:
    with pytest.raises(UnusableKey):
        read_jwks_text(text)


def _changed_certificate(key: SigningKey, old: str, new: str) -> list[str]:
    der = _der(key)
    assert bytes.fromhex(old) in der
    return [_b64(der.replace(bytes.fromhex(old), bytes.fromhex(new), 1))]


RSA_OID = "2a864886f70d010101"
VERSION_3 = "a003020102"

UNUSABLE: dict[str, Callable[[SigningKey], Any]] = {
    "null": lambda key: None,
    "text": lambda key: "key",
    "list": lambda key: [key.jwk()],
    "empty": lambda key: {},
    "kty-missing": lambda key: {"n": "AQAB", "e": "AQAB"},
    "kty-unknown": lambda key: key.jwk(kty="AKP"),
    "kty-in-lower-case": lambda key: key.jwk(kty="rsa"),
    "kty-unhashable": lambda key: key.jwk(kty=["RSA"]),
    "kid-number": lambda key: key.jwk(kid=7),
    "alg-none": lambda key: key.jwk(alg="none"),
    "alg-empty": lambda key: key.jwk(alg=""),
    "alg-unknown": lambda key: key.jwk(alg="RS1"),
    "alg-encryption": lambda key: key.jwk(alg="RSA-OAEP"),
    "alg-list": lambda key: key.jwk(alg=["RS256"]),
    "alg-of-another-family": lambda key: key.jwk(alg="ES256"),
    "alg-hmac-on-rsa": lambda key: key.jwk(alg="HS256"),
    "use-enc": lambda key: key.jwk(use="enc"),
    "use-empty": lambda key: key.jwk(use=""),
    "use-list": lambda key: key.jwk(use=["sig"]),
    "key_ops-encrypt": lambda key: key.jwk(key_ops=["encrypt", "wrapKey"]),
    "key_ops-empty": lambda key: key.jwk(key_ops=[]),
    "key_ops-sign-on-a-public-key": lambda key: key.jwk(key_ops=["sign"]),
    "key_ops-text": lambda key: key.jwk(key_ops="verify"),
    "key_ops-object": lambda key: key.jwk(key_ops={"verify": 1}),
    "n-missing": lambda key: {name: v for name, v in key.jwk().items() if name != "n"},
    "n-number": lambda key: key.jwk(n=5),
    "n-padded": lambda key: key.jwk(n=key.jwk()["n"] + "=="),
    "n-standard-alphabet": lambda key: key.jwk(n="+" + key.jwk()["n"][1:]),
    "n-with-blanks": lambda key: key.jwk(n=" " + key.jwk()["n"]),
    "n-empty": lambda key: key.jwk(n=""),
    "n-zero": lambda key: key.jwk(n="AA"),
    "n-not-ascii": lambda key: key.jwk(n="é"),
    "e-zero": lambda key: key.jwk(e="AA"),
    "e-one": lambda key: key.jwk(e="AQ"),
    "e-two": lambda key: key.jwk(e="Ag"),
    "e-even": lambda key: key.jwk(e="AQAA"),
    "e-empty": lambda key: key.jwk(e=""),
    "x5c-of-another-key": lambda key: key.jwk(x5c=[_b64(_der(SigningKey("ES256")))]),
}


UNREADABLE_X5C: dict[str, Callable[[SigningKey], Any]] = {
    "text": lambda _: "AAAA",
    "empty-text": lambda _: "",
    "empty": lambda _: [],
    "number": lambda _: 5,
    "empty-text-inside": lambda _: [""],
    "null-inside": lambda _: [None],
    "no-base64": lambda _: ["é!"],
    "no-certificate": lambda _: ["AAAA"],
    "too-long": lambda _: ["A" * 100_000],
    "of-an-unknown-key-type": lambda key: _changed_certificate(key, RSA_OID, RSA_OID[:-2] + "63"),
    "of-an-unknown-version": lambda key: _changed_certificate(key, VERSION_3, "a003020105"),
}


@pytest.mark.parametrize("name", UNREADABLE_X5C)
def test_an_x5c_that_cannot_be_read_leaves_the_key_usable(name: str, rsa_key: SigningKey) -> None:
    key = read_jwk(rsa_key.jwk(x5c=UNREADABLE_X5C[name](rsa_key)), fetched=True)

    assert (key.kind, key.certificate) == ("RSA 2048", None)


ODD_X5C: dict[str, Callable[[SigningKey], Any]] = {
    "one-text": lambda key: _b64(_der(key)),
    "line-breaks": lambda key: [base64.encodebytes(_der(key)).decode()],
    "base64url": lambda key: [base64.urlsafe_b64encode(_der(key)).decode().rstrip("=")],
    "pem": lambda key: [key.certificate_pem],
    "pem-as-one-text": lambda key: key.certificate_pem,
}


@pytest.mark.parametrize("name", ODD_X5C)
def test_an_odd_x5c_is_read_all_the_same(
    name: str, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    assert read_jwk(rsa_key.jwk(x5c=ODD_X5C[name](rsa_key))).certificate == rsa_key.certificate
    with pytest.raises(UnusableKey, match="another key"):
        read_jwk(rsa_key.jwk(x5c=ODD_X5C[name](other_rsa_key)))


@pytest.mark.parametrize("name", UNUSABLE)
@pytest.mark.parametrize("fetched", [True, False], ids=["fetched", "configured"])
def test_an_unusable_entry_is_skipped_with_a_note_and_the_good_one_works(
    name: str, fetched: bool, rsa_key: SigningKey, key_for: KeyFor
) -> None:
    good = key_for("ES256")

    keys = read_jwks({"keys": [UNUSABLE[name](rsa_key), good.jwk()]}, fetched=fetched)

    assert [key.spki for key in keys.keys] == [read_jwk(good.jwk()).spki]
    assert [note.skipped for note in keys.notes] == [True]


def test_an_ec_point_off_its_curve_is_skipped(key_for: KeyFor) -> None:
    jwk = key_for("ES256").jwk()
    for x, y in (
        (jwk["y"], jwk["x"]),
        (jwk["x"], _b64u(b"\x01" * 32)),
        (_b64u(b"\x00" * 32), _b64u(b"\x00" * 32)),
        (jwk["x"][:-4], jwk["y"]),
        (jwk["x"], ""),
    ):
        with pytest.raises(UnusableKey):
            read_jwk({**jwk, "x": x, "y": y})


@pytest.mark.parametrize("curve", ["P-384", "p-256", "secp256r1", "secp256k1", "Ed25519", "", None])
def test_a_curve_that_is_not_the_points_own_is_skipped(curve: str | None, key_for: KeyFor) -> None:
    with pytest.raises(UnusableKey):
        read_jwk(key_for("ES256").jwk(crv=curve))


@pytest.mark.parametrize("curve", ["X25519", "Ed448", "ed25519", "P-256", None])
def test_an_okp_key_of_another_curve_is_skipped(curve: str | None, key_for: KeyFor) -> None:
    with pytest.raises(UnusableKey):
        read_jwk(key_for("EdDSA").jwk(crv=curve))


def test_a_jwk_whose_alg_names_another_curve_is_skipped(key_for: KeyFor) -> None:
    with pytest.raises(UnusableKey):
        read_jwk(key_for("ES256").jwk(alg="ES384"))


def test_a_secret_in_a_fetched_set_is_dropped_and_in_a_configured_one_it_serves(
    key_for: KeyFor,
) -> None:
    jwks = key_for("HS256").jwks()

    assert len(read_jwks(jwks)) == 1
    fetched = read_jwks(jwks, fetched=True)
    assert (len(fetched), len(fetched.notes)) == (0, 1)


@pytest.mark.parametrize("k", [None, 5, "", "a b", "+/+/", "AAAA="], ids=repr)
def test_a_malformed_secret_serves_nothing(k: Any, key_for: KeyFor) -> None:
    admitted = read_jwks({"keys": [key_for("HS256").jwk(k=k)]}).admitted(KeyRules())

    assert (len(admitted), len(admitted.notes)) == (0, 1)


def test_rs_hs_confusion_an_oct_key_that_is_a_public_key_is_refused(rsa_key: SigningKey) -> None:
    """A secret that parses as PEM or DER is public, whatever envelope it comes in."""
    public = rsa_key.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for content in (rsa_key.public_pem.encode(), public, _der(rsa_key)):
        with pytest.raises(UnusableKey):
            read_jwk({"kty": "oct", "k": _b64u(content)})


@pytest.mark.parametrize("members", [{}, {"key_ops": ["sign"]}, {"key_ops": ["sign", "verify"]}])
@pytest.mark.parametrize("fetched", [True, False], ids=["fetched", "configured"])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_private_jwk_serves_by_its_public_half_with_a_warning(
    algorithm: str, fetched: bool, members: dict[str, Any], key_for: KeyFor
) -> None:
    import jwt

    key = key_for(algorithm)
    handler = jwt.get_algorithm_by_name(algorithm)
    private = json.loads(handler.to_jwk(key.private)) | {"kid": "k", "key_ops": None} | members
    assert "d" in private

    keys = read_jwks({"keys": [private]}, fetched=fetched)

    assert keys.keys[0].spki == read_jwk(key.jwk()).spki
    assert not hasattr(keys.keys[0]._material, "sign")
    assert [(note.key_id, note.skipped) for note in keys.notes] == [("k", False)]


def test_only_the_first_certificate_of_x5c_must_hold_the_key(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    key = read_jwk(rsa_key.jwk(x5c=[_b64(_der(rsa_key)), _b64(_der(other_rsa_key))]))

    assert key.certificate == rsa_key.certificate
    with pytest.raises(UnusableKey, match="another key"):
        read_jwk(rsa_key.jwk(x5c=[_b64(_der(other_rsa_key)), _b64(_der(rsa_key))]))


def test_the_thumbprints_of_a_jwk_are_read_from_its_members_and_its_certificate(
    rsa_key: SigningKey,
) -> None:
    by_member = read_jwk(rsa_key.jwk(x5t=rsa_key.x5t(as_hex=True)))
    by_certificate = read_jwk(rsa_key.jwk(x5c=[_b64(_der(rsa_key))]))

    assert by_member.thumbprints < by_certificate.thumbprints
    assert len(by_certificate.thumbprints) == 2


@pytest.mark.parametrize("value", [None, 5, "", "!!", ["a"], "A" * 9], ids=repr)
def test_a_malformed_thumbprint_member_names_nothing_and_the_key_works(
    rsa_key: SigningKey, value: Any
) -> None:
    key = read_jwk(rsa_key.jwk(x5t=value, **{"x5t#S256": value}))

    assert key.thumbprints == frozenset()


def test_at_most_a_hundred_fetched_keys_are_kept(key_for: KeyFor) -> None:
    jwk = key_for("EdDSA").jwk()
    keys = read_jwks({"keys": [jwk] * (MAX_KEYS + 50)}, fetched=True)

    assert len(keys) == MAX_KEYS == 100
    assert len(keys.notes) == 1
    assert keys.left_out == keys.admitted(KeyRules()).left_out == 50
    assert len(read_jwks({"keys": [jwk] * MAX_KEYS}, fetched=True).notes) == 0


def test_of_a_document_of_ones_own_every_key_is_kept(key_for: KeyFor) -> None:
    jwk = key_for("EdDSA").jwk()

    assert len(read_jwks({"keys": [jwk] * (MAX_KEYS + 50)})) == MAX_KEYS + 50


def test_many_unusable_entries_have_a_bounded_number_of_notes(key_for: KeyFor) -> None:
    jwk = key_for("EdDSA").jwk()
    keys = read_jwks({"keys": [*[jwk | {"use": "enc"}] * (3 * MAX_KEYS), jwk]}, fetched=True)

    assert len(keys) == 1
    assert len(keys.notes) == MAX_KEYS + 1
    assert keys.notes[-1].reason.startswith("200 more entries")
    assert keys.left_out == 0


def test_unknown_members_of_a_jwk_are_ignored(rsa_key: SigningKey) -> None:
    assert read_jwk(rsa_key.jwk(oth="x", ext=True, iat=5, anything={"a": []})).key_type == "RSA"


def test_no_note_quotes_the_material() -> None:
    jwks = {
        "keys": [{"kty": "oct", "k": "zeta zeta"}, {"kty": "zeta"}, {"kty": "RSA", "n": "zeta"}]
    }

    for note in read_jwks(jwks).notes:
        assert "zeta" not in note.reason
