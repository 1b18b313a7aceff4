"""Base64 segments and JSON objects: each value has exactly one accepted spelling of each form."""

import base64
import json
import sys
from typing import Any

import pytest

from jwt_middleware.errors import MalformedToken
from jwt_middleware.keys.encoding import (
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    decode_object,
    decode_segment,
)

STRICT = {"relaxed": False}
RELAXED = {"relaxed": True}
BOTH = pytest.mark.parametrize("form", [STRICT, RELAXED], ids=["standard", "wso2"])
MARKED = b"\xfb\xff\xbe"  # in base64 "+/++" or "-_--": every character of it tells the alphabet


@pytest.mark.parametrize("size", range(13))
@BOTH
def test_unpadded_base64url_of_any_length_is_read(form: dict[str, bool], size: int) -> None:
    content = bytes(range(240, 240 + size))
    segment = base64.urlsafe_b64encode(content).rstrip(b"=")

    assert decode_segment(segment, **form) == content


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("size", range(1, 10))
def test_wso2_reads_either_alphabet_padded_exactly_or_not_at_all(encode: Any, size: int) -> None:
    content = (MARKED * 3)[:size]

    assert decode_segment(encode(content), **RELAXED) == content
    assert decode_segment(encode(content).rstrip(b"="), **RELAXED) == content


def test_standard_refuses_the_standard_alphabet() -> None:
    assert decode_segment(b"-_--", **STRICT) == MARKED
    with pytest.raises(MalformedToken):
        decode_segment(b"+/++", **STRICT)


