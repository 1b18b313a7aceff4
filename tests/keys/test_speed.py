"""The ``speed`` extra changes no verdict and no value: every text is read both ways."""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import pybase64
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jwt_middleware import SharedSecret, Verifier
from jwt_middleware.errors import AuthenticationError, MalformedToken
from jwt_middleware.keys import encoding
from jwt_middleware.keys.encoding import decode_object, decode_segment
from jwt_middleware.testing import FORMS, SigningKey, compact, mint, ucsd_claims

NOW = 1_479_409_651
FAST = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
SPEED = (pybase64.b64decode, orjson.loads, orjson.dumps)
LIBRARY = (encoding._strictly, None, bytes)


@contextmanager
def reading_by(way: tuple[Any, Any, Any]) -> Iterator[None]:
    """Read by the extra, or by the standard library."""
    kept = encoding._from_base64, encoding._loads, encoding._dumps
    try:
        encoding._from_base64, encoding._loads, encoding._dumps = way
        yield
    finally:
        encoding._from_base64, encoding._loads, encoding._dumps = kept


REFUSED = "refused"


def typed(value: Any) -> Any:
    """The value with the type and the exact spelling of each part, and members in order."""
    if isinstance(value, Mapping):
        return [(type(name), name, typed(item)) for name, item in value.items()]
    if isinstance(value, list | tuple):
        return ["list", *map(typed, value)]
    return type(value), repr(value)


def read_both_ways(text: bytes) -> Any:
    """What both ways say of a text; they must agree."""
    found = []
    for way in (SPEED, LIBRARY):
        with reading_by(way):
            try:
                found.append(typed(decode_object(text)))
            except ValueError:
                found.append(REFUSED)
    assert found[0] == found[1]
    return found[1]


def decode_both_ways(segment: bytes, relaxed: bool) -> Any:
    found: list[Any] = []
    for way in (SPEED, LIBRARY):
        with reading_by(way):
            try:
                found.append(decode_segment(segment, relaxed))
            except MalformedToken:
                found.append(REFUSED)
    assert found[0] == found[1]
    return found[1]


def nested(levels: int, bracket: str = "[", blank: str = "") -> bytes:
    opening, closing = ("[", "]") if bracket == "[" else ('{"a":', "}")
    inner = levels - 1
    text = blank + '{"a":' + opening * inner + ("1" if bracket == "{" else "") + closing * inner
    return (text + "}").encode()


def test_the_extra_is_used_where_it_is_installed() -> None:
    assert encoding.use_speed()
    assert encoding._loads is orjson.loads
    assert encoding._from_base64 is pybase64.b64decode


NUMBERS = [
    "0", "-0", "-0.0", "0.0", "1", "1.0", "1.10", "1.5", "1e3", "1E3", "1e+3", "1e-3", "1E-400",
    "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "9007199254740993",
    "9007199254740993.0", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e15", "1e16", "1e22",
    "1e23", "100000000000000000.0", "1" * 64, "-" + "1" * 63, "0." + "1" * 62, "1" * 40,
    "1479409651", "1479409651000", "1479409651.25", "1e11", "100000000000",
]  # fmt: skip
NO_NUMBERS = [
    "1e400", "-1E400", "1.7976931348623159e308", "1" * 65, "-" + "1" * 64, "0." + "1" * 63,
    "1" * 5000, "NaN", "Infinity", "-Infinity", "01", "-01", "+1", ".5", "1.", "1e", "0x1", "1_0",
    "- 1", "--1", "nan", "nul", "True", "1 1",
]  # fmt: skip


PLACES = ('{"a":%s}', '{"a":[%s]}', '{ "a": {"b": %s} }')


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_has_one_value_and_one_type(number: str) -> None:
    for place in PLACES:
        assert read_both_ways((place % number).encode()) == typed(json.loads(place % number))


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_number_is_none_either_way(number: str) -> None:
    for place in PLACES:
        assert read_both_ways((place % number).encode()) == REFUSED


