"""TLS of an endpoint: chain and name are verified, always, against the roots that were named."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jwt_middleware.errors import ConfigurationError, KeysUnavailable
from jwt_middleware.events.kinds import KeyFetchFailed
from jwt_middleware.keys import http_fetch
from jwt_middleware.keys.jwks import JWKSEndpoint
from jwt_middleware.testing import SigningKey

from ..key_server import KeyServer, document
from .conftest import Reader, eventually, published


class Site:
    """A server certificate, signed by itself or by an authority of ours, in files."""

    def __init__(self, folder: Path, host: str, *, days: int = 30, own_authority: bool = True):
        self.ca_file = str(folder / "authority.pem")
        key, self._authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        if own_authority:
            authority = _certificate("Test authority", self._authority_key, None, self, days=30)
            Path(self.ca_file).write_bytes(_pem(authority))
            leaf = _certificate(host, key, authority, self, days=days)
        else:
            leaf = _certificate(host, key, None, self, days=days)
        chain = folder / "server.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain.write_bytes(private + _pem(leaf))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)

    def sign(self, builder: x509.CertificateBuilder, key: Any) -> x509.Certificate:
        return builder.sign(key, hashes.SHA256())


def _certificate(
    host: str, key: Any, issuer: x509.Certificate | None, site: Site, *, days: int
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    is_authority = issuer is None
    public = key.public_key()
    signer = key if issuer is None else site._authority_key
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host.replace(" ", "-"))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=60))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    return site.sign(builder, signer)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _verify(site: Site, key: SigningKey, **options: Any) -> Reader:
    with KeyServer(document(published(key)), context=site.context) as server:
        reader = Reader(JWKSEndpoint(server.url, deadline=1, **options))
        reader.verify(key)
    return reader


def _refused(site: Site, key: SigningKey, **options: Any) -> str:
    with KeyServer(document(published(key)), context=site.context) as server:
        reader = Reader(JWKSEndpoint(server.url, deadline=1, **options))
        with pytest.raises(KeysUnavailable):
            reader.verify(key)
        assert server.requests == []
    [failure] = reader.told(KeyFetchFailed)
    reason: str = failure.reason
    return reason


def test_a_certificate_of_the_named_authority_is_accepted(
    tmp_path: Path, old_key: SigningKey
) -> None:
    site = Site(tmp_path, "localhost")

    assert _verify(site, old_key, ca_file=site.ca_file).endpoint.health()["key_ids"] == ["old"]


def test_a_certificate_of_an_authority_that_nobody_named_is_refused(
    tmp_path: Path, old_key: SigningKey
) -> None:
    told = _refused(Site(tmp_path, "localhost"), old_key)
    assert "CERTIFICATE_VERIFY_FAILED" in told
    assert "ca_file=" in told
    assert "SSL_CERT_FILE" in told


def test_a_self_signed_certificate_is_refused(tmp_path: Path, old_key: SigningKey) -> None:
    site = Site(tmp_path, "localhost", own_authority=False)

    assert "CERTIFICATE_VERIFY_FAILED" in _refused(site, old_key)


@pytest.mark.parametrize("host", ["other.example.edu", "localhost.example.edu", "127.0.0.1"])
def test_a_certificate_of_another_host_is_refused(
    tmp_path: Path, old_key: SigningKey, host: str
) -> None:
    site = Site(tmp_path, host)

    told = _refused(site, old_key, ca_file=site.ca_file)
    assert "Hostname mismatch" in told
    assert "for another name" in told


def test_an_expired_certificate_is_refused(tmp_path: Path, old_key: SigningKey) -> None:
    site = Site(tmp_path, "localhost", days=-1)

    assert "has expired; have it renewed" in _refused(site, old_key, ca_file=site.ca_file)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"], ids=repr)
def test_a_ca_file_that_cannot_be_read_is_a_configuration_error_that_names_it(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"ca_file: .*authority\.pem"):
        JWKSEndpoint("https://gateway.example.edu/jwks", ca_file=str(path))


def test_keys_are_never_fetched_in_the_clear_from_a_server_that_should_speak_tls(
    key_server: KeyServer, old_key: SigningKey
) -> None:
    key_server.script = document(published(old_key))
    url = key_server.url.replace("http:", "https:")
    reader = Reader(JWKSEndpoint(url, deadline=1))

    with pytest.raises(KeysUnavailable):
        reader.verify(old_key)


def test_all_endpoints_of_one_authority_share_one_context(
    tmp_path: Path, old_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str | None] = []
    create = ssl.create_default_context

    def counted(*, cafile: str | None) -> ssl.SSLContext:
        made.append(cafile)
        return create(cafile=cafile)

    monkeypatch.setattr(ssl, "create_default_context", counted)
    monkeypatch.setattr(http_fetch, "_contexts", {})
    site = Site(tmp_path, "localhost")
    for number in range(20):
        JWKSEndpoint(f"https://{number}.example.edu/jwks")
        JWKSEndpoint(f"https://{number}.example.edu/jwks", ca_file=site.ca_file)
    for _ in range(2):
        _verify(site, old_key, ca_file=site.ca_file)

    assert made == [None, site.ca_file]


def test_an_authority_file_that_was_replaced_counts_at_the_next_fetch(
    tmp_path: Path, old_key: SigningKey, new_key: SigningKey
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, new = Site(tmp_path / "old", "localhost"), Site(tmp_path / "new", "localhost")
    ca_file = tmp_path / "authority.pem"
    ca_file.write_bytes(Path(old.ca_file).read_bytes())
    with KeyServer(document(published(new_key)), context=new.context) as server:
        reader = Reader(JWKSEndpoint(server.url, deadline=1, ca_file=str(ca_file)))
        with pytest.raises(KeysUnavailable):
            reader.verify(new_key)
        ca_file.write_text("no certificate at all")
        assert eventually(lambda: reader.endpoint.refresh() is not None)
        reader.settle()
        assert "ca_file: " in str(reader.endpoint.health()["last_error"])
        ca_file.write_bytes(Path(new.ca_file).read_bytes())
        reader.endpoint._schedule.succeeded(None)  # the pause after a failure is over
        reader.endpoint._schedule.refresh_at = 0

        assert reader.verify(new_key).key_id == "new"


def test_a_forked_child_makes_a_context_of_its_own() -> None:
    here = http_fetch.tls_context(None)
    child = os.fork()
    if child == 0:
        os._exit(0 if http_fetch.tls_context(None) is not here else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert http_fetch.tls_context(None) is here
