"""What the commands that sign read: a private key, the form of tokens, and claims."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...gateways.forms import FORMS, form_of_version
from ...testing import SigningKey, TokenForm
from .loading import load
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

    With ``make``, missing ones are made. Raises ``ConfigurationError`` where the key is missing or
    cannot be read.
    """
    if not path.name or path.is_dir():
        raise ConfigurationError(f"--key: {path} is not a file")
    beside = path.with_suffix(".crt")
    if make and not path.exists():
        made = SigningKey(algorithm)
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(made.private_pem)
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
        raise ConfigurationError(f"--key: {path} is not an unencrypted private key") from None


def form_named(name: str) -> TokenForm:
    """Return the form of a version, of a gateway's name, or of one's own as ``module:FORM``.

    Raises ``ConfigurationError`` where there is none.
    """
    if ":" in name:
        form = load(name, "FORM")
        if not isinstance(form, TokenForm):
            raise ConfigurationError(
                f"--form: {name} is a {type(form).__name__}; a TokenForm is wanted, such as "
                "TokenForm(preset=your_gateway)"
            )
        return form
    try:
        return FORMS[form_of_version(name)]
    except ValueError as error:
        raise ConfigurationError(f"--form: {error}") from None


def named_claims(pairs: Iterable[str]) -> dict[str, Any]:
    """Read claims as ``NAME=VALUE``; a value that is not JSON is a text.

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