TEXTS = [
    b"/", b"\\/", b"a\\/b\\/c", b"a/b\\/c", b"\\/a/b", b"\\\\/", b"\\\\\\/", b"\\u002f", b"\\\\",
    b'\\"', b"\\b\\f\\n\\r\\t", b"\\u0008", b"\\u0009", b"\\u0000", b"\\u001f", b"\\u001F",
    b"\\u007f", b"\x7f", b"\\u0061", b"\\u00e9", "é".encode(), "\u2028\u2029".encode(),
    b"\\ud83d\\ude00", b"\\uD83D\\uDE00", "😀".encode(), b"\\\\ud800", b"{", b"[" * 70, b"{[",
    b"]}", b"", b" ", "\ufeff".encode(), b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf", b"'", b"\\u005c",
    b"\\/\\u0061", "é\\/é".encode(),
]  # fmt: skip
NO_TEXTS = [
    b"\\ud800", b"\\udc00", b"\\ude00\\ud83d", b"\\ud83dx", b"\\ud83d\\u0061", b"\\x41", b"\\u12",
    b"\\", b"\\U0061", b"\x00", b"\x1f", b"\n", b"\t", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xe9", b"\xf0\x9f\x98", b"\xc3", b"\\'", b'"', b"\\u 061", b"\\uD83D",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_a_text_has_one_value(text: bytes) -> None:
    for place in (b'{"a":"%s"}', b'{"%s":1}', b'{"x":[{"a/\\/":["%s"]}] }'):
        assert read_both_ways(place % text) == typed(json.loads(place % text))


@pytest.mark.parametrize("text", NO_TEXTS, ids=repr)
def test_what_is_no_text_is_none_either_way(text: bytes) -> None:
    for place in (b'{"a":"%s"}', b'{"%s":1}', b'{"x":[{"a":["%s"]}]}'):
        assert read_both_ways(place % text) == REFUSED


REFUSED_TEXTS = [
    b"", b" ", b"null", b"1", b"[]", b'"a"', b"{", b"}", b'{"a"}', b'{"a":1,}', b'{"a":1}x',
    b'{"a":1}{}', b'{"a":1}\x00', b'\xef\xbb\xbf{"a":1}', b'{"a":1}\xef\xbb\xbf', b'\x0b{"a":1}',
    '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-32-le"), b'{"a":1}\x0c', b"[{}]", b'{"a":1]',
    b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"a":1,"\\u0061":1}', b'{"\\u0061":1,"a":1}',
    b'{"x":{"a":1,"a":1}}', b'{"x":[[{"a":{"b":1,"b":2}}]]}', b'{"/":1,"\\/":1}',
    b'{"\\/":1,"\\/":1}', b'{"/":1,"\\u002f":1}', b'{"":1,"":1}', '{"é":1,"\\u00e9":1}'.encode(),
    b'{"a\\/":1,"b":{"c":1,"c":1}}', b'{"iss":"a","x":"y","iss":"a"}', b"{'a':1}", b"{a:1}",
    b"[" * 13_000, b'{"a":' * 2_600, b'{"a":' + b"[" * 13_000, b'{"a":"' + b"[" * 13_000,
    nested(65), nested(65, "{"), nested(254), nested(255), nested(255, "{"), nested(1_023),
    nested(1_024), nested(1_025, "{"), nested(65, "[", " "), nested(13_000),
    nested(64).replace(b"[]", b'["]"'), b'{"a":[1,2}', b'{"a":[1 2]}', b'{"a":"b" "c":1}',
]  # fmt: skip
READ_TEXTS = [
    b"{}", b' {"a":1}', b'{"a":1}\n', b'\t{ "a" : [ ] }\r\n ', nested(2), nested(63), nested(64),
    nested(63, "{"), nested(64, "{"), nested(64, "[", " "), nested(64, "{", "\n"),
    b'{"a":"' + b"[{" * 6_000 + b'"}', b'{"b":1,"a":2}', b'{"a":[],"A":{}}',
    b'{"a":[' + b"[]," * 500 + b'{"a":1}]}',
    '{"é":1,"e\u0301":2}'.encode(), b'{"http:\\/\\/wso2.org\\/claims\\/role":"a,b","exp":1}',
    b'{"http://wso2.org/claims/role":"a,b","exp":1}', b'{"a":null,"b":true,"c":false}',
]  # fmt: skip


@pytest.mark.parametrize("text", READ_TEXTS, ids=lambda text: repr(text[:40]))
def test_an_object_is_read_alike(text: bytes) -> None:
    assert read_both_ways(text) == typed(json.loads(text))


