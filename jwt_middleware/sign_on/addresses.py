"""Which texts are an email address or a host name, and when two of them are the same.

An account is found by its address, so an address must have one spelling here. Two things are
folded: the case of ASCII letters, in both halves (RFC 5321, 2.4 allows a case-sensitive local part,
but no provider has one today, and partners vary it), and Unicode's composed and decomposed forms
(NFC). Nothing else is: no dots, no ``+tag``, no look-alikes, no other script's case, as each of
these would make one account of two people somewhere.
"""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 254
"""RFC 5321, 4.5.3.1.3: the longest address that fits a mail path."""

_MOST_LOCAL = 64
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]"
_LOCAL = re.compile(rf"{_ATEXT}+(\.{_ATEXT}+)*")  # RFC 5322, 3.2.3: dot-atom; no quoted forms
_LETTER = r"[A-Za-z0-9\u0080-\U0010ffff]"
_LABEL = re.compile(rf"{_LETTER}(({_LETTER}|-){{0,61}}{_LETTER})?")  # RFC 1035, 2.3.1; RFC 1123


# RFC 9110, 7.2: a name or an address, and a port. An IPv6 address stands in brackets (RFC 3986).
_HOST = re.compile(r"(?P<name>[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(:[0-9]{0,5})?")


def normal_email(text: str) -> str | None:
    """Return the one spelling of an address; None where it is no plausible address.

    Plausible: one ``@``; before it a dot-atom of at most 64 bytes; after it a host name of two
    labels or more, the last not a number. Letters of any script may stand in both (RFC 6531), no
    blank, no control, format or unassigned character, and nothing whose compatibility form is
    ASCII, as a full-width ``@``.
    """
    if len(text) > MOST_CHARACTERS or not text.isprintable():
        return None
    # Some programs would read an @ of another width as an @, and others would not.
    letters = {char for char in text + unicodedata.normalize("NFD", text) if not char.isascii()}
    if any(unicodedata.normalize("NFKC", char).isascii() for char in letters):
        return None
    # Composed before and after: "T" with a diaeresis has no composed form, and "t" with one has.
    lower = unicodedata.normalize("NFC", text).translate(_LOWER)
    address = unicodedata.normalize("NFC", lower)
    local, _, domain = address.partition("@")
    labels = domain.split(".")
    plausible = (
        len(address.encode()) <= MOST_CHARACTERS
        and len(local.encode()) <= _MOST_LOCAL
        and _LOCAL.fullmatch(local) is not None
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
    )
    return address if plausible else None


def host_name(header: str) -> str | None:
    """Return the name of a ``Host`` header, in lower case and without its port, or None."""
    match = _HOST.fullmatch(header.lower()) if len(header) <= 300 else None
    return None if match is None else match["name"].removesuffix(".")
