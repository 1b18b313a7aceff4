"""The whole way of an arrival: what is written, who is signed in, and what is told."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import ConfigurationError, SharedSecret
from jwt_middleware.authorization.request import RequestView
from jwt_middleware.events.kinds import ConfigurationWarning, Decided
from jwt_middleware.events.sign_on_kinds import AccountCreated, AccountUpdated, GoRefused, SignedOn
from jwt_middleware.refusal_page import STYLE_SOURCE
from jwt_middleware.responses import Refusal
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.sign_on import PATH, Account, Integration, Profile
from jwt_middleware.sign_on.sql import SQLDirectory

from .kit import EMAIL, JSON, KEY, NOW, OTHER_KEY, Site, acme, code, header, prove, token, visit

# --- a good arrival --------------------------------------------------------------------------


def test_a_person_is_created_signed_in_and_sent_on(site: Site) -> None:
    answer = site.arrive(token(groups=["staff"], jti="t-1", sub="u-1"), "/courses?tab=1")

    assert (answer.status, answer.body) == (303, b"")
    assert header(answer, "Location") == "/courses?tab=1"
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "Cache-Control") == "no-store"
    assert header(answer, "Set-Cookie") == "session=1"
    found = site.directory.find("acme", EMAIL)
    [(account, profile)] = site.session.began
    assert found is not None
    assert (account.user_id, account.created) == (found.id, True)
    assert (found.groups, profile.email) == (("staff",), EMAIL)
    assert site.told(AccountCreated) == [AccountCreated("acme", found.id)]
    [signed_on] = site.told(SignedOn)
    assert signed_on[:5] == ("acme", found.id, True, "u-1", "t-1")


def test_the_same_person_is_updated_next_time(site: Site) -> None:
    site.arrive(token(jti="1", groups=["a"]))
    site.arrive(token(jti="2", groups=["b"]))
    site.arrive(token(jti="3"))

    [first, second, third] = [account for account, _ in site.session.began]
    assert first.user_id == second.user_id == third.user_id
    assert [each.created for each in (first, second, third)] == [True, False, False]
    assert len(site.told(AccountUpdated)) == 2
    found = site.directory.find("acme", EMAIL)
    assert found is not None
    assert found.groups == ("b",)


def test_without_go_a_person_goes_home_and_nothing_is_reported(site: Site) -> None:
    assert header(site.arrive(token()), "Location") == "/"
    assert site.told(GoRefused) == []


@pytest.mark.parametrize("go", ["https://evil.example", "//evil.example", ""])
def test_a_go_that_is_none_is_reported_and_the_person_goes_home(site: Site, go: str) -> None:
    answer = site.arrive(token(), go)

    assert (answer.status, header(answer, "Location")) == (303, "/")
    [event] = site.told(GoRefused)
    assert (event.integration, event.reason) == ("acme", "no path of this site")


@pytest.mark.parametrize(
    "go",
    [
        PATH,
        f"{PATH}#x",
        f"{PATH}?token=x",
        f"{PATH}/?token=x",
        f"{PATH}%3Ftoken=x",
        f"{PATH}%2523x",
        "/auth%2Fcallback/jwt-auth?token=x",
        "/auth%252Fcallback/jwt%2Dauth?token=x",
        f"/x%3f/%2e%2e{PATH}?token=x",
    ],
)
def test_nobody_is_sent_back_to_the_callback_with_anothers_token(site: Site, go: str) -> None:
    """Else a link would sign a person on as whoever made it."""
    assert header(site.arrive(token(), go), "Location") == "/"
    assert header(site.arrive(token(jti="2"), "/auth/callback"), "Location") == "/auth/callback"


def test_a_go_that_is_named_twice_is_a_guess(site: Site) -> None:
    both = visit(token(), "/a").query_string + "&go=/b"

    assert header(site.arrive(None, query_string=both), "Location") == "/"
    assert [event.reason for event in site.told(GoRefused)] == ["named more than once"]


def test_a_new_user_with_onboard_goes_to_onboarding_once(site_with: Any) -> None:
    site = site_with(onboarding="/welcome/first")
    first = site.arrive(token(jti="1", onboard=True), "/courses")
    again = site.arrive(token(jti="2", onboard=True), "/courses")
    other = site.arrive(token(jti="3", email="bo@example.edu", onboard=False), "/courses")

    assert [header(each, "Location") for each in (first, again, other)] == [
        "/welcome/first",
        "/courses",
        "/courses",
    ]


def test_a_new_user_whose_session_failed_goes_to_onboarding_by_the_same_link(site: Site) -> None:
    raw = token(onboard=True)

    def fails(account: Account, profile: Profile) -> list[tuple[str, str]]:
        raise RuntimeError

    for _ in range(2):
        assert site.callback.answer(visit(raw, "/courses"), fails).status == 503

    assert header(site.arrive(raw, "/courses"), "Location") == "/onboarding"


# --- refused ---------------------------------------------------------------------------------

REFUSED: list[tuple[str, Any, int]] = [
    ("missing_token", None, 401),
    ("malformed_token", "not a token", 401),
    ("bad_signature", token(OTHER_KEY), 401),
    ("token_expired", token(iat=NOW - 600), 401),
    ("token_immature", token(iat=NOW + 600), 401),
    ("invalid_claims", token(aud="other"), 401),
    ("invalid_claims", token(iat=None), 401),
    ("invalid_claims", token(email="nobody"), 401),
    ("token_too_large", "x" * 20_000, 401),
]


@pytest.mark.parametrize("name, raw, status", REFUSED)
def test_a_refusal_is_a_page_for_a_person(site: Site, name: str, raw: Any, status: int) -> None:
    answer = site.arrive(raw, "/courses")

    assert answer.status == status
    assert header(answer, "Content-Type") == "text/html; charset=utf-8"
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "Cache-Control") == "no-store"
    assert "default-src 'none'" in str(header(answer, "Content-Security-Policy"))
    [event] = site.told(Decided)
    assert (event.code, event.path) == (name, "/auth/callback/jwt-auth")
    page = answer.body.decode()
    assert f"<code>{name}</code>" in page
    assert event.reference in page
    assert site.session.began == []


@pytest.mark.parametrize("name, raw, status", REFUSED)
def test_a_refused_token_uses_up_nothing_and_writes_nothing(
    site: Site, name: str, raw: Any, status: int
) -> None:
    site.arrive(raw)

    assert site.directory.find("acme", EMAIL) is None
    assert site.store._used == {}


def test_a_program_that_asks_for_json_gets_it(site: Site) -> None:
    for accept in (JSON, "application/problem+json", "application/json, text/html;q=0.5"):
        answer = site.arrive(token(credits=[{}], groups=5), accept=accept)
        body = json.loads(answer.body)
        assert body["detail"].endswith("can correct.")
        assert body["faults"] == [
            "groups: not an array",
            "credits[0].orderId: missing",
            "credits[0].id: missing",
        ]
    for accept in ("", "*/*", "text/html", "text/html,application/json;q=0.9,*/*;q=0.8", "image/*"):
        answer = site.arrive(token(groups=5), accept=accept)
        assert b"<li>groups: not an array</li>" in answer.body


def test_the_pages_style_is_all_that_its_policy_lets_in(site: Site) -> None:
    page, problem = site.arrive("x"), site.arrive("x", accept=JSON)

    assert header(page, "Content-Security-Policy") == (
        f"default-src 'none'; style-src {STYLE_SOURCE}; frame-ancestors 'none'"
    )
    assert header(problem, "Content-Security-Policy") == (
        "default-src 'none'; frame-ancestors 'none'"
    )
    assert b'<a href="/">Go to the start page</a>' in page.body


def test_a_site_words_its_own_page(tmp_path: Path) -> None:
    seen: list[RequestView] = []

    def refuse(refusal: Refusal, request: RequestView) -> Refusal:
        seen.append(request)
        return replace(refusal, status=200, body=f"Nein: {refusal.code}".encode())

    site = Site(tmp_path, refuse=refuse)
    answer = site.arrive("x")

    assert (answer.status, answer.body) == (200, b"Nein: malformed_token")
    [event] = site.told(Decided)
    assert (event.status, event.reference) == (200, answer.reference)
    assert (seen[0].method, seen[0].path) == ("GET", PATH)
    assert site.arrive(token()).status == 303
    assert len(seen) == 1


def test_a_failing_hook_leaves_the_default_page(tmp_path: Path) -> None:
    site = Site(tmp_path, refuse=lambda *_: None)

    assert b"<code>malformed_token</code>" in site.arrive("x").body


def test_a_hook_is_a_function(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="refuse: a function"):
        Site(tmp_path, refuse="page.html")


def test_the_words_are_those_of_a_link_and_not_of_a_header(site: Site) -> None:
    raw = token()
    site.arrive(raw)

    for answer in (site.arrive(raw), site.arrive(None), site.arrive("x")):
        assert b"ssertion" not in answer.body
    assert b"This sign-in link was used already" in site.arrive(raw).body


def test_two_tokens_are_none(site: Site) -> None:
    query = visit(token()).query_string

    assert (
        code(site.arrive(None, query_string=f"{query}&{query}", accept=JSON)) == "malformed_token"
    )
    assert code(site.arrive(None, query_string="&a" * 200, accept=JSON)) == "malformed_token"


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "PUT"])
def test_only_a_get_uses_a_token(site: Site, method: str) -> None:
    raw = token()
    answer = site.arrive(raw, method=method)

    assert (answer.status, header(answer, "Allow")) == (405, "GET")
    assert site.arrive(raw).status == 303


@pytest.mark.parametrize(
    "denial",
    [
        Denial(token_id="leaked"),
        Denial(subject="u-1"),
        Denial(key_id="k"),
        Denial(issuer="https://acme.example.com"),
        Denial(token_id="leaked", issued_before=NOW + 1),
        Denial(client_id="acme"),
        Denial(client_id="acme", issuer="https://acme.example.com"),
        Denial(client_id="acme", issued_before=NOW + 1),
    ],
    ids=lambda denial: denial.name.kind,
)
def test_a_token_that_its_store_denies_signs_nobody_in(
    site_with: Any, tmp_path: Path, denial: Denial
) -> None:
    keys = [Integration("acme", secret=SharedSecret(KEY.secret, key_id="k"))]
    url = f"sqlite:///{tmp_path / 'sign-on.sqlite'}"
    site = site_with(store=url, integrations=keys)
    claims = {"jti": "leaked", "sub": "u-1", "iss": "https://acme.example.com"}
    raw = token(header={"kid": "k"}, **claims)
    elsewhere = open_store(url, clock=site.clock)

    elsewhere.deny(denial)
    answer = site.arrive(raw, accept=JSON)
    elsewhere.allow(denial)

    assert (answer.status, code(answer)) == (401, "token_revoked")
    assert site.arrive(raw).status == 303


@pytest.mark.parametrize(
    "denial",
    [
        Denial(client_id="beta"),
        Denial(client_id="ACME"),
        Denial(client_id="claimed"),
        Denial(client_id="acme", issuer="https://beta.example.com"),
        Denial(client_id="acme", issued_before=NOW),
        Denial(client_id="acme", until=NOW),
        Denial(key_id="k", issuer="https://beta.example.com"),
        Denial(key_id="k", issued_before=NOW),
        Denial(key_id="claimed"),
    ],
    ids=str,
)
def test_a_denial_of_something_else_refuses_nobody(site: Site, denial: Denial) -> None:
    """A claim ``client_id`` is the partner's to write, so the client is the integration alone."""
    site.store.deny(denial)
    raw = token(header={"kid": "k"}, iss="https://acme.example.com", client_id="claimed")

    assert site.arrive(raw).status == 303


