"""``jwt-assertion keys``: what is in a source, for a person and for a program, never a secret."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from jwt_middleware.testing import SigningKey
from jwt_middleware.tools.cli import main

from ...key_server import KeyServer, document, status

PASSWORD = "zeta-of-the-keystore"


class Said(NamedTuple):
    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return self.out + self.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str | Path) -> Said:
        try:
            found = main(["keys", *map(str, arguments)])
        except SystemExit as end:
            found = end.code if isinstance(end.code, int) else 1
        said = Said(found, *capsys.readouterr())
        assert "Traceback" not in str(said)
        return said

    return run


def keystore(path: Path, key: SigningKey) -> Path:
    encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"gateway", key.private, key.certificate, None, encryption
        )
    )
    return path


@pytest.fixture
def pem(tmp_path: Path, rsa_key: SigningKey) -> Path:
    path = tmp_path / "gateway.pem"
    path.write_text(rsa_key.certificate_pem)
    return path


def test_a_person_is_told_the_keys_of_a_file(run: Any, pem: Path, rsa_key: SigningKey) -> None:
    said = run(pem)

    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{pem}: 1 key")
    assert "key 1: RSA 2048" in said.out
    assert rsa_key.x5t(as_hex=False).rstrip("=") in said.out


def test_a_program_is_told_the_same_in_json(run: Any, pem: Path) -> None:
    said = run(pem, "--json")
    told = json.loads(said.out)

    assert (said.status, said.err) == (0, "")
    assert (told["source"], told["keys"]) == (str(pem), 1)
    assert told["details"][0]["type"] == "RSA 2048"


def test_the_keys_of_an_endpoint_are_fetched_and_shown(run: Any) -> None:
    key, weak = SigningKey("ES256", key_id="good"), SigningKey(key_id="weak", bits=1024)
    jwks = {"keys": [key.jwk(), weak.jwk(), {"kty": "future", "kid": "f"}]}
    with KeyServer(document(jwks)) as server:
        said = run(server.url)
        told = json.loads(run(server.url, "--json").out)

    assert said.status == 0
    assert "key 1: EC P-256" in said.out
    assert "DANGER       refused: RSA key of 1024 bits" in said.out
    assert "not used: key f:" in said.out
    assert told["key_ids"] == ["good", "weak"]


def test_the_keys_of_an_issuer_are_found_by_its_metadata(run: Any) -> None:
    path = "/.well-known/openid-configuration"
    with KeyServer() as server:
        answers = {
            path: document({"issuer": server.origin, "jwks_uri": server.url}),
            "/jwks": document({"keys": [SigningKey("ES256", key_id="found").jwk()]}),
        }
        server.script = lambda exchange: answers[exchange.path](exchange)
        said = run(server.origin + path)

    assert said.status == 0
    assert "found" in said.out


def test_pem_comes_from_standard_input(
    run: Any, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(rsa_key.public_pem))

    assert run("-").status == 0


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"], ids=repr)
def test_the_password_of_a_keystore_comes_from_a_file(
    run: Any, tmp_path: Path, rsa_key: SigningKey, line_end: str
) -> None:
    store, password = keystore(tmp_path / "store.p12", rsa_key), tmp_path / "password"
    password.write_bytes((PASSWORD + line_end).encode())
    said = run(store, "--password-file", password)

    assert said.status == 0
    assert "RSA 2048" in said.out
    assert "zeta" not in str(said)


def test_no_usable_key_at_an_endpoint_is_status_3_with_the_reason(run: Any) -> None:
    with KeyServer(status(500)) as server:
        said = run(server.url)
        told = json.loads(run(server.url, "--json").out)

    assert said.status == 3
    assert "the last fetch failed: status 500" in said.out
    assert (told["keys"], told["last_error"]) == (0, "status 500, 200 was expected")


def test_keys_that_would_all_be_refused_are_status_1(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "weak.pem"
    path.write_text(SigningKey(bits=1024).public_pem)
    said = run(path)

    assert said.status == 1
    assert "refused: RSA key of 1024 bits" in said.out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "source"),
        (("a.pem", "b.pem"), "unrecognized"),
        (("missing.pem",), "there is no file missing.pem"),
        (("http://gateway.example.edu/jwks",), "https"),
        (("https://user:zeta@gateway.example.edu/jwks",), "user name or a password"),
        (("ftp://localhost/jwks",), "not https"),
        (("zeta",), "path of no file"),
        (("",), "empty"),
    ],
    ids=str,
)
def test_a_source_that_is_none_is_status_2_with_one_line_on_standard_error(
    run: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = run(*arguments)

    assert (said.status, said.out) == (2, "")
    assert reason in said.err
    assert "zeta" not in said.err


@pytest.mark.parametrize(
    "content", [b"", b"zeta", b"\xff\xfe\x00", b'{"keys":[]}', b"-----BEGIN CERTIFICATE-----\n"]
)
def test_a_file_without_a_key_is_status_2(run: Any, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gateway.pem"
    path.write_bytes(content)
    said = run(path)

    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("jwt-assertion: keys:")
    assert said.err.count("\n") == 1
    assert "zeta" not in said.err


def test_a_java_keystore_is_status_2_with_the_command_that_helps(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "wso2carbon.jks"
    path.write_bytes(b"\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01")
    said = run(path)

    assert said.status == 2
    assert "keytool -exportcert" in said.err


@pytest.mark.parametrize("password", [None, "wrong", "missing"], ids=str)
def test_a_keystore_that_does_not_open_is_status_2_and_its_password_is_not_quoted(
    run: Any, tmp_path: Path, rsa_key: SigningKey, password: str | None
) -> None:
    store, file = keystore(tmp_path / "store.p12", rsa_key), tmp_path / "password"
    if password == "wrong":
        file.write_text("zeta-but-wrong")
    said = run(store, *([] if password is None else ["--password-file", file]))

    assert (said.status, said.out) == (2, "")
    assert "zeta" not in said.err


@pytest.mark.parametrize("content", [b"\xff\xfe\xfd", b"a\x00b"], ids=repr)
def test_a_password_file_that_is_no_text_is_status_2(
    run: Any, tmp_path: Path, rsa_key: SigningKey, content: bytes
) -> None:
    store, file = keystore(tmp_path / "store.p12", rsa_key), tmp_path / "password"
    file.write_bytes(content)

    assert run(store, "--password-file", file).status == 2


@pytest.mark.parametrize("shape", [(), ("--json",)], ids=["plain", "json"])
def test_neither_a_secret_nor_a_private_half_is_ever_printed(
    run: Any, tmp_path: Path, shape: tuple[str, ...], rsa_key: SigningKey
) -> None:
    secret = SigningKey("HS256", private=b"zeta" * 10).jwk(kid="s")
    numbers = rsa_key.private.private_numbers()
    private = rsa_key.jwk(kid="p", d=secret["k"])
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [secret, private]}))
    said = run(path, *shape)

    assert "zeta" not in str(said)
    assert secret["k"] not in str(said)
    assert str(numbers.d) not in str(said)


def test_the_command_explains_itself(run: Any) -> None:
    said = run("--help")

    assert said.status == 0
    for word in ("SOURCE", "--password-file", "--json", "Exit status"):
        assert word.lower() in said.out.lower()
