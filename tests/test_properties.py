"""What holds for any input at all: no crash, no second spelling, no accepted mutation."""

import base64
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from jwt_middleware import Principal, Verifier
from jwt_middleware.errors import AuthenticationError, InvalidClaim, MalformedToken, RequestError
from jwt_middleware.gateways import PRESETS
from jwt_middleware.keys.documents import read_file
from jwt_middleware.keys.encoding import decode_object, decode_segment, json_segment
from jwt_middleware.keys.jwk import read_jwks
from jwt_middleware.keys.key import UnusableKey
from jwt_middleware.principal import frozen
from jwt_middleware.testing import FORMS, SigningKey, compact, mint, ucsd_claims
from jwt_middleware.verification.claims import ClaimsPolicy
from jwt_middleware.verification.compact import decode_header, raw_token, split

KEY = SigningKey("ES256")
NOW = 1_479_409_651
FAST = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

VERIFIERS = {
    "wso2": Verifier(keys=KEY.public_pem, algorithms="ES256", clock=lambda: NOW, cache_size=64),
    "standard": Verifier(
        keys=KEY.public_pem, gateway="standard", algorithms="ES256", clock=lambda: NOW
    ),
    "wso2-3.1": Verifier(
        keys={"keys": [KEY.jwk(kid="k", x5t=KEY.x5t(as_hex=True))]},
        gateway="wso2-3.1",
        algorithms="ES256",
        clock=lambda: NOW,
    ),
}
TOKENS = {
    "wso2": mint(KEY, ucsd_claims(), form="wso2-1.9", now=NOW).encode(),
    "standard": mint(KEY, {"sub": "u", "scope": "a b"}, form="standard", now=NOW).encode(),
    "wso2-3.1": mint(KEY, {"sub": "é"}, form="wso2-3.1", now=NOW, header={"kid": "k"}).encode(),
}
EVERY = pytest.mark.parametrize("name", VERIFIERS)

SEGMENT_BYTES = b"ABab019-_+/= \n.,!\x00\xff"
segments = st.lists(st.sampled_from([bytes([b]) for b in SEGMENT_BYTES]), max_size=24).map(b"".join)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**14), 10**14)
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["RS256", "ES256", "none", "k", "", "\ud800", "1479409651"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
header_names = st.sampled_from(
    [
        "alg",
        "kid",
        "typ",
        "x5t",
        "x5t#S256",
        "crit",
        "b64",
        "zip",
        "enc",
        "jwk",
        "jku",
        "x5c",
        "cty",
    ]
)
claim_names = st.sampled_from(
    ["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "client_id", "azp", "scope", "roles",
     "permissions", "http://wso2.org/claims/role", "http://wso2.org/claims/apicontext"]
)  # fmt: skip


def test_the_tokens_of_these_properties_are_good() -> None:
    for name, token in TOKENS.items():
        assert isinstance(VERIFIERS[name].verify(token), Principal)


@FAST
@given(st.binary(max_size=400) | st.text(max_size=200) | segments)
@example(b"")
@example("...")
@example("é.é.é")
@example(b"\xff" * 20_000)
def test_no_value_of_the_header_raises_anything_but_a_request_error(raw: bytes | str) -> None:
    for verifier in VERIFIERS.values():
        with pytest.raises(RequestError):
            verifier.verify(raw)
        with pytest.raises(RequestError):
            verifier.authenticate([raw])


@FAST
@given(segments, segments, segments)
def test_no_three_segments_raise_anything_but_a_request_error(
    header: bytes, payload: bytes, signature: bytes
) -> None:
    token = b".".join((header, payload, signature))
    for verifier in VERIFIERS.values():
        with pytest.raises(RequestError):
            verifier.verify(token)


@FAST
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_no_header_and_payload_bytes_under_a_good_signature_raise_anything_else(
    header: bytes, payload: bytes
) -> None:
    for name in VERIFIERS:
        for head in (header, b'{"alg":"ES256"}'):
            with pytest.raises(RequestError):
                VERIFIERS[name].verify(compact(KEY, head, payload, FORMS["standard"]))


@FAST
@given(st.dictionaries(header_names, json_values, max_size=4))
def test_no_header_members_under_a_good_signature_raise_anything_else(
    header: dict[str, Any],
) -> None:
    _verdict(json.dumps({"alg": "ES256", **header}).encode(), b'{"exp":1479410000}')


@FAST
@given(st.dictionaries(claim_names, json_values, max_size=5))
def test_no_well_signed_claims_raise_anything_else_and_an_accepted_life_is_bounded(
    claims: dict[str, Any],
) -> None:
    for principal in _verdict(b'{"alg":"ES256","kid":"k"}', json.dumps(claims).encode()):
        assert principal.expires_at is not None
        assert math.isfinite(principal.expires_at)
        assert principal.expires_at + 30 > NOW
        assert principal.roles == set(principal.roles)
        assert principal.permissions == set(principal.permissions)


def _verdict(header: bytes, payload: bytes) -> list[Principal]:
    found = []
    for verifier in VERIFIERS.values():
        try:
            found.append(verifier.verify(compact(KEY, header, payload, FORMS["standard"])))
        except RequestError:
            continue
    return found


@EVERY
def test_no_single_byte_of_a_good_token_can_be_changed_removed_or_doubled(name: str) -> None:
    verifier, token = VERIFIERS[name], TOKENS[name]
    for place in range(len(token)):
        before, byte, after = token[:place], token[place : place + 1], token[place + 1 :]
        for changed in (before + after, before + byte + byte + after):
            _refuses(verifier, changed, token)
        for other in b"Aa0-_+/=. ,\n\x00\xff" + bytes([byte[0] ^ 1, byte[0] ^ 32]):
            _refuses(verifier, before + bytes([other]) + after, token)


@EVERY
@FAST
@given(st.data())
def test_no_mutation_of_a_good_token_is_accepted(name: str, data: st.DataObject) -> None:
    token = bytearray(TOKENS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(token) - 1))
        match data.draw(st.sampled_from(["set", "insert", "delete", "swap"])):
            case "set":
                token[place] = data.draw(st.integers(0, 255))
            case "insert":
                token.insert(place, data.draw(st.integers(0, 255)))
            case "delete":
                del token[place]
            case "swap":
                token[place], token[-1] = token[-1], token[place]
    _refuses(VERIFIERS[name], bytes(token), TOKENS[name])


