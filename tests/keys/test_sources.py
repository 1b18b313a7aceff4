"""Keys that are given once: text, documents, files and secrets, with errors that say the mend."""

import json
from pathlib import Path

import pytest

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.keys.sources import PEM, JWKSDocument, KeyFile, KeySource, SharedSecret
from jwt_middleware.testing import SigningKey

SECRET = "zeta-" * 10


def test_every_source_is_a_key_source_with_one_unchanging_snapshot(
    rsa_key: SigningKey, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.pem"
    path.write_text(rsa_key.public_pem)

    for source in (
        PEM(rsa_key.public_pem),
        PEM(rsa_key.public_pem.encode()),
        JWKSDocument(rsa_key.jwks()),
        KeyFile(path),
        SharedSecret(SECRET),
    ):
        assert isinstance(source, KeySource)
        assert source.snapshot() is source.snapshot()
        assert source.refresh() is None
        assert len(source.snapshot()) == 1


@pytest.mark.parametrize("name", ["gateway.pem", "gateway.p12", "gateway", "keys.json"])
def test_a_file_is_recognised_by_its_content_and_never_by_its_name(
    rsa_key: SigningKey, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    for content in (rsa_key.certificate_pem, json.dumps(rsa_key.jwks())):
        path.write_text(content)
        assert len(KeyFile(path).snapshot()) == 1


def test_a_relative_path_is_relative_to_the_working_directory(
    rsa_key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway.pem").write_text(rsa_key.public_pem)
    monkeypatch.chdir(tmp_path)

    assert KeyFile("gateway.pem").name == "gateway.pem"


def test_a_missing_file_is_named_with_the_directory_that_it_was_looked_for_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError) as fault:
        KeyFile("gateway.pem")
    assert "gateway.pem" in str(fault.value)
    assert str(tmp_path) in str(fault.value)


def test_a_directory_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        KeyFile(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"no key", b'{"keys":[]}', b'{"keys":[{"kty":"RSA"}]}', b"-----BEGIN PUBLIC KEY-----\n"],
    ids=repr,
)
def test_a_file_without_a_usable_key_is_a_configuration_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "gateway.pem"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"gateway\.pem"):
        KeyFile(path)


def test_a_java_keystore_is_refused_with_the_keytool_command(tmp_path: Path) -> None:
    path = tmp_path / "wso2carbon.pem"
    path.write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02")

    with pytest.raises(ConfigurationError, match="keytool -exportcert"):
        KeyFile(path)


@pytest.mark.parametrize("source", [PEM, SharedSecret], ids=["PEM", "SharedSecret"])
def test_an_empty_text_is_a_configuration_error(source: type) -> None:
    with pytest.raises(ConfigurationError):
        source("")


def test_a_document_without_a_usable_key_is_a_configuration_error_with_the_reasons(
    rsa_key: SigningKey,
) -> None:
    with pytest.raises(ConfigurationError, match="use is not sig"):
        JWKSDocument({"keys": [rsa_key.jwk(use="enc")]})
    with pytest.raises(ConfigurationError):
        JWKSDocument({})


@pytest.mark.parametrize("line_end", [b"", b"\n", b"\r\n"], ids=repr)
def test_one_line_end_at_the_end_of_a_secret_file_does_not_count(
    tmp_path: Path, line_end: bytes
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(SECRET.encode() + line_end)

    found = SharedSecret.from_file(path).snapshot().keys[0].spki
    assert found == SharedSecret(SECRET).snapshot().keys[0].spki


def test_a_secret_may_have_a_key_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("GATEWAY_SECRET", SECRET)
    sources = [
        SharedSecret(SECRET, key_id="2"),
        SharedSecret.from_file(tmp_path / "secret", key_id="2"),
        SharedSecret.from_env("GATEWAY_SECRET", key_id="2"),
    ]

    assert [each.snapshot().keys[0].key_id for each in sources] == ["2"] * 3
    assert SharedSecret(SECRET).snapshot().keys[0].key_id is None


def test_a_secret_comes_from_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", SECRET)

    found = SharedSecret.from_env("GATEWAY_SECRET").snapshot().keys[0].spki
    assert found == SharedSecret(SECRET).snapshot().keys[0].spki


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_an_environment_variable_that_is_unset_or_empty_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("GATEWAY_SECRET", value)

    with pytest.raises(ConfigurationError, match="GATEWAY_SECRET"):
        SharedSecret.from_env("GATEWAY_SECRET")


def test_rs_hs_confusion_a_public_key_is_no_shared_secret(
    rsa_key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(rsa_key.public_pem)
    monkeypatch.setenv("GATEWAY_SECRET", rsa_key.public_pem)

    with pytest.raises(ConfigurationError, match="not a secret"):
        SharedSecret(rsa_key.public_pem)
    with pytest.raises(ConfigurationError, match="not a secret"):
        SharedSecret.from_file(tmp_path / "secret")
    with pytest.raises(ConfigurationError, match="not a secret"):
        SharedSecret.from_env("GATEWAY_SECRET")


def test_no_name_and_no_repr_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("GATEWAY_SECRET", SECRET)

    for source in (
        SharedSecret(SECRET),
        SharedSecret.from_file(tmp_path / "secret"),
        SharedSecret.from_env("GATEWAY_SECRET"),
        KeyFile(_file(tmp_path, SigningKey("HS256", private=SECRET.encode())), password=SECRET),
    ):
        shown = f"{source!r} {source.name} {source.snapshot()!r} {source.snapshot().keys!r}"
        assert "zeta" not in shown


def _file(folder: Path, key: SigningKey) -> Path:
    path = folder / "keys.json"
    path.write_text(json.dumps(key.jwks()))
    return path
