"""Sign-on in a real browser: Debian's Chromium follows the links, and none leads off the site.

The browser resolves every name to loopback, where the site listens on one port and a stranger, who
is every other host, on another: whoever reaches the stranger has left the site.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask, request, session
from playwright.sync_api import Browser, Page, sync_playwright

from jwt_middleware.sign_on import PATH, Integration
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware_flask.sign_on import SignOn

from ..sign_on.go_values import CRAFTED, GOOD
from ..sign_on.kit import KEY, signed
from .readable import check_readable

pytestmark = pytest.mark.external

CHROMIUM = "/usr/bin/chromium"
SITE = "app.example.edu"


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Served:
    """A WSGI app on loopback, on a thread."""

    def __init__(self, app: Any) -> None:
        self.server = make_server("127.0.0.1", 0, app, handler_class=Silent)
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Site:
    """The app, and all that it heard from the browser."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[tuple[str, str | None]] = []
        app = Flask(__name__)
        app.secret_key = "of the tests, for nothing"
        SignOn(
            app,
            integrations=[Integration("acme", secret=KEY.secret)],
            directory=SQLDirectory(f"sqlite:///{folder / 'accounts.sqlite'}"),
            store="process-memory",
        )

        @app.before_request
        def hear() -> None:
            self.heard.append((request.full_path, request.headers.get("Referer")))

        @app.get("/", defaults={"path": ""})
        @app.get("/<path:path>")
        def page(path: str) -> str:
            who = session.get("user_id", "nobody")
            return (
                f"<!doctype html><title>{who}</title><link rel=icon href=/icon>"
                "<img src=/picture><a id=next href=/next>next</a>"
            )

        self.served = Served(app)
        self.origin = f"http://{SITE}:{self.served.port}"

    def link(self, raw: str, go: str | None = None) -> str:
        query = f"token={raw}"
        if go is not None:
            query += "&go=" + quote(go, safe="", errors="surrogatepass")
        return f"{self.origin}{PATH}?{query}"


STRANGERS: list[str] = []


def stranger(environ: Any, start_response: Any) -> list[bytes]:
    if "text/html" in environ.get("HTTP_ACCEPT", ""):  # the browser's own calls home want none
        STRANGERS.append(f"{environ.get('HTTP_HOST')}{environ['PATH_INFO']}")
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"you have left"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("site"))
    yield found
    found.served.stop()


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "Chromium is not installed; .ci/run installs Debian's"
    abroad = Served(stranger)
    # All hosts but the site's are the stranger, whatever their port.
    rules = f"MAP {SITE} 127.0.0.1, MAP * 127.0.0.1:{abroad.port}"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", f"--host-resolver-rules={rules}"],
        )
        yield found
        found.close()
    abroad.stop()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    STRANGERS.clear()
    site.heard.clear()
    context = browser.new_context()
    yield context.new_page()
    context.close()


def token(**claims: Any) -> str:
    return signed({"iat": int(time.time()), "email": "ana@example.edu", **claims})


def test_the_stranger_is_met_by_whoever_leaves(page: Page) -> None:
    """Else the other tests could not fail."""
    page.goto("http://evil.example/x")

    assert "you have left" in page.content()
    assert STRANGERS == ["evil.example/x"]


def test_no_crafted_go_leads_off_the_site(page: Page, site: Site) -> None:
    led: dict[str, str] = {}
    for number, go in enumerate(CRAFTED):
        page.goto(site.link(token(jti=f"crafted {number}"), go))
        if page.url != f"{site.origin}/" or page.title() in ("nobody", ""):
            led[go] = page.url

    assert led == {}
    assert STRANGERS == []


def test_good_paths_arrive(page: Page, site: Site) -> None:
    for number, (go, location) in enumerate(GOOD.items()):
        if len(go) < 1000:
            page.goto(site.link(token(jti=f"good {number}"), go))
            assert page.url == site.origin + location


def test_the_token_reaches_neither_the_next_page_nor_a_referrer(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/before")
    raw = token()
    page.goto(site.link(raw, "/courses"))
    page.click("#next")
    page.wait_for_url("**/next")

    assert page.title() != "nobody"
    seen = [referrer for path, referrer in site.heard if not path.startswith(PATH)]
    assert len(seen) >= 4
    assert not any(referrer and ("token" in referrer or raw in referrer) for referrer in seen)
    assert raw not in page.evaluate("document.referrer + location.href + document.cookie")


def test_a_refusals_page_loads_nothing_and_tells_its_address_to_nobody(
    page: Page, site: Site
) -> None:
    raw = token(email="nobody", groups=5)
    answer = page.goto(site.link(raw, "/courses"))
    assert answer is not None

    assert answer.status == 401
    assert page.inner_text("h1") == "Sign-in failed"
    assert page.locator("li").all_inner_texts() == [
        "email: not an email address",
        "groups: not an array",
    ]
    page.evaluate("() => { location.href = '/next' }")
    page.wait_for_url("**/next")
    assert page.evaluate("document.referrer") == ""
    assert [referrer for _, referrer in site.heard if referrer and "token" in referrer] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_a_refusals_page_is_readable_on_any_screen(
    browser: Browser, site: Site, scheme: Any, width: int
) -> None:
    """Its style is let in by the page's own policy."""
    with browser.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.goto(site.link(token(groups=5)))

        check_readable(page, width)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == {"light": "rgb(246, 247, 249)", "dark": "rgb(20, 23, 27)"}[scheme]


def test_the_way_out_of_a_refusals_page_is_the_start_page(page: Page, site: Site) -> None:
    page.goto(site.link("x"))
    page.get_by_role("link", name="Go to the start page").click()

    assert page.url == f"{site.origin}/"
    assert all(referrer is None or "token" not in referrer for _, referrer in site.heard)


def test_a_link_that_is_opened_twice_says_so(page: Page, site: Site) -> None:
    link = site.link(token(jti="twice"), "/courses")
    page.goto(link)
    page.goto(link)

    assert page.inner_text("p >> nth=0").startswith("This sign-in link was used already.")
