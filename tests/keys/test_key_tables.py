"""Key sources as tables: in code, in TOML, in lists and for each issuer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from jwt_middleware import Discovery, JWKSEndpoint, PEMPerKid, Verifier
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.option import SeveralSources, key_source
from jwt_middleware.keys.sources import JWKSDocument, KeyFile
from jwt_middleware.keys.tables import _MEMBERS
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.options import checks as check
from jwt_middleware.options.sources import merged_options
from jwt_middleware.testing import SigningKey, mint

from ..key_server import KeyServer, document
from .conftest import published

URL = "https://gateway.example.edu/jwks"
PASSWORD = "zeta-of-the-keystore"


def keystore(path: Path, key: SigningKey) -> Path:
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"gateway", key.private, key.certificate, None, encryption
        )
    )
    return path


def of_toml(folder: Path, text: str) -> Settings:
    path = folder / "jwt.toml"
    path.write_text(text)
    return Settings.read({}, {"JWT_MIDDLEWARE_CONFIG": str(path)})


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"url": URL, "fresh_for": 60, "stale_for": 0, "headers": {"X-Key": "a"}}, JWKSEndpoint),
        ({"url": "http://keycloak/jwks", "allow_http": True, "deadline": 3}, JWKSEndpoint),
        ({"url": URL + "/{kid}", "kid": "[a-z]+", "wait_budget": 1}, PEMPerKid),
        ({"url": "https://a/.well-known/openid-configuration"}, Discovery),
        ({"url": "https://a/x", "issuer": "https://b"}, Discovery),
        ({"issuer": "https://a", "jwks_origin": "https://b", "ca_file": None}, Discovery),
    ],
    ids=str,
)
def test_a_table_is_the_source_that_it_names(table: dict[str, Any], kind: type) -> None:
    source = key_source(table)

    assert type(source) is kind
    assert type(key_source([table, SigningKey().jwks()])) is SeveralSources


def test_a_jwks_and_a_map_of_pem_stay_what_they_are(rsa_key: SigningKey) -> None:
    maps = [rsa_key.jwks(), rsa_key.jwk(), {"url": rsa_key.public_pem, "path": rsa_key.public_pem}]
    for each in [*maps, {**rsa_key.jwks(), "url": URL}]:
        assert type(key_source(each)) is JWKSDocument


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"url": URL, "cafile": "a.pem"}, "did you mean 'ca_file'"),
        ({"url": URL, "password_file": "a"}, "member of a table of keys with url"),
        ({"path": "a.pem", "ca_file": "a"}, "member of a table of keys with path"),
        ({"path": "a.pem", "url": URL}, "path"),
        ({"url": ""}, "url"),
        ({"url": 5}, "url"),
        ({"url": None}, "url"),
        ({"issuer": ""}, "issuer"),
        ({"path": ""}, "path"),
        ({"path": "missing.pem"}, "no file"),
        ({"ca_file": "a.pem"}, "names no source"),
        ({"url": URL, "headers": "zeta"}, "headers"),
        ({"url": URL, "headers": {"X-Key": "zeta\n"}}, "headers, entry 1"),
        ({"url": URL, "fresh_for": "zeta"}, "fresh_for"),
        ({"url": URL, "fresh_for": 0}, "fresh_for"),
        ({"url": URL, "allow_http": "true"}, "allow_http"),
        ({"url": "http://gateway.example.edu/jwks"}, "allow_http=True"),
        ({"url": URL, "jwks_origin": "https://b"}, "jwks_origin has no meaning"),
        ({"url": URL, "kid": "a"}, "kid has no meaning"),
        ({"url": URL, "ca_file": "missing.pem"}, "ca_file: missing.pem"),
    ],
    ids=str,
)
def test_a_faulty_table_is_an_error_that_names_the_member(
    table: dict[str, Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as fault:
        Verifier(keys=table)

    assert reason in str(fault.value)
    assert "zeta" not in str(fault.value)


def test_a_keystore_s_password_comes_from_its_file(
    tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore(tmp_path / "store.p12", rsa_key)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    monkeypatch.chdir("/")  # relative paths are those of the file that names them
    settings = of_toml(tmp_path, 'keys = { path = "store.p12", password_file = "password" }')

    assert type(settings.verifier.issuers[0].keys.source) is KeyFile
    assert settings.verifier.verify(mint(rsa_key, {}))


@pytest.mark.parametrize("content", [b"zeta-wrong", b"\xff\xfe", None], ids=repr)
def test_a_password_that_does_not_open_it_is_an_error_that_does_not_quote_it(
    tmp_path: Path, rsa_key: SigningKey, content: bytes | None
) -> None:
    store = keystore(tmp_path / "store.p12", rsa_key)
    if content is not None:
        (tmp_path / "password").write_bytes(content)

    with pytest.raises(ConfigurationError) as fault:
        key_source({"path": str(store), "password_file": str(tmp_path / "password")})
    assert "zeta" not in str(fault.value)


def test_toml_gives_an_endpoint_its_headers_and_each_issuer_its_table(
    tmp_path: Path, old_key: SigningKey, key_server: KeyServer
) -> None:
    key_server.script = document(published(old_key))
    (tmp_path / "b.pem").write_text(old_key.public_pem)
    settings = of_toml(
        tmp_path,
        f"""
        gateway = "standard"
        [[issuers]]
        issuer = "https://a"
        keys = {{ url = "{key_server.url}", headers = {{ X-Key = "a" }}, stale_for = 0 }}
        [[issuers]]
        issuer = "https://b"
        keys = [{{ url = "{key_server.url}" }}, {{ path = "b.pem" }}]
        """,
    )
    token = mint(old_key, {"iss": "https://a"}, form="standard")

    assert settings.verifier.verify(token).key_id == "old"
    assert key_server.requests[0]["X-Key"] == "a"


def test_a_client_s_own_keys_may_be_a_table(
    tmp_path: Path, old_key: SigningKey, new_key: SigningKey, key_server: KeyServer
) -> None:
    key_server.script = document(published(new_key))
    (tmp_path / "clients.toml").write_text(
        f'[clients.acme.trust]\nkeys = {{ url = "{key_server.url}", headers = {{ X-Key = "a" }} }}'
    )
    settings = of_toml(tmp_path, f'keys = """{old_key.public_pem}"""\nclients = "clients.toml"')

    assert settings.verifier.verify(mint(new_key, {"client_id": "acme"})).key_id == "new"
    assert key_server.requests[0]["X-Key"] == "a"


def test_a_ca_file_of_toml_is_relative_to_it(tmp_path: Path, rsa_key: SigningKey) -> None:
    (tmp_path / "authority.pem").write_text(rsa_key.certificate_pem)
    text = f'keys = {{ url = "{URL}", ca_file = "authority.pem", allow_http = true }}'

    assert of_toml(tmp_path, text).verifier.issuers[0].keys.source.name == URL
    (tmp_path / "authority.pem").unlink()
    with pytest.raises(ConfigurationError, match=str(tmp_path / "authority.pem")):
        of_toml(tmp_path, text)


@pytest.mark.parametrize("member", check.OF_KEYS)
def test_a_member_of_a_source_that_is_taken_for_an_option_is_shown_its_place(
    member: str, tmp_path: Path
) -> None:
    path = tmp_path / "service.toml"
    path.write_text(f'keys = "https://gateway.example.edu/jwks"\n{member} = "x"\n')
    url = {"keys": "https://gateway.example.edu/jwks"}
    places: list[tuple[dict[str, Any], dict[str, str]]] = [
        (url | {member: "x"}, {}),
        (url, {f"JWT_MIDDLEWARE_{member.upper()}": "x"}),
        ({}, {"JWT_MIDDLEWARE_CONFIG": str(path)}),
    ]

    assert any(member in members for members in _MEMBERS.values())
    for code, environ in places:
        with pytest.raises(ConfigurationError, match=f"keys = {{ url = .*, {member} = ") as raised:
            merged_options(code, environ)
        assert f'"{member}": ...' in str(raised.value)
