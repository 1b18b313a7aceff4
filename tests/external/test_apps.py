"""Apps that are not ours, each protected by the one line, under real servers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from jwt_middleware.testing import LocalGateway

from ..servers.running import Answer
from .programs import Program, serving

pytestmark = pytest.mark.external


class App(NamedTuple):
    """Which server serves it, and a page of it that anybody known may see."""

    server: str
    path: str
    says: bytes


APPS = {
    "httpbin": App("gunicorn", "/headers", b'"headers"'),
    "datasette": App("uvicorn", "/", b"orders"),
    "pypiserver": App("gunicorn", "/simple/", b"example"),
    "radicale": App("gunicorn", "/.web/", b"Radicale"),
    "starlette_admin": App("uvicorn", "/admin/", b"Admin"),
    "django_admin": App("gunicorn", "/admin/", b"Site administration"),
}
CONSOLE = "admin_console"


class Site(NamedTuple):
    app: App
    program: Program
    gateway: LocalGateway

    def ask(self, path: str, user: str | None = "ana", *lines: str, **sent: Any) -> Answer:
        """Ask as the gateway does for this user; without anything of the gateway's for None."""
        client = sent.pop("client", CONSOLE)
        signed = () if user is None else (self.token_line(user=user, client=client),)
        return self.program.ask(path, *signed, *lines, **sent)

    def token_line(self, **said: Any) -> str:
        return f"X-JWT-Assertion: {self.gateway.assertion(**said)}"


@pytest.fixture(scope="module")
def gateway() -> Iterator[LocalGateway]:
    with LocalGateway(api="/apps") as found:
        yield found


