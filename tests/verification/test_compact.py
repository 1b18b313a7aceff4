"""From header lines to an unverified token: everything that needs no key."""

import base64
import json
import timeit
from typing import Any, NamedTuple

import pytest

from jwt_middleware.errors import DuplicateHeader, MalformedToken, TokenTooLarge
from jwt_middleware.gateways import WireFormat
from jwt_middleware.keys.encoding import decode_segment, json_segment
from jwt_middleware.verification.compact import (
    decode_header,
    joined_fault,
    raw_token,
    split,
)

STANDARD = WireFormat()
RELAXED = WireFormat(relaxed_base64=True)


def _segment(content: bytes | dict[str, Any]) -> bytes:
    raw = json.dumps(content).encode() if isinstance(content, dict) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


class Parsed(NamedTuple):
    header: dict[str, Any]
    payload_segment: bytes
    signing_input: bytes
    signature: bytes


def parse(token: bytes, wire: WireFormat) -> Parsed:
    """All that a verifier reads of a token before it looks for its key and at its claims."""
    fault = joined_fault(token)
    if fault is not None:
        raise fault
    header, payload, signature, signing_input = split(token)
    read = decode_header(header, wire.relaxed_base64)
    return Parsed(read, payload, signing_input, decode_segment(signature, wire.relaxed_base64))


def decode_claims(token: Parsed, wire: WireFormat) -> dict[str, Any]:
    return json_segment(token.payload_segment, wire.relaxed_base64, "payload")


HEADER = _segment({"alg": "RS256"})
TOKEN = HEADER + b".e30.AAAA"


def test_the_size_is_bounded_to_the_byte() -> None:
    assert raw_token(b"a" * 100, 100) == b"a" * 100
    with pytest.raises(TokenTooLarge):
        raw_token(b"a" * 101, 100)


@pytest.mark.parametrize(
    "line",
    [b"," * 101, b" " * 101, "é" * 101, b"." * 101],
    ids=["commas", "blanks", "not-ascii", "dots"],
)
def test_the_size_is_looked_at_before_anything_else(line: bytes | str) -> None:
    with pytest.raises(TokenTooLarge):
        raw_token(line, 100)


def test_refusing_an_oversized_value_costs_the_same_whatever_its_length() -> None:
    def refuse(line: bytes) -> float:
        def once() -> None:
            with pytest.raises(TokenTooLarge):
                raw_token(line, 16_384)

        return min(timeit.repeat(once, number=20, repeat=5))

    assert refuse(b" " * 20_000_000) < 20 * refuse(b" " * 20_000)


@pytest.mark.parametrize("line", [b" \t a.b.c\t ", b"a.b.c", "\ta.b.c ", "a.b.c"], ids=repr)
def test_only_blanks_and_tabs_at_the_ends_are_stripped(line: bytes | str) -> None:
    assert raw_token(line, 100) == b"a.b.c"


@pytest.mark.parametrize(
    "mark",
    ["\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\ufeff"],
    ids=ascii,
)
def test_what_str_strip_would_also_eat_makes_the_value_malformed(mark: str) -> None:
    for line in (f"{mark}{TOKEN.decode()}", f"{TOKEN.decode()}{mark}"):
        with pytest.raises(MalformedToken):
            parse(raw_token(line, 1000), RELAXED)
        with pytest.raises(MalformedToken):
            parse(raw_token(line.encode(), 1000), RELAXED)


@pytest.mark.parametrize("line", ["", " ", "\t", " \t "], ids=repr)
def test_present_but_empty_is_bad_and_not_absent(line: str) -> None:
    for each in (line, line.encode()):
        with pytest.raises(MalformedToken):
            raw_token(each, 100)


@pytest.mark.parametrize("line", [b"a.b.c,a.b.c", b"a.b.c, d.e.f", b"a.b.c,", b",", b", a"])
def test_lines_that_a_server_joined_by_a_comma_are_refused_as_duplicates(line: bytes) -> None:
    for each in (line, line.decode()):
        assert isinstance(joined_fault(each), DuplicateHeader)


@pytest.mark.parametrize(
    "line, reason",
    [
        (b"a.b.c", None),
        (b" a.b.c", None),
        (b"a.b.c\t", None),
        (b"\t a.b.c \t", None),
        (b"", None),
        (b"a b", "a blank"),
        (b"a\tb", "a blank"),
        (b" a\tb ", "a blank"),
        (b"Bearer x", "bare token"),
        (b" bEARER x", "bare token"),
        (b"Bearer\tx", "a blank"),
        (b"Bearers x", "a blank"),
        (b"JWT x", "a blank"),
        ("jürgen x".encode(), "a blank"),
    ],
    ids=ascii,
)
def test_a_value_with_a_blank_inside_is_distinguished_from_one_with_blanks_around(
    line: bytes, reason: str | None
) -> None:
    for each in (line, line.decode()):
        found = joined_fault(each)
        assert (found is None) == (reason is None)
        if reason is not None:
            assert type(found) is MalformedToken
            assert reason in found.reason


