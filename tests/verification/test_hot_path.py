"""What a verifier keeps of good tokens: it lets in nothing that would not come in without it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import (
    BadSignature,
    DuplicateHeader,
    KeysUnavailable,
    MalformedToken,
    RequestError,
    TokenExpired,
)
from jwt_middleware.wsgi import JWTMiddleware

from ..conftest import Clock
from ..kit import Events
from .test_issuer_headers import (
    KEY,
    NAMED,
    SAME_NAME,
    Endpoint,
    refuses,
    token,
    verifier_of,
    warm,
)


def cached(**options: Any) -> tuple[Verifier, Events]:
    events = Events()
    return verifier_of(KEY.public_pem, cache_size=16, listeners=[events], **options), events


def test_every_type_and_blanks_at_the_ends_are_the_same_token() -> None:
    verifier, events = cached()
    good = token(sub="a")
    raw = good.encode()
    first = verifier.verify(good)
    for other in (raw, f" {good}\t", b"\t " + raw, good + " "):
        assert verifier.verify(other) is first
    assert events.cached == [False, True, True, True, True]
    for other in (bytearray(raw), memoryview(raw), bytearray(raw + b" ")):
        assert verifier.verify(other).claims == first.claims  # type: ignore[arg-type]
    assert len(verifier._cache) == 1


@pytest.mark.parametrize("junk", ["\0", "\n", "\r\n", "\x0b", "\x0c", "\xa0", "\x85", "=", "é"])
def test_anything_else_at_the_ends_is_another_value(junk: str) -> None:
    for verifier in (cached()[0], verifier_of(KEY.public_pem)):
        good = token(sub="a")
        verifier.verify(good)
        for other in (good + junk, junk + good, f" {junk}{good}"):
            for raw in (other, other.encode("latin-1")):
                refuses(verifier, raw, MalformedToken)


def answer_of(verifier: Verifier, raw: str) -> tuple[str, str]:
    """The status and the code of what a WSGI app answers."""
    statuses: list[str] = []
    app: Any = JWTMiddleware(lambda *_: [b"{}"], verifier=verifier)
    environ = {"HTTP_X_JWT_ASSERTION": raw, "REQUEST_METHOD": "GET", "PATH_INFO": "/"}
    body = app(environ, lambda status, _: statuses.append(status))
    return statuses[0], json.loads(b"".join(body))["code"]


JOINED = [
    ("{0},{0}", DuplicateHeader), ("{0}, {0}", DuplicateHeader), ("{0},", DuplicateHeader),
    (",{0}", DuplicateHeader), ("{0} {0}", MalformedToken), ("{0} x", MalformedToken),
    ("Bearer {0}", MalformedToken), ("{0}\tx", MalformedToken), ("{0}, ", DuplicateHeader),
]  # fmt: skip


@pytest.mark.parametrize("form,kind", JOINED)
def test_joined_lines_are_no_token_however_warm_the_verifier_is(
    form: str, kind: type[RequestError]
) -> None:
    good = token(sub="a")
    raw = form.format(good)
    for verifier in (cached()[0], warm(verifier_of(KEY.public_pem), good)):
        verifier.verify(good)
        refuses(verifier, raw, kind)
        refuses(verifier, raw.encode(), kind)
        assert answer_of(verifier, raw) == ("401 Unauthorized", kind.code)


def test_joined_lines_are_not_the_key_endpoints_fault(clock: Clock) -> None:
    """A value that can be no token is 401 also while there are no keys."""
    endpoint = Endpoint(clock)
    endpoint.answer = None
    verifier = verifier_of(endpoint.source)
    refuses(verifier, token(NAMED), KeysUnavailable)

    refuses(verifier, token(NAMED) + ",", DuplicateHeader)
    refuses(verifier, token(NAMED) + " x", MalformedToken)


def test_the_leeway_counts_on_a_hit(clock: Clock) -> None:
    verifier, events = cached(clock=clock, leeway=30)
    good = token(exp=clock.now + 60)
    verifier.verify(good)
    clock.now += 89.9
    verifier.verify(good)
    clock.now += 0.1
    refuses(verifier, good, TokenExpired)
    assert events.cached == [False, True]


def test_new_keys_prove_a_kept_token_anew(clock: Clock) -> None:
    endpoint = Endpoint(clock, NAMED)
    verifier = warm(verifier_of(endpoint.source, cache_size=16), token(NAMED))
    endpoint.publish(SAME_NAME)
    endpoint.pass_time(400)

    refuses(verifier, token(NAMED), BadSignature)