def test_a_key_without_a_kid_is_denied_by_the_one_in_its_tokens_headers(
    site_with: Any, key_for: Any
) -> None:
    """As in a verifier; a key that has a kid of its own is denied by that one alone."""
    key = key_for("ES256")
    site = site_with(integrations=[Integration("acme", keys=key.public_pem)])
    site.store.deny(Denial(key_id="k1"))

    refused = site.arrive(token(key, header={"kid": "k1"}), accept=JSON)

    assert (refused.status, code(refused)) == (401, "token_revoked")
    assert site.arrive(token(key, header={"kid": "k2"})).status == 303
    assert site.arrive(token(key)).status == 303


@pytest.mark.parametrize("wrong", [5, ["https://acme.example.com"], {}, True])
def test_a_malformed_issuer_meets_no_denial_by_accident(site: Site, wrong: Any) -> None:
    site.store.deny(Denial(issuer="https://acme.example.com"))

    answer = site.arrive(token(iss=wrong), accept=JSON)

    assert (answer.status, code(answer)) == (401, "invalid_claims")


def test_a_link_that_is_fetched_ahead_is_not_used(site: Site) -> None:
    raw = token()
    answer = site.arrive(raw, is_ahead=True)

    assert (answer.status, header(answer, "Cache-Control")) == (503, "no-store")
    assert site.directory.find("acme", EMAIL) is None
    assert site.arrive(raw).status == 303