@pytest.mark.parametrize("text", REFUSED_TEXTS, ids=lambda text: repr(text[:40]))
def test_anything_less_is_refused_alike(text: bytes) -> None:
    assert read_both_ways(text) == REFUSED


def test_what_gateways_write_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_again(text: bytes) -> Any:
        raise AssertionError("read a second time")

    plain = json.dumps(ucsd_claims(exp=1_479_410_551), separators=(",", ":")).encode()
    monkeypatch.setattr(encoding, "decode_strictly", read_again)
    with reading_by(SPEED):
        for text in (plain, plain.replace(b"/", b"\\/"), b'{"aud":["a","b"],"x":{"y":[1.5]}}'):
            assert decode_object(text) == json.loads(text)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.text(st.sampled_from('/\\"u0061é😀{[\x00\n'), max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.text(max_size=6), values, max_size=4)
spellings = st.sampled_from(
    [
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, separators=(",", ":")).encode(),
        lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(),
        lambda value: json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode(),
        lambda value: json.dumps(value, indent=1).encode() + b"\n",
    ]
)
edits = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 2),
        st.sampled_from(
            [b'"', b"\\", b"/", b"{", b"}", b"[", b"]", b",", b":", b"0", b"1", b"e", b".", b"-",
             b" ", b"\\u0061", b"\\ud800", b"\x00", b"\xff", b"\xc3\xa9", b'"a":1,', b"\\/"]
        ),
    ),
    max_size=3,
)  # fmt: skip
Edits = list[tuple[int, int, bytes]]


def edited(text: bytes, changes: Edits) -> bytes:
    for place, kind, put in changes:
        at = place % (len(text) + 1)
        text = text[:at] + (put if kind else b"") + text[at + (kind != 1) :]
    return text


@FAST
@given(objects, spellings, edits)
@example({"a": -0.0, "b": 2**64, "c": 1e16}, lambda value: json.dumps(value).encode(), [])
def test_any_object_in_any_spelling_and_any_edit_of_it_is_read_alike(
    value: dict[str, Any], spell: Callable[[Any], bytes], changes: Edits
) -> None:
    text = spell(value)
    assert read_both_ways(text) == read_both_ways(b" " + text)
    read_both_ways(edited(text, changes))


@FAST
@given(st.binary(max_size=40) | st.text('{}[]",:\\/u0eE1-. \n', max_size=40).map(str.encode))
def test_any_bytes_are_read_alike(text: bytes) -> None:
    read_both_ways(text)
    read_both_ways(b'{"a":' + text + b"}")


@pytest.mark.parametrize("relaxed", [True, False], ids=["wso2", "standard"])
def test_every_short_segment_is_decoded_alike(relaxed: bool) -> None:
    """Padding in every place, both alphabets, blanks, canonical and other last characters."""
    accepted: list[bytes] = []
    for size in range(6):
        for letters in itertools.product((b"A", b"Q", b"B", b"=", b"+", b"_", b"\n"), repeat=size):
            segment = b"".join(letters)
            if decode_both_ways(segment, relaxed) != REFUSED:
                accepted.append(segment)
    assert b"" in accepted
    assert not any(b"\n" in each or b"=" in each.rstrip(b"=") for each in accepted)
    assert relaxed or not any(b"+" in each or b"=" in each for each in accepted)


@pytest.mark.parametrize("size", [15, 16, 17, 23, 24, 47, 48, 49, 63, 64, 65, 96, 130, 256])
def test_one_wrong_character_in_any_place_of_a_long_segment_is_refused_alike(size: int) -> None:
    """Long segments are decoded in blocks; no block and no rest may be laxer than another."""
    content = bytes(range(size)) if size < 250 else b"\xfb\xff" * size
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        segment = encode(content)
        assert decode_both_ways(segment, True) == content
        for place in range(len(segment.rstrip(b"=")) - 2):  # where = may never stand
            for wrong in (b"=", b"\n", b" ", b"\x00", b"\x80", b".", b"\xff"):
                other = segment[:place] + wrong + segment[place + 1 :]
                assert decode_both_ways(other, True) == REFUSED
                assert decode_both_ways(other.rstrip(b"="), False) == REFUSED


