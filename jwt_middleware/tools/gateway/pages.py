"""The pages of the gateway: where a person signs in, and why that cannot go on."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response

from ...refusal_page import style_source
from ...testing import ClientAccount, User, sample_accounts

_FILES = Path(__file__).with_name("page")
_PAGE, _LOGIN = (
    Template(_FILES.joinpath(name).read_text("utf-8")) for name in ("page.html", "login.html")
)
_STYLE = _FILES.joinpath("page.css").read_text("utf-8")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src {style_source(_STYLE)}; "
    "img-src data:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


def login_page(
    client: ClientAccount, people: Iterable[User], denied: str, *, refused_name: str | None = None
) -> Response:
    """Return the page on which a person signs in to a client.

    Args:
        client: whose application asks.
        people: the accounts to name.
        denied: the address that tells the client that nobody signed in (RFC 6749, 4.1.2.1).
        refused_name: the name that was given with a wrong password.

    """
    alert = ""
    if refused_name is not None:
        alert = '<p role="alert">No account has this name and password.</p>'
    values = {
        "application": escape(client.application or client.client_id),
        "name": escape(refused_name or ""),
        "alert": alert,
        "back": escape(denied),
        "people": _named(people),
    }
    return _page("Sign in", _LOGIN.substitute(values), 200 if refused_name is None else 401)


def fault_page(fault: str) -> Response:
    """Return the page of a request that leads to no sign-in."""
    return _page("This sign-in cannot go on", f"<p>{escape(fault)}</p>", 400)


def _named(people: Iterable[User]) -> str:
    """Return the accounts as a table, with the passwords of the samples, which are public."""
    samples = sample_accounts().users
    rows = [
        (user.name, user.password if user == samples.get(user.name) else None) for user in people
    ]
    if not rows:
        return (
            '<p class="about">There are no people among the accounts: add a table [users.NAME].</p>'
        )
    body = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th><td>'
        + ("in your accounts file" if password is None else f"<code>{escape(password)}</code>")
        + "</td></tr>"
        for name, password in rows
    )
    head = '<thead><tr><th scope="col">User name</th><th scope="col">Password</th></tr></thead>'
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _page(title: str, body: str, status: int) -> Response:
    page = _PAGE.substitute(title=escape(title), style=_STYLE, body=body)
    return HTMLResponse(page, status, _HEADERS)