def _refuses(verifier: Verifier, changed: bytes, token: bytes) -> None:
    """Blanks at the ends are no part of a token, and no signature covers its own alphabet and
    padding: where a gateway may write either form of them, so may anybody.
    """
    if changed.strip(b" \t") == token or _respelled(verifier, changed.strip(b" \t"), token):
        return
    with pytest.raises(AuthenticationError):
        verifier.verify(changed)


def _respelled(verifier: Verifier, changed: bytes, token: bytes) -> bool:
    (signed, _, signature), (signed_before, _, before) = (
        each.rpartition(b".") for each in (changed, token)
    )
    if signed != signed_before or not verifier.gateway.wire.relaxed_base64:
        return False
    try:
        relaxed = verifier.gateway.wire.relaxed_base64
        return decode_segment(signature, relaxed) == decode_segment(before, relaxed)
    except MalformedToken:
        return False


@pytest.mark.parametrize("relaxed", [False, True], ids=["standard", "wso2"])
@settings(FAST, max_examples=1000)
@given(segments)
@example(b"QQ==")
@example(b"QR==")
@example(b"+/+/")
@example(b"=")
def test_decode_segment_is_injective(relaxed: bool, segment: bytes) -> None:
    """Re-encoded, what was accepted is the same text, but for padding and alphabet in wso2."""
    try:
        content = decode_segment(segment, relaxed)
    except MalformedToken:
        return
    urlsafe = base64.urlsafe_b64encode(content).rstrip(b"=")
    twins = {urlsafe}
    if relaxed:
        standard = base64.b64encode(content)
        twins |= {standard, standard.rstrip(b"="), base64.urlsafe_b64encode(content)}
    assert segment in twins


