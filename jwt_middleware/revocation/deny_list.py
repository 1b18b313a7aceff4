"""The denials that a process knows, as small as they can be and found at once.

One table a process, changed in place: a hundred thousand denials take some 12 MB, and one more
costs the same whatever their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ..events.record import Caller
from .denials import KINDS, Denial

Entry = tuple[str, str, str, bool, float | None, float | None]
"""What a store says of one denial: its ``Identity``, then ``issued_before`` and ``until``.

Without an ``until`` there is no such denial any more. Nobody needs the note here.
"""

_Rule = tuple[str, float | None, float]
"""One of several denials of one value: its issuer, ``issued_before`` and ``until``."""


_MOST_ENDS = 1_000
"""Ends that are remembered, to be shared."""


_Table = dict[int, float | tuple[_Rule, ...]]
"""The denials of one kind, by the keys of the values.

Nearly every denial is of all tokens of one value: its end is enough.
"""


class DenyList:
    """Denials by what they name. One thread at a time changes it, and any number read it meanwhile.

    A denial that has ended denies nothing; it stays until the store says that it is gone.
    """

    def __init__(self, denials: Iterable[Denial] = ()) -> None:
        self._by_kind: dict[str, _Table] = {kind: {} for kind in (*KINDS, "issuer")}
        self._size = 0
        self._ends: dict[float, float] = {}
        self.apply(
            (*each.identity, each.issued_before, math.inf if each.until is None else each.until)
            for each in denials
        )

    def __len__(self) -> int:
        return self._size

    def apply(self, entries: Iterable[Entry]) -> None:
        """Put in what each entry says, or take it away, in their order.

        Raises:
            ValueError, TypeError: an entry is no denial; those before it count.

        """
        for kind, value, issuer, whole, before, until in entries:
            by_value = self._by_kind.get(kind)
            if until is None:
                if by_value is not None:
                    self._take_away(by_value, value, issuer, bool(whole))
                continue
            if by_value is None or type(value) is not str or not value or type(issuer) is not str:
                raise ValueError(f"{kind!r:.40} names no denial")
            has_date = before is not None
            if not _is_time(until) or has_date is bool(whole) or has_date > _is_time(before):
                raise ValueError(f"{kind!r:.40}: a denial with a wrong time")
            key = _key(value)
            known = by_value.get(key)
            if not issuer and whole and (known is None or type(known) is float):
                by_value[key] = self._end(float(until))
                self._size += known is None
            else:
                rules = _others(known, issuer, bool(whole))
                self._size += 1 + len(rules) - len(_rules(known))
                # One step: no reader finds the value without its rules.
                rule = (issuer, None if before is None else float(before), float(until))
                by_value[key] = (*rules, rule)

    def find(
        self,
        token: Caller,
        issued_at: Callable[[], float | None],
        now: float,
        signed_key_id: Callable[[], str | None] = lambda: None,
        digest: Callable[[], str | None] = lambda: None,
    ) -> Denial | None:
        """Return a denial of a token that is in force; None where there is none.

        ``issued_at`` returns the token's ``iat`` in seconds since 1970, None where it has none.
        ``signed_key_id`` returns the ``kid`` of the token's own header, which counts where its key
        has none (PEM, certificate). ``digest`` returns that of the token. They are called only
        where their answer matters. The denial that is returned has no note.
        """
        for kind, by_value in self._by_kind.items():
            if not by_value:
                continue
            value: str | None = digest() if kind == "digest" else getattr(token, kind)
            if value is None and kind == "key_id":
                value = signed_key_id()
            if value is None:
                continue
            for issuer, before, until in _rules(by_value.get(_key(value))):
                if issuer and issuer != token.issuer:
                    continue
                if now < until and _is_old_enough(before, issued_at):
                    return Denial.kept(kind, value, issuer, before, until, "")
        return None

    def _end(self, until: float) -> float:
        """Return one object for all equal ends, as what is denied together ends together."""
        if len(self._ends) > _MOST_ENDS:
            self._ends.clear()
        return self._ends.setdefault(until, until)

    def _take_away(self, by_value: _Table, value: str, issuer: str, whole: bool) -> None:
        key = _key(value)
        known = by_value.get(key)
        rules = _others(known, issuer, whole)
        self._size += len(rules) - len(_rules(known))
        if rules:
            by_value[key] = rules
        else:
            by_value.pop(key, None)


def _key(value: str) -> int:
    """Return 128 bits that stand for a text, in half of the memory that a UUID's text takes.

    Python's own hash is 64 bits of SipHash under a secret of the process (PEP 456), so two of them
    are taken: of the text, and of the text after a space.
    """
    return hash(value) << 64 ^ hash(f" {value}")


def _is_time(value: object) -> bool:
    return (type(value) is float or type(value) is int) and value == value


def _rules(known: float | tuple[_Rule, ...] | None) -> tuple[_Rule, ...]:
    if known is None:
        return ()
    return known if isinstance(known, tuple) else (("", None, known),)


def _others(known: float | tuple[_Rule, ...] | None, issuer: str, whole: bool) -> tuple[_Rule, ...]:
    """Return the rules of a value but for one."""
    return tuple(rule for rule in _rules(known) if (rule[0], rule[1] is None) != (issuer, whole))


def _is_old_enough(before: float | None, issued_at: Callable[[], float | None]) -> bool:
    if before is None:
        return True
    issued = issued_at()
    return issued is None or issued < before
