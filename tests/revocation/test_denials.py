"""What a denial may name, and what of it counts."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from jwt_middleware import Principal
from jwt_middleware.principal import ClaimNames
from jwt_middleware.revocation import Denial, deny_list
from jwt_middleware.revocation.denials import digest_of
from jwt_middleware.revocation.deny_list import DenyList

NOW = 1_479_409_651.0


def principal(**claims: Any) -> Principal:
    mine = {"iss": "https://a", "sub": "jroe", "client_id": "kiosk", "jti": "t-1"} | claims
    held = {name: value for name, value in mine.items() if value is not None}
    return Principal.of_token(held, ClaimNames(), NOW + 900, "k")


def never() -> float | None:
    raise AssertionError("iat was asked for")


def is_denied(denial: Denial, issued_at: Any = never, now: float = NOW, **claims: Any) -> bool:
    found = DenyList([denial]).find(principal(**claims), issued_at, now)
    return found is not None and found.identity == denial.identity


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({}, "an issuer"),
        ({"note": "x"}, "an issuer"),
        ({"subject": "a", "client_id": "b"}, "subject and client_id"),
        ({"subject": ""}, "subject"),
        ({"issuer": ""}, "issuer"),
        ({"digest": "x"}, "64 hexadecimal digits"),
        ({"digest": "A" * 64}, "64 hexadecimal digits"),
        ({"subject": 5}, "subject"),
        ({"subject": "x" * 1025}, "subject"),
        ({"subject": "\ud800"}, "half a character"),
        ({"subject": "a", "note": None}, "note"),
        ({"subject": "a", "until": float("nan")}, "until"),
        ({"subject": "a", "until": float("-inf")}, "until"),
        ({"subject": "a", "issued_before": float("inf")}, "issued_before"),
        ({"subject": "a", "until": "2027"}, "until"),
        ({"subject": "a", "until": True}, "until"),
        ({"subject": "a", "until": NOW * 1000}, "not in milliseconds"),
        ({"subject": "a", "issued_before": -1}, "issued_before"),
        ({"subject": "a", "issued_before": NOW * 1000}, "not in milliseconds"),
    ],
)
def test_a_denial_that_would_not_mean_what_it_says_is_none(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Denial(**wrong)


@pytest.mark.parametrize(
    "name, other",
    [
        ({"token_id": "t-1"}, {"jti": "t-2"}),
        ({"subject": "jroe"}, {"sub": "JROE"}),
        ({"client_id": "kiosk"}, {"client_id": "kiosk "}),
        ({"issuer": "https://a"}, {"iss": "https://a/"}),
        ({"subject": "jroe", "issuer": "https://a"}, {"iss": "https://b"}),
    ],
)
def test_it_names_exactly_what_it_says(name: dict[str, str], other: dict[str, str]) -> None:
    denial = Denial(**name)

    assert is_denied(denial)
    assert not is_denied(denial, **other)
    assert not is_denied(denial, **dict.fromkeys(other))


def test_a_key_is_named_by_its_kid() -> None:
    assert is_denied(Denial(key_id="k"))
    assert not is_denied(Denial(key_id="K"))
    nameless = Principal.of_token({"sub": "None"}, ClaimNames(), NOW, None)
    for name in ({"key_id": "None"}, {"client_id": "None"}, {"token_id": "None"}):
        assert DenyList([Denial(**name)]).find(nameless, never, NOW) is None


def test_a_token_is_named_by_what_was_signed_of_it() -> None:
    listed = DenyList([Denial.of_token("head.body.signature")])

    for token, is_named in ((b"head.body", True), (b"head.bodx", False)):
        found = listed.find(principal(), never, NOW, digest=lambda t=token: digest_of(t))
        assert (found is not None) is is_named
    assert listed.find(principal(), never, NOW) is None
    assert Denial.of_token("head.body.another spelling") == Denial.of_token("head.body.signature")


def test_the_same_subject_of_another_issuer_is_another() -> None:
    denials = [
        Denial(subject="jroe", issuer="https://b"),
        Denial(subject="jroe", issuer="https://c"),
    ]
    listed = DenyList(denials)

    assert listed.find(principal(), never, NOW) is None
    found = listed.find(principal(iss="https://c"), never, NOW)
    assert found is not None
    assert found.identity == denials[1].identity
    assert listed.find(principal(iss=None), never, NOW) is None


@pytest.mark.parametrize("name", [{"subject": "jroe"}, {"issuer": "https://a"}, {"key_id": "k"}])
def test_issued_before_means_before(name: dict[str, str]) -> None:
    denial = Denial(**name, issued_before=NOW)

    assert is_denied(denial, lambda: NOW - 1)
    assert not is_denied(denial, lambda: NOW)
    assert not is_denied(denial, lambda: NOW + 1)


def test_a_token_without_iat_was_not_shown_to_be_newer() -> None:
    assert is_denied(Denial(subject="jroe", issued_before=NOW), lambda: None)


def test_a_denial_that_has_ended_denies_nothing() -> None:
    denial = Denial(subject="jroe", until=NOW)

    assert is_denied(denial, now=NOW - 1)
    assert not is_denied(denial, now=NOW)


def test_one_of_several_is_enough() -> None:
    denials = [
        Denial(subject="jroe", until=NOW - 1),
        Denial(subject="jroe", issuer="https://b"),
        Denial(subject="jroe", issued_before=NOW),
        Denial(client_id="kiosk"),
    ]

    for issued, kind in ((NOW - 1, "subject"), (NOW, "client_id")):
        found = DenyList(denials).find(principal(), lambda issued=issued: issued, NOW)
        assert found is not None
        assert found.name.kind == kind
    assert len(DenyList(denials)) == 4
    assert DenyList().find(principal(), never, NOW) is None


def test_the_kid_that_a_token_names_counts_only_where_its_key_has_none() -> None:
    of_pem = Principal.of_token({"sub": "jroe"}, ClaimNames(), NOW + 900, None)
    denied = DenyList([Denial(key_id="other")])

    assert denied.find(of_pem, never, NOW, lambda: "other") is not None
    assert denied.find(of_pem, never, NOW, lambda: None) is None
    assert denied.find(principal(), never, NOW, lambda: "other") is None


@pytest.mark.parametrize("length", [36, 1_000])
def test_a_known_denial_takes_little_memory_however_long_its_value_is(length: int) -> None:
    entries = (
        ("token_id", f"{n:0{length}}", "", True, None, float(str(NOW))) for n in range(4_000)
    )
    tracemalloc.start()
    try:
        denials = DenyList()
        denials.apply(entries)
        # Without what the threads of other tests do meanwhile.
        kept = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, deny_list.__file__)]
        )
    finally:
        tracemalloc.stop()
    taken = sum(trace.size for trace in kept.traces)

    assert len(denials) == 4_000
    assert 40 < taken / len(denials) < 120  # bytes: one key, its place, and a share of an end
