"""How a token is cut and spelled: RFC 7515, sections 2 and 7.1, and RFC 4648, sections 3 and 5."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from .workshop import Case, Workshop, bad, decode, encode, open_, written

NAMES = ("header", "payload", "signature")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def cases(shop: Workshop) -> Iterator[Case]:
    yield from _parts(shop)
    signed = _awkwardly_signed(shop)
    for place, name in enumerate(NAMES):
        for how, change in _CHANGES.items():
            parts = signed.split(".")
            parts[place] = change(parts[place])
            if ".".join(parts) not in (signed, signed + " "):  # that blank is the header's own
                yield bad(f"{name}: {how}", ".".join(parts))
        parts = signed.split(".")
        parts[place] = _other_last_bits(parts[place])
        # RFC 4648, 3.5: a decoder may refuse them; the signature covers them but in itself.
        verdict = open_ if name == "signature" else bad
        yield verdict(f"{name}: bits left over", ".".join(parts))
    yield from _signed_over(shop)


def _parts(shop: Workshop) -> Iterator[Case]:
    token = shop.token()
    header, payload, signature = token.split(".")
    for name, text in {
        "one part": header,
        "two parts": f"{header}.{payload}",
        "two parts and a dot": f"{header}.{payload}.",
        "a dot before": "." + token,
        "a dot after": token + ".",
        "four parts": f"{token}.{signature}",
        "five parts": f"{header}.{payload}.{signature}.{signature}.{signature}",
        "no header": f".{payload}.{signature}",
        "no payload": f"{header}..{signature}",
        "dots alone": "..",
        "five dots": ".....",
        "parts in another order": f"{payload}.{header}.{signature}",
        "colons for dots": token.replace(".", ":"),
        "no token": "anonymous",
        "a word before": "Bearer " + token,
        "JWT before": "JWT " + token,
        "quoted": f'"{token}"',
        "in angle brackets": f"<{token}>",
        "twice, with a comma": f"{token},{token}",
        "twice, with a comma and a blank": f"{token}, {token}",
        "twice, with a blank": f"{token} {token}",
        "a semicolon after": token + ";",
        "a parameter after": token + "; q=1",
        "percent-encoded dots": token.replace(".", "%2E"),
        "JSON, flattened": json.dumps(
            {"protected": header, "payload": payload, "signature": signature}
        ),
        "JSON, general": json.dumps(
            {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
        ),
        "a letter before": "e" + token,
        "a letter after": token + "A",
        "four letters after": token + "AAAA",
        "letters outside ASCII": token + "\xe9",
    }.items():
        yield bad(f"parts: {name}", text)
    filler = "y" * 12_000
    for name, size in (("17 kilobytes", 1), ("35 kilobytes", 2)):
        yield open_(f"parts: {name}", shop.with_claims(filler=filler * size))


def _awkward(document: dict[str, Any]) -> bytes:
    """Spell it with both letters in which the alphabets differ, and with bits left over."""
    text = written({**document, "x": "~~~???>>>~~~???>>>~~~???"})
    while not (_has_both(encode(text)) and len(encode(text)) % 4 == 2):
        text = text[:-2] + b'>"}'
    return text


def _has_both(text: str) -> bool:
    return {"-", "_"} <= set(text)


def _parts_to_sign(shop: Workshop) -> list[str]:
    return [encode(_awkward(shop.header(shop.ed))), encode(_awkward(shop.claims()))]


def _awkwardly_signed(shop: Workshop) -> str:
    """The same of all three: an EdDSA signature is of 64 bytes, so it has bits left over."""
    header = _awkward(shop.header(shop.ed))
    tokens = (
        shop.token(header, _awkward(shop.claims(number=number)), shop.ed) for number in count()
    )
    return next(token for token in tokens if _has_both(token.rpartition(".")[2]))


def _signed(shop: Workshop, parts: list[str]) -> str:
    signing_input = ".".join(parts)
    return f"{signing_input}.{encode(shop.ed.sign(signing_input.encode()))}"


_CHANGES: dict[str, Callable[[str], str]] = {
    "padded": lambda text: text + "=" * (-len(text) % 4),
    "padded too much": lambda text: text + "=" * (-len(text) % 4 + 4),
    "one fill character": lambda text: text + "=",
    "a fill character inside": lambda text: text[:8] + "=" + text[8:],
    "the standard alphabet": lambda text: text.replace("-", "+").replace("_", "/"),
    "the standard alphabet, padded": lambda text: (
        text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
    ),
    "percent-encoded fill": lambda text: text + "%3D" * (-len(text) % 4),
    "a blank inside": lambda text: text[:8] + " " + text[8:],
    "a tab inside": lambda text: text[:8] + "\t" + text[8:],
    "a blank after": lambda text: text + " ",
    "a letter less": lambda text: text[:-1],
    "a letter more": lambda text: text + "A",
    "an asterisk inside": lambda text: text[:8] + "*" + text[8:],
    "a comma inside": lambda text: text[:8] + "," + text[8:],
    "empty": lambda _: "",
    "encoded twice": lambda text: encode(text.encode()),
    "hexadecimal": lambda text: decode(text).hex(),
    "in lower case": str.lower,
    "backwards": lambda text: text[::-1],
    "a NUL decoded after": lambda text: encode(decode(text) + b"\x00"),
    "a blank decoded after": lambda text: encode(decode(text) + b" "),
}


def _other_last_bits(text: str) -> str:
    """Change the bits of the last letter that no byte needs."""
    assert len(text) % 4 in (2, 3), "the last group is full"
    place = _ALPHABET.index(text[-1])
    return text[:-1] + _ALPHABET[place + 1]


def _signed_over(shop: Workshop) -> Iterator[Case]:
    """The same faults in what was signed: nothing but the spelling is wrong."""
    sound = _parts_to_sign(shop)
    for place in (0, 1):
        for how, change in _CHANGES.items():
            parts = list(sound)
            parts[place] = change(parts[place])
            if how not in _NOT_BY_THE_SIGNER and parts != sound:
                yield bad(f"{NAMES[place]}: {how}, and signed", _signed(shop, parts))
        parts = list(sound)
        parts[place] = _other_last_bits(parts[place])
        yield open_(f"{NAMES[place]}: bits left over, and signed", _signed(shop, parts))


_NOT_BY_THE_SIGNER = {"a blank decoded after"}
"""White space after a JSON text is part of it."""
