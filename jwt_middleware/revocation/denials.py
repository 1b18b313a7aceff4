"""What is denied: one token, or all tokens of a subject, a client, a signing key or an issuer."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..options.checks import MILLISECONDS_FROM

KEEP_FOR = 86_400.0
"""Seconds after which a denial without an end ends: longer than a gateway's tokens live.

A denial that ends before its token lets the token in again: where tokens live longer, name an end.
"""

_MOST_TEXT = 1024
KINDS = ("token_id", "digest", "subject", "client_id", "key_id")
_DIGEST = re.compile("[0-9a-f]{64}")


def signed_part(token: bytes) -> bytes:
    """Return what was signed of a token (RFC 7515, 5.1).

    Not its signature, of which several spellings verify.
    """
    return token.rpartition(b".")[0]


def digest_of(signed: bytes) -> str:
    """Return the SHA-256 of what was signed of a token, in hexadecimal digits."""
    return hashlib.sha256(signed).hexdigest()


class Made(NamedTuple):
    """When a denial was made, in seconds since 1970, and by whom; ``until`` is its end.

    A denial with another end is one that an older version has made since.
    """

    created: float
    by: str
    until: float


class Name(NamedTuple):
    """What a denial names. ``kind`` is a field of ``Denial``; ``issuer`` is empty for any."""

    kind: str
    value: str
    issuer: str


Identity = tuple[str, str, str, bool]
"""The key of a denial in a store: its name, and whether it is of all tokens or has a date."""


@dataclass(frozen=True, kw_only=True)
class Denial:
    """Refuses the tokens that it names. Texts are compared whole, times are seconds since 1970.

    One of ``token_id``, ``digest``, ``subject``, ``client_id`` and ``key_id``, or ``issuer`` alone.

    Attributes:
        token_id: the claim ``jti`` (RFC 7519, 4.1.7).
        digest: of one token that may have no ``jti``, the SHA-256 of what was signed
            (RFC 7515, 5.1), in 64 hexadecimal digits.
        subject: as ``Principal.subject``.
        client_id: as ``Principal.client_id``; of a sign-on token, the id of its integration.
        key_id: the ``kid`` of the signing key (RFC 7517, 4.5); where that has none, as in a PEM or
            a certificate, the one in the token's own header (RFC 7515, 4.1.4).
        issuer: only the tokens of this issuer (``iss``); alone, all of them.
        issued_before: only tokens whose ``iat`` (RFC 7519, 4.1.6) lies before it, and those without
            an ``iat``, which might be older.
        until: when it ends; ``math.inf``: never; None: as long after it is made as the option
            ``keep_for`` says, ``KEEP_FOR`` without one.
        note: for those who read the list; no caller sees it.
        by: who denies it, for those who read the list.
        created: when it was denied, in seconds since 1970; None: when the store gets it.

    Raises:
        ValueError: it names nothing or too much, or a value is no text or time.

    """

    token_id: str | None = None
    digest: str | None = None
    subject: str | None = None
    client_id: str | None = None
    key_id: str | None = None
    issuer: str | None = None
    issued_before: float | None = None
    until: float | None = None
    note: str = ""
    by: str = field(default="", compare=False)
    created: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        named = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"a denial names one thing, not {' and '.join(named)}")
        if not named and self.issuer is None:
            raise ValueError(f"a denial names one of {', '.join(KINDS)}, or an issuer")
        for kind in (*named, "issuer"):
            value = getattr(self, kind)
            if value is not None:
                _check_text(kind, value, least=1)
        if self.digest is not None and not _DIGEST.fullmatch(self.digest):
            raise ValueError("digest: 64 hexadecimal digits in lower case")
        for text in ("note", "by"):
            _check_text(text, getattr(self, text), least=0)
        for moment in ("issued_before", "until", "created"):
            _check_time(moment, getattr(self, moment))

    @classmethod
    def kept(
        cls, kind: str, value: str, issuer: str, before: float | None, until: float, note: str
    ) -> Denial:
        """Make one from what a store has kept."""
        names: dict[str, Any] = {"issuer": issuer or None, kind: value}
        return cls(**names, issued_before=before, until=until, note=note)

    @classmethod
    def of_token(cls, token: str, *, until: float | None = None, note: str = "") -> Denial:
        """Deny just this token, with or without a ``jti``. Nothing of it is verified."""
        digest = digest_of(signed_part(token.encode("utf-8", "surrogatepass")))
        return cls(digest=digest, until=until, note=note)

    @property
    def name(self) -> Name:
        """What it names, whatever its times are."""
        for kind in KINDS:
            value = getattr(self, kind)
            if value is not None:
                return Name(kind, value, self.issuer or "")
        return Name("issuer", self.issuer or "", "")

    @property
    def reason(self) -> str:
        """Why a token that it names is refused, in words that name nobody."""
        before = "" if self.issued_before is None else ", for tokens issued before a time"
        return f"the {self.name.kind.replace('_', ' ')} is denied{before}"

    @property
    def identity(self) -> Identity:
        """Its key in a store: a name has one denial of all tokens, and one with a date."""
        kind, value, issuer = self.name
        return kind, value, issuer, self.issued_before is None

    @property
    def identities(self) -> list[Identity]:
        """Those that its name may have in a store."""
        kind, value, issuer = self.name
        return [(kind, value, issuer, whole) for whole in (False, True)]

    def is_in_force(self, now: float) -> bool:
        """Whether it has not ended yet."""
        return self.until is None or now < self.until

    def ending(self, now: float, keep_for: float = KEEP_FOR) -> Denial:
        """Return it with an end: its own, or ``keep_for`` seconds from now."""
        return self if self.until is not None else replace(self, until=now + keep_for)

    def made(self, now: float) -> Made:
        """Return when and by whom it was made; ``now`` where it does not say when."""
        until = math.inf if self.until is None else self.until
        return Made(now if self.created is None else self.created, self.by, until)

    def known_from(self, made: Made | None) -> Denial:
        """Return it with when and by whom it was made, where that is of this denial."""
        if made is None or made.until != self.until:
            return self
        return replace(self, created=made.created, by=made.by)

    def joined(self, before: Denial | None) -> Denial:
        """Return it joined with an earlier denial of the same identity, weakening neither.

        The later end and the later ``issued_before`` count, and its own note, where it has one.
        """
        if before is None:
            return self
        return replace(
            self,
            issued_before=_later(self.issued_before, before.issued_before),
            until=_later(self.until, before.until),
            note=self.note or before.note,
        )


def joined(
    denials: Iterable[Denial], now: float, known: Callable[[Denial], Denial | None]
) -> dict[Identity, Denial]:
    """Return denials as a store keeps them: with an end and a date, joined with what it has.

    ``known`` returns the denial of the same identity that the store has, ended or not.
    """
    kept: dict[Identity, Denial] = {}
    for each in denials:
        denial = each.ending(now)
        before = kept.get(denial.identity) or known(denial)
        if before is not None and not before.is_in_force(now):
            before = None
        denial = denial.joined(before)
        kept[denial.identity] = denial.known_from(denial.made(now))
    return kept


def in_force(denials: Iterable[Denial], now: float) -> tuple[Denial, ...]:
    """Return those that have not ended."""
    return tuple([denial for denial in denials if denial.is_in_force(now)])


def _later(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def _check_text(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, str) or not least <= len(value) <= _MOST_TEXT:
        raise ValueError(f"{name}: a text of {least} to {_MOST_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name}: a text with half a character") from None


def _check_time(name: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{name}: a time in seconds since 1970")
    if not 0 <= value < MILLISECONDS_FROM and not (name == "until" and value == math.inf):
        raise ValueError(f"{name}: a time in seconds since 1970, not in milliseconds")
