"""Where keys come from: text, documents, secrets and files. (For URLs: ``jwks``.)

A source offers ``snapshot()``, the keys known now, at once and without I/O; and ``refresh()``, work
under way that any number of threads and tasks may wait for.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..background.waiting import Wait
from ..errors import ConfigurationError
from ..events.kinds import Event, KeyFetchFailed
from ..options import checks as check
from .absence import NoFile, excuse
from .algorithms import Algorithm
from .key import UnusableKey
from .key_set import KeySet, reasons_of, skipped_of

OnEvent = Callable[[Event], None]
Accepts = Callable[[KeySet], KeySet]
"""Returns the keys that the rules of the service allow, with notes about the others."""


class KeySource:
    """Anything that knows verification keys. Subclass it for a store of your own.

    ``name`` identifies it in events and errors: a path, a URL, never a secret. A ``published``
    source gives keys that everybody may read, so never a secret. ``issuer`` is the only issuer that
    signs with these keys, where the source knows it.

    Two sources of this package are equal if they are made of the same, so that a client that is
    made anew keeps its keys. A source of an app's own class equals only itself.
    """

    name: str = "keys"
    published: bool = False
    issuer: str | None = None
    on_demand: bool = False
    """Whether keys are fetched one by one as tokens name them, so that none is no outage."""

    weakenings: Mapping[str, str] = MappingProxyType({})
    """The options of the source that weaken the check, each with its value."""
    spellings: tuple[str, ...] = ()
    """How ``issuer`` may be written in tokens where none is configured; else as it stands."""
    _made_of: tuple[Any, ...] | None = None
    """What it is made of; None if it equals only itself."""

    def expect_issuers(self, names: Iterable[str]) -> None:
        """Take note of the issuers that are configured for these keys."""

    def expect_algorithms(self, algorithms: Iterable[Algorithm]) -> None:
        """Take note of the algorithms that are configured for these keys."""

    def is_of_issuer(self, name: str) -> bool:
        """Whether the keys may be this issuer's."""
        return self.issuer is None or self.issuer == name

    def snapshot(self) -> KeySet | None:
        """Return the keys known now, at once; None where there are none yet."""
        raise NotImplementedError

    def refresh(self, key_id: str | None = None) -> Wait | None:  # noqa: ARG002
        """Ask for newer keys, which may include ``key_id``; None where that changes nothing."""
        return None

    def recheck(self, key_id: str | None = None) -> Wait | None:  # noqa: ARG002
        """Ask for newer keys after a bad signature under a known key, whose id was ``key_id``.

        None where the keys known now are believed.
        """
        return None

    def has_failed_for(self, key_id: str | None) -> bool:  # noqa: ARG002
        """Whether a fetch for this very key failed, so that it may exist; for ``on_demand``."""
        return False

    def has_proven(self, key_id: str | None) -> None:
        """Take note that a token with this key was accepted; for ``on_demand``."""

    def retry_after(self) -> int:
        """Return the whole seconds after which keys may be there that are missing now."""
        return 5

    def attach(self, on_event: OnEvent, accepts: Accepts) -> None:
        """Report to ``on_event``; keep the old keys where ``accepts`` leaves no new one."""

    def close(self) -> None:
        """Start no further work; the keys known now stay."""

    def health(self) -> dict[str, Any]:
        """Return what a readiness probe wants to know."""
        keys = self.snapshot()
        return {
            "source": self.name,
            "keys": 0 if keys is None else len(keys),
            "key_ids": [] if keys is None else list(keys.key_ids),
            "skipped": [] if keys is None else skipped_of(keys.notes),
            "left_out": 0 if keys is None else keys.left_out,
        }

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self) or not type(self).__module__.startswith(f"{__package__}."):
            return False
        return self._made_of is not None and self._made_of == other._made_of

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class AbsentKeys(KeySource):
    """Stands for keys that are missing, where a test can do without them.

    Raises:
        ConfigurationError: no test allows it; ``fault`` is its text.

    """

    name = "missing keys"

    def __init__(self, fault: str) -> None:
        excuse(fault)
        self._fault = fault

    def snapshot(self) -> None:
        """Return None: there are no keys, so every token is refused."""

    def health(self) -> dict[str, Any]:
        """Return what a readiness probe wants to know."""
        return {**super().health(), "last_error": self._fault}


class StaticKeys(KeySource):
    """Keys that are given once; what is wrong with them is a ``ConfigurationError``."""

    def __init__(self, name: str, read: Callable[[], KeySet]) -> None:
        self.name = name
        try:
            self._keys = _not_empty(read())
        except UnusableKey as error:
            raise ConfigurationError(f"keys: {name}: {error}") from None
        self._made_of = (name, *(key.made_of for key in self._keys.keys))

    def snapshot(self) -> KeySet:
        """Return the keys."""
        return self._keys


class PEM(StaticKeys):
    """Keys from PEM text: SPKI, PKCS#1 or certificates, several if need be.

    Raises:
        ConfigurationError: the text holds no usable key.

    """

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, str | bytes):
            raise ConfigurationError(f"PEM: text or bytes, not a {type(text).__name__}")
        from .pem import read_pem, restored  # imported here: most keys come from a URL

        content = restored(text).encode("utf-8", "replace") if isinstance(text, str) else text
        super().__init__("PEM text", lambda: read_pem(content))


