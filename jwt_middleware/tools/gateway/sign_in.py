"""The endpoints of OAuth: ``/token``, and ``/authorize`` with a plain login page."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl

from oauthlib.oauth2 import FatalClientError, OAuth2Error
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .oauth import Authority
from .requests import bounded_body

_LONGEST_FORM = 65_536

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }}
body {{ max-width: 24rem; margin: 4rem auto; padding: 0 1rem }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit }}
input, button {{ padding: .5rem; margin: .25rem 0 1rem }}
[role=alert] {{ border-left: .25rem solid #c22; padding-left: .75rem }}
</style></head><body><h1>{title}</h1>{body}</body></html>"""

_FORM = """{fault}<p><b>{application}</b> asks who you are. This gateway is for development: the
accounts stand in its file.</p>
<form method="post"><label for="username">User name</label>
<input id="username" name="username" value="{name}" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>"""


def sign_in_routes(authority: Authority) -> list[Route]:
    """Return the routes."""

    async def token(request: Request) -> Response:
        body = await _form(request)
        if body is None:
            return Response("the form is too long", 413)
        headers = dict(request.headers)
        if "authorization" in headers:
            headers["Authorization"] = headers["authorization"]  # as oauthlib spells it
        try:
            headers, text, status = authority.server.create_token_response(
                _address(request), "POST", body, headers
            )
        except (OAuth2Error, ValueError) as error:  # a query, which RFC 6749 forbids there
            answer = {"error": "invalid_request", "error_description": _described(error)}
            return JSONResponse(answer, 400)
        return Response(text, status, headers, media_type="application/json")

    async def authorize(request: Request) -> Response:
        try:
            _, asked = authority.server.validate_authorization_request(
                _address(request), "GET", None, None
            )
        except (OAuth2Error, ValueError) as error:
            uri = getattr(error, "redirect_uri", None)
            # After a fatal one, the address itself may be wrong (RFC 6749, 4.1.2.1).
            if uri and isinstance(error, OAuth2Error) and not isinstance(error, FatalClientError):
                return RedirectResponse(error.in_uri(uri), 302)
            return _page("This sign-in cannot go on", f"<p>{escape(_described(error))}</p>", 400)
        account = authority.accounts.clients[asked["client_id"]]
        application = account.application or account.client_id
        if request.method == "GET":
            return _login(application)
        form = dict(parse_qsl(await _form(request) or ""))
        name = form.get("username", "")
        user = authority.user_of(name, form.get("password", ""))
        if user is None:
            return _login(application, name, "No account has this name and password.", 401)
        headers, _, status = authority.server.create_authorization_response(
            _address(request), "GET", None, None, ["default"], {"user": user}
        )
        return Response(status_code=status, headers=headers)

    return [
        Route("/token", token, methods=["POST"]),
        Route("/authorize", authorize, methods=["GET", "POST"]),
    ]


def _login(application: str, name: str = "", fault: str = "", status: int = 200) -> Response:
    alert = f'<p role="alert">{escape(fault)}</p>' if fault else ""
    form = _FORM.format(fault=alert, application=escape(application), name=escape(name))
    return _page("Sign in", form, status)


def _page(title: str, body: str, status: int) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status, headers)


def _described(error: Exception) -> str:
    if not isinstance(error, OAuth2Error):
        return str(error)
    return f"{error.error}: {error.description}" if error.description else str(error.error)


async def _form(request: Request) -> str | None:
    """Return the form's text; None where it is too long."""
    body = await bounded_body(request, _LONGEST_FORM)
    return None if body is None else body.decode("utf-8", "replace")


def _address(request: Request) -> str:
    # RFC 6749 requires TLS, and oauthlib insists. Nothing leaves this machine, so there is nothing
    # to protect.
    return str(request.url.replace(scheme="https"))
