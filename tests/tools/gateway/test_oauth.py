"""Access tokens: who gets one by which grant (RFC 6749, 7636, 8252), and whose assertion it is."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from jwt_middleware.testing import User, sample_accounts
from jwt_middleware.tools.gateway.pages import login_page

from .conftest import Site

ACME = ("acme_corp", "acme-secret")
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")


def token(site: Site, client: httpx2.Client, auth: Any = None, **form: str) -> httpx2.Response:
    return client.post(site.url + "/token", data=form, auth=auth)


def asked_for(site: Site, **changes: str | None) -> dict[str, str]:
    """The parameters of an authorization request; None leaves one out."""
    known: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "campus_tester",
        "redirect_uri": site.url + "/_inspector",
        "state": "s",
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (known | changes).items() if value is not None}


def sign_in(site: Site, client: httpx2.Client, **changes: str | None) -> dict[str, list[str]]:
    """Log in as jroe; return what the redirect says."""
    answer = client.post(
        site.url + "/authorize",
        params=asked_for(site, **changes),
        data={"username": "jroe", "password": "jroe"},
    )
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query)


def exchange(site: Site, client: httpx2.Client, code: str, **changes: str) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": site.url + "/_inspector",
        "client_id": "campus_tester",
        "code_verifier": VERIFIER,
    }
    return token(site, client, **(form | changes))


def called(site: Site, client: httpx2.Client, answer: httpx2.Response) -> dict[str, Any]:
    """Call the app with the access token; return the claims that it got."""
    access = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert client.get(site.url + "/x", headers=access).status_code == 200
    value = site.received()[0].split(b".")[1].replace(b"+", b"-").replace(b"/", b"_")
    found: dict[str, Any] = httpx2.Response(
        200, content=base64.urlsafe_b64decode(value + b"=" * (-len(value) % 4))
    ).json()
    return found


def test_an_application_acts_for_itself(closed: Site, client: httpx2.Client) -> None:
    answer = token(closed, client, ACME, grant_type="client_credentials")
    claims = called(closed, client, answer)

    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "refresh_token" not in answer.json()  # RFC 6749, 4.4.3
    assert claims["client_id"] == "acme_corp"
    assert claims["http://wso2.org/claims/usertype"] == "APPLICATION"
    assert claims["http://wso2.org/claims/enduser"] == "admin@carbon.super"
    assert claims["http://wso2.org/claims/apicontext"] == "/orders/1.0"


def test_a_password_makes_it_act_for_a_person(closed: Site, client: httpx2.Client) -> None:
    answer = token(closed, client, ACME, grant_type="password", username="jroe", password="jroe")
    claims = called(closed, client, answer)

    assert claims["http://wso2.org/claims/usertype"] == "APPLICATION_USER"
    assert claims["http://wso2.org/claims/enduser"] == "jroe@carbon.super"
    assert claims["http://wso2.org/claims/emailaddress"] == "jroe@example.edu"


def test_a_refresh_token_gives_a_new_one_for_the_same_person(
    closed: Site, client: httpx2.Client
) -> None:
    first = token(closed, client, ACME, grant_type="password", username="jroe", password="jroe")
    again = token(
        closed,
        client,
        ACME,
        grant_type="refresh_token",
        refresh_token=first.json()["refresh_token"],
    )

    assert again.json()["access_token"] != first.json()["access_token"]
    assert called(closed, client, again)["http://wso2.org/claims/eid"] == "100200"


def test_a_person_signs_in_and_the_code_counts_once(closed: Site, client: httpx2.Client) -> None:
    page = client.get(closed.url + "/authorize", params=asked_for(closed))
    said = sign_in(closed, client)
    answer = exchange(closed, client, said["code"][0])
    again = exchange(closed, client, said["code"][0])

    assert "DefaultApplication" in page.text
    assert said["state"] == ["s"]
    claims = called(closed, client, answer)
    assert claims["http://wso2.org/claims/systemid"] == "00112233445566778899aabbccddeeff"
    assert "client_id" not in claims
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "acme_corp"}, "invalid_client"),
        ({"redirect_uri": "http://127.0.0.1:1/_inspector"}, "invalid_request"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_not_exchanged_by_anybody_else(
    closed: Site, client: httpx2.Client, changes: dict[str, str], error: str
) -> None:
    code = sign_in(closed, client)["code"][0]
    answer = exchange(closed, client, **({"code": code} | changes))

    assert answer.status_code in (400, 401)
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    ("auth", "form"),
    [
        (("acme_corp", "wrong"), {}),
        (("nobody", "x"), {}),
        (("acme_corp", ""), {}),
        (None, {}),
        (None, {"client_id": "campus_tester"}),
        (None, {"client_id": "acme_corp", "client_secret": "wrong"}),
    ],
)
def test_a_client_that_does_not_prove_itself_gets_nothing(
    closed: Site, client: httpx2.Client, auth: Any, form: dict[str, str]
) -> None:
    answer = token(closed, client, auth, grant_type="client_credentials", **form)

    assert answer.status_code in (400, 401)
    assert "access_token" not in answer.json()


def test_a_wrong_password_gets_no_token_and_the_page_says_so(
    closed: Site, client: httpx2.Client
) -> None:
    answer = token(closed, client, ACME, grant_type="password", username="jroe", password="x")
    page = client.post(
        closed.url + "/authorize",
        params=asked_for(closed),
        data={"username": "<b>jroe", "password": "x"},
    )

    assert answer.json()["error"] == "invalid_grant"
    assert page.status_code == 401
    assert 'role="alert"' in page.text
    assert "<b>jroe" not in page.text


def test_the_login_page_names_the_sample_accounts_with_their_passwords(
    closed: Site, client: httpx2.Client
) -> None:
    page = client.get(closed.url + "/authorize", params=asked_for(closed)).text

    for name in sample_accounts().users:
        assert f'<th scope="row"><code>{name}</code></th><td><code>{name}</code></td>' in page


def test_the_login_page_never_shows_a_password_of_the_developers_own() -> None:
    people = [User("jroe", "my own", "jroe@carbon.super"), User("<b>", "jroe", "b")]
    account = sample_accounts().clients["campus_tester"]
    page = bytes(login_page(account, people, "http://127.0.0.1/").body).decode()

    assert "my own" not in page
    assert page.count("in your accounts file") == 2
    assert "<code>&lt;b&gt;</code>" in page


def test_without_people_the_login_page_says_how_to_add_one() -> None:
    account = sample_accounts().clients["campus_tester"]

    assert b"[users.NAME]" in bytes(login_page(account, [], "http://127.0.0.1/").body)


def test_the_link_back_tells_the_client_that_nobody_signed_in(
    closed: Site, client: httpx2.Client
) -> None:
    page = client.get(closed.url + "/authorize", params=asked_for(closed)).text
    [link] = re.findall('<a href="([^"]+)">Back to DefaultApplication</a>', page)
    address = urlsplit(unescape(link))

    assert f"{address.scheme}://{address.netloc}{address.path}" == asked_for(closed)["redirect_uri"]
    assert parse_qs(address.query)["error"] == ["access_denied"]
    assert parse_qs(address.query)["state"] == ["s"]


def test_the_pages_style_is_all_that_its_policy_lets_in(
    closed: Site, client: httpx2.Client
) -> None:
    page = client.get(closed.url + "/authorize", params=asked_for(closed))
    [style] = re.findall("<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    policy = page.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": "https://evil.example/_inspector"},
        {"redirect_uri": "http://127.0.0.1.evil.example/_inspector"},
        {"redirect_uri": "http://user@127.0.0.1/_inspector"},
        {"redirect_uri": "http://127.0.0.1/_inspector#x"},
        {"redirect_uri": "http://127.0.0.1/elsewhere"},
        {"redirect_uri": "http://127.0.0.1:x/_inspector"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_nobody_is_sent_to_a_place_that_is_not_registered(
    closed: Site, client: httpx2.Client, changes: dict[str, str | None]
) -> None:
    for method in ("GET", "POST"):
        answer = client.request(
            method, closed.url + "/authorize", params=asked_for(closed, **changes)
        )

        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_any_port_of_loopback_is_the_same_place(closed: Site, client: httpx2.Client) -> None:
    answer = client.get(
        closed.url + "/authorize",
        params=asked_for(closed, redirect_uri="http://localhost:1/_inspector"),
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unauthorized_client"),
    ],
)
def test_what_a_client_may_not_ask_is_told_to_it(
    closed: Site, client: httpx2.Client, changes: dict[str, str | None], error: str
) -> None:
    answer = client.get(closed.url + "/authorize", params=asked_for(closed, **changes))

    assert answer.status_code == 302
    assert re.search(rf"error={error}\b", answer.headers["Location"])


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "900902"),
        ("Bearer nonsense", "900901"),
        ("Basic YTpi", "900901"),
        ("nonsense", "900901"),
    ],
)
def test_without_a_good_access_token_the_app_is_not_asked(
    closed: Site, client: httpx2.Client, value: str | None, code: str
) -> None:
    headers = {} if value is None else {"Authorization": value}
    answer = client.get(closed.url + "/x", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert "/token" in answer.json()["description"]
    assert closed.upstream.asked == []


def test_a_form_that_is_too_long_is_refused(closed: Site, client: httpx2.Client) -> None:
    answer = client.post(closed.url + "/token", content=b"x" * 100_000)

    assert answer.status_code == 413
