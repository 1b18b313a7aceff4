"""Immutable key sets: which keys may have signed which token.

A ``KeySet`` is a value. A source makes a new one when its keys change, and a verifier reads the
current one without a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature

from ..errors import BadSignature, UnacceptableAlgorithm, UnknownKey
from .algorithms import Algorithm, Check
from .key import Key, KeyNote, KeyRules, read_thumbprint

MAX_TRIED = 4
"""How many keys one token may cost a signature check each."""


class _Fitting(NamedTuple):
    """The keys that fit an algorithm, and by what a token may name one of them."""

    keys: list[Key]
    have_ids: bool
    have_thumbprints: bool

    @classmethod
    def of(cls, keys: Iterable[Key], algorithm: Algorithm) -> _Fitting:
        """Find them; once for a set, which may hold many."""
        found = [key for key in keys if key.fits(algorithm)]
        return cls(
            found,
            any(key.key_id is not None for key in found),
            any(key.thumbprints for key in found),
        )


class KeySet:
    """An immutable set of keys with the notes of its making."""

    __slots__ = ("_by_id", "_by_thumbprint", "_fitting", "keys", "notes")

    keys: tuple[Key, ...]
    notes: tuple[KeyNote, ...]

    def __init__(self, keys: Iterable[Key], notes: Iterable[KeyNote] = ()) -> None:
        self.keys = tuple(keys)
        self.notes = tuple(notes)
        self._fitting: dict[str, _Fitting] = {}
        self._by_id: dict[str, list[Key]] = {}
        self._by_thumbprint: dict[bytes, list[Key]] = {}
        for key in self.keys:
            if key.key_id is not None:
                self._by_id.setdefault(key.key_id, []).append(key)
            for thumbprint in key.thumbprints:
                self._by_thumbprint.setdefault(thumbprint, []).append(key)

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Every ``kid``, once, in order."""
        return tuple(self._by_id)

    def admitted(self, rules: KeyRules) -> KeySet:
        """Return the keys that the rules allow, with a note for each of the others."""
        keys: list[Key] = []
        notes = list(self.notes)
        for key in self.keys:
            objection = rules.objection(key)
            if objection is None:
                keys.append(key)
            else:
                notes.append(KeyNote(key.key_id, objection, skipped=True))
        return KeySet(keys, notes)

    def select(
        self, algorithm: Algorithm, header: Mapping[str, Any], dated_at: float | None = None
    ) -> tuple[Key, ...]:
        """Return the keys to try for a token with this header, one to four of them.

        A selector (``kid``, ``x5t``, ``x5t#S256``) only chooses; it proves nothing. With
        ``dated_at``, in seconds since the epoch, a certificate must be inside its dates then.

        Raises:
            UnacceptableAlgorithm: the named key cannot serve the algorithm.
            UnknownKey: no key is the named one, or more than four could be.

        """
        key_id = header.get("kid")
        named = None if key_id is None else self._by_id.get(key_id)
        if named is not None:
            return _bounded(_that_fit(named, algorithm), dated_at)
        fitting = self._fitting.get(algorithm.name)
        if fitting is None:
            fitting = self._fitting[algorithm.name] = _Fitting.of(self.keys, algorithm)
        if key_id is not None and fitting.have_ids:
            raise UnknownKey("no key has this kid")
        if fitting.have_thumbprints:
            shapes = [header[name] for name in ("x5t#S256", "x5t") if name in header]
            if shapes:
                return _bounded(self._by_any_thumbprint(shapes, algorithm), dated_at)
        return _bounded(fitting.keys, dated_at)

    def _by_any_thumbprint(self, shapes: list[str], algorithm: Algorithm) -> list[Key]:
        named: list[Key] = []
        for shape in shapes:
            thumbprint = read_thumbprint(shape)
            if thumbprint is not None:
                named += self._by_thumbprint.get(thumbprint, ())
        if not named:
            raise UnknownKey("no certificate has this thumbprint")
        return _that_fit(named, algorithm)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self.keys)} keys>"


class Differences(NamedTuple):
    """How one key set differs from another, by kid."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether they differ at all."""
        return bool(self.added or self.changed or self.removed)


def differences(old: KeySet | None, new: KeySet) -> Differences:
    """Compare two key sets; a key without a kid goes by the start of its SPKI hash."""
    before, after = _described(old), _described(new)
    return Differences(
        added=tuple(name for name in after if name not in before),
        changed=tuple(n for n in after if n in before and after[n] != before[n]),
        removed=tuple(name for name in before if name not in after),
    )


def _described(keys: KeySet | None) -> dict[str, set[tuple[str | None, ...]]]:
    found: dict[str, set[tuple[str | None, ...]]] = {}
    for key in () if keys is None else keys.keys:
        name = f"spki:{key.spki[:16]}" if key.key_id is None else key.key_id
        thumbprints = sorted(thumbprint.hex() for thumbprint in key.thumbprints)
        found.setdefault(name, set()).add((key.spki, key.algorithm, *thumbprints))
    return found


def verify_signature(keys: tuple[tuple[Key, Check], ...], signature: bytes, data: bytes) -> Key:
    """Return the key under which the signature holds; raise ``BadSignature`` if none is."""
    for key, check in keys:
        try:
            check(signature, data)
        except InvalidSignature:
            continue
        return key
    raise BadSignature("the signature does not hold under the chosen key")


def _that_fit(named: list[Key], algorithm: Algorithm) -> list[Key]:
    chosen = [key for key in named if key.fits(algorithm)]
    if not chosen:
        raise UnacceptableAlgorithm("the named key does not fit the algorithm")
    return chosen


def _bounded(keys: list[Key], dated_at: float | None) -> tuple[Key, ...]:
    if not keys:
        raise UnknownKey("no key fits the algorithm")
    if dated_at is not None:
        # Before doubles are dropped: a renewed certificate has the key of the old one.
        keys = [key for key in keys if key.is_dated(dated_at)]
        if not keys:
            raise UnknownKey("the key's certificate is outside its dates")
    # WSO2's JWKS lists one key once per algorithm under one kid: it counts once.
    distinct = tuple({key.spki: key for key in keys}.values())
    if len(distinct) > MAX_TRIED:
        raise UnknownKey(f"{len(distinct)} keys could have signed; at most {MAX_TRIED} are tried")
    return distinct
