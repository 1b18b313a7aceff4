"""Every algorithm accepts its own signatures, in their one right form, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.keys.key import Key
from jwt_middleware.testing import SigningKey

KeyFor = Callable[..., SigningKey]
DATA = b"header.payload"
RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
EC = [("ES256", 32), ("ES384", 48), ("ES512", 66)]
HS = [("HS256", 32), ("HS384", 48), ("HS512", 64)]


def _public(key: SigningKey) -> Any:
    return key.private if isinstance(key.private, bytes) else key.private.public_key()


def _holds(name: str, key: SigningKey, signature: bytes, data: bytes = DATA) -> bool:
    """Any other exception than InvalidSignature would become a 500: let it fail the test."""
    try:
        ALGORITHMS[name].prepare(_public(key))(signature, data)
    except InvalidSignature:
        return False
    return True


def test_the_table_holds_rfc_7518_and_edwards_curves_and_nothing_else() -> None:
    families = [kind + bits for kind in ("RS", "PS", "ES", "HS") for bits in ("256", "384", "512")]

    assert set(ALGORITHMS) == {*families, "EdDSA", "Ed25519", "Ed448"}
    assert all(name == algorithm.name for name, algorithm in ALGORITHMS.items())


def test_cve_2015_9235_none_has_no_entry_in_any_spelling() -> None:
    assert not {name for name in ALGORITHMS if name.lower().strip() in ("none", "", "null")}


def test_the_table_cannot_be_added_to() -> None:
    with pytest.raises(TypeError):
        ALGORITHMS["none"] = ALGORITHMS["RS256"]  # type: ignore[index]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_signature_holds_over_exactly_the_signed_bytes(name: str, key_for: KeyFor) -> None:
    key = key_for(name)
    signature = key.sign(DATA)

    assert _holds(name, key, signature)
    assert not _holds(name, key, signature, DATA + b"=")
    assert not _holds(name, key, signature, DATA[:-1])
    assert not _holds(name, key, signature, b"")


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 1, 16, 31, 63, 65, 131, 133, 255, 257, 512, 4096])
def test_a_signature_of_any_wrong_length_is_refused_and_never_raises(
    name: str, size: int, key_for: KeyFor
) -> None:
    for content in (b"\x00", b"\x01", b"\xff"):
        assert not _holds(name, key_for(name), content * size)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_flipped_bit_of_the_first_and_last_byte_is_noticed(
    name: str, key_for: KeyFor
) -> None:
    key = key_for(name)
    signature = key.sign(DATA)
    for place in (0, len(signature) // 2, len(signature) - 1):
        for bit in range(8):
            forged = bytearray(signature)
            forged[place] ^= 1 << bit
            assert not _holds(name, key, bytes(forged))


@pytest.mark.parametrize("signed", RSA)
@pytest.mark.parametrize("named", RSA)
def test_an_rsa_signature_holds_only_under_its_own_algorithm(
    signed: str, named: str, key_for: KeyFor
) -> None:
    private = key_for("RS256").private
    signature = SigningKey(signed, private=private).sign(DATA)

    assert _holds(named, key_for("RS256"), signature) is (signed == named)


@pytest.mark.parametrize("signed", [name for name, _ in HS])
@pytest.mark.parametrize("named", [name for name, _ in HS])
def test_an_hmac_holds_only_under_its_own_hash(signed: str, named: str) -> None:
    key = SigningKey(signed, private=b"k" * 64)

    assert _holds(named, key, key.sign(DATA)) is (signed == named)


@pytest.mark.parametrize("curve", ["Ed25519", "Ed448"])
def test_eddsa_serves_both_curves(curve: str, key_for: KeyFor) -> None:
    key = key_for("EdDSA", curve)

    assert _holds("EdDSA", key, key.sign(DATA))
    assert not _holds("EdDSA", key, b"\x00" * len(key.sign(DATA)))
    assert not _holds("EdDSA", key, key.sign(DATA) + b"\x00")


@pytest.mark.parametrize("name, size", EC)
def test_cve_2022_21449_zero_r_or_s_is_refused(name: str, size: int, key_for: KeyFor) -> None:
    key = key_for(name)
    signature = key.sign(DATA)
    zero = b"\x00" * size

    assert not _holds(name, key, zero + zero)
    assert not _holds(name, key, signature[:size] + zero)
    assert not _holds(name, key, zero + signature[size:])


@pytest.mark.parametrize("name, size", EC)
def test_an_ecdsa_signature_in_der_is_refused(name: str, size: int, key_for: KeyFor) -> None:
    key = key_for(name)
    signature = key.sign(DATA)
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    der = utils.encode_dss_signature(r, s)

    assert not _holds(name, key, der)
    assert not _holds(name, key, der.ljust(2 * size, b"\x00"))


@pytest.mark.parametrize("name, size", EC)
def test_r_and_s_have_the_full_length_of_the_curve(name: str, size: int, key_for: KeyFor) -> None:
    key = key_for(name)
    signature = key.sign(DATA)
    r, s = signature[:size], signature[size:]

    assert not _holds(name, key, b"\x00" + r + b"\x00" + s)
    assert not _holds(name, key, r + s + b"\x00\x00")
    assert not _holds(name, key, r.lstrip(b"\x00")[:-1] + s)


@pytest.mark.parametrize("name, size", EC)
def test_r_and_s_beyond_the_order_of_the_curve_are_refused(
    name: str, size: int, key_for: KeyFor
) -> None:
    assert not _holds(name, key_for(name), b"\xff" * 2 * size)


@pytest.mark.parametrize("name", [name for name, _ in EC])
def test_a_key_serves_only_the_algorithm_of_its_own_curve(name: str, key_for: KeyFor) -> None:
    key = Key(_public(key_for(name)))

    assert [other for other in ALGORITHMS.values() if key.fits(other)] == [ALGORITHMS[name]]


def test_an_rsa_signature_without_its_leading_zero_bytes_is_refused(rsa_key: SigningKey) -> None:
    """RFC 8017, 8.2.2: the length is the modulus'. OpenSSL alone would accept the shorter form."""
    data = next(data for data in (b"%d" % i for i in range(20_000)) if rsa_key.sign(data)[0] == 0)
    signature = rsa_key.sign(data)

    assert _holds("RS256", rsa_key, signature, data)
    assert not _holds("RS256", rsa_key, signature.lstrip(b"\x00"), data)
    assert not _holds("RS256", rsa_key, b"\x00" + signature, data)


