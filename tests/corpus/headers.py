"""What a header may not say, and what it may: RFC 7515, section 4, RFC 7516 and RFC 7797."""

from __future__ import annotations

from collections.abc import Iterator

from .workshop import Case, Workshop, bad, encode, good, open_, written


def cases(shop: Workshop) -> Iterator[Case]:
    yield from _kid(shop)
    yield from _crit(shop)
    for name in ("x5t", "x5t#S256"):
        for value in (None, 5, ["a"], {"a": 1}, True):
            # RFC 7515, 4.1.7 and 4.1.8: text, where it is used; its use is optional.
            yield open_(f"{name}: {value!r}", shop.with_header(**{name: value}))
    # Neither is a member of a JWS's header; a service that guesses their meaning may refuse.
    yield open_("zip: DEF", shop.with_header(zip="DEF"))
    yield open_("enc: A256GCM", shop.with_header(enc="A256GCM"))
    yield open_("cty: JWT", shop.with_header(cty="JWT"))
    yield bad("an encrypted token", _encrypted())


def _kid(shop: Workshop) -> Iterator[Case]:
    for value in (None, 5, 0, True, ["rsa"], {"kid": "rsa"}):
        yield bad(f"kid: {value!r}", shop.with_header(kid=value))
    for value in (
        "unknown", "RSA", "rsa ", " rsa", "rsa\x00", "rsa\n", "rs", "rsaa", "r\u0455a", "\uff52sa",
        "../../../../dev/null", "' OR '1'='1", "rsa\r\nX-Injected: 1", "k" * 4000,
    ):  # fmt: skip
        # RFC 7515, 4.1.4: it hints at the key; whether to try others is left to the service.
        yield open_(f"kid: {value[:24]!r}", shop.with_header(kid=value))
    yield open_("kid: empty", shop.with_header(kid=""))
    for name, key in shop.sound_keys.items():
        yield open_(f"{name}, kid unknown", shop.with_header(key, kid="unknown"))


def _crit(shop: Workshop) -> Iterator[Case]:
    for value in (
        ["exp"], ["made-up"], ["b64"], [], None, "exp", True, {}, [5], [None], ["alg"], ["kid"],
        ["exp", "exp"], [["exp"]], "",
    ):  # fmt: skip
        named = {"exp": shop.now + 600, "b64": True, "made-up": 1}
        yield bad(f"crit: {value!r}", shop.with_header(crit=value, **named))
    yield bad("crit: a name that is not there", shop.with_header(crit=["absent"]))
    header = written(shop.header(b64=False, crit=["b64"]))
    body = written(shop.claims())
    signing_input = encode(header).encode() + b"." + body
    plain = encode(header) + "." + body.decode() + "." + encode(shop.rsa.sign(signing_input))
    yield bad("b64: false and critical, the payload as it is", plain)
    yield bad("b64: false and critical", shop.with_header(b64=False, crit=["b64"]))
    yield open_("b64: false, not critical", shop.with_header(b64=False))
    yield good("b64: true, not critical", shop.with_header(b64=True))


def _encrypted() -> str:
    header = encode(b'{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa"}')
    return ".".join([header, *(encode(b"x" * size) for size in (256, 12, 200, 16))])
