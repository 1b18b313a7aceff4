"""What the signing commands read: a private key in a file, a form, and claims by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...gateways.forms import form_of_version
from ...testing import SigningKey
from .shared import complain


def signing_key(
    path: Path,
    certificate: Path | None = None,
    *,
    make: bool,
    algorithm: str = "RS256",
    key_id: str | None = None,
) -> SigningKey:
    """Read a private key and its certificate, by default the ``.crt`` beside it.

    With ``make``, both are made where there is no key. Raises ``ConfigurationError`` where there is
    none, or it cannot be read.
    """
    if not path.name or path.is_dir():
        raise ConfigurationError(f"--key: {path} is no file")
    beside = path.with_suffix(".crt")
    if make and not path.exists():
        made = SigningKey(algorithm)
        try:
            _write_private(path, made.private_pem)
            beside.write_text(made.certificate_pem)
        except OSError as error:
            raise ConfigurationError(f"--key: {path}: {error.strerror}") from None
        complain(f"made {path} and {beside}")
    if certificate is None and beside.exists():
        certificate = beside
    try:
        private = path.read_bytes()
        if algorithm.startswith("HS"):  # a shared secret, without its last line end
            return SigningKey(algorithm, key_id=key_id, private=private.rstrip(b"\r\n"))
        certified = None if certificate is None else certificate.read_bytes()
        return SigningKey.from_pem(private, certified, algorithm, key_id=key_id)
    except OSError as error:
        raise ConfigurationError(f"--key: {error}; --make-key makes one, for tests only") from None
    except (ValueError, TypeError):
        raise ConfigurationError(f"--key: {path} is no unencrypted private key") from None


def form_named(option: str, version: str) -> str:
    """Return the form that an option names by a version; raise ``ConfigurationError`` for none."""
    try:
        return form_of_version(version)
    except ValueError as error:
        raise ConfigurationError(f"{option}: {error}") from None


def named_claims(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` claims; a value is JSON, or else a plain text.

    Raises ``ConfigurationError`` where there is no ``=``.
    """
    claims: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"--claim: {pair!r}: write NAME=VALUE")
        try:
            claims[name] = json.loads(value)
        except ValueError:
            claims[name] = value
    return claims


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