def test_a_modulus_that_fills_no_whole_byte_has_signatures_of_the_next_whole_one() -> None:
    key = SigningKey("RS256", private=rsa.generate_private_key(65537, 2047))
    signature = key.sign(DATA)

    assert len(signature) == 256
    assert _holds("RS256", key, signature)


@pytest.mark.parametrize(
    "salt", [0, 20, 31, 33, 64, pytest.param(padding.PSS.MAX_LENGTH, id="longest")]
)
def test_a_pss_salt_of_another_length_than_the_hash_is_refused(
    rsa_key: SigningKey, salt: Any
) -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)

    assert not _holds("PS256", rsa_key, rsa_key.private.sign(DATA, pss, hashes.SHA256()))


def test_pss_with_another_hash_in_its_mask_is_refused(rsa_key: SigningKey) -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA1()), 32)

    assert not _holds("PS256", rsa_key, rsa_key.private.sign(DATA, pss, hashes.SHA256()))


def test_a_pss_hash_that_is_too_long_for_the_key_is_refused_and_never_raises() -> None:
    key = SigningKey("RS256", bits=1024)

    assert not _holds("PS512", key, b"\x01" * 128)


def test_bleichenbacher_2006_a_signature_without_padding_is_refused(rsa_key: SigningKey) -> None:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(DATA)
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\x00\x01" + b"\xff" * 8 + b"\x00" + prefix + digest.finalize()
    numbers = rsa_key.private.private_numbers()
    padded = int.from_bytes(block.ljust(256, b"\x00"))
    signature = pow(padded, numbers.d, numbers.public_numbers.n).to_bytes(256)

    assert not _holds("RS256", rsa_key, signature)


@pytest.mark.parametrize("name, size", HS)
def test_a_truncated_or_extended_hmac_is_refused(name: str, size: int, key_for: KeyFor) -> None:
    key = key_for(name)
    mac = key.sign(DATA)

    assert len(mac) == size
    for length in (0, 1, 8, 16, size // 2, size - 1):
        assert not _holds(name, key, mac[:length])
        assert not _holds(name, key, mac[-length:] if length else b"")
    assert not _holds(name, key, mac + b"\x00")


@pytest.mark.parametrize("name, size", HS)
def test_an_hmac_secret_is_as_long_as_the_hash(name: str, size: int) -> None:
    assert ALGORITHMS[name].hash_size == size
    assert Key(b"k" * size).fits(ALGORITHMS[name])
    assert not Key(b"k" * (size - 1)).fits(ALGORITHMS[name])