@settings(FAST, max_examples=1000)
@given(st.binary(max_size=40))
def test_every_spelling_of_any_content_is_decoded(content: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for text in (encode(content), encode(content).rstrip(b"=")):
            assert decode_segment(text, relaxed=True) == content
    unpadded = base64.urlsafe_b64encode(content).rstrip(b"=")
    assert decode_segment(unpadded, relaxed=False) == content


json_texts = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(st.text(max_size=4), json_values, max_size=4).map(
        lambda value: json.dumps(value).encode()
    ),
    st.dictionaries(st.text(max_size=4), json_values, max_size=4).map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.lists(
        st.sampled_from(
            ['{', '}', '[', ']', '"a"', '"\\u0061"', ":", ",", "1", "-0", "1e9", "1e999", "NaN",
             "null", " ", '"\\ud83d\\ude00"', '"\\ud83d"', "\ufeff", "true"]
        ),
        max_size=14,
    ).map(lambda parts: "".join(parts).encode()),
)  # fmt: skip


@settings(FAST, max_examples=1000)
@given(json_texts)
@example(b'{"a":1,"a":1}')
@example(b'{"a":-0.0}')
def test_decode_object_agrees_with_json_where_it_accepts_and_says_value_error_where_not(
    text: bytes,
) -> None:
    try:
        value = decode_object(text)
    except ValueError:
        return
    assert repr(value) == repr(json.loads(text.decode("utf-8")))
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


@FAST
@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4))
def test_a_principal_says_what_its_claims_say_and_cannot_be_written(claims: dict[str, Any]) -> None:
    principal = Principal(claims)

    assert principal.claims == frozen(claims)
    with pytest.raises(TypeError):
        principal.claims["x"] = 1  # type: ignore[index]


times = (
    st.integers(-(10**13), 10**13)
    | st.integers(NOW - 100, NOW + 100)
    | st.integers((NOW - 100) * 1000, (NOW + 100) * 1000)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@settings(FAST, max_examples=800)
@given(times, st.none() | times, st.none() | times, st.sampled_from(["wso2", "standard"]))
def test_whatever_life_a_policy_accepts_lies_around_now(
    exp: float, nbf: float | None, iat: float | None, name: str
) -> None:
    policy = ClaimsPolicy(wire=PRESETS[name].wire, leeway=30)
    claims = {"exp": exp, "nbf": nbf, "iat": iat}
    try:
        ends = policy.check({k: v for k, v in claims.items() if v is not None}, NOW)
    except AuthenticationError:
        return
    unit: Callable[[float], float] = lambda value: value / 1000 if value >= 1e11 else value  # noqa: E731
    assert ends == unit(exp)
    assert ends + 30 > NOW
    for begins in (nbf, iat):
        assert begins is None or unit(begins) <= NOW + 30


@FAST
@given(st.binary(max_size=200) | segments)
@example(b"0\x82\x01\x0a")
@example(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
def test_no_key_file_raises_anything_but_unusable_key(content: bytes) -> None:
    with pytest.raises(UnusableKey):
        read_file(content)


jwk_members = st.sampled_from(
    ["kty", "kid", "alg", "use", "key_ops", "n", "e", "x", "y", "crv", "k", "d", "x5c", "x5t"]
)
GOOD_JWK = KEY.jwk(kid="k")


@FAST
@given(st.dictionaries(jwk_members, json_values, max_size=4), st.booleans())
def test_no_entry_of_a_jwks_hides_the_good_one(entry: dict[str, Any], fetched: bool) -> None:
    changed = {**GOOD_JWK, **entry}
    keys = read_jwks({"keys": [changed, entry, GOOD_JWK]}, fetched=fetched)

    assert keys.keys[-1].key_id == "k"
    assert len(keys.keys) + len([note for note in keys.notes if note.skipped]) == 3


@FAST
@given(st.dictionaries(claim_names, json_values, max_size=3))
def test_the_claims_of_a_token_are_read_as_they_were_written(claims: dict[str, Any]) -> None:
    token = compact(KEY, b'{"alg":"ES256"}', json.dumps(claims).encode(), FORMS["standard"])
    wire = PRESETS["standard"].wire
    try:
        segments = split(raw_token(token, 16_384))
        assert decode_header(segments[0], wire.relaxed_base64)
        read = json_segment(segments[1], wire.relaxed_base64, "payload")
    except MalformedToken:
        return
    assert read == claims
    assume(claims)
    with pytest.raises((InvalidClaim, RequestError)):
        VERIFIERS["standard"].verify(token[:-1] + ("A" if token[-1] != "A" else "Q"))
