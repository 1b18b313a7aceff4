"""The inspector in a real browser: Debian's Chromium, driven by Playwright, on the demo itself.

SCREENSHOTS names a folder that keeps what a person would see.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .readable import check_readable

pytestmark = pytest.mark.external

START_LIMIT = 60.0
CLIENTS = ["acme_corp", "globex_ind", "initech", "umbrella_corp", "stark_ind", "cyberdyne"]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The demo, as the README starts it; its one URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "jwt_middleware", "demo"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        alarm = threading.Timer(START_LIMIT, process.kill)
        alarm.start()
        try:
            told = ""
            assert process.stdout is not None
            for line in process.stdout:
                told += line
                if line.startswith("Serving until"):
                    break
            alarm.cancel()
            found = re.search(r"The inspector: (http://\S+)", told)
            assert found, told
            yield found[1]
        finally:
            alarm.cancel()
            process.kill()


@pytest.fixture(scope="module")  # while it runs, the thread has an event loop
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        started = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """The page in a fresh window; at the end nothing was asked elsewhere, and no script failed."""
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        opened = context.new_page()
        asked: list[str] = []
        failed: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("pageerror", lambda error: failed.append(str(error)))
        opened.goto(site)
        expect(opened.locator("#client option")).to_have_count(7)
        yield opened
        assert [url for url in asked if not url.startswith((site, "data:"))] == []
        assert failed == []


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(page: Page, shots: Path, name: str) -> None:
    page.screenshot(path=shots / f"{name}.png", full_page=True)
    assert (shots / f"{name}.png").stat().st_size > 10_000


def picture(page: Page, shots: Path, name: str) -> None:
    """Keep what the window shows, as the documentation has it in docs/_static."""
    page.screenshot(path=shots / f"{name}.png")


def status(page: Page, path: str) -> Any:
    return page.locator("#routes tr", has_text=f"GET {path}").locator(".status")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_person_picks_a_client_and_reads_what_it_may_call(
    page: Page, shots: Path, client: str
) -> None:
    page.select_option("#client", client)
    page.click("#pick button")

    expect(page.locator("#verdict")).to_have_text("Accepted")
    expect(page.locator("#principal")).to_contain_text(client)
    own = page.locator("#routes tr", has_text=f"client('{client}')").locator(".status")
    expect(own).to_have_text("200")
    if client != "acme_corp":
        expect(status(page, "/partners/products")).to_have_text("403 insufficient_permission")
    keep(page, shots, f"client-{client}")
    if client == "globex_ind":
        page.locator("#routes").scroll_into_view_if_needed()
        picture(page, shots, "demo")


def test_a_person_pastes_a_token_and_reads_the_check_that_failed(page: Page, shots: Path) -> None:
    page.select_option("#fault", "expired")
    page.select_option("#form", "wso2-1.9")
    page.click("#pick button")
    expect(page.locator("#verdict")).to_have_text("token_expired")
    pasted = f"X-JWT-Assertion: {page.input_value('#token')}"
    page.reload()
    page.fill("#token", pasted)
    page.get_by_role("button", name="Inspect").click()

    expect(page.locator("#verdict")).to_have_text("token_expired")
    expect(page.locator("#explanation")).to_contain_text("it expired at")
    expect(page.locator("#hint")).not_to_be_empty()
    expect(page.locator("#facts")).to_contain_text("wso2-1.9")
    keep(page, shots, "expired")
    picture(page, shots, "inspector")


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "..", "é", "{}", "y" * 50_000])
def test_nothing_that_is_pasted_breaks_the_page(page: Page, text: str) -> None:
    page.fill("#token", text)
    page.get_by_role("button", name="Inspect").click()

    told = page.locator("#verdict" if text else "#problem")
    expect(told).not_to_be_empty()


def test_markup_in_a_token_is_shown_and_never_run(page: Page) -> None:
    def segment(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    markup = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    header = {"alg": "RS256", "kid": markup}
    claims = {"iss": markup, markup: markup, "http://wso2.org/claims/role": [markup]}
    page.fill("#token", f"{segment(header)}.{segment(claims)}.{'A' * 342}")
    page.get_by_role("button", name="Inspect").click()

    expect(page.locator("#groups")).to_contain_text(markup)
    assert page.locator("#result img, #result script").count() == 0
    assert page.title() == "Token inspector"


def test_a_person_signs_in_and_sees_what_the_api_received(page: Page, shots: Path) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("User name").fill("jroe")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("No account")
    keep(page, shots, "login")
    page.get_by_label("Password").fill("jroe")
    page.get_by_role("button", name="Sign in").click()

    expect(page.locator("#verdict")).to_have_text("Accepted")
    expect(page.locator("#steps li")).to_have_count(4)
    expect(page.locator("#groups .group")).to_contain_text(
        ["Standard claims", "Invocation", "Application", "User", "Single sign-on"]
    )
    expect(page.locator("#groups")).to_contain_text("jroe@example.edu")
    assert "code=" not in page.url
    keep(page, shots, "signed-in")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.locator("#token")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.locator("#client")).to_be_focused()
    page.keyboard.type("Glob")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#verdict")).to_have_text("Accepted")
    expect(page.locator("#verdict")).to_be_focused()
    expect(page.locator("#principal")).to_contain_text("globex_ind")
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.locator("#token").evaluate("each => each === document.activeElement"):
            break
    else:
        pytest.fail("the token's field cannot be reached from the verdict")


@pytest.mark.parametrize(
    "shape",
    ["curl -H 'X-JWT-Assertion: {}' http://127.0.0.1/", '  "X-JWT-Assertion": "{}",'],
    ids=["curl", "JSON"],
)
def test_a_token_is_found_in_what_a_person_copied(page: Page, shape: str) -> None:
    page.click("#pick button")
    expect(page.locator("#verdict")).to_have_text("Accepted")
    copied = shape.format(page.input_value("#token"))
    page.reload()
    page.fill("#token", copied)
    page.get_by_role("button", name="Inspect").click()

    expect(page.locator("#verdict")).to_have_text("Accepted")
    expect(page.locator("#explanation")).to_contain_text("text around the token")


def test_claims_are_one_table_that_says_which_field_reads_each(page: Page) -> None:
    page.select_option("#user", "jroe")
    page.click("#pick button")
    expect(page.locator("#verdict")).to_have_text("Accepted")

    assert page.locator("#groups thead").count() == 1
    role = page.locator("#groups tr", has=page.get_by_text("http://wso2.org/claims/")).filter(
        has_text="principal.roles"
    )
    expect(role.locator(".name")).to_have_text("http://wso2.org/claims/role")
    expect(role.locator(".value li").first).to_have_text(re.compile("^Internal/[^,]+$"))
    expect(role.locator(".fields li").first).to_have_text("principal.roles")
    expect(page.locator("#principal li", has_text="acme_admin")).to_be_visible()


def test_a_refused_token_gets_one_sentence_about_the_routes(page: Page) -> None:
    page.select_option("#fault", "forged")
    page.click("#pick button")

    expect(page.locator("#all-refused")).to_contain_text("401 bad_signature")
    assert page.locator("#routes .bad").count() == 0


def test_a_token_is_copied_for_curl(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#pick button")
    page.get_by_role("button", name="Copy").click()

    expect(page.locator("#copied")).to_contain_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"-H 'X-JWT-Assertion: {page.input_value('#token')}'"


def test_claims_are_folded_on_a_phone(browser: Browser, site: str) -> None:
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto(site)
        expect(page.locator("#client option")).to_have_count(7)
        page.click("#pick button")
        expect(page.locator("#verdict")).to_have_text("Accepted")
        expect(page.locator("#groups")).not_to_be_visible()
        page.locator("#claims-part summary").click()
        expect(page.locator("#groups")).to_be_visible()


def test_whoever_does_not_sign_in_comes_back_to_the_inspector(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Back to").click()

    expect(page.get_by_role("alert")).to_contain_text("access_denied")
    expect(page.locator("#client option")).to_have_count(7)


@contextmanager
def screen(browser: Browser, site: str, scheme: Any, width: int) -> Iterator[Page]:
    """Open the inspector on a screen of this width, in a light or dark scheme."""
    with browser.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.goto(site)
        expect(page.locator("#client option")).to_have_count(7)
        yield page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 1200])
def test_it_is_readable_in_either_scheme_at_any_width(
    browser: Browser, site: str, shots: Path, scheme: Any, width: int
) -> None:
    with screen(browser, site, scheme, width) as page:
        for fault in ("none", "forged"):
            page.select_option("#fault", fault)
            page.click("#pick button")
            expect(page.locator("#verdict")).to_have_text(
                "Accepted" if fault == "none" else "bad_signature"
            )
            check_readable(page, width)
        keep(page, shots, f"{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_login_page_is_readable_too(
    browser: Browser, site: str, shots: Path, scheme: Any, width: int
) -> None:
    with screen(browser, site, scheme, width) as page:
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("table")).to_contain_text("jroe")
        page.get_by_label("User name").fill("jroe")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()

        expect(page.get_by_role("alert")).to_be_visible()
        check_readable(page, width)
        keep(page, shots, f"login-{scheme}-{width}")
