"""The documentation is built from nothing, and reads well in a browser, wide and narrow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from .test_inspector_page import browser, shots  # noqa: F401 - fixtures

pytestmark = pytest.mark.external

DOCS = Path(__file__).parents[2] / "docs"
SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)
PAGES = sorted(
    str(page.relative_to(DOCS).with_suffix(""))
    for page in DOCS.rglob("*.md")
    if page.name != "index.md"
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the site, built by the command that CONTRIBUTING names."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(DOCS), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in SCHEMES])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:  # noqa: F811
    """A window of some width and colours; at the end no script has failed."""
    width, scheme = request.param
    with browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    ) as context:
        opened = context.new_page()
        failed: list[str] = []
        opened.on("pageerror", lambda error: failed.append(str(error)))
        yield opened
        assert failed == []


def test_no_page_is_wider_than_the_window(page: Page, site: str, shots: Path) -> None:  # noqa: F811
    wide = []
    for name in PAGES:
        page.goto(f"{site}/{name}.html")
        too_far = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if too_far > 0:
            wide.append((name, too_far))
    size = page.viewport_size
    assert size is not None
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    for name in ("index", "start/fastapi", "reference/options", "keys"):
        page.goto(f"{site}/{name}.html")
        shown = f"site-{name.replace('/', '-')}-{size['width']}-{'dark' if dark else 'light'}.png"
        page.screenshot(path=shots / shown)

    assert wide == []


def test_a_block_is_copied_without_its_prompt(page: Page, site: str) -> None:
    page.goto(f"{site}/troubleshooting.html")
    button = page.locator("button.copybtn").first

    expect(button).to_be_attached()


def test_the_pages_link_to_no_other_site_for_what_they_show(page: Page, site: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/start/fastapi.html")

    assert [url for url in asked if not url.startswith((site, "data:"))] == []


def test_search_finds_a_code(page: Page, site: str) -> None:
    page.goto(f"{site}/search.html?q=unknown_key")

    expect(page.locator("#search-results")).to_contain_text("Troubleshooting", timeout=15_000)