def test_a_text_that_is_no_utf8_has_a_reason_too() -> None:
    assert joined_fault("a\udcff") is None
    assert type(joined_fault("a\udcff b")) is MalformedToken


def test_a_comma_counts_more_than_a_blank() -> None:
    assert type(joined_fault(b"Bearer x, y")) is DuplicateHeader


def test_no_character_of_the_token_itself_is_stripped() -> None:
    for end in (bytes([code]) for code in range(0x21, 0x7F)):
        assert raw_token(b" " + end + b"a.b.c" + end + b"\t", 100) == end + b"a.b.c" + end


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_a_server_may_give_a_line_in_any_form_of_bytes(form: Any) -> None:
    taken = raw_token(form(b" a.b.c\t"), 100)

    assert (type(taken), taken) == (bytes, b"a.b.c")


@pytest.mark.parametrize("prefix", [b"Bearer ", b"JWT ", b"bearer\t", b"Bearer"])
def test_no_prefix_is_taken_off(prefix: bytes) -> None:
    with pytest.raises(MalformedToken):
        parse(raw_token(prefix + TOKEN, 1000), RELAXED)


@pytest.mark.parametrize("blank", [b" ", b"\t", b"\r\n"], ids=repr)
@pytest.mark.parametrize("segment", [0, 1, 2], ids=["header", "payload", "signature"])
def test_an_inner_blank_makes_any_segment_malformed(segment: int, blank: bytes) -> None:
    parts = TOKEN.split(b".")
    parts[segment] = parts[segment][:1] + blank + parts[segment][1:]

    with pytest.raises(MalformedToken):
        decode_claims(parse(raw_token(b".".join(parts), 1000), RELAXED), RELAXED)


@pytest.mark.parametrize("wire", [STANDARD, RELAXED], ids=["standard", "wso2"])
def test_a_token_is_split_into_its_parts_as_received(wire: WireFormat) -> None:
    token = parse(TOKEN, wire)

    assert token.header == {"alg": "RS256"}
    assert token.signing_input == HEADER + b".e30"
    assert token.signature == b"\x00\x00\x00"
    assert decode_claims(token, wire) == {}


def test_the_signing_input_keeps_its_padding() -> None:
    padded = base64.b64encode(b'{"alg":"RS256"} ')
    assert padded.endswith(b"=")

    token = parse(padded + b".e30=.AAAA", RELAXED)

    assert token.signing_input == padded + b".e30="


@pytest.mark.parametrize("token", [b"a.b.c", b"aa.b.", b"a.bb.c", b"a.b.cc"])
def test_three_parts_may_be_short(token: bytes) -> None:
    header, payload, signature, signed = split(token)

    assert [header, payload, signature] == token.split(b".")
    assert signed == header + b"." + payload


@pytest.mark.parametrize(
    "token", [b"", b"a", b"a.b", b".b.c", b"a..c", b"a..", b"..c", b"a.b.c.", b"a.b.c.d", b".a.b.c"]
)
def test_no_other_number_of_parts_is_split_and_only_the_signature_may_be_empty(
    token: bytes,
) -> None:
    with pytest.raises(MalformedToken, match="three segments"):
        split(token)


def test_a_form_is_strict_unless_it_says_otherwise() -> None:
    assert tuple(WireFormat()) == (False, False, False)
    assert decode_segment(b"e30", STANDARD.relaxed_base64) == b"{}"
    assert decode_segment(b"e30=", RELAXED.relaxed_base64) == b"{}"
    with pytest.raises(MalformedToken):
        decode_segment(b"e30=", STANDARD.relaxed_base64)


@pytest.mark.parametrize(
    "token",
    [
        b"", b".", b"..", b"...", b"....", HEADER, HEADER + b".e30", b".e30.AAAA",
        HEADER + b"..AAAA", HEADER + b"..", HEADER + b".e30.AAAA.", b"." + TOKEN,
        HEADER + b".e30.AAAA.AAAA", HEADER + b".e30.AAAA.AAAA.AAAA", b"." * 16_000,
    ],
    ids=lambda token: token[:40],
)  # fmt: skip
def test_anything_but_three_parts_with_a_payload_is_refused(token: bytes) -> None:
    """Five parts are JWE (CVE-2026-29000), an empty payload is detached content."""
    with pytest.raises(MalformedToken):
        parse(token, RELAXED)