@pytest.mark.parametrize(
    "tail", [b"=", b"==", b"===", b"====", b"=" * 8, b"=QQ", b"\n", b" ", b"Q"]
)
def test_nothing_may_follow_a_whole_segment(tail: bytes) -> None:
    for relaxed in (True, False):
        assert decode_both_ways(b"QUJD" * 20 + tail, relaxed) == REFUSED


KEYS = {"ES256": SigningKey("ES256"), "EdDSA": SigningKey("EdDSA"), "HS256": SigningKey("HS256")}
NO_CACHE: dict[str, Any] = {"clock": lambda: NOW, "cache_size": 0}
PAYLOADS = [
    *(b'{"exp":%s}' % number.encode() for number in NUMBERS + NO_NUMBERS),
    *(b'{"exp":1479410551,"sub":"%s"}' % text for text in TEXTS + NO_TEXTS),
    *(text.replace(b"{", b'{"exp":1479410551,', 1) for text in REFUSED_TEXTS + READ_TEXTS),
    b'{"exp":1479410551,"nbf":1479409651000,"iat":1.479409651e9,"aud":[]}',
]


def verdict(verifier: Verifier, token: bytes | str) -> Any:
    try:
        principal = verifier.verify(token)
    except AuthenticationError as error:
        return type(error), error.reason
    return typed(principal.claims), typed(principal.expires_at), principal.key_id


def both_verdicts(verifier: Verifier, token: bytes | str) -> Any:
    found = []
    for way in (SPEED, LIBRARY):
        with reading_by(way):
            found.append(verdict(verifier, token))
    assert found[0] == found[1]
    return found[1]


@pytest.mark.parametrize("gateway", ["wso2", "standard", "wso2-3.1"])
def test_a_verifier_says_the_same_of_every_signed_payload_and_header(gateway: str) -> None:
    key, form = KEYS["EdDSA"], FORMS["standard"]
    verifier = Verifier(keys=key.public_pem, algorithms="EdDSA", gateway=gateway, **NO_CACHE)
    head = b'{"alg":"EdDSA"}'
    verdicts = [both_verdicts(verifier, compact(key, head, each, form)) for each in PAYLOADS]
    heads = [each.replace(b"{", b'{"alg":"EdDSA",', 1) for each in REFUSED_TEXTS + READ_TEXTS]
    claims = b'{"exp":1479410551}'
    verdicts += [both_verdicts(verifier, compact(key, each, claims, form)) for each in heads]

    assert 50 < sum(len(each) == 3 for each in verdicts) < len(verdicts) - 50


@pytest.mark.parametrize("gateway,form", [("wso2", "wso2-1.9"), ("standard", "standard")])
def test_a_verifier_says_the_same_of_any_mutation_of_a_token(gateway: str, form: str) -> None:
    """And refuses what is not the same signed text with a 401, whatever it is."""
    chance = random.Random(form)
    junk = [bytes([each]) for each in b"=._-+/, \t\n\x00\xff\x80AQgw0"] + [b"", b"==", b"..", b"=."]
    for name, key in KEYS.items():
        keys = SharedSecret(key.secret) if name == "HS256" else key.public_pem
        verifier = Verifier(keys=keys, algorithms=name, gateway=gateway, **NO_CACHE)
        token = mint(key, ucsd_claims(sub="a/é"), form=form, now=NOW).encode()
        assert len(both_verdicts(verifier, token)) == 3
        for _ in range(800):
            at = chance.randrange(len(token) + 1)
            other = token[:at] + chance.choice(junk) + token[at + chance.randrange(3) :]
            given_as = other if chance.random() < 0.8 else other.decode("latin-1")
            found = both_verdicts(verifier, given_as)
            same_text = other.strip(b" \t").rpartition(b".")[0] == token.rpartition(b".")[0]
            assert issubclass(found[0], AuthenticationError) if len(found) == 2 else same_text


def test_claims_of_a_principal_are_json_for_orjson_too(rsa_key: SigningKey) -> None:
    claims = ucsd_claims() | {"realm_access": {"roles": ["deep", {"x": [1, None, True]}]}}
    token = mint(rsa_key, claims, now=NOW)
    principal = Verifier(keys=rsa_key.public_pem, clock=lambda: NOW).verify(token)
    written = orjson.loads(orjson.dumps(principal.claims))

    assert written == json.loads(json.dumps(principal.claims))
    assert written["realm_access"] == claims["realm_access"]
