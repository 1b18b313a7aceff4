"""How denials are written in Redis, and read again, many at once.

A denial is a field of a hash, ``["subject", "jroe", "", true]``, with the value ``[issued_before,
until, note]``. An answer is text or bytes, as the client was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from .denials import Denial, Identity
from .deny_list import Entry
from .store import AT_ONCE

_GONE = "[null, null, null]"


def text_of(value: Any) -> str:
    """Return an answer as text; empty for none."""
    return value.decode() if isinstance(value, bytes) else value or ""


def place_of(identity: Identity) -> str:
    """Return the field of a denial."""
    return json.dumps(identity)


def identity_of(place: Any) -> Identity:
    """Return whose field it is."""
    kind, value, issuer, whole = json.loads(place)
    return kind, value, issuer, whole


def written(denial: Denial) -> str:
    """Return the value of a denial's field."""
    return json.dumps([denial.issued_before, denial.until, denial.note])


def denial_of(place: Any, value: Any) -> Denial:
    """Return the denial of a field and its value."""
    kind, name, issuer, _ = json.loads(place)
    return Denial.kept(kind, name, issuer, *json.loads(value))


def entries_of(places: Sequence[Any], values: Sequence[Any]) -> list[Entry]:
    """Return what fields and their values say; a field without a value is gone."""
    # One call of the parser: one for each field would take most of the time of a reading.
    whole = ",".join(chain.from_iterable(zip(_texts(places), _texts(values), strict=True)))
    read = json.loads(f"[{whole}]")
    entries: list[Entry] = [
        (kind, name, issuer, whole, before, until)
        for (kind, name, issuer, whole), (before, until, _) in zip(
            read[::2], read[1::2], strict=True
        )
    ]
    if any(
        entry[5] is None and value is not None for entry, value in zip(entries, values, strict=True)
    ):
        raise ValueError("a denial without an end")
    return entries


def _texts(answers: Sequence[Any]) -> list[str]:
    return [
        each if type(each) is str else _GONE if each is None else each.decode() for each in answers
    ]


def last_change(revision: str) -> tuple[int, str]:
    """Return the number and nonce of the last change; 0 where no log has it."""
    number, colon, nonce = revision.partition(":")
    return (int(number), nonce) if colon else (0, revision)


def change_of(member: Any, score: float) -> tuple[int, str, str]:
    """Return the number and nonce of a change in the log, and the field that it is of."""
    nonce, _, place = text_of(member).partition(" ")
    return int(score), nonce, place


def parts(items: list[Any]) -> Iterator[list[Any]]:
    """Yield so many of them that no command takes long."""
    return (items[first : first + AT_ONCE] for first in range(0, len(items), AT_ONCE))


def in_parts(places: Iterable[str], ask: Callable[[list[str]], list[Any]]) -> list[Any]:
    """Return the answers for all places, asked for in parts."""
    return [answer for part in parts(list(places)) for answer in ask(part)]
