"""Claims that are over, not yet, not ours, or of a wrong type: RFC 7519, section 4.1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .workshop import AUDIENCES, ISSUER, LEEWAY, Case, Workshop, bad, good, open_, written

_WRONG: dict[str, Any] = {
    "null": None, "true": True, "false": False, "empty text": "", "text": "soon", "list": [],
    "object": {},
}  # fmt: skip


def cases(shop: Workshop) -> Iterator[Case]:
    yield from _times(shop)
    yield from _numbers(shop)
    yield from _issuer(shop)
    yield from _audience(shop)
    for name in ("sub", "jti"):
        for how, value in {**_WRONG, "number": 5}.items():
            if not isinstance(value, str):
                yield bad(f"{name}: {how}", shop.with_claims(**{name: value}))


def _times(shop: Workshop) -> Iterator[Case]:
    now = shop.now
    # Ten seconds on either side of each edge, since both verifiers read a real clock.
    for away in (10, LEEWAY - 10):
        yield good(f"exp: over for {away} s, within the leeway", shop.with_claims(exp=now - away))
        yield good(f"nbf: in {away} s, within the leeway", shop.with_claims(nbf=now + away))
        yield good(f"iat: in {away} s, within the leeway", shop.with_claims(iat=now + away))
    for away in (LEEWAY + 10, 3600, 86_400 * 3650):
        yield bad(f"exp: over for {away} s", shop.with_claims(exp=now - away))
        yield bad(f"nbf: in {away} s", shop.with_claims(nbf=now + away, exp=now + away + 600))
        # RFC 7519, 4.1.6, only tells what iat means.
        yield open_(f"iat: in {away} s", shop.with_claims(iat=now + away, exp=now + away + 600))
    yield good("exp: in 10 s", shop.with_claims(exp=now + 10))
    yield good("exp: in ten years", shop.with_claims(exp=now + 86_400 * 3650))
    yield good("nbf: long ago", shop.with_claims(nbf=1))
    yield good("nbf: now", shop.with_claims(nbf=now))
    yield good("iat: long ago", shop.with_claims(iat=1))
    # RFC 7519, 4.1.4: its use is optional; a token without an end may be refused all the same.
    yield open_("exp: absent", shop.with_claims(exp=...))
    yield open_("exp: absent, and no iat", shop.with_claims(exp=..., iat=...))


def _numbers(shop: Workshop) -> Iterator[Case]:
    now = shop.now
    for name in ("exp", "nbf", "iat"):
        for how, value in {**_WRONG, "digits": str(now + 600), "a list of it": [now]}.items():
            yield bad(f"{name}: {how}", shop.with_claims(**{name: value}))
        for how, text in {
            "NaN": b"NaN",
            "Infinity": b"Infinity",
            "minus Infinity": b"-Infinity",
        }.items():
            yield bad(f"{name}: {how}", _with_time(shop, name, text))
    for how, text in {
        "zero": b"0", "minus zero": b"-0", "below zero": b"-5", "a fraction below zero": b"-0.5",
        "below -2^63": b"-9223372036854775809", "minus 1e300": b"-1e300", "one": b"1",
        "a little": b"1e-5",
    }.items():  # fmt: skip
        yield bad(f"exp: {how}", _with_time(shop, "exp", text))
        # A moment before 1970 is a NumericDate, and over.
        yield open_(f"nbf: {how}", _with_time(shop, "nbf", text))
        yield open_(f"iat: {how}", _with_time(shop, "iat", text))
    for how, text in {
        "in milliseconds": b"%d000" % (now + 600), "2^53 + 1": b"9007199254740993",
        "2^63": b"9223372036854775808", "2^64": b"18446744073709551616",
        "2^64 + 1": b"18446744073709551617", "1e11": b"1e11", "1e20": b"1e20", "1e300": b"1e300",
        "1e400": b"1e400", "40 digits": b"9" * 40,
    }.items():  # fmt: skip
        # RFC 7519, 4.1.4, refuses what is over; that a far end is believed, it does not ask.
        yield open_(f"exp: {how}", _with_time(shop, "exp", text))
        yield bad(f"nbf: {how}", _with_time(shop, "nbf", text))
        yield open_(f"iat: {how}", _with_time(shop, "iat", text))
    wrapped = 2**64 + now - 3600
    yield open_("exp: over, by 64 bits", _with_time(shop, "exp", b"%d" % wrapped))
    yield bad("nbf: over, by 64 bits", _with_time(shop, "nbf", b"%d" % wrapped))
    yield good("exp: an exponent", _with_time(shop, "exp", b"%de2" % (now // 100 + 6)))
    yield good("nbf: a fraction", _with_time(shop, "nbf", b"%d.75" % (now - 60)))
    yield bad("exp: over, with a fraction", _with_time(shop, "exp", b"%d.5" % (now - 60)))


def _with_time(shop: Workshop, name: str, text: bytes) -> str:
    """A claim as it is spelled, and not as json spells it."""
    body = written(shop.claims(**{name: ...}))
    return shop.token(claims=body[:-1] + b',"%s":%s}' % (name.encode(), text))


def _issuer(shop: Workshop) -> Iterator[Case]:
    for how, value in {
        "absent": ...,
        "another": "https://other.example.edu",
        "with a slash": ISSUER + "/",
        "in capitals": ISSUER.upper(),
        "its host in capitals": "https://ISSUER.example.edu",
        "http": ISSUER.replace("https", "http"),
        "without a scheme": ISSUER.removeprefix("https://"),
        "with its port": ISSUER + ":443",
        "a blank before": " " + ISSUER,
        "a blank after": ISSUER + " ",
        "a NUL after": ISSUER + "\x00",
        "cut": ISSUER[:-1],
        "longer": ISSUER + ".net",
        "as a user": "https://issuer.example.edu@attacker.example.net",
        "with a letter that looks alike": ISSUER.replace("e", "\u0435", 1),
        "a list": [ISSUER],
        "an object": {"iss": ISSUER},
        "a number": 5,
        "null": None,
        "true": True,
        "empty": "",
    }.items():
        yield bad(f"iss: {how}", shop.with_claims(iss=value))


def _audience(shop: Workshop) -> Iterator[Case]:
    url, name = AUDIENCES
    for how, value in {
        "absent": ...,
        "another": "https://other.example.edu",
        "an empty list": [],
        "empty": "",
        "null": None,
        "a number": 5,
        "true": True,
        "an object": {"aud": url},
        "a list of others": ["a", "b"],
        "a nested list": [[url]],
        "a list of an object": [{"aud": url}],
        "both in one text": f"{url} {name}",
        "both with a comma": f"{url},{name}",
        "with a slash": url + "/",
        "without a scheme": url.removeprefix("https://"),
        "http": url.replace("https", "http"),
        "http and a slash": url.replace("https", "http") + "/",
        "the name with a scheme": "https://" + name,
        "the name with a slash": name + "/",
        "in capitals": url.upper(),
        "the name in capitals": name.upper(),
        "cut": url[:-1],
        "longer": url + "/v2",
        "a blank after": url + " ",
        "a NUL after": url + "\x00",
        "a star": "*",
        "with a letter that looks alike": name.replace("e", "\u0435"),
        "a list with a slash": [url + "/"],
    }.items():
        yield bad(f"aud: {how}", shop.with_claims(aud=value))
    for how, value in {
        "ours beside a number": [url, 5],
        "ours beside null": [url, None],
        "ours beside a list": [url, []],
    }.items():
        # RFC 7519, 4.1.3: an array of strings.
        yield bad(f"aud: {how}", shop.with_claims(aud=value))
    yield good("aud: ours twice", shop.with_claims(aud=[url, url]))
