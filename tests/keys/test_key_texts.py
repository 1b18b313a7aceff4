"""PEM texts and files as they arrive: through variables, editors, shells and other tools."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from jwt_middleware import Verifier
from jwt_middleware.errors import ConfigurationError, UnknownKey
from jwt_middleware.keys.sources import PEM
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.testing import SigningKey, mint

KEY = SigningKey()

TEXTS: dict[str, Callable[[str], str]] = {
    "as it was": lambda pem: pem,
    "literal line ends": lambda pem: pem.replace("\n", "\\n"),
    "literal CRLF": lambda pem: pem.replace("\n", "\\r\\n"),
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "double quotes": lambda pem: f'"{pem}"',
    "single quotes": lambda pem: f"'{pem.strip()}'",
    "JSON": json.dumps,
    "base64": lambda pem: base64.b64encode(pem.encode()).decode(),
    "base64 in lines": lambda pem: base64.encodebytes(pem.encode()).decode(),
    "byte order mark": lambda pem: "\ufeff" + pem,
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "two": lambda pem: (pem + SigningKey().public_pem).replace("\n", "\\n"),
}


@pytest.mark.parametrize("shape", TEXTS)
@pytest.mark.parametrize("form", ["public_pem", "certificate_pem"])
def test_pem_of_an_environment_variable_is_read_in_every_shape(shape: str, form: str) -> None:
    text = TEXTS[shape](getattr(KEY, form))
    settings = Settings.read({}, {"JWT_MIDDLEWARE_KEYS": text})

    assert settings.verifier.verify(mint(KEY, {}))
    assert Verifier(keys=text).verify(mint(KEY, {}))
    assert Verifier(keys=PEM(text)).verify(mint(KEY, {}))


@pytest.mark.parametrize("shape", TEXTS)
def test_pem_of_a_toml_file_is_read_in_every_shape(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "jwt.toml"
    path.write_bytes(b"\xef\xbb\xbfkeys = " + json.dumps(TEXTS[shape](KEY.public_pem)).encode())
    settings = Settings.read({}, {"JWT_MIDDLEWARE_CONFIG": str(path)})

    assert settings.verifier.verify(mint(KEY, {}))


def test_a_text_that_is_no_pem_after_all_is_refused_and_not_quoted() -> None:
    encoded = base64.b64encode(b"-----BEGIN zeta").decode()
    for text in ("LS0tLS1CRUdJTi!zeta", encoded, "zeta-----BEGIN", "'-----BEGIN zeta'"):
        with pytest.raises(ConfigurationError) as fault:
            Verifier(keys=text)
        assert "zeta" not in str(fault.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", ["pem", "jwks"])
def test_a_file_in_utf_16_is_named_as_such(tmp_path: Path, encoding: str, kind: str) -> None:
    path = tmp_path / "gateway.pem"
    text = KEY.public_pem if kind == "pem" else json.dumps(KEY.jwks())
    path.write_bytes(text.encode(encoding))

    with pytest.raises(ConfigurationError, match=r"it is UTF-16.*Set-Content -Encoding ascii"):
        Verifier(keys=path)


def test_a_toml_file_in_utf_16_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "jwt.toml"
    path.write_bytes("keys = 'a'".encode("utf-16"))

    with pytest.raises(ConfigurationError, match="it is UTF-16; save it as UTF-8"):
        Settings.read({}, {"JWT_MIDDLEWARE_CONFIG": str(path)})


@pytest.mark.parametrize("content", [b"", b" \r\n"])
def test_an_empty_file_is_named_as_such(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.pem"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="it is empty"):
        Verifier(keys=path)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_pkcs7_is_named_with_the_command_that_helps(tmp_path: Path, encoding: Encoding) -> None:
    path = tmp_path / "chain.p7b"
    path.write_bytes(pkcs7.serialize_certificates([KEY.certificate], encoding))

    with pytest.raises(ConfigurationError, match=r"PKCS#7.*openssl pkcs7 -print_certs"):
        Verifier(keys=path)


def test_openssl_s_trusted_certificate_is_named_with_the_command_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "gateway.pem"
    path.write_text(KEY.certificate_pem.replace(" CERTIFICATE", " TRUSTED CERTIFICATE"))

    with pytest.raises(ConfigurationError, match=r"TRUSTED CERTIFICATE.*openssl x509 -in FILE"):
        Verifier(keys=path)


@pytest.mark.parametrize("kind", ["a list", "one file"])
def test_more_bare_keys_than_are_tried_are_an_error_at_start_up(tmp_path: Path, kind: str) -> None:
    pems = [SigningKey("ES256").public_pem for _ in range(5)]
    path = tmp_path / "keys.pem"
    path.write_text("".join(pems))

    with pytest.raises(ConfigurationError, match="5 keys fit ES256, and none has a kid"):
        Verifier(keys=path if kind == "one file" else pems, algorithms="ES256")


def test_as_many_bare_keys_as_are_tried_and_any_number_of_types_start() -> None:
    keys = [SigningKey(name) for name in ("ES256", "ES384") for _ in range(4)]
    verifier = Verifier(keys=[key.public_pem for key in keys], algorithms=["ES256", "ES384"])

    assert verifier.verify(mint(keys[-1], {}))


def test_certificates_may_be_more_as_a_thumbprint_chooses_among_them() -> None:
    keys = [SigningKey("ES256") for _ in range(5)]
    bundle = "".join(key.certificate_pem for key in keys)
    verifier = Verifier(keys=bundle, algorithms="ES256", gateway="standard")

    named = {"x5t": keys[3].x5t(as_hex=False).rstrip("=")}
    assert verifier.verify(mint(keys[3], {}, form="standard", header=named))
    with pytest.raises(UnknownKey):
        verifier.verify(mint(keys[3], {}, form="standard"))
