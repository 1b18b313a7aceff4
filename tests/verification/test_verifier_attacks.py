"""Forged tokens, by the name of the attack or of those who fell for it. None is ever accepted."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from jwt_middleware import Verifier
from jwt_middleware.errors import (
    AuthenticationError,
    BadSignature,
    InvalidClaim,
    MalformedToken,
    UnacceptableAlgorithm,
)
from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.options.checks import AnyAudience
from jwt_middleware.testing import FORMS, SigningKey, TokenForm, compact, mint
from jwt_middleware.verification.options import VerifierOptions

KeyFor = Callable[..., SigningKey]
FORM = FORMS["standard"]
PAYLOAD = b'{"sub":"admin","exp":99999999999}'


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unsigned(header: dict[str, Any], signature: str = "", payload: bytes = PAYLOAD) -> str:
    return f"{_b64(json.dumps(header).encode())}.{_b64(payload)}.{signature}"


GATEWAYS: list[VerifierOptions] = [
    {"gateway": "wso2"},
    {"gateway": "wso2-1.4"},
    {"gateway": "wso2-3.1"},
    {"gateway": "standard"},
    {"gateway": "cloudflare-access", "issuer": "https://a.example", "audience": "a"},
    {"gateway": "teleport", "issuer": "a.example", "audience": "a"},
    {"gateway": "oathkeeper", "issuer": "https://a.example"},
    {"gateway": "bearer", "audience": "a"},
]


@pytest.fixture(scope="module")
def verifiers(rsa_key: SigningKey) -> list[Verifier]:
    return [
        *(Verifier(keys=rsa_key.certificate_pem, **options) for options in GATEWAYS),
        Verifier(keys={"keys": [rsa_key.jwk(kid="k")]}),
    ]


def _refused(verifiers: list[Verifier], token: str | bytes) -> list[AuthenticationError]:
    errors = []
    for verifier in verifiers:
        with pytest.raises(AuthenticationError) as refusal:
            verifier.verify(token)
        errors.append(refusal.value)
    return errors


NONE = [
    "none",
    "None",
    "NONE",
    "nOnE",
    "none ",
    " none",
    "",
    "null",
    "none\x00",
    "\uff4eone",
    "noNe\n",
]


@pytest.mark.parametrize("name", NONE, ids=ascii)
@pytest.mark.parametrize("signature", ["", "AAAA", "A" * 342], ids=["empty", "short", "full"])
def test_cve_2015_9235_and_cve_2026_28802_alg_none_in_every_spelling(
    verifiers: list[Verifier], name: str, signature: str
) -> None:
    for header in ({"alg": name}, {"alg": name, "kid": "k"}, {"typ": "JWT", "alg": name}):
        _refused(verifiers, _unsigned(header, signature))


@pytest.mark.parametrize("alg", [None, True, 0, [], ["RS256"], {"RS256": 1}], ids=repr)
def test_an_alg_that_is_no_string(verifiers: list[Verifier], alg: Any) -> None:
    for error in _refused(verifiers, _unsigned({"alg": alg}, "AAAA")):
        assert isinstance(error, MalformedToken)


@pytest.mark.parametrize(
    "name", ["rs256", "RS256 ", "Rs256", "RS-256", "RS256\x00", "RSA", "\uff32S256"]
)
def test_an_alg_that_only_resembles_an_allowed_one(
    verifiers: list[Verifier], rsa_key: SigningKey, name: str
) -> None:
    for error in _refused(verifiers, mint(rsa_key, {}, form=FORM, header={"alg": name})):
        assert isinstance(error, UnacceptableAlgorithm)


def _public_bytes(key: SigningKey) -> dict[str, bytes]:
    public = key.private.public_key()
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pkcs1 = serialization.PublicFormat.PKCS1
    return {
        "pem": key.public_pem.encode(),
        "pem-stripped": key.public_pem.strip().encode(),
        "pem-crlf": key.public_pem.replace("\n", "\r\n").encode(),
        "pkcs1-pem": public.public_bytes(pem, pkcs1),
        "certificate-pem": key.certificate_pem.encode(),
        "spki-der": public.public_bytes(der, spki),
        "certificate-der": key.certificate.public_bytes(der),
        "modulus": public.public_numbers().n.to_bytes(256),
        "jwk": json.dumps(key.jwk()).encode(),
        "jwk-n": key.jwk()["n"].encode(),
        "empty": b"",
    }


@pytest.mark.parametrize("secret", _public_bytes(SigningKey(bits=2048)))
@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512"])
def test_cve_2016_5431_and_cve_2022_29217_rs_hs_confusion(
    verifiers: list[Verifier], rsa_key: SigningKey, name: str, secret: str
) -> None:
    import hashlib
    import hmac

    header = {"alg": name, "typ": "JWT"}
    signing_input = _unsigned(header).rpartition(".")[0]
    digest = getattr(hashlib, "sha" + name[2:])
    mac = hmac.new(_public_bytes(rsa_key)[secret], signing_input.encode(), digest).digest()

    for error in _refused(verifiers, f"{signing_input}.{_b64(mac)}"):
        assert isinstance(error, UnacceptableAlgorithm)


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "ES256", "EdDSA"])
def test_a_key_of_ones_own_in_the_header(
    verifiers: list[Verifier], key_for: KeyFor, alg: str
) -> None:
    """CVE-2018-0114 and CVE-2026-27962 (jwk), jku, x5u, x5c: never believed, never fetched."""
    attacker = SigningKey(alg) if alg != "RS256" else SigningKey("RS256")
    chain = [
        base64.b64encode(attacker.certificate.public_bytes(serialization.Encoding.DER)).decode()
    ]
    for member in (
        {"jwk": attacker.jwk()},
        {"jwk": attacker.jwk(kid="k"), "kid": "k"},
        {"jwks": attacker.jwks()},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"jku": "https://evil.invalid/jwks", "kid": "k"},
        {"x5u": "http://127.0.0.1:1/cert.pem"},
        {"x5c": chain},
        {"x5c": chain, "x5t": attacker.x5t(as_hex=False)},
        {"epk": attacker.jwk()},
    ):
        header = {"x5t": None, **member}
        _refused(verifiers, mint(attacker, {"sub": "admin"}, form=FORM, header=header))


def test_a_key_in_the_header_does_no_harm_to_a_good_token(
    verifiers: list[Verifier], rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    header = {"jwk": other_rsa_key.jwk(), "jku": "https://evil.invalid", "x5c": ["AAAA"]}
    for verifier in verifiers:
        policy = verifier.issuers[0].policy
        claims = {"sub": "u"} | ({"iss": policy.issuers[0]} if policy.issuers else {})
        if not isinstance(policy.audiences, AnyAudience) and policy.audiences:
            claims |= {"aud": policy.audiences[0]}
        if policy.required:
            claims |= {"type": "app", "sub": "ana"}
        verifier.verify(mint(rsa_key, claims, form=FORM, header={**header, "kid": "k"}))


@pytest.mark.parametrize(
    "header",
    [
        {"crit": []},
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": True},
        {"crit": ["b64"], "b64": False},
        {"crit": "b64"},
        {"crit": False},
        {"b64": False},
        {"b64": 0},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
    ],
    ids=str,
)
def test_well_signed_tokens_with_extensions_that_we_do_not_know(
    verifiers: list[Verifier], rsa_key: SigningKey, header: dict[str, Any]
) -> None:
    """CVE-2025-59420, CVE-2026-32597 (crit), RFC 7797 (b64), CVE-2024-33664 (zip)."""
    for error in _refused(verifiers, mint(rsa_key, {}, form=FORM, header=header)):
        assert isinstance(error, MalformedToken)


def test_b64_false_an_unencoded_payload_under_a_good_signature(
    verifiers: list[Verifier], rsa_key: SigningKey
) -> None:
    header = _b64(b'{"alg":"RS256","b64":false,"crit":["b64"]}')
    signing_input = f"{header}.{PAYLOAD.decode()}"
    signature = _b64(rsa_key.sign(signing_input.encode()))

    _refused(verifiers, f"{signing_input}.{signature}")


def test_cve_2026_29000_five_parts_are_no_jws(
    verifiers: list[Verifier], rsa_key: SigningKey
) -> None:
    token = mint(rsa_key, {}, form=FORM)

    for five in (f"{token}.AAAA.AAAA", f"AAAA.AAAA.{token}", "e30.e30.e30.e30.e30"):
        for error in _refused(verifiers, five):
            assert isinstance(error, MalformedToken)


def test_detached_content_under_a_good_signature(
    verifiers: list[Verifier], rsa_key: SigningKey
) -> None:
    header, payload, signature = mint(rsa_key, {}, form=FORM).split(".")
    over_nothing = _b64(rsa_key.sign(f"{header}.".encode()))

    for token in (f"{header}..{signature}", f"{header}..{over_nothing}", f"{header}.{payload}."):
        _refused(verifiers, token)


def test_json_serialization_is_not_read(verifiers: list[Verifier], rsa_key: SigningKey) -> None:
    header, payload, signature = mint(rsa_key, {}, form=FORM).split(".")
    flat = {"protected": header, "payload": payload, "signature": signature}

    for document in (flat, {"payload": payload, "signatures": [flat]}):
        _refused(verifiers, json.dumps(document))
        _refused(verifiers, json.dumps(document, separators=(";", ":")))


def test_a_nested_token_is_not_unwrapped(verifiers: list[Verifier], rsa_key: SigningKey) -> None:
    inner = mint(rsa_key, {"sub": "u"}, form=FORM).encode()

    for error in _refused(verifiers, compact(rsa_key, b'{"alg":"RS256","cty":"JWT"}', inner, FORM)):
        assert isinstance(error, MalformedToken)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp":99999999990,"exp":1}',
        b'{"exp":1,"\\u0065xp":99999999990}',
        b'{"exp":99999999990,"a":{"b":1,"b":2}}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":1e999}',
        b'{"exp":99999999990,"a":"\\ud800"}',
        b'\xef\xbb\xbf{"exp":99999999990}',
        b'{"exp":99999999990}x',
        b'[{"exp":99999999990}]',
        '{"exp":99999999990}'.encode("utf-16"),
        b'{"exp":99999999990,"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"exp":99999999990,"a":' + b"9" * 5000 + b"}",
    ],
    ids=lambda payload: payload[:30],
)
def test_well_signed_payloads_whose_meaning_parsers_dispute(
    verifiers: list[Verifier], rsa_key: SigningKey, payload: bytes
) -> None:
    for error in _refused(verifiers, compact(rsa_key, b'{"alg":"RS256"}', payload, FORM)):
        assert isinstance(error, MalformedToken)


def test_wso2_claim_injection_a_user_attribute_that_adds_an_issuer(rsa_key: SigningKey) -> None:
    """WSO2 1.9 joins its JSON by hand: the attribute here is ``x","iss":"evil``."""
    payload = b'{"iss":"wso2.org/products/am","exp":99999999990,"nick":"x","iss":"evil"}'
    verifier = Verifier(keys=rsa_key.public_pem, issuer=["wso2.org/products/am", "evil"])

    with pytest.raises(MalformedToken):
        verifier.verify(compact(rsa_key, b'{"alg":"RS256"}', payload, FORM))


@pytest.mark.parametrize("name", [name for name in ALGORITHMS if name.startswith("ES")])
def test_cve_2022_21449_psychic_signatures(name: str, key_for: KeyFor) -> None:
    key = key_for(name)
    verifier = Verifier(keys=key.public_pem, algorithms=[name], gateway="standard")
    size = len(key.sign(b""))

    for signature in (
        b"\x00" * size,
        b"\x00" * (size - 1) + b"\x01",
        b"0\x06\x02\x01\x00\x02\x01\x00",
    ):
        with pytest.raises(BadSignature):
            verifier.verify(_unsigned({"alg": name}, _b64(signature)))


def test_the_signature_of_another_token(verifiers: list[Verifier], rsa_key: SigningKey) -> None:
    one, other = (mint(rsa_key, {"sub": name}, form=FORM) for name in ("user", "admin"))
    header, payload, _ = other.split(".")

    for error in _refused(verifiers[:4], f"{header}.{payload}.{one.rpartition('.')[2]}"):
        assert isinstance(error, BadSignature | UnacceptableAlgorithm)


def test_the_signature_is_checked_over_the_bytes_as_received(rsa_key: SigningKey) -> None:
    """Its padding counts: stripped or added, it is another text, which nobody signed."""
    padded = TokenForm(alphabet="urlsafe", padded=True, hex_x5t=None)
    claims = next(
        {"n": "x" * n} for n in range(3) if "=." in mint(rsa_key, {"n": "x" * n}, form=padded)
    )
    token = mint(rsa_key, claims, form=padded)
    verifier = Verifier(keys=rsa_key.public_pem)

    verifier.verify(token)
    with pytest.raises(BadSignature):
        verifier.verify(token.replace("=", ""))
    translated = token.rpartition(".")
    if "_" in translated[0] or "-" in translated[0]:
        with pytest.raises(BadSignature):
            verifier.verify(translated[0].replace("_", "/").replace("-", "+") + "." + translated[2])


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "k' OR 1=1--", "http://evil", "k\r\nX: y", "\x00"]
)
def test_a_kid_is_a_name_and_nothing_else(
    rsa_key: SigningKey, kid: str, caplog: pytest.LogCaptureFixture
) -> None:
    verifier = Verifier(keys={"keys": [rsa_key.jwk(kid="k")]})

    with pytest.raises(AuthenticationError) as refusal:
        verifier.verify(mint(rsa_key, {}, header={"kid": kid}))
    assert refusal.value.code == "unknown_key"
    for record in caplog.records:
        assert record.getMessage().isprintable()


def test_a_millisecond_exp_is_never_read_as_seconds(rsa_key: SigningKey) -> None:
    """Read so, the token would outlive everybody: 46 000 years."""
    ended = mint(rsa_key, {}, form="wso2-1.9", lifetime=-3600)

    with pytest.raises(AuthenticationError) as refusal:
        Verifier(keys=rsa_key.public_pem).verify(ended)
    assert refusal.value.code == "token_expired"
    with pytest.raises(InvalidClaim):
        Verifier(keys=rsa_key.public_pem, gateway="standard").verify(
            compact(rsa_key, b'{"alg":"RS256"}', b'{"exp":1893456000000}', FORM)
        )


def test_no_refusal_holds_text_of_the_token(
    verifiers: list[Verifier], rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    for token in (
        "zeta",
        "zeta.zeta.zeta",
        mint(other_rsa_key, {"sub": "zeta"}, form=FORM, header={"kid": "zeta"}),
        mint(rsa_key, {"iss": ["zeta"]}, form=FORM),
        mint(rsa_key, {"aud": "zeta"}, form=FORM),
        mint(rsa_key, {}, form=FORM, header={"alg": "zeta"}),
    ):
        for error in _refused(verifiers, token):
            assert "zeta" not in f"{error} {error!r} {error.args} {error.reason}"
