"""The inspector: what the page asks for, whatever a person pastes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jwt_middleware.gateways import PRESETS
from jwt_middleware.testing import FORMS
from jwt_middleware.tools.demo import inspector
from jwt_middleware.tools.demo.samples import FAULTS
from jwt_middleware.tools.demo.tour import Demo

PAGE = Path(inspector.__file__).with_name("page")


@pytest.fixture(scope="module")
def page() -> Iterator[httpx2.Client]:
    """The demo, served, asked as the page does."""
    with ExitStack() as stack:
        demo = Demo(0, stack)
        yield stack.enter_context(httpx2.Client(base_url=demo.url, trust_env=False, timeout=20))


def made(page: httpx2.Client, **asked: str) -> str:
    answer = page.post("/_inspector/sample", json=asked)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["token"]
    return found


def inspected(page: httpx2.Client, text: str) -> dict[str, Any]:
    answer = page.post("/_inspector/inspect", json={"token": text})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_one_url_leads_to_the_page_and_its_parts(page: httpx2.Client) -> None:
    answer = page.get("/", follow_redirects=True)

    assert answer.url.path == "/_inspector"
    for part in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        assert page.get(part).status_code == 200, part


def test_the_page_fetches_from_nowhere_else(page: httpx2.Client) -> None:
    policy = page.get("/_inspector").headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://", "".join(path.read_text() for path in PAGE.iterdir()))


def test_the_choices_are_the_six_clients_every_form_and_every_fault(page: httpx2.Client) -> None:
    choices = page.get("/_inspector/choices").json()

    assert {"id": "acme_corp", "name": "Acme Corporation"} in choices["clients"]
    assert len(choices["clients"]) == 7
    assert [each["id"] for each in choices["forms"]] == list(FORMS)
    assert [each["id"] for each in choices["faults"]] == list(FAULTS)
    assert choices["sign_in"] == {"client": "campus_tester", "echo": "/echo/1.0.0"}


def test_a_clients_token_is_shown_with_principal_groups_and_routes(page: httpx2.Client) -> None:
    told = inspected(page, made(page, client="globex_ind"))

    assert told["code"] == "accepted"
    assert told["principal"]["attributes"]["access_level"] == "globex_level2"
    groups = {group["name"]: group["claims"] for group in told["groups"]}
    assert {"Standard claims", "Invocation", "Application", "User"} <= set(groups)
    meanings = {claim["name"]: claim["meaning"] for claim in groups["Other claims"]}
    assert meanings["accessLevel"] == "The attribute access_level of Globex Industries."
    routes = {route["path"]: route for route in told["routes"]}
    assert routes["/partners/audit"]["status"] == 200
    assert routes["/partners/products"]["code"] == "insufficient_permission"
    assert "acme_corp" in routes["/partners/products"]["why"]
    assert routes["/echo/1.0.0"]["status"] == 200


@pytest.mark.parametrize(
    ("form", "before"),
    [("wso2-4.2", "X-JWT-Assertion: "), ("google-iap", "x-goog-iap-jwt-assertion: ")],
)
def test_a_token_is_offered_as_its_gateway_would_send_it(
    page: httpx2.Client, form: str, before: str
) -> None:
    token = made(page, form=form)

    assert inspected(page, token)["curl"] == f"-H '{before}{token}'"


def test_the_scheme_of_a_gateway_stands_before_its_token() -> None:
    option = inspector._curl_option("a.b.c", PRESETS["bearer"])

    assert option == "-H 'Authorization: Bearer a.b.c'"


def test_no_shell_line_is_offered_for_what_a_shell_would_misread(page: httpx2.Client) -> None:
    assert inspected(page, "a.b.c'; echo '")["curl"] is None


def test_a_persons_token_is_the_campus(page: httpx2.Client) -> None:
    told = inspected(page, made(page, client="campus_tester", user="jroe", form="wso2-1.9"))

    assert told["code"] == "accepted"
    assert "milliseconds" in told["facts"]["exp"]
    assert {"Single sign-on"} <= {group["name"] for group in told["groups"]}
    routes = {route["path"]: route["code"] for route in told["routes"]}
    assert routes["/campus/reports"] == ""
    assert routes["/partners/audit"] == "unknown_client"


@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "none"])
def test_every_fault_is_explained_with_a_remedy(page: httpx2.Client, fault: str) -> None:
    told = inspected(page, made(page, client="acme_corp", fault=fault))

    assert told["code"] != "accepted"
    assert told["explanation"].endswith(".")
    assert told["hint"]
    assert told["principal"] is None
    refused = [r for r in told["routes"] if r["path"].startswith("/partners")]
    assert {route["code"] for route in refused} == {told["code"]}


def test_a_vendor_s_token_is_recognised_and_told_from_the_app_s(page: httpx2.Client) -> None:
    told = inspected(page, made(page, client="acme_corp", user="jroe", form="cloudflare-access"))

    assert told["gateway"] == "cloudflare-access"
    assert told["facts"]["gateway"] == "Cloudflare Access"
    assert "The app expects wso2, and this is a token of cloudflare-access." in told["explanation"]
    meanings = {c["name"]: c["meaning"] for group in told["groups"] for c in group["claims"]}
    assert meanings["country"] == "The country that the person signed in from."


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


BROKEN = [
    "",
    " ",
    ".",
    "..",
    "a.b.c",
    "a.b.c.d.e",
    "x" * 100_000,
    "x" * 261_900,  # with the other headers more than a server reads
    segment({"alg": "RS256", "kid": "PT09" * 13_000}) + ".e30.AAAA",  # of = alone, once decoded
    segment({"alg": "RS256", "kid": "k" * 100_000}) + ".e30.AAAA",
    "eyJhbGciOiJSUzI1NiJ9." + "W1tb" * 40_000 + ".AAAA",
    "eyJhbGciOiJSUzI1NiJ9..",
    "ey\x00J",
    "é.ü.ñ",
    "\ud83d".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    "<script>alert(1)</script>",
    "null",
    '{"a": 1}',
    "eyJhbGciOiJSUzI1NiJ9.W10.AAAA",
    "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
    "\n\n\r\n",
    "Bearer",
    "X-JWT-Assertion:",
    "X-JWT-Assertion: Bearer ",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_no_broken_token_breaks_the_page(page: httpx2.Client, text: str) -> None:
    told = inspected(page, text)

    assert told["code"] not in ("accepted", None)
    assert told["explanation"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("X-JWT-Assertion: ", ""),
        ("x-jwt-assertion:", "\r\n"),
        ("Bearer ", ""),
        ("Authorization: Bearer ", ""),
        ('"', '"'),
        ("\n  ", "  \n"),
    ],
)
def test_what_people_copy_around_a_token_is_left_out(
    page: httpx2.Client, before: str, after: str
) -> None:
    told = inspected(page, before + made(page, client="initech") + after)

    assert told["code"] == "accepted"


def test_a_token_that_a_mail_has_folded_is_put_together(page: httpx2.Client) -> None:
    token = made(page, client="initech")
    folded = "\r\n".join(token[start : start + 76] for start in range(0, len(token), 76))

    told = inspected(page, folded)

    assert told["code"] == "accepted"
    assert told["cleaned"] is True


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"{", "application/json", "not JSON"),
        (b"[]", "application/json", "a JSON object"),
        (b'{"token": 5}', "application/json", "token must be a text"),
        (b'{"token": "x"}', "text/plain", "application/json"),
        (b"[" * 100_000, "application/json", "not JSON"),
        (b'"' + b"x" * 300_000 + b'"', "application/json", "not a token"),
    ],
)
def test_what_is_no_question_is_refused_in_words(
    page: httpx2.Client, content: bytes, kind: str, told: str
) -> None:
    answer = page.post("/_inspector/inspect", content=content, headers={"Content-Type": kind})

    assert answer.status_code == 400
    assert told in answer.json()["error"]


@pytest.mark.parametrize("asked", [{"client": "nobody"}, {"form": "x"}, {"client": 5}])
def test_a_sample_of_nothing_known_is_refused_in_words(
    page: httpx2.Client, asked: dict[str, Any]
) -> None:
    answer = page.post("/_inspector/sample", json=asked)

    assert answer.status_code == 400
    assert answer.json()["error"]
