"""Key files and key texts: PEM, certificates, DER, PKCS#12, Java keystores and shared secrets."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from jwt_middleware.keys.documents import read_file
from jwt_middleware.keys.key import Key, KeyRules, UnusableKey
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.pem import read_pem
from jwt_middleware.keys.shared_secrets import read_secret
from jwt_middleware.testing import SigningKey

KeyFor = Callable[..., SigningKey]
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI, PKCS1 = (
    serialization.PublicFormat.SubjectPublicKeyInfo,
    serialization.PublicFormat.PKCS1,
)

_JAVA_TRUSTSTORE = """
MIIB5QIBAzCCAZsGCSqGSIb3DQEHAaCCAYwEggGIMIIBhDCCAYAGCSqGSIb3DQEHAaCCAXEEggFtMIIBaTCCAWUGCyqG
SIb3DQEMCgEDoIIBIzCCAR8GCiqGSIb3DQEJFgGgggEPBIIBCzCCAQcwga2gAwIBAgIBATAKBggqhkjOPQQDAjANMQsw
CQYDVQQDDAJndzAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBaMA0xCzAJBgNVBAMMAmd3MFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEOwNDFiaDmIOLyPCkaayRIIcruiW9eCBiguV0g1btXMKuhOdiCuW3J34WYYdqWgTqX/ol1tGm
GFpm3xzypwG+CDAKBggqhkjOPQQDAgNJADBGAiEAgT9extDawTqgAf8/oEYucdduUwX/tHVhCjS7PZALhqgCIQD3b8h3
JWb9692NJ6gVV2lxhVXZr+lM+X/XuCk/1LovgTEvMBUGCSqGSIb3DQEJFDEIHgYAZwB3ADAwFgYMYIZIAYb5Zq3KewEB
MQYGBFUdJQAwQTAxMA0GCWCGSAFlAwQCAQUABCBokZKfVcXq3vtw/MFnkcRvROCc8JQQAaqxg/kkGfhC1AQIKWidA8Xr
Ft0CAggA
"""


def _spki(key: SigningKey) -> str:
    return Key(key.private.public_key()).spki


def _spkis(keys: KeySet) -> list[str]:
    return [key.spki for key in keys.keys]


def _forms(key: SigningKey) -> dict[str, bytes]:
    public = key.private.public_key()
    return {
        "spki": public.public_bytes(PEM, SPKI),
        "pkcs1": public.public_bytes(PEM, PKCS1),
        "certificate": key.certificate.public_bytes(PEM),
        "pkcs8-private": key.private_pem.encode(),
    }


@pytest.mark.parametrize("form", ["spki", "pkcs1", "certificate", "pkcs8-private"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    "around", [b"", b"Bag Attributes\n  alias: gateway\n"], ids=["bare", "bag"]
)
def test_pem_of_every_kind_is_read(
    rsa_key: SigningKey, form: str, line_end: bytes, around: bytes
) -> None:
    content = (around + _forms(rsa_key)[form] + b"\n").replace(b"\n", line_end)

    assert _spkis(read_pem(content)) == [_spki(rsa_key)]
    assert _spkis(read_file(content)) == [_spki(rsa_key)]


@pytest.mark.parametrize("name", ["ES256", "ES384", "ES512", "EdDSA"])
def test_pem_of_every_key_type_is_read(name: str, key_for: KeyFor) -> None:
    key = key_for(name)

    assert _spkis(read_pem(key.public_pem.encode())) == [_spki(key)]
    assert _spkis(read_pem(key.certificate_pem.encode())) == [_spki(key)]


def test_several_blocks_in_one_file_are_several_keys(
    rsa_key: SigningKey, other_rsa_key: SigningKey, key_for: KeyFor
) -> None:
    content = b"".join(
        [
            _forms(rsa_key)["certificate"],
            b"comment\r\n",
            _forms(other_rsa_key)["spki"].replace(b"\n", b"\r\n"),
            key_for("ES256").public_pem.encode(),
        ]
    )

    wanted = [_spki(key) for key in (rsa_key, other_rsa_key, key_for("ES256"))]
    assert _spkis(read_pem(content)) == wanted


def test_a_pem_key_has_no_kid_and_a_certificate_brings_its_thumbprints(rsa_key: SigningKey) -> None:
    (bare,) = read_pem(_forms(rsa_key)["spki"]).keys
    (certified,) = read_pem(_forms(rsa_key)["certificate"]).keys

    assert bare.key_id is None
    assert certified.key_id is None
    assert bare.thumbprints == frozenset()
    assert {len(each) for each in certified.thumbprints} == {20, 32}


def test_a_private_pem_serves_by_its_public_half_with_a_warning(rsa_key: SigningKey) -> None:
    keys = read_pem(rsa_key.private_pem.encode())

    assert _spkis(keys) == [_spki(rsa_key)]
    assert [(note.skipped, "private" in note.reason) for note in keys.notes] == [(False, True)]
    assert not hasattr(keys.keys[0]._material, "sign")


def test_an_encrypted_private_key_opens_with_its_password_only(rsa_key: SigningKey) -> None:
    content = rsa_key.private.private_bytes(
        PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"right"),
    )

    assert _spkis(read_pem(content, "right")) == [_spki(rsa_key)]
    for password in (None, "wrong-zeta"):
        with pytest.raises(UnusableKey) as fault:
            read_pem(content, password)
        assert "zeta" not in str(fault.value)


def test_the_parameters_that_openssl_writes_before_an_ec_key_are_passed_over(
    key_for: KeyFor,
) -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    content = parameters + key_for("ES256").private_pem.encode()

    assert _spkis(read_pem(content)) == [_spki(key_for("ES256"))]


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    ],
    ids=["truncated", "no-key", "no-base64", "labels-differ", "request"],
)
def test_pem_that_cannot_be_read_is_a_fault_and_not_an_empty_set(content: bytes) -> None:
    with pytest.raises(UnusableKey):
        read_pem(content)


def test_keys_that_no_jws_algorithm_serves_are_refused() -> None:
    for private in (
        dsa.generate_private_key(1024),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.BrainpoolP256R1()),
    ):
        with pytest.raises(UnusableKey):
            read_pem(private.public_key().public_bytes(PEM, SPKI))


def test_one_unreadable_block_is_not_passed_over_in_silence(rsa_key: SigningKey) -> None:
    bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

    with pytest.raises(UnusableKey):
        read_pem(_forms(rsa_key)["spki"] + bad)


def _der_integer(number: int) -> bytes:
    return _der_value(0x02, number.to_bytes(number.bit_length() // 8 + 1))


def _der_value(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + content


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536])
def test_an_rsa_key_with_an_even_exponent_or_one_below_three_is_refused(
    rsa_key: SigningKey, exponent: int
) -> None:
    """With e=1 every message is its own signature; old releases of cryptography read such keys."""
    modulus = rsa_key.private.public_key().public_numbers().n
    der = _der_value(0x30, _der_integer(modulus) + _der_integer(exponent))
    body = base64.encodebytes(der)
    pem = b"-----BEGIN RSA PUBLIC KEY-----\n" + body + b"-----END RSA PUBLIC KEY-----\n"

    for content in (pem, der):
        try:
            (key,) = read_file(content).keys
        except UnusableKey:
            continue
        assert f"exponent {exponent}" in (KeyRules().objection(key) or "")


def test_der_is_read_as_certificate_or_public_key(rsa_key: SigningKey) -> None:
    for content in (
        rsa_key.certificate.public_bytes(DER),
        rsa_key.private.public_key().public_bytes(DER, SPKI),
    ):
        assert _spkis(read_file(content)) == [_spki(rsa_key)]


def _keystore(key: SigningKey, others: Any = None, password: bytes | None = b"changeit") -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return pkcs12.serialize_key_and_certificates(
        b"gateway", key.private, key.certificate, others, encryption
    )


def test_pkcs12_is_recognised_by_its_content(rsa_key: SigningKey) -> None:
    keys = read_file(_keystore(rsa_key), "changeit")

    assert _spkis(keys) == [_spki(rsa_key)]
    assert keys.keys[0].certificate == rsa_key.certificate


def test_pkcs12_without_a_password_opens_without_one(rsa_key: SigningKey) -> None:
    assert _spkis(read_file(_keystore(rsa_key, password=None))) == [_spki(rsa_key)]


@pytest.mark.parametrize(
    "password, told",
    [(None, "password="), ("", "this password"), ("wrong-zeta", "this password")],
)
def test_pkcs12_that_does_not_open_says_whether_a_password_was_given(
    rsa_key: SigningKey, password: str | None, told: str
) -> None:
    with pytest.raises(UnusableKey, match=told) as fault:
        read_file(_keystore(rsa_key), password)
    assert "zeta" not in str(fault.value)


def test_the_chain_beside_a_key_pair_in_pkcs12_signs_no_token(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    content = _keystore(rsa_key, [other_rsa_key.certificate])

    assert _spkis(read_file(content, "changeit")) == [_spki(rsa_key)]


def test_a_pkcs12_of_certificates_alone_gives_each_of_them(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    wanted = [rsa_key, other_rsa_key]
    content = pkcs12.serialize_key_and_certificates(
        None,
        None,
        None,
        [key.certificate for key in wanted],
        serialization.BestAvailableEncryption(b"changeit"),
    )

    assert sorted(_spkis(read_file(content, "changeit"))) == sorted(_spki(key) for key in wanted)


def test_a_java_truststore_in_pkcs12_gives_its_certificate() -> None:
    """A stored one with the alias "gw0": not every release of cryptography writes them."""
    content = base64.b64decode(_JAVA_TRUSTSTORE)

    (key,) = read_file(content).keys

    assert key.certificate is not None
    assert key.certificate.subject.rfc4514_string() == "CN=gw"


def test_a_pkcs12_with_a_key_but_no_certificate_of_it_never_trusts_its_chain(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    chain = [other_rsa_key.certificate]
    content = pkcs12.serialize_key_and_certificates(
        b"x", rsa_key.private, None, chain, serialization.NoEncryption()
    )

    (key,) = read_file(content).keys
    assert key.spki == read_pem(rsa_key.public_pem.encode()).keys[0].spki


def test_a_pkcs12_with_a_key_alone_serves_by_its_public_half(rsa_key: SigningKey) -> None:
    content = pkcs12.serialize_key_and_certificates(
        b"x", rsa_key.private, None, None, serialization.BestAvailableEncryption(b"changeit")
    )

    keys = read_file(content, "changeit")

    assert len(keys) == 1
    assert any("private" in note.reason for note in keys.notes)


@pytest.mark.parametrize("magic", [b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"], ids=["JKS", "JCEKS"])
def test_a_java_keystore_is_refused_with_the_exact_keytool_command(magic: bytes) -> None:
    with pytest.raises(UnusableKey, match=r"keytool -exportcert -rfc -alias \S+ -keystore \S+"):
        read_file(magic + b"\x00\x00\x00\x02" + b"\x00" * 100)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"hello", b"0", b"\x30\x82\xff\xff", b"\x30\x00", b"\x00" * 64, b"[1]", b"{"],
    ids=repr,
)
def test_a_file_that_holds_no_key_is_a_fault_and_nothing_else(content: bytes) -> None:
    with pytest.raises(UnusableKey):
        read_file(content)


def test_a_jwks_file_is_recognised_by_its_content(rsa_key: SigningKey) -> None:
    import json

    for document in (rsa_key.jwks(), rsa_key.jwk(kid="a")):
        content = b"\n  " + json.dumps(document).encode()
        assert _spkis(read_file(content)) == [_spki(rsa_key)]


def test_a_secret_is_taken_byte_for_byte() -> None:
    (key,) = read_secret("zeta" * 8 + " ").keys

    assert key.key_type == "oct"
    assert key.spki == Key(b"zeta" * 8 + b" ").spki


def _confusable(key: SigningKey) -> dict[str, bytes]:
    pem, public = key.public_pem.encode(), key.private.public_key()
    ssh = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return {
        "spki-pem": pem,
        "leading-space (CVE-2026-34950)": b" \n\t" + pem,
        "bom": b"\xef\xbb\xbf" + pem,
        "no-last-newline": pem.rstrip(),
        "crlf": pem.replace(b"\n", b"\r\n"),
        "pkcs1-pem": public.public_bytes(PEM, PKCS1),
        "certificate-pem": key.certificate_pem.encode(),
        "private-pem": key.private_pem.encode(),
        "spki-der (CVE-2024-33663)": public.public_bytes(DER, SPKI),
        "pkcs1-der": public.public_bytes(DER, PKCS1),
        "certificate-der": key.certificate.public_bytes(DER),
        "spki-der-base64": base64.b64encode(public.public_bytes(DER, SPKI)),
        "openssh": public.public_bytes(*ssh),
        "jwk": str(key.jwk()).replace("'", '"').encode(),
        "jwks": str(key.jwks()).replace("'", '"').encode(),
    }


@pytest.mark.parametrize("name", _confusable(SigningKey("RS256", bits=1024)))
def test_rs_hs_confusion_key_material_is_never_a_secret(rsa_key: SigningKey, name: str) -> None:
    with pytest.raises(UnusableKey, match="not a secret"):
        read_secret(_confusable(rsa_key)[name])


def test_rs_hs_confusion_ec_keys_are_no_secrets_either(key_for: KeyFor) -> None:
    for algorithm in ("ES256", "EdDSA"):
        public = key_for(algorithm).private.public_key()
        for content in (public.public_bytes(PEM, SPKI), public.public_bytes(DER, SPKI)):
            with pytest.raises(UnusableKey):
                read_secret(content)


def test_an_empty_secret_is_refused() -> None:
    for value in ("", b""):
        with pytest.raises(UnusableKey):
            read_secret(value)


def test_no_fault_quotes_the_material() -> None:
    secret = b'{"kty":"oct","k":"zeta"}'

    with pytest.raises(UnusableKey) as fault:
        read_secret(secret)
    assert "zeta" not in str(fault.value)


def test_a_key_of_1024_bits_is_read_here_and_judged_by_the_rules() -> None:
    private = rsa.generate_private_key(65537, 1024)

    assert len(read_pem(private.public_key().public_bytes(PEM, SPKI))) == 1