@pytest.fixture(scope="module")
def site(
    request: Any, tmp_path_factory: pytest.TempPathFactory, gateway: LocalGateway
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with started(request.param, folder, gateway) as program:
        yield Site(APPS[request.param], program, gateway)


def started(name: str, folder: Path, gateway: LocalGateway, **environ: str) -> Any:
    known = {"FOLDER": str(folder), "JWKS_URL": gateway.jwks_url, **environ}
    return serving(APPS[name].server, f"{name}_site:app", folder, **known)


def on(*names: str) -> Any:
    return pytest.mark.parametrize("site", names, indirect=True, scope="module")


@on(*APPS)
def test_without_a_token_it_is_401(site: Site) -> None:
    answer = site.ask(site.app.path, None)

    assert (answer.status, answer.told["code"]) == (401, "missing_token")
    assert answer.headers["www-authenticate"] == 'Bearer realm="api"'


@on(*APPS)
def test_with_a_token_it_serves(site: Site) -> None:
    answer = site.ask(site.app.path)

    assert answer.status == 200, site.program.told
    assert site.app.says in answer.body


@on(*APPS)
def test_a_bad_token_is_401(site: Site) -> None:
    with LocalGateway(api="/apps") as stranger:
        forged = stranger.assertion(user="ana", client=CONSOLE)
    for token in (
        forged,
        site.gateway.assertion(user="ana", client=CONSOLE, lifetime=-60),
        site.gateway.assertion(user="ana", client=CONSOLE)[:-8],
        "a.b.c",
        "",
    ):
        answer = site.program.ask(site.app.path, f"X-JWT-Assertion: {token}")
        assert answer.status == 401, (answer, site.program.told)
        assert answer.headers["content-type"] == "application/problem+json"


@on(*APPS)
def test_a_page_that_is_not_there_is_401_without_a_token(site: Site) -> None:
    assert site.ask("/no/such/page", None).status == 401


@on(*APPS)
def test_no_token_and_no_traceback_is_written_to_its_output(site: Site) -> None:
    line = site.token_line(user="ana")
    site.program.ask(site.app.path, line + "x")

    told = site.program.told
    assert [piece for piece in line.split(": ")[1].split(".") if piece in told] == []
    assert "Traceback" not in told


@on("httpbin")
def test_httpbin_tells_what_passed(site: Site) -> None:
    answer = site.ask("/headers", "ana", "X-Other: kept")

    assert answer.told["headers"]["X-Other"] == "kept"
    posted = site.ask("/post", "ana", "Content-Type: text/plain", method="POST", body=b"tea")
    assert posted.told["data"] == "tea"
    assert site.ask("/status/418").status == 418


@on("datasette")
def test_datasette_answers_a_query_to_the_principal(site: Site) -> None:
    query = urlencode({"sql": "select sum(pieces) as pieces from lines", "_shape": "array"})

    assert site.ask(f"/orders.json?{query}").told == [{"pieces": 5}]
    assert site.ask("/-/actor.json", "ben").told == {"actor": {"id": "ben"}}


def test_datasette_starts_with_our_keys_and_ends_as_its_lifespan_says(
    tmp_path: Path, gateway: LocalGateway
) -> None:
    with started("datasette", tmp_path, gateway) as program:
        gateway.fail("down")  # after the start, so that only keys fetched by then can help
        site = Site(APPS["datasette"], program, gateway)
        assert site.ask("/").status == 200
        gateway.recover()
    assert "Application startup complete." in program.told
    assert "Application shutdown complete." in program.told
    assert program.process.returncode in (0, -15)


def test_datasette_does_not_start_without_keys_where_that_is_asked_for(
    tmp_path: Path, gateway: LocalGateway
) -> None:
    gateway.fail("down")
    try:
        with (
            pytest.raises(AssertionError, match="Application startup failed"),
            started("datasette", tmp_path, gateway, JWT_MIDDLEWARE_FAIL_FAST="true"),
        ):
            pass
    finally:
        gateway.recover()


@on("pypiserver")
def test_pypiserver_lists_and_serves_its_packages(site: Site) -> None:
    assert b"example-1.0.tar.gz" in site.ask("/simple/example/").body
    found = site.ask("/packages/example-1.0.tar.gz")

    assert (found.status, found.body) == (200, b"no archive, but served as it is")


@on("radicale")
def test_radicale_knows_its_user_by_the_principal(site: Site) -> None:
    wanted = b'<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    answer = site.ask("/", "ana", "Depth: 0", method="PROPFIND", body=wanted)

    assert answer.status == 207
    assert b"<href>/ana/</href>" in answer.body
    assert site.ask("/ana/", "ben", "Depth: 0", method="PROPFIND", body=wanted).status == 403


@on("radicale")
def test_radicale_keeps_a_calendar_for_each_user(site: Site) -> None:
    event = (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:tests\r\nBEGIN:VEVENT\r\nUID:tea\r\n"
        b"DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T160000Z\r\nSUMMARY:Tea\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert site.ask("/ana/home/", method="MKCALENDAR").status == 201
    kind = "Content-Type: text/calendar"

    assert site.ask("/ana/home/tea.ics", "ana", kind, method="PUT", body=event).status == 201
    assert b"SUMMARY:Tea" in site.ask("/ana/home/tea.ics").body
    assert site.ask("/ana/home/tea.ics", "ben").status == 403
    assert site.ask("/ana/home/tea.ics", None).status == 401


@on("starlette_admin")
def test_starlette_admin_lists_its_rows_to_the_principal(site: Site) -> None:
    page = site.ask("/admin/article/list", "ben")

    assert page.status == 200
    assert b'title="a samovar"' in page.body
    assert b"<div>ben</div>" in page.body


@on("django_admin")
def test_djangos_admin_is_for_the_sites_own_staff(site: Site) -> None:
    assert b"ana" in site.ask("/admin/").body
    strangers = {
        "a user who is no staff": site.ask("/admin/", "ben"),
        "nobody of the site's": site.ask("/admin/", "eve"),
        "a namesake of another client's": site.ask("/admin/", "ana", client="acme_corp"),
    }
    for who, answer in strangers.items():
        assert answer.status == 302, who
        assert answer.headers["location"] == "/admin/login/?next=/admin/", who


@on("django_admin")
def test_djangos_admin_saves_a_form_and_makes_nobody_staff_by_itself(site: Site) -> None:
    for stranger in ("eve", "root", "admin"):
        site.ask("/admin/", stranger)
    assert usernames(site) == ["ana", "ben"]

    form = site.ask("/admin/auth/user/add/")
    cookie = form.headers["set-cookie"].split(";")[0]
    hidden = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', form.body)
    assert hidden is not None
    fields = {
        "csrfmiddlewaretoken": hidden[1].decode(),
        "username": "cleo",
        "usable_password": "false",
    }
    saved = site.ask(
        "/admin/auth/user/add/", "ana", f"Cookie: {cookie}",
        "Content-Type: application/x-www-form-urlencoded",
        method="POST", body=urlencode(fields).encode(),
    )  # fmt: skip

    assert saved.status == 302, saved.body.decode()
    assert usernames(site) == ["ana", "ben", "cleo"]
    assert site.ask("/admin/", "cleo").status == 302
    assert "sessionid" not in json.dumps([form.headers, saved.headers])


def usernames(site: Site) -> list[str]:
    page = site.ask("/admin/auth/user/").body
    return [name.decode() for name in re.findall(rb'/change/\?*[^>]*">(\w+)</a>', page)]
