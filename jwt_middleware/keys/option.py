"""What ``keys=`` may be, made into one key source."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..background.waiting import Wait, Waitable
from ..errors import ConfigurationError
from ..options.checks import PEM_IN_BASE64
from .key_set import KeySet
from .sources import PEM, AbsentKeys, JWKSDocument, KeyFile, KeySource

Keys = KeySource | str | os.PathLike[str] | Mapping[str, Any] | Sequence["Keys"]
"""A key source; PEM text, a URL or a path; a JWKS, a map of kid to PEM or a table of a source's
options; or a list of them."""


def key_source(value: Any) -> KeySource:
    """Return the source that ``keys=`` names.

    A text is PEM if it starts so, a JWKS URL if it holds ``://`` (with ``{kid}``, the template of a
    URL for each key), else the path of a file. A dict is a JWKS, a map of ``kid`` to PEM, or a
    table with ``url``, ``path`` or ``issuer``.

    Raises ``ConfigurationError`` where it is none of these, or holds no usable key.
    """
    if isinstance(value, KeySource):
        return value
    if isinstance(value, str | bytes):
        return _from_text(value if isinstance(value, str) else value.decode("utf-8", "replace"))
    if isinstance(value, os.PathLike):
        return _from_path(Path(value))
    if isinstance(value, Mapping):
        from .tables import is_table, source_of_table  # imported here: few keys are in a table

        return source_of_table(value) if is_table(value) else JWKSDocument(value)
    if isinstance(value, list | tuple):
        if not value:
            raise ConfigurationError(
                "keys: the list is empty; without keys no token can be verified"
            )
        if any(isinstance(item, list | tuple) for item in value):
            raise ConfigurationError("keys: a list within a list; write one list of sources")
        sources = [key_source(item) for item in value]
        return sources[0] if len(sources) == 1 else SeveralSources(sources)
    raise ConfigurationError(
        "keys: a PEM text, a path, a JWKS URL, a JWKS dict, a key source or a list of them, "
        f"not {type(value).__name__}"
    )


def _from_text(value: str) -> KeySource:
    if "-----BEGIN" in value or PEM_IN_BASE64 in value:
        from .pem import is_pem, restored  # imported here: most keys come from a URL

        if is_pem(restored(value)):
            return PEM(value)
    if "://" in value:
        # Imported here: only keys of a URL need them.
        from .discovery import Discovery, is_metadata_url
        from .jwks import JWKSEndpoint
        from .per_kid import KID, PEMPerKid

        if KID in value:
            return PEMPerKid(value)
        return Discovery(value) if is_metadata_url(value) else JWKSEndpoint(value)
    if not value.strip():
        return AbsentKeys("keys: empty; without keys no token can be verified")
    if "\n" in value or len(value) > 1024:
        raise ConfigurationError(
            "keys: the text is neither PEM (which starts with -----BEGIN), nor a URL, nor a path; "
            "for a shared secret use SharedSecret(...)"
        )
    return _from_path(Path(value))


def _from_path(path: Path) -> KeySource:
    try:
        is_there = path.exists()
    except (OSError, ValueError):  # too long for a name, or with a NUL: no path at all
        is_there = False
    if not is_there and _URL_WITHOUT_SCHEME.match(str(path)):
        raise ConfigurationError(
            "keys: this is the path of no file, and looks like a URL without its scheme: write "
            "http:// or https:// before it"
        )
    if not is_there and path.suffix.lower() not in _KEY_SUFFIXES:
        # Not echoed: it may be a secret in a wrong place.
        return AbsentKeys(
            f"keys: the text of {len(path.name)} characters is the path of no file in "
            f"{Path.cwd() if not path.is_absolute() else 'the folder that it names'}; "
            "for a shared secret use SharedSecret(...)"
        )
    return KeyFile(path)


_URL_WITHOUT_SCHEME = re.compile(
    r"""(?:[\w-]+(?:\.[\w-]+)*|\[[\da-fA-F:.]+\]):\d{1,5}(?:/|$)  # a host with a port
        |(?:localhost|[\w-]+(?:\.[\w-]+)*\.[a-zA-Z]{2,})/          # a name with dots, and a path
    """,
    re.ASCII | re.VERBOSE,
)
_KEY_SUFFIXES = frozenset(
    ".pem .crt .cer .der .key .pub .p12 .pfx .jks .json .jwks .jwk".split()  # noqa: SIM905
)


class SeveralSources(KeySource):
    """Several sources that one issuer signs with, as one."""

    def __init__(self, sources: list[KeySource]) -> None:
        issuers = sorted({source.issuer for source in sources if source.issuer is not None})
        if len(issuers) > 1:
            raise ConfigurationError(
                f"keys: they belong to {' and '.join(issuers)}; each key must belong to one "
                "issuer: issuers=[Issuer('https://a', keys=...), ...]"
            )
        self._of_issuer = next((s for s in sources if s.issuer is not None), None)
        self.name = ", ".join(source.name for source in sources)
        self.on_demand = any(source.on_demand for source in sources)
        self.sources = tuple(sources)
        self._made_of = self.sources
        self._joined: tuple[tuple[KeySet | None, ...], KeySet] | None = None

    @property
    def issuer(self) -> str | None:  # type: ignore[override]
        """The only issuer that signs with the keys, where one of the sources knows it."""
        return None if self._of_issuer is None else self._of_issuer.issuer

    @property
    def spellings(self) -> tuple[str, ...]:  # type: ignore[override]
        """How that issuer may be written in tokens."""
        return () if self._of_issuer is None else self._of_issuer.spellings

    def expect_issuers(self, names: Iterable[str]) -> None:
        """Take note of the issuers that are configured for these keys."""
        if self._of_issuer is not None:
            self._of_issuer.expect_issuers(names)

    def is_of_issuer(self, name: str) -> bool:
        """Whether the keys may be this issuer's."""
        return self._of_issuer is None or self._of_issuer.is_of_issuer(name)

    def snapshot(self) -> KeySet | None:
        """Return the keys of all sources; None where no source has any."""
        parts = tuple(source.snapshot() for source in self.sources)
        if all(part is None for part in parts):
            return None
        joined = self._joined
        if joined is None or any(a is not b for a, b in zip(joined[0], parts, strict=True)):
            known = [part for part in parts if part is not None]
            keys = KeySet(
                [key for part in known for key in part.keys],
                [note for part in known for note in part.notes],
                sum(part.left_out for part in known),
            )
            joined = self._joined = parts, keys
        return joined[1]

    def refresh(self, key_id: str | None = None) -> Wait | None:
        """Refresh every source that can be refreshed."""
        return _joined([source.refresh(key_id) for source in self.sources])

    def recheck(self, key_id: str | None = None) -> Wait | None:
        """Have every source look again after a bad signature."""
        return _joined([source.recheck(key_id) for source in self.sources])

    def has_failed_for(self, key_id: str | None) -> bool:
        """Whether the fetch of this key failed at one of the sources."""
        return any(source.has_failed_for(key_id) for source in self.sources)

    def has_proven(self, key_id: str | None) -> None:
        """Pass it on to every source."""
        for source in self.sources:
            source.has_proven(key_id)

    def retry_after(self) -> int:
        """Return the seconds of the first source that may have keys again."""
        return min(source.retry_after() for source in self.sources)


def _joined(each: list[Wait | None]) -> Wait | None:
    waits = [wait for wait in each if wait is not None]
    if not waits:
        return None
    return Wait(
        _AllWork([wait.work for wait in waits]),
        max(wait.budget for wait in waits),
        already_running=any(wait.already_running for wait in waits),
    )


class _AllWork:
    """Several fetches at the same time, all of which are waited for."""

    def __init__(self, works: list[Waitable]) -> None:
        self._works = works

    def wait(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        answers = [work.wait(ends - time.monotonic()) for work in self._works]
        return all(answers)

    async def wait_async(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        answers = [await work.wait_async(ends - time.monotonic()) for work in self._works]
        return all(answers)
