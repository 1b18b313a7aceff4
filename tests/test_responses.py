"""Errors as HTTP: status, body, challenge, and nothing beyond the code."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from jwt_middleware import errors
from jwt_middleware.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidClaim,
    InvalidClaims,
    KeysUnavailable,
    MissingToken,
    PermissionDenied,
    RequestError,
    TokenExpired,
    Unavailable,
)
from jwt_middleware.refusal_page import STYLE_SOURCE, prefers_html, prefers_json
from jwt_middleware.responses import (
    Challenge,
    Refusal,
    Text,
    Wording,
    misconfigured,
    refusal_for,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
KINDS = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, RequestError) and hasattr(each, "code")
]


def made(kind: Any) -> RequestError:
    if kind is InvalidClaim:
        return InvalidClaim("some claim", "type")
    if kind is InvalidClaims:
        return InvalidClaims([])
    error: RequestError = kind("a reason")
    return error


def answer(error: RequestError, **more: str) -> Refusal:
    return refusal_for(error, Challenge("Bearer", "api"), **more)


def header(refusal: Refusal, name: str) -> str | None:
    return dict(refusal.headers).get(name)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_has_a_status_a_problem_and_its_own_words(kind: Any) -> None:
    error = made(kind)
    refusal = answer(error)
    problem = json.loads(refusal.body)

    expected = (
        503 if issubclass(kind, Unavailable) else 403 if issubclass(kind, PermissionDenied) else 401
    )
    assert refusal.status == problem["status"] == expected
    assert problem["code"] == kind.code
    assert problem["type"] == f"urn:jwt-middleware:problem:{kind.code}"
    assert problem["reference"] == error.reference
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert b"a reason" not in refusal.body
    assert b"some claim" not in refusal.body


def test_no_two_codes_share_their_words() -> None:
    problems = [json.loads(answer(made(kind)).body) for kind in KINDS]

    assert len({problem["title"] for problem in problems}) == len(KINDS)
    assert len({problem["detail"] for problem in problems}) == len(KINDS)


@pytest.mark.parametrize("accept", ["", BROWSER], ids=["json", "html"])
def test_the_words_of_a_code_never_vary(accept: str) -> None:
    def body(reason: str) -> bytes:
        return re.sub(rb"[0-9a-f]{16}", b"", answer(TokenExpired(reason), accept=accept).body)

    assert body("one reason") == body("another")


@pytest.mark.parametrize("accept", ["", BROWSER], ids=["json", "html"])
def test_faults_are_listed_and_escaped(accept: str) -> None:
    body = answer(InvalidClaims(["a: b", "<i>: c"]), accept=accept).body

    if accept:
        assert b"<ul><li>a: b</li><li>&lt;i&gt;: c</li></ul>" in body
    else:
        assert json.loads(body)["faults"] == ["a: b", "<i>: c"]


def test_other_words_may_be_said_with_headers_of_their_own() -> None:
    wording = Wording({}, Text("Oh", "No."), (("X-A", "b"),), for_people=True)
    refusal = refusal_for(TokenExpired(), Challenge(), wording=wording)

    assert header(refusal, "X-A") == "b"
    assert b"<h1>Oh</h1><p>No.</p>" in refusal.body


@pytest.mark.parametrize(
    "accept, wanted",
    [
        ("", False),
        ("*/*", False),
        (BROWSER, False),
        ("application/json", True),
        ("Application/JSON", True),
        ("application/problem+json, */*;q=0.1", True),
        ("text/html, application/json", False),
        ("text/html;q=0.5, application/json", True),
        ("application/json;q=x", False),
        ("application/json," * 200, False),
    ],
)
def test_a_page_for_people_is_left_out_only_where_json_is_asked_for(
    accept: str, wanted: bool
) -> None:
    assert prefers_json(accept) is wanted


def test_missing_token_gets_a_bare_challenge() -> None:
    assert header(answer(MissingToken()), "WWW-Authenticate") == 'Bearer realm="api"'


def test_a_bad_token_gets_invalid_token() -> None:
    assert header(answer(TokenExpired()), "WWW-Authenticate") == (
        'Bearer realm="api", error="invalid_token", error_description="The assertion has expired."'
    )


def test_a_denied_caller_gets_insufficient_scope() -> None:
    challenge = header(answer(PermissionDenied()), "WWW-Authenticate")

    assert challenge is not None
    assert 'error="insufficient_scope"' in challenge


def test_scheme_and_realm_are_the_gateways() -> None:
    refusal = refusal_for(MissingToken(), Challenge("Assertion", "orders"))

    assert header(refusal, "WWW-Authenticate") == 'Assertion realm="orders"'


def test_an_outage_is_503_with_retry_after_and_no_challenge() -> None:
    refusal = answer(KeysUnavailable(retry_after=7))

    assert refusal.status == 503
    assert header(refusal, "Retry-After") == "7"
    assert header(refusal, "WWW-Authenticate") is None


@pytest.mark.parametrize("accept", ["", BROWSER], ids=["json", "html"])
def test_an_answer_is_never_stored_nor_guessed_at(accept: str) -> None:
    refusal = answer(MissingToken(), accept=accept)

    assert header(refusal, "Cache-Control") == "no-store"
    assert header(refusal, "X-Content-Type-Options") == "nosniff"
    assert header(refusal, "Content-Length") == str(len(refusal.body))


def test_a_head_request_gets_the_length_and_no_body() -> None:
    error = MissingToken()
    head, get = answer(error, method="HEAD"), answer(error)

    assert head.body == b""
    assert head.headers == get.headers


def test_the_page_fits_a_phone_and_is_dark_where_the_browser_is() -> None:
    page = answer(TokenExpired(), accept=BROWSER).body

    assert b'<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert b'<meta name="color-scheme" content="light dark">' in page
    assert b"@media (prefers-color-scheme:dark)" in page
    assert len(page) < 2_500


def test_the_page_loads_nothing_and_its_style_is_the_one_that_a_policy_names() -> None:
    page = answer(TokenExpired(), accept=BROWSER).body.decode()
    [style] = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"'sha256-{digest}'" == STYLE_SOURCE
    assert not re.search("<script|<link|<img|src=|url\\(|style=", page)


def test_a_hook_reads_what_the_answer_states() -> None:
    error = InvalidClaims(["a: b"])

    for accept in ("", BROWSER):
        refusal = answer(error, accept=accept)
        assert (refusal.code, refusal.reference) == ("invalid_claims", error.reference)
        assert refusal.faults == ("a: b",)
    assert misconfigured(ConfigurationError("x")).code == "configuration_error"


def test_pages_may_have_other_headers_and_a_way_out() -> None:
    wording = Wording(
        {}, Text("Oh", "No."), (("X-A", "b"),), page_headers=(("X-A", "c"),), way_out=("/a", "<b>")
    )
    made = {
        accept: refusal_for(TokenExpired(), Challenge(), accept=accept, wording=wording)
        for accept in ("", BROWSER)
    }

    assert [header(each, "X-A") for each in made.values()] == ["b", "c"]
    assert b'<a href="/a">&lt;b&gt;</a>' in made[BROWSER].body


def test_the_page_shows_code_and_reference() -> None:
    error = TokenExpired()
    page = answer(error, accept=BROWSER)

    assert header(page, "Content-Type") == "text/html; charset=utf-8"
    assert error.reference in page.body.decode()
    assert "token_expired" in page.body.decode()
    assert "<script" not in page.body.decode()


@pytest.mark.parametrize(
    "accept, html",
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/problem+json", False),
        ("text/html", True),
        (BROWSER, True),
        ("TEXT/HTML", True),
        ("text/html, */*", False),
        ("text/html;q=0.9, */*;q=0.8", True),
        ("text/html;q=0", False),
        ("text/html;q=0.4, application/json;q=0.5", False),
        ("text/html;level=1;q=0.9, application/json;q=0.5", True),
        ("text/html; q = 0.9, application/json; q = 0.5", True),
        ("application/json, text/html", False),
        ("text/html;q=many, application/json;q=0.1", False),
        ("text/html" + " " * 2000, False),
        ("text/htmlx", False),
    ],
)
def test_html_goes_to_who_prefers_it(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


@pytest.mark.parametrize("q", ["nan", "inf", "-1", "1e9", "", "=", "0x1"])
def test_a_mad_weight_raises_nothing(q: str) -> None:
    assert prefers_html(f"text/html;q={q}, application/json;q=1") in (True, False)


def test_a_misconfigured_app_is_a_page_in_a_browser() -> None:
    page = misconfigured(ConfigurationError("keys: /etc/secret.pem"), accept=BROWSER)

    assert (page.status, header(page, "Content-Type")) == (503, "text/html; charset=utf-8")
    assert b"<h1>Service misconfigured</h1>" in page.body
    assert b"secret" not in page.body


def test_a_misconfigured_app_says_so_and_not_why() -> None:
    refusal = misconfigured(ConfigurationError("keys: there is no file /etc/secret.pem"))

    assert refusal.status == 503
    assert json.loads(refusal.body)["code"] == "configuration_error"
    assert "secret" not in str(refusal)


@pytest.mark.parametrize(
    "status, phrase",
    [(401, "Unauthorized"), (403, "Forbidden"), (503, "Service Unavailable")],
)
def test_statuses_have_their_rfc_phrases(status: int, phrase: str) -> None:
    assert Refusal(status, (), b"").reason_phrase == phrase


def test_any_other_status_has_a_phrase_too() -> None:
    assert Refusal(418, (), b"").reason_phrase


def test_an_unknown_kind_of_401_is_still_a_401() -> None:
    class Custom(AuthenticationError):
        code = "custom"

    assert answer(Custom()).status == 401
