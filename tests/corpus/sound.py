"""Tokens that everybody should take: whatever the RFCs let a sender choose."""

from __future__ import annotations

from collections.abc import Iterator

from .workshop import AUDIENCES, Case, Workshop, encode, good, open_, written


def cases(shop: Workshop) -> Iterator[Case]:
    for name, key in shop.sound_keys.items():
        yield good(f"sound: {name}", shop.token(key=key))
        yield good(f"sound: {name} without a kid", shop.with_header(key, kid=...))
    yield good("sound: a key that names its algorithm", shop.token(key=shop.rs256_only))
    for typ in ("at+jwt", "jwt", "application/jwt", "JWS", "", ...):
        yield good(f"sound: typ {typ!r}", shop.with_header(typ=typ))
    yield open_("sound: typ is a number", shop.with_header(typ=1))
    for name, value in (
        ("cty", "json"),
        ("made-up", {"deep": [1, 2]}),
        ("x5t", encode(b"t" * 20)),
        ("x5t#S256", encode(b"t" * 32)),
        ("jku", "https://attacker.example.net/jwks"),
        ("x5u", "https://attacker.example.net/cert"),
        ("jwk", shop.stranger.jwk()),
        ("x5c", ["bm90IGEgY2VydGlmaWNhdGU="]),
        ("epk", {"kty": "EC"}),
        ("iss", "https://other.example.edu"),
    ):
        # RFC 7515, 4: what is not understood is ignored, and none of these chooses the key.
        yield good(f"sound: header member {name}", shop.with_header(**{name: value}))
    yield from _claims(shop)
    yield from _spellings(shop)


def _claims(shop: Workshop) -> Iterator[Case]:
    for name, value in {
        "aud, the second": AUDIENCES[1],
        "aud, a list of one": [AUDIENCES[0]],
        "aud, both": list(AUDIENCES),
        "aud, one of many": ["a", "b", AUDIENCES[1], "c"],
    }.items():
        yield good(f"sound: {name}", shop.with_claims(aud=value))
    for name, value in {
        "nothing else": ...,
        "a nested object": {"a": {"b": {"c": [1, 2, {"d": None}]}}},
        "an empty object": {},
        "text of many scripts": "Zażółć gęślą jaźń 日本語 العربية 🜁",
        "text with escapes": 'a"b\\c/d\b\f\n\r\t\u0000\u2028',
        "a fraction": 0.1,
        "a negative number": -5,
        "true and null": [True, False, None],
        "a long text": "x" * 7000,
    }.items():
        yield good(f"sound: {name}", shop.with_claims(extra=value))
    yield good("sound: no sub", shop.with_claims(sub=...))
    yield good("sound: no iat", shop.with_claims(iat=...))
    yield good("sound: a jti", shop.with_claims(jti="1-2-3"))
    yield good("sound: an empty sub", shop.with_claims(sub=""))


def _spellings(shop: Workshop) -> Iterator[Case]:
    """One meaning, spelled otherwise (RFC 8259, sections 2 to 7)."""
    body = written(shop.claims())
    for name, text in {
        "blanks in the payload": body.replace(b'":', b'" : ').replace(b',"', b' ,\n\t "'),
        "blanks around the payload": b" \r\n" + body + b"\t\n",
        "an escaped member name": body.replace(b'"iss"', b'"\\u0069ss"'),
        "an escaped value": body.replace(b'"ana"', b'"\\u0061na"'),
        "a surrogate pair": body.replace(b'"ana"', b'"\\ud83d\\udf01"'),
        "escaped slashes": body.replace(b"/", b"\\/"),
        "exp with an exponent": body.replace(
            b'"exp":%d' % (shop.now + 600), b'"exp":%de0' % (shop.now + 600)
        ),
        "exp with a fraction": body.replace(
            b'"exp":%d' % (shop.now + 600), b'"exp":%d.5' % (shop.now + 600)
        ),
        "iat with a fraction": body.replace(b'"iat":%d' % shop.now, b'"iat":%d.25' % shop.now),
    }.items():
        yield good(f"sound: {name}", shop.token(claims=text))
    head = written(shop.header())
    for name, text in {
        "blanks in the header": head.replace(b",", b" , ").replace(b"{", b"{ "),
        "an escaped alg": head.replace(b'"RS256"', b'"\\u0052S256"'),
        "an escaped member alg": head.replace(b'"alg"', b'"\\u0061lg"'),
        "an escaped kid": head.replace(b'"rsa"', b'"r\\u0073a"'),
        "kid first": b'{"kid":"rsa","typ":"JWT","alg":"RS256"}',
    }.items():
        yield good(f"sound: {name}", shop.token(header=text))
    token = shop.token()
    for name, text in {
        "a blank before": " " + token,
        "a blank after": token + " ",
        "a tab after": token + "\t",
        "blanks around": "  " + token + "  ",
    }.items():
        # RFC 9110, 5.5: they are no part of a field's value.
        yield good(f"sound: {name}", text)
