"""One address has one spelling, and no two people's addresses share one."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_middleware.sign_on.addresses import normal_email

PLAUSIBLE = {
    "ana@example.edu": "ana@example.edu",
    "Ana.Roe@Example.EDU": "ana.roe@example.edu",
    "o'hara+news@mail.example.co.uk": "o'hara+news@mail.example.co.uk",
    "a@b.cd": "a@b.cd",
    "a" * 64 + "@example.edu": "a" * 64 + "@example.edu",
    "x@xn--bcher-kva.example": "x@xn--bcher-kva.example",
    "ÄRGER@bücher.example": "ÄrGER@bücher.example".replace("rGER", "rger"),
    "u\u0308ber@example.edu": "\u00fcber@example.edu",
    "用户@例子.广告": "用户@例子.广告",
    "H\u0331ana@example.org": "\u1e96ana@example.org",
    "A\u0308rger@example.org": "\u00c4rger@example.org",
}
NONE = [
    "",
    "@",
    "ana",
    "ana@",
    "@example.edu",
    "ana@example",
    "ana@@example.edu",
    "ana@x@example.edu",
    "ana@.example.edu",
    "ana@example..edu",
    "ana@example.edu.",
    "ana@-example.edu",
    "ana@example-.edu",
    "ana@10.0.0.1",
    "ana@[10.0.0.1]",
    ".ana@example.edu",
    "ana.@example.edu",
    "an..a@example.edu",
    '"an a"@example.edu',
    "an a@example.edu",
    " ana@example.edu",
    "ana@example.edu ",
    "ana@example.edu\n",
    "ana\x00@example.edu",
    "ana@exam\u00adple.edu",
    "ana\u200b@example.edu",
    "ana\u202e@example.edu",
    "ana＠example.edu",  # noqa: RUF001 - a full-width @
    "ana@example．edu",  # noqa: RUF001 - a full-width full stop
    "ana@x＠example.edu",  # noqa: RUF001
    "\u212aate@example.edu",  # the Kelvin sign, which lower-cases to k
    "ana@example.edu,eve@evil.example",
    "Ana <ana@example.edu>",
    "mailto:ana@example.edu",
    "a" * 65 + "@example.edu",
    "ü" * 40 + "@example.edu",
    "a@" + "b" * 64 + ".edu",
    "a@" + "b." * 125 + "edu",
    "\ud800@example.edu",
]


@pytest.mark.parametrize("text", PLAUSIBLE)
def test_a_plausible_address_has_one_spelling(text: str) -> None:
    assert normal_email(text) == PLAUSIBLE[text]


@pytest.mark.parametrize("text", NONE, ids=ascii)
def test_what_is_no_plausible_address_is_refused(text: str) -> None:
    assert normal_email(text) is None


def test_only_ascii_letters_lose_their_case() -> None:
    """Else one account would be two people's where a script's case does not map one to one."""
    assert normal_email("İnci@example.edu") == "İnci@example.edu"
    assert normal_email("straße@example.edu") != normal_email("strasse@example.edu")


@given(st.emails() | st.text())
def test_a_normal_address_stays_as_it_is(text: str) -> None:
    found = normal_email(text)

    assert found is None or normal_email(found) == found


def beginnings() -> Iterator[str]:
    """Every character alone, and every ASCII letter with one and two combining marks."""
    marks = [chr(code) for code in range(0x300, 0x370)]
    letters = [chr(code) for code in range(ord("A"), ord("z") + 1)]
    yield from map(chr, range(sys.maxunicode + 1))
    yield from (letter + mark for letter in letters for mark in marks)
    yield from (
        letter + one + other for letter in "HTWYJUOSA" for one in marks[:50] for other in marks[:50]
    )


def test_every_address_has_one_spelling_however_its_accents_are_written() -> None:
    wrong = []
    for text in beginnings():
        written = f"{text}@example.org"
        found = normal_email(written)
        if found is None:
            continue
        forms = {
            unicodedata.normalize(form, address)
            for form in ("NFC", "NFD")
            for address in (found, written)
        }
        if any(normal_email(each) != found for each in {found, *forms} - {written}):
            wrong.append(ascii(text))

    assert wrong == []


@pytest.mark.parametrize("last, good", [(61, True), (62, False)])
def test_an_address_has_at_most_254_bytes(last: int, good: bool) -> None:
    text = f"{'l' * 64}@{'a' * 63}.{'b' * 63}.{'c' * last}"

    assert len(text) == 254 + (last - 61)
    assert normal_email(text) == (text if good else None)