class JWKSDocument(StaticKeys):
    """Keys from a JWKS given as a dict (RFC 7517, section 5), or from a dict of ``kid`` to PEM."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        from .documents import read_document  # imported here: most keys come from a URL

        super().__init__("JWKS dict", lambda: read_document(document))


class WatchedKeys(KeySource):
    """Keys from a file that is watched: a replacement is used within seconds.

    A replacement that holds no usable key changes nothing; an event says so. ``option`` is what
    ``read`` goes by beside the content.
    """

    def __init__(
        self, name: str, path: Path, read: Callable[[bytes], KeySet], option: str | None
    ) -> None:
        # Imported here: most keys come from a URL.
        from ..background.watched_files import LOOK_EVERY, WatchedFile

        self.name = name
        self.path = path
        self._made_of = (name, path, hash(option))  # it may be a password
        self._parse = read
        self._look_every = LOOK_EVERY
        self._attached: list[tuple[OnEvent, Accepts]] = []
        self._file: WatchedFile[KeySet] | NoFile = NoFile()
        try:
            self._file = WatchedFile(path, self._read, self._changed)
        except FileNotFoundError:
            excuse(f"keys: there is no file {path} (from {Path.cwd()})")
        except OSError as error:
            raise ConfigurationError(f"keys: {name} cannot be read: {error.strerror}") from None
        except UnusableKey as error:
            raise ConfigurationError(f"keys: {name}: {error}") from None
        except ValueError:
            raise ConfigurationError("keys: a path cannot hold a NUL") from None

    def snapshot(self) -> KeySet | None:
        """Return the keys of the last good reading; look again in the background now and then."""
        return self._file.current()

    def refresh(self, key_id: str | None = None) -> Wait | None:  # noqa: ARG002
        """Look at the file now, unless that was done within the last second."""
        work = self._file.look_now()
        return None if work is None else Wait(work, 2 * self._look_every, already_running=False)

    def recheck(self, key_id: str | None = None) -> Wait | None:
        """Look at the file now: its new key need not have another name."""
        return self.refresh(key_id)

    def attach(self, on_event: OnEvent, accepts: Accepts) -> None:
        """Call ``on_event`` for each broken replacement; ``accepts`` may refuse one."""
        self._attached.append((on_event, accepts))

    def _read(self, content: bytes) -> KeySet:
        keys = _not_empty(self._parse(content))
        for _, accepts in self._attached:
            admitted = accepts(keys)
            if not admitted:
                reasons = reasons_of(admitted.notes)
                raise UnusableKey(f"no key that the rules of this service allow: {reasons}")
        return keys

    def _changed(self, outcome: KeySet | Exception) -> None:
        if isinstance(outcome, KeySet):
            return  # whoever reads the snapshot announces new keys
        is_ours = isinstance(outcome, UnusableKey)
        reason = str(outcome) if is_ours else f"cannot be read ({type(outcome).__name__})"
        event = KeyFetchFailed(self.name, f"{reason}; the old keys stay in use", self._look_every)
        for on_event, _ in self._attached:
            on_event(event)


class KeyFile(WatchedKeys):
    """Keys from a file: PEM, a certificate, PKCS#12 or a JWKS, recognised by content.

    The file is watched: replaced in place, by rename or by a symlink swap, it is used within
    seconds. A broken replacement leaves the old keys in use.

    Args:
        path: relative paths are relative to the working directory.
        password: of a PKCS#12 keystore or an encrypted private key.

    Raises:
        ConfigurationError: the file is missing, unreadable or holds no usable key.

    """

    def __init__(self, path: str | os.PathLike[str], password: str | None = None) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(f"KeyFile: a path, not a {type(path).__name__}")
        if not isinstance(password, str | None):
            raise ConfigurationError(f"KeyFile: password: a text, not a {type(password).__name__}")
        from .documents import read_file  # imported here: most keys come from a URL

        super().__init__(
            str(path), Path(path), lambda content: read_file(content, password), password
        )


class SharedSecret(StaticKeys):
    """A secret for HS256, HS384 or HS512, at least as long as the hash (RFC 7518, 3.2).

    ``key_id`` is the ``kid`` by which tokens may choose it among several.

    Raises:
        ConfigurationError: it is empty, or parses as a key, a certificate or a JWK.

    """

    def __init__(
        self, value: str | bytes, *, name: str = "shared secret", key_id: str | None = None
    ) -> None:
        from .shared_secrets import read_secret  # imported here: few keys are secrets

        key_id = check.text("SharedSecret: key_id", key_id)
        super().__init__(name, lambda: read_secret(value, key_id))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, key_id: str | None = None) -> KeySource:
        """Watch the file of a secret; one line break at its end does not count."""
        from .shared_secrets import read_secret  # imported here: few keys are secrets

        key_id = check.text("SharedSecret: key_id", key_id)
        return WatchedKeys(
            f"secret in {path}",
            Path(path),
            lambda content: read_secret(content.removesuffix(b"\n").removesuffix(b"\r"), key_id),
            key_id,
        )

    @classmethod
    def from_env(cls, name: str, *, key_id: str | None = None) -> SharedSecret:
        """Read the secret from an environment variable."""
        value = os.environ.get(name) if isinstance(name, str) else None
        if value is None:
            shown = name if isinstance(name, str) and _VARIABLE.fullmatch(name) else "of that name"
            excuse(f"the environment variable {shown} (a secret) is not set")
            value = secrets.token_hex(64)  # nobody can sign with it
        return cls(value, name=f"secret in ${name}", key_id=key_id)


# A name in capitals may be shown; anything else may be the secret itself, in the wrong place.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


def _not_empty(keys: KeySet) -> KeySet:
    if not keys.keys:
        raise UnusableKey(f"no usable key: {reasons_of(keys.notes)}")
    return keys
