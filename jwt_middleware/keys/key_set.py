"""Immutable key sets: which keys may have signed which token.

A ``KeySet`` is a value. A source makes a new one when its keys change, and a verifier reads the
current one without a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import UnacceptableAlgorithm
from ..events.fields import printable
from .algorithms import Algorithm, Check
from .key import Key, KeyNote, KeyRules, read_thumbprint

MAX_TRIED = 4
"""How many keys one token may cost a signature check each."""

_THUMBPRINTS = frozenset({"x5t", "x5t#S256"})


class Candidates(NamedTuple):
    """The keys that may have signed a token, each with its prepared check, and their key set."""

    keys: KeySet
    checks: Sequence[tuple[Key, Check]]


class _Fitting(NamedTuple):
    """The checks of the keys that fit an algorithm, and by what a token may name such a key."""

    checks: dict[Key, Check]
    have_ids: bool
    have_thumbprints: bool


class KeySet:
    """An immutable set of keys with the notes of its making.

    ``left_out`` is how many usable keys were left out, as a set has a bound.
    """

    __slots__ = ("_by_id", "_by_thumbprint", "_fitting", "keys", "left_out", "notes")

    keys: tuple[Key, ...]
    notes: tuple[KeyNote, ...]

    def __init__(
        self, keys: Iterable[Key], notes: Iterable[KeyNote] = (), left_out: int = 0
    ) -> None:
        self.keys = tuple(keys)
        self.notes = tuple(notes)
        self.left_out = left_out
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
        return KeySet(keys, notes, self.left_out)

    def prepare(self, algorithm: Algorithm) -> _Fitting:
        """Do once what selecting and checking by this algorithm needs."""
        fitting = self._fitting.get(algorithm.name)
        if fitting is None:
            keys = [key for key in self.keys if key.fits(algorithm)]
            fitting = self._fitting[algorithm.name] = _Fitting(
                {key: key.check_for(algorithm) for key in keys},
                any(key.key_id is not None for key in keys),
                any(key.thumbprints for key in keys),
            )
        return fitting

    def select(
        self, algorithm: Algorithm, header: Mapping[str, Any], dated_at: float | None = None
    ) -> Candidates | str:
        """Return the keys to try for a token with this header, one to four of them.

        Where no key is the named one, or more than four could be, return the reason: a fetch may
        bring the key, so this is no refusal yet.

        A selector (``kid``, ``x5t``, ``x5t#S256``) only chooses; it proves nothing. With
        ``dated_at``, in seconds since the epoch, a certificate must be inside its dates then.

        Raises:
            UnacceptableAlgorithm: the named key cannot serve the algorithm.

        """
        fitting = self.prepare(algorithm)
        checks = fitting.checks
        key_id = header.get("kid")
        named = None if key_id is None else self._by_id.get(key_id)
        if named is None and key_id is not None and fitting.have_ids:
            return "no key has this kid"
        if named is None and fitting.have_thumbprints and not _THUMBPRINTS.isdisjoint(header):
            named = self._by_any_thumbprint(header)
            if not named:
                return "no certificate has this thumbprint"
        if named is not None and checks.keys().isdisjoint(named):
            raise UnacceptableAlgorithm("the named key does not fit the algorithm")
        if not checks:
            return "no key fits the algorithm"
        # WSO2's JWKS lists one key once per algorithm under one kid: it counts once.
        distinct: dict[str, tuple[Key, Check]] = {}
        for key in checks if named is None else named:
            # Dates come before doubles are dropped: a renewed certificate has the old one's key.
            if key in checks and (dated_at is None or key.is_within_dates(dated_at)):
                distinct[key.spki] = key, checks[key]
                if len(distinct) > MAX_TRIED:
                    return f"more than {MAX_TRIED} keys could have signed"
        if not distinct:
            return "the key's certificate is outside its dates"
        return Candidates(self, tuple(distinct.values()))

    def _by_any_thumbprint(self, header: Mapping[str, Any]) -> list[Key]:
        named: list[Key] = []
        for member in ("x5t#S256", "x5t"):
            thumbprint = read_thumbprint(header[member]) if member in header else None
            if thumbprint is not None:
                named += self._by_thumbprint.get(thumbprint, ())
        return named

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"<KeySet of {len(self.keys)} keys>"


MOST_REASONS = 5
"""Reasons that one error gives; many entries mostly have the same."""

MOST_SKIPPED = 20
"""Skipped entries that ``health()`` lists of one source."""


def reasons_of(notes: Iterable[KeyNote]) -> str:
    """Say in one line why entries are skipped, with their key ids; bounded, and escaped."""
    ids: dict[str, list[str]] = {}
    for note in notes:
        if note.skipped:
            named = "without a kid" if note.key_id is None else printable(note.key_id, 32)
            ids.setdefault(note.reason, []).append(named)
    if not ids:
        return "it is empty"
    texts = []
    for reason, names in list(ids.items())[:MOST_REASONS]:
        others = "" if len(names) == 1 else f" and {len(names) - 1} more"
        texts.append(f"key {names[0]}{others}: {reason}")
    left = len(ids) - MOST_REASONS
    return "; ".join(texts) + (f"; and {left} other reasons" if left > 0 else "")


def skipped_of(notes: Iterable[KeyNote]) -> list[dict[str, str | None]]:
    """Return the skipped entries for a readiness probe, the first twenty of them."""
    skipped = [note for note in notes if note.skipped][:MOST_SKIPPED]
    return [
        {
            "key_id": None if note.key_id is None else printable(note.key_id),
            "reason": printable(note.reason, 256),
        }
        for note in skipped
    ]


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