@pytest.mark.parametrize("segment", [b"QQ==", b"QUI="])
def test_standard_refuses_padding(segment: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_segment(segment, **STRICT)


@pytest.mark.parametrize("segment", [b"+-AA", b"/_AA", b"A+_A", b"-AA/", b"AAAA-AA/"])
@BOTH
def test_one_segment_has_one_alphabet(form: dict[str, bool], segment: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_segment(segment, **form)


@pytest.mark.parametrize(
    "segment",
    [
        b"=", b"==", b"===", b"====", b"QQ=", b"QQ===", b"QUI==", b"QUJD=", b"QUJD====", b"=QQ=",
        b"Q=Q=", b"QQ==QQ==", b"QQ==QUJD", b"QUI=QUJD",
    ],
)  # fmt: skip
@BOTH
def test_padding_that_is_not_exact_is_refused(form: dict[str, bool], segment: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_segment(segment, **form)


@pytest.mark.parametrize("segment", [b"A", b"AAAAA", b"A===", b"AAAAA==="])
@BOTH
def test_an_impossible_length_is_refused(form: dict[str, bool], segment: bytes) -> None:
    with pytest.raises(MalformedToken):
        decode_segment(segment, **form)


@BOTH
def test_only_the_canonical_last_character_is_accepted(form: dict[str, bool]) -> None:
    """Of 64 last characters, those with unused bits set would be second spellings of one token."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for stem, possible in ((b"Q", 4), (b"QU", 16)):
        accepted = []
        for last in alphabet:
            try:
                accepted.append(decode_segment(stem + bytes([last]), **form))
            except MalformedToken:
                continue
        assert len(set(accepted)) == len(accepted) == possible


@pytest.mark.parametrize(
    "junk",
    [b" ", b"\t", b"\n", b"\r\n", b"\x0b", b"\x00", b".", b"!", b"*", b"%", b"\x80", b"\xc2\xa0"],
    ids=repr,
)
@pytest.mark.parametrize("place", ["before", "inside", "after"])
@BOTH
def test_ghsa_hxm8_2xgr_2p9m_characters_outside_the_alphabet_are_refused(
    form: dict[str, bool], junk: bytes, place: str
) -> None:
    segment = {"before": junk + b"QUJD", "inside": b"QU" + junk + b"JD", "after": b"QUJD" + junk}

    with pytest.raises(MalformedToken):
        decode_segment(segment[place], **form)


def test_line_breaks_of_mime_base64_are_refused() -> None:
    with pytest.raises(MalformedToken):
        decode_segment(base64.encodebytes(b"x" * 60), **RELAXED)


def test_an_object_is_read_as_json_says() -> None:
    text = b' {"a": [1, 2.5, -3e2, true, null, "\\u00e9\\ud83d\\ude00"], "b": {"a": {}}}\n'

    assert decode_object(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"\\u0069ss":"a","iss":"b"}',
        b'{"x":{"a":1,"a":2}}',
        b'{"x":[[{"a":{"b":1,"b":2}}]]}',
        b'{"":1,"":2}',
        b'{"iss":"a","x":"y","iss":"b"}',
    ],
)
def test_wso2_claim_injection_duplicate_members_are_refused_at_any_depth(text: bytes) -> None:
    with pytest.raises(ValueError, match="duplicate"):
        decode_object(text)


def test_names_that_differ_only_in_case_or_normal_form_are_two_members() -> None:
    assert len(decode_object('{"a":1,"A":2,"\u00e9":3,"e\u0301":4}'.encode())) == 4


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "nan", "True", "undefined"])
def test_no_constant_of_another_language_is_json(word: str) -> None:
    with pytest.raises(ValueError):
        decode_object(f'{{"exp":{word}}}'.encode())
    with pytest.raises(ValueError):
        decode_object(f'{{"a":[{{"exp":{word}}}]}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"a":1}'.encode("utf-8-sig"), id="utf-8-bom"),
        pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="utf-16-le"),
        pytest.param('{"a":1}'.encode("utf-32"), id="utf-32"),
        pytest.param('{"a":"é"}'.encode("latin-1"), id="latin-1"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="overlong"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="encoded-surrogate"),
        pytest.param(b'{"a":"\xf4\x90\x80\x80"}', id="beyond-unicode"),
    ],
)
def test_only_strict_utf_8_is_read(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_object(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00"}',
        b'{"a":"\\ude00\\ud83d"}',
        b'{"\\ud800":1}',
        b'{"a":[{"b":"x\\uD83Dx"}]}',
    ],
)
def test_lone_surrogates_are_refused_in_names_and_values(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_object(text)


def test_a_backslash_before_a_u_is_no_escape() -> None:
    assert decode_object(rb'{"a":"\\ud800"}') == {"a": "\\ud800"}


def _nested(levels: int, bracket: str) -> bytes:
    inner = levels - 1
    if bracket == "[":
        return b'{"a":' + b"[" * inner + b"]" * inner + b"}"
    return b'{"a":' * inner + b"{}" + b"}" * inner


@pytest.mark.parametrize("bracket", ["[", "{"])
def test_depth_is_bounded_exactly(bracket: str) -> None:
    decode_object(_nested(MAX_DEPTH, bracket))
    with pytest.raises(ValueError, match="deep"):
        decode_object(_nested(MAX_DEPTH + 1, bracket))


@pytest.mark.parametrize("bracket", ["[", "{"])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_cve_2025_53864_deep_nesting_is_a_value_error_and_no_recursion_error(
    bracket: str, closed: bool
) -> None:
    text = _nested(100_000, bracket)

    with pytest.raises(ValueError):
        decode_object(text if closed else text[: len(text) // 2])


def test_deep_nesting_is_refused_alike_where_the_stack_is_already_full() -> None:
    def descend(left: int) -> None:
        if left:
            descend(left - 1)
        else:
            with pytest.raises(ValueError):
                decode_object(_nested(5_000, "["))

    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    descend(sys.getrecursionlimit() - used - 200)


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("tail", ["", ".5", "e0"], ids=["integer", "fraction", "exponent"])
def test_the_length_of_a_number_is_bounded_exactly(sign: str, tail: str) -> None:
    longest = sign + "1" * (MAX_NUMBER_LENGTH - len(sign) - len(tail)) + tail

    assert decode_object(f'{{"a":{longest}}}'.encode())["a"] == json.loads(longest)
    with pytest.raises(ValueError):
        decode_object(f'{{"a":{sign}1{longest.removeprefix(sign)}}}'.encode())


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e400", "1" * 5000, "[1e309]"])
def test_numbers_beyond_a_float_are_refused(number: str) -> None:
    with pytest.raises(ValueError):
        decode_object(f'{{"exp":{number}}}'.encode())


@pytest.mark.parametrize("number", ["01", "+1", ".5", "1.", "0x1F", "1_000", "--1", "1e", "٣"])
def test_a_number_has_only_the_grammar_of_json(number: str) -> None:
    with pytest.raises(ValueError):
        decode_object(f'{{"exp":{number}}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"", b" ", b"null", b"[]", b'"a"', b"1", b"true", b'[{"a":1}]', b"{", b'{"a"}', b'{"a":}',
        b'{"a":1,}', b"{'a':1}", b"{a:1}", b'{"a":1}x', b'{"a":1}{"a":1}', b'{"a":1}\x00',
        b'{"a":1} // c', b'{"a":"\n"}', b'{"a":"\x00"}', b'{"a":"\\x41"}', b'\x0b{"a":1}',
        b'\xc2\xa0{"a":1}',
    ],
    ids=repr,
)  # fmt: skip
def test_anything_but_one_whole_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode_object(text)