def test_no_repr_shows_a_token_or_a_claim(site: Site) -> None:
    raw = token(meta={"covert": "Ana"})
    shown = [visit(raw), prove([acme()], raw)]
    site.arrive(raw)
    shown.append(site.directory.find("acme", EMAIL))

    for each in map(repr, shown):
        assert not any(part in each for part in (EMAIL, "covert", raw.split(".")[1]))
        assert each.startswith("<")


def test_no_event_no_answer_and_no_log_line_holds_the_token_or_a_claim(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    good = token(jti="t-1", meta={"covert": "Ana"}, groups=["g-covert"])
    bad = token(jti="t-2", email="x-covert", meta={"covert": "Ana"})
    answers = [site.arrive(raw, "/courses") for raw in (good, good, bad, good + "x")]

    told = [repr(each) for each in answers]
    told += [repr(event) + repr(getattr(event, "request", None)) for event in site.events]
    told += [record.getMessage() for record in caplog.records]
    for event in site.events:
        request = getattr(event, "request", None)
        if request is not None:
            assert request.query_values("token") == []
            assert request.header_values("Referer") == []
    for text in told:
        for raw in (good, bad):
            assert raw not in text
            assert raw.split(".")[1] not in text
        assert "covert" not in text
        assert EMAIL not in text


def test_a_listener_that_fails_changes_nothing(site_with: Any) -> None:
    def fails(event: Any) -> None:
        raise RuntimeError

    assert site_with(listeners=[fails]).arrive(token()).status == 303


# --- options ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, told",
    [
        ({"integrations": None}, "integrations: missing"),
        ({"directory": None}, "directory: missing"),
        ({"directory": SQLDirectory}, r"directory: an object with sync\(profile\)"),
        ({"directory": 5}, r"directory: an object with sync\(profile\)"),
        ({"store": None}, "store: missing"),
        ({"store": 5}, "store: a store's URL"),
        ({"store": type("Half", (), {"use_once": print})()}, "store: a store's URL"),
        ({"store": "mysql://u:hunter2@h/x"}, "store"),
        ({"path": "auth"}, "path: a path of this site"),
        ({"path": "/a/../b"}, "path: a path of this site"),
        ({"onboarding": "https://evil.example"}, "onboarding: a path of this site"),
        ({"onboarding": "//evil.example"}, "onboarding: a path of this site"),
        ({"leeway": -1}, "leeway: 0 or more"),
        ({"max_token_size": 0}, "max_token_size"),
        ({"listeners": [5]}, "listeners"),
        ({"clock": 5}, "clock"),
        ({"integration": []}, "did you mean 'integrations'"),
    ],
)
def test_a_wrong_option_fails_at_start_up(site_with: Any, options: Any, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        site_with(**options)

    assert "hunter2" not in str(caught.value)


def test_a_store_of_one_process_is_warned_of(site: Site, tmp_path: Path) -> None:
    shared = Site(tmp_path, store=f"sqlite:///{tmp_path / 'sign-on.sqlite'}")

    assert shared.events.of(ConfigurationWarning) == []
    [event] = site.told(ConfigurationWarning)
    assert "each worker" in event.reason
