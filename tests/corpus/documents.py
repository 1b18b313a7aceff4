"""JSON that is none, or not one meaning: RFC 8259, RFC 7515, 5.2, and RFC 7519, 7.2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from .workshop import Case, Workshop, bad, good, open_, written


def cases(shop: Workshop) -> Iterator[Case]:
    header, payload = written(shop.header()), written(shop.claims())
    for place, sound, make in (
        ("header", header, lambda text: shop.token(header=text)),
        ("payload", payload, lambda text: shop.token(claims=text)),
    ):
        yield from _broken(place, sound, make)
        yield from _borderline(place, sound, make)
    yield from _twice(shop, header, payload)


Make = Callable[[bytes], str]


def _broken(place: str, sound: bytes, make: Make) -> Iterator[Case]:
    inside = sound[1:-1]
    for name, text in {
        "an empty text": b"",
        "a blank": b" ",
        "no JSON": b"anonymous",
        "null": b"null",
        "true": b"true",
        "a number": b"5",
        "a text": b'"' + inside.replace(b'"', b"'") + b'"',
        "a list": b"[" + sound + b"]",
        "an empty list": b"[]",
        "an empty object": b"{}",
        "not closed": sound[:-1],
        "not opened": sound[1:],
        "closed twice": sound + b"}",
        "two objects": sound + sound,
        "a word after": sound + b"x",
        "a NUL after": sound + b"\x00",
        "a comma after the last member": sound[:-1] + b",}",
        "a comma before the first member": b"{," + inside + b"}",
        "single quotes": sound.replace(b'"', b"'"),
        "a name without quotes": sound[:-1] + b",extra:1}",
        "a comment": sound[:-1] + b"/* no */}",
        "a line of comment": b"// no\n" + sound,
        "NaN": sound[:-1] + b',"extra":NaN}',
        "Infinity": sound[:-1] + b',"extra":Infinity}',
        "minus Infinity": sound[:-1] + b',"extra":-Infinity}',
        "a leading zero": sound[:-1] + b',"extra":01}',
        "a plus sign": sound[:-1] + b',"extra":+1}',
        "a hexadecimal number": sound[:-1] + b',"extra":0x10}',
        "no digit after the point": sound[:-1] + b',"extra":1.}',
        "no digit before the point": sound[:-1] + b',"extra":.5}',
        "True": sound[:-1] + b',"extra":True}',
        "a line feed in a text": sound[:-1] + b',"extra":"a\nb"}',
        "a tab in a text": sound[:-1] + b',"extra":"a\tb"}',
        "an unknown escape": sound[:-1] + b',"extra":"\\x41"}',
        "half an escape": sound[:-1] + b',"extra":"\\u00"}',
        "a byte that is not UTF-8": sound[:-1] + b',"extra":"\xff"}',
        "UTF-8, too long": sound[:-1] + b',"extra":"\xc0\x80"}',
        "UTF-8 of a surrogate": sound[:-1] + b',"extra":"\xed\xa0\x80"}',
        "UTF-8, cut off": sound[:-1] + b',"extra":"\xe2\x82"}',
        "Latin-1": sound[:-1] + b',"extra":"\xe9"}',
        "UTF-16": sound.decode().encode("utf-16"),
        "UTF-16 without a mark": sound.decode().encode("utf-16-le"),
        "UTF-32": sound.decode().encode("utf-32"),
        "a form feed for a blank": b"\x0c" + sound,
        "a no-break space for a blank": b"\xc2\xa0" + sound,
    }.items():
        yield bad(f"{place}: {name}", make(text))


def _borderline(place: str, sound: bytes, make: Make) -> Iterator[Case]:
    """RFC 8259 allows limits (9), a mark to be ignored (8.1), and any view of surrogates (8.2)."""
    for name, value in {
        "20 levels": b"[" * 20 + b"]" * 20,
        "a number of 30 digits": b"1" * 30,
        "a fraction of 15 digits": b"0.123456789012345",
        "a name of 200 letters": b'{"' + b"n" * 200 + b'":1}',
        "an escaped NUL": b'"\\u0000"',
    }.items():
        yield good(f"{place}: {name}", make(sound[:-1] + b',"extra":' + value + b"}"))
    for name, value in {
        "200 levels": b"[" * 200 + b"]" * 200,
        "2000 levels": b"[" * 2000 + b"]" * 2000,
        "2000 levels of objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
        "a number of 100 digits": b"1" * 100,
        "a number of 5000 digits": b"1" * 5000,
        "a number beyond a double": b"1e999",
        "a lone high surrogate": b'"\\ud800"',
        "a lone low surrogate": b'"\\udc00"',
        "surrogates the wrong way round": b'"\\udc00\\ud800"',
    }.items():
        yield open_(f"{place}: {name}", make(sound[:-1] + b',"extra":' + value + b"}"))
    yield open_(f"{place}: a byte order mark", make(b"\xef\xbb\xbf" + sound))


def _twice(shop: Workshop, header: bytes, payload: bytes) -> Iterator[Case]:
    """One name twice: refuse, or take the last (RFC 7515, 4, and RFC 7519, 4); never the first."""
    for name, first, last in (
        ("alg", b'"none"', b'"RS256"'),
        ("kid", b'"unknown"', b'"rsa"'),
        ("extra", b"1", b"2"),
    ):
        yield open_(
            f"header: {name} twice, the last is sound",
            shop.token(header=_with(header, name, first, last)),
        )
    yield bad("header: alg twice, the first is sound", shop.token(
        header=_with(header, "alg", b'"RS256"', b'"none"')
    ))  # fmt: skip
    yield open_("header: kid twice, the first is sound", shop.token(
        header=_with(header, "kid", b'"rsa"', b'"unknown"')
    ))  # fmt: skip
    over, soon = b"%d" % (shop.now - 3600), b"%d" % (shop.now + 600)
    pairs = {
        "exp": (over, soon),
        "nbf": (soon, over),
        "iss": (b'"https://other.example.edu"', b'"https://issuer.example.edu"'),
        "aud": (b'"https://other.example.edu"', b'"orders"'),
    }
    for name, (wrong, right) in pairs.items():
        yield open_(
            f"payload: {name} twice, the last is sound",
            shop.token(claims=_with(payload, name, wrong, right)),
        )
        yield bad(
            f"payload: {name} twice, the first is sound",
            shop.token(claims=_with(payload, name, right, wrong)),
        )
        escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
        both = _without(payload, name)[:-1] + b',"%s":%s,"%s":%s}' % (
            name.encode(), right, escaped.encode(), wrong,
        )  # fmt: skip
        yield bad(f"payload: {name} twice, once escaped", shop.token(claims=both))
    for name, extra in {
        "sub twice": b',"sub":"ana"}',
        "a nested name twice": b',"extra":{"a":1,"a":2}}',
        "a nested name twice in a list": b',"extra":[{"a":1,"a":1}]}',
    }.items():
        yield open_(f"payload: {name}", shop.token(claims=payload[:-1] + extra))


def _with(document: bytes, name: str, first: bytes, last: bytes) -> bytes:
    return _without(document, name)[:-1] + b',"%s":%s,"%s":%s}' % (
        name.encode(), first, name.encode(), last,
    )  # fmt: skip


def _without(document: bytes, name: str) -> bytes:
    return written({k: v for k, v in json.loads(document).items() if k != name})
