"""The link by which a partner's user arrives, for tests of sign-on."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ..errors import ConfigurationError
from ..keys.sources import KeySource
from ..sign_on.callback import PATH
from ..sign_on.integrations import Integration, SecretPlace
from ..sign_on.integrations_toml import read_integrations
from .minting import SigningKey, mint

Integrations = Integration | Sequence[Integration] | str | PathLike[str]


def sign_on_link(
    integrations: Integrations,
    email: str = "someone@example.com",
    *,
    integration: str | None = None,
    key: SigningKey | None = None,
    go: str | None = None,
    path: str = PATH,
    lifetime: float = 60,
    now: float | None = None,
    **claims: Any,
) -> str:
    """Return the path and query that sign a person in, as the partner would send them.

    Args:
        integrations: the path of ``integrations.toml``, or what the app has in code.
        email: who arrives.
        integration: whose token it is, by its id, where there are several.
        key: signs instead of the integration's own secret; needed where the integration has keys of
            another kind, whose private half is the partner's.
        go: where the person is sent to.
        path: of the app's ``SignOn``.
        lifetime: seconds until ``exp``; negative makes an expired token.
        now: seconds since the epoch; the clock's where None.
        claims: such as ``groups=[...]`` or ``onboard=True``; None leaves one out.

    Raises:
        ConfigurationError: there is no such integration, or its secret cannot be read.

    """
    entry = _entry_of(integrations, integration)
    signer = key or SigningKey(_algorithm_of(entry), private=_secret_of(entry))
    moment = time.time() if now is None else now
    body: dict[str, Any] = {
        "iss": entry.issuer,
        "aud": _first(entry.audience),
        "iat": int(moment),
        "jti": os.urandom(8).hex(),  # two links of one second are two links
        "email": email,
    }
    body = {name: value for name, value in (body | claims).items() if value is not None}
    token = mint(signer, body, form="standard", lifetime=lifetime, now=moment)
    query = {"token": token} | ({} if go is None else {"go": go})
    return f"{path}?{urlencode(query)}"


def _entry_of(integrations: Integrations, name: str | None) -> Integration:
    if isinstance(integrations, Integration):
        entries: Sequence[Integration] = [integrations]
    elif isinstance(integrations, str | PathLike):
        source = Path(integrations)
        entries = read_integrations(source.read_bytes(), source)
    else:
        entries = integrations
    found = [entry for entry in entries if name is None or entry.id == name]
    if len(found) != 1:
        ids = ", ".join(entry.id for entry in entries) or "none"
        raise ConfigurationError(f"integration: name one of those that there are: {ids}")
    return found[0]


def _secret_of(entry: Integration) -> bytes:
    """Return the secret that the integration's tokens are signed with."""
    secrets = entry.secret
    several = isinstance(secrets, list | tuple) and not isinstance(secrets, SecretPlace)
    secret: Any = secrets[0] if several else secrets  # type: ignore[index]
    if isinstance(secret, SecretPlace):
        return _read(secret, entry.id)
    if secret is None or isinstance(secret, KeySource):
        raise ConfigurationError(
            f"key: the integration {entry.id} has keys whose secret half is not here; give key="
        )
    return secret.encode() if isinstance(secret, str) else bytes(secret)


def _read(place: SecretPlace, integration: str) -> bytes:
    where = f"in {place.file}" if place.file is not None else f"in ${place.variable}"
    try:
        if place.file is not None:
            return place.file.read_bytes().removesuffix(b"\n").removesuffix(b"\r")
        return os.environ[place.variable or ""].encode()
    except (OSError, KeyError):
        raise ConfigurationError(
            f"secret: that of the integration {integration} is not {where}; a test puts one of its "
            "own there, before the app is made"
        ) from None


def _algorithm_of(entry: Integration) -> str:
    return (_first(entry.algorithms) if entry.algorithms else None) or "HS256"


def _first(value: str | Sequence[str] | None) -> str | None:
    return value if value is None or isinstance(value, str) else value[0]