@pytest.mark.parametrize(
    "header",
    [b"", b"null", b"[]", b"{", b'{"alg":"RS256","alg":"RS256"}', b"\xff", b'{"alg":"\\ud800"}'],
    ids=repr,
)
def test_a_header_that_is_no_strict_json_object_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment(header) + b".e30.AAAA", RELAXED)


@pytest.mark.parametrize("alg", [None, 5, True, ["RS256"], {"a": "RS256"}], ids=str)
def test_alg_is_a_string(alg: Any) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"alg": alg}) + b".e30.AAAA", STANDARD)


def test_alg_is_required() -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"typ": "JWT"}) + b".e30.AAAA", STANDARD)


@pytest.mark.parametrize("name", ["kid", "x5t", "x5t#S256"])
@pytest.mark.parametrize("value", [None, 5, True, ["k"], {"k": 1}], ids=str)
def test_a_selector_of_a_wrong_type_is_malformed_and_never_absent(name: str, value: Any) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"alg": "RS256", name: value}) + b".e30.AAAA", STANDARD)


@pytest.mark.parametrize(
    "crit",
    [None, [], ["b64"], ["exp"], ["http://example/unknown"], "b64", {}, ["alg"], False],
    ids=repr,
)
def test_cve_2025_59420_and_cve_2026_32597_any_crit_is_refused(crit: Any) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"alg": "RS256", "crit": crit, "b64": True}) + b".e30.AAAA", STANDARD)


@pytest.mark.parametrize(
    "more, reason",
    [
        ({"crit": ["exp"]}, "crit"),
        ({"crit": [], "b64": False, "enc": "x"}, "crit"),
        ({"b64": False}, "b64=false"),
        ({"b64": False, "zip": "x"}, "b64=false"),
        ({"enc": "x"}, "encrypted"),
        ({"zip": "x"}, "encrypted"),
        ({"b64": True, "enc": "x"}, "encrypted"),
        ({"b64": True}, None),
    ],
    ids=str,
)
def test_one_member_alone_makes_a_header_refused(more: dict[str, Any], reason: str | None) -> None:
    segment = _segment({"alg": "RS256", **more})
    if reason is None:
        assert decode_header(segment, STANDARD)["alg"] == "RS256"
        return
    with pytest.raises(MalformedToken) as refusal:
        decode_header(segment, STANDARD)

    assert refusal.value.reason.startswith(reason)


@pytest.mark.parametrize("b64", [False, None, 0, "false", "true", 1, []], ids=repr)
def test_cve_2026_48525_an_unencoded_payload_is_refused(b64: Any) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"alg": "RS256", "b64": b64}) + b".e30.AAAA", STANDARD)


@pytest.mark.parametrize("header", [{"zip": "DEF"}, {"zip": None}, {"enc": "A256GCM"}], ids=repr)
def test_compressed_and_encrypted_tokens_are_refused(header: dict[str, Any]) -> None:
    with pytest.raises(MalformedToken):
        parse(_segment({"alg": "RS256", **header}) + b".e30.AAAA", STANDARD)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "epk", "typ", "cty", "anything"])
@pytest.mark.parametrize("value", [None, 5, {"kty": "RSA"}, "https://evil.example"], ids=str)
def test_every_other_header_member_is_ignored(name: str, value: Any) -> None:
    token = parse(_segment({"alg": "RS256", name: value}) + b".e30.AAAA", STANDARD)

    assert token.header["alg"] == "RS256"


@pytest.mark.parametrize(
    "payload",
    [b"null", b"[]", b'"x"', b"{", b'{"a":1,"a":2}', b'{"exp":NaN}', b"\xef\xbb\xbf{}", b"{}{}"],
    ids=repr,
)
def test_a_payload_that_is_no_strict_json_object_is_refused(payload: bytes) -> None:
    token = parse(HEADER + b"." + _segment(payload) + b".AAAA", STANDARD)

    with pytest.raises(MalformedToken):
        decode_claims(token, STANDARD)


def test_no_refusal_quotes_the_token() -> None:
    for token in (b"zeta", b"zeta.zeta.zeta", _segment({"alg": "zeta", "kid": 1}) + b".zeta.zeta"):
        with pytest.raises(MalformedToken) as refusal:
            parse(token, RELAXED)
        assert "zeta" not in str(refusal.value)
