"""The development gateway and a real browser: a page from elsewhere may link to it, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from jwt_middleware.testing import sample_accounts
from jwt_middleware.tools.gateway.oauth import Caller

from ..tools.gateway.conftest import Site, site
from .test_browser import CHROMIUM, Served

pytestmark = pytest.mark.external

INTO = {
    "iframe": "<iframe src='{url}'></iframe>",
    "frame": "<frameset cols='*'><frame src='{url}'></frameset>",
    "object": "<object data='{url}' type='text/html'></object>",
    "embed": "<embed src='{url}' type='text/html'>",
    "image": "<img src='{url}'>",
    "script": "<script src='{url}'></script>",
}


@pytest.fixture
def open_site() -> Iterator[Site]:
    """A gateway where every request is Acme's."""
    yield from site(Caller(sample_accounts().clients["acme_corp"], None))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "Chromium is not installed; .ci/run installs Debian's"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def load(browser: Browser) -> Iterator[Callable[[str, str], Any]]:
    """Serve a page of this HTML under a host name, and load it whole."""
    html = ""

    def answer(_: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [html.encode()]

    served, context = Served(answer), browser.new_context()

    def page(host: str, text: str) -> Any:
        nonlocal html
        html = text
        found = context.new_page()
        found.goto(f"http://{host}:{served.port}/page", wait_until="load")
        return found

    yield page
    context.close()
    served.stop()


def signed(site: Site) -> list[str]:
    return [each["method"] for each in site.upstream.asked if each["raw_path"] == b"/x"]


@pytest.mark.parametrize("into", INTO)
def test_no_page_from_elsewhere_draws_a_signed_one_into_itself(
    open_site: Site, load: Callable[[str, str], Any], into: str
) -> None:
    load("localhost", INTO[into].format(url=f"{open_site.url}/x"))  # of another site than 127.0.0.1

    assert signed(open_site) == []


def test_a_link_from_elsewhere_is_followed(
    open_site: Site, load: Callable[[str, str], Any]
) -> None:
    page = load("localhost", f"<a href='{open_site.url}/x'>x</a>")
    page.click("a")
    page.wait_for_url("**/x")

    assert signed(open_site) == ["GET"]


@pytest.mark.parametrize("into", ["iframe", "frame", "object", "embed"])
def test_a_page_of_the_same_host_draws_one_in(
    open_site: Site, load: Callable[[str, str], Any], into: str
) -> None:
    load("127.0.0.1", INTO[into].format(url=f"{open_site.url}/x"))

    assert signed(open_site) == ["GET"]
