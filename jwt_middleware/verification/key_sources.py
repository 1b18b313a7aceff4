"""Where keys come from: text, files, documents, secrets. (A URL: ``jwks``.)

A source offers ``snapshot()``, the keys known now, at once and without I/O; and ``refresh()``, a
result that any number of threads and tasks may wait for. A source whose keys are given once has
nothing to refresh.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..errors import ConfigurationError
from .key_material import read_file, read_jwks, read_pem
from .keys import KeySet, UnusableKey
from .shared_secrets import read_secret


class Refresh(Protocol):
    """One fetch under way, shared by all who wait for it."""

    def wait(self) -> bool:
        """Wait in this thread, as long as one request may; return whether it has ended."""
        ...

    def wait_async(self) -> Awaitable[bool]:
        """Wait in this task, on asyncio or trio; return whether it has ended."""
        ...


@runtime_checkable
class KeySource(Protocol):
    """Anything that knows verification keys."""

    name: str
    """How a person knows it: a path or a URL, in events and errors. Never a secret."""

    def snapshot(self) -> KeySet | None:
        """Return the keys known now, at once; None where there are none yet."""
        ...

    def refresh(self) -> Refresh | None:
        """Ask for newer keys and return what to wait for; None where that changes nothing."""
        ...


class StaticKeys:
    """Keys that were given once."""

    def __init__(self, name: str, keys: KeySet) -> None:
        self.name = name
        self._keys = keys

    def snapshot(self) -> KeySet:
        """Return the keys."""
        return self._keys

    def refresh(self) -> None:
        """Do nothing: these keys cannot change."""
        return

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class PEM(StaticKeys):
    """Keys from PEM text: SPKI, PKCS#1 or certificates, several if need be.

    Raises:
        ConfigurationError: the text holds no usable key.

    """

    def __init__(self, text: str | bytes) -> None:
        content = text.encode() if isinstance(text, str) else text
        super().__init__("PEM text", _configured("PEM text", lambda: read_pem(content)))


class JWKSDocument(StaticKeys):
    """Keys from a JWKS given as a dict (RFC 7517, section 5)."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__("JWKS dict", _configured("JWKS dict", lambda: read_jwks(document)))


class KeyFile(StaticKeys):
    """Keys from a file: PEM, a certificate, PKCS#12 or a JWKS, told apart by content.

    Args:
        path: relative paths are relative to the working directory.
        password: of a PKCS#12 keystore or an encrypted private key.

    Raises:
        ConfigurationError: the file is missing, unreadable or holds no usable key.

    """

    def __init__(self, path: str | os.PathLike[str], password: str | None = None) -> None:
        self.path = Path(path)
        name = str(path)
        content = _file_content(self.path, "keys")
        super().__init__(name, _configured(name, lambda: read_file(content, password)))


class SharedSecret(StaticKeys):
    """A secret for HS256, HS384 or HS512, as long as the hash or longer (RFC 7518, 3.2).

    Raises:
        ConfigurationError: it is empty, or parses as a key, a certificate or a JWK.

    """

    def __init__(self, value: str | bytes, *, name: str = "shared secret") -> None:
        super().__init__(name, _configured(name, lambda: read_secret(value)))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> SharedSecret:
        """Read the secret from a file; one line end at its end does not count."""
        content = _file_content(Path(path), "secret")
        return cls(content.removesuffix(b"\n").removesuffix(b"\r"), name=f"secret in {path}")

    @classmethod
    def from_env(cls, name: str) -> SharedSecret:
        """Read the secret from an environment variable."""
        value = os.environ.get(name)
        if value is None:
            raise ConfigurationError(f"the environment variable {name} (a secret) is not set")
        return cls(value, name=f"secret in ${name}")

    def __repr__(self) -> str:
        return f"<SharedSecret ({self.name})>"


def _file_content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{what}: there is no file {path} (from {Path.cwd()})") from None
    except OSError as error:
        raise ConfigurationError(f"{what}: {path} cannot be read: {error.strerror}") from None


def _configured(name: str, read: Any) -> KeySet:
    """Run a reader; a fault, or nothing usable, is a configuration error here, at start-up."""
    try:
        keys: KeySet = read()
    except UnusableKey as error:
        raise ConfigurationError(f"keys: {name}: {error}") from None
    if not keys.keys:
        reasons = "; ".join(note.reason for note in keys.notes) or "it is empty"
        raise ConfigurationError(f"keys: {name}: no usable key: {reasons}")
    return keys
