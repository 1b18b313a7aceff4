"""The OAuth 2.0 half of the gateway: its endpoints, who gets an access token, and whose it is.

oauthlib implements the protocol (RFC 6749, and 7636 for PKCE), and asks about the accounts. All of
it lives in memory and ends with the process.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from cachetools import TTLCache
from oauthlib.oauth2 import (
    AccessDeniedError,
    FatalClientError,
    OAuth2Error,
    RequestValidator,
    Server,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ...testing import Accounts, ClientAccount, User
from .pages import fault_page, login_page
from .requests import LOOPBACK_NAMES, bounded_body

TOKEN_SECONDS = 3600
_REFRESH_SECONDS = 86_400
_CODE_SECONDS = 60  # RFC 6749, 4.1.2 asks for ten minutes at the most
_MOST = 10_000
_GRANTS = ("client_credentials", "password", "authorization_code", "refresh_token")
_LONGEST_FORM = 65_536


@dataclass(frozen=True, eq=False)
class Caller:
    """Who makes a request: an application, and the person who uses it, if any.

    The callers of two access tokens are never equal, even where client and user are.
    """

    client: ClientAccount | None
    user: User | None


class _Code(NamedTuple):
    caller: Caller
    redirect_uri: str
    challenge: str | None
    challenge_method: str | None


class Authority(RequestValidator):
    """Issues access tokens, and knows their callers; oauthlib calls the methods below."""

    def __init__(self, accounts: Accounts) -> None:
        super().__init__()
        self.accounts = accounts
        self.server = Server(
            self, token_expires_in=TOKEN_SECONDS, token_generator=lambda _: secrets.token_urlsafe()
        )
        self.callers: TTLCache[str, Caller] = TTLCache(_MOST, TOKEN_SECONDS)
        """By access token."""
        self._refreshing: TTLCache[str, Caller] = TTLCache(_MOST, _REFRESH_SECONDS)
        self._codes: TTLCache[str, _Code] = TTLCache(_MOST, _CODE_SECONDS)

    def user_of(self, name: str, password: str) -> User | None:
        """Return the person with this name and password."""
        user = self.accounts.users.get(name)
        return user if user is not None and _same(user.password, password) else None

    def _account(self, client_id: str | None) -> ClientAccount | None:
        return self.accounts.clients.get(client_id or "")

    # Clients (RFC 6749, 2.3)

    def client_authentication_required(self, request: Any, *_: Any, **__: Any) -> bool:
        account = self._account(_credentials(request)[0])
        return account is None or account.secret is not None

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        client_id, secret = _credentials(request)
        account = self._account(client_id)
        if account is None or account.secret is None or not _same(account.secret, secret or ""):
            return False
        request.client, request.client_id = account, client_id
        return True

    def authenticate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        request.client = account = self._account(client_id)
        return account is not None and account.secret is None

    def validate_client_id(self, client_id: str, request: Any, *_: Any, **__: Any) -> bool:
        request.client = self._account(client_id)
        return request.client is not None

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, *_: Any, **__: Any
    ) -> bool:
        # RFC 6749, 4.4: an application acts for itself only where a secret proves which it is.
        return grant_type in _GRANTS and (grant_type != _GRANTS[0] or client.secret is not None)

    def validate_response_type(
        self, client_id: str, response_type: str, *_: Any, **__: Any
    ) -> bool:
        return response_type == "code"

    def is_pkce_required(self, client_id: str, request: Any) -> bool:
        account = self._account(client_id)
        return account is None or account.secret is None

    # oauthlib has checked the client before it asks about addresses.

    def validate_redirect_uri(self, client_id: str, redirect_uri: str, *_: Any, **__: Any) -> bool:
        known = self.accounts.clients[client_id].redirect_uris
        return any(_same_place(redirect_uri, registered) for registered in known)

    def get_default_redirect_uri(self, client_id: str, *_: Any, **__: Any) -> Any:
        known = self.accounts.clients[client_id].redirect_uris
        return known[0] if len(known) == 1 else None

    # Scopes: every client may ask for any, and assertions carry none.

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        return ["default"]

    get_original_scopes = get_default_scopes

    def validate_scopes(self, *_: Any, **__: Any) -> bool:
        return True

    # People, codes and tokens

    def validate_user(
        self, username: str, password: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        request.user = self.user_of(username, password)
        return request.user is not None

    def save_authorization_code(
        self, client_id: str, code: Any, request: Any, *_: Any, **__: Any
    ) -> None:
        caller = Caller(request.client, request.user)
        challenge = request.code_challenge
        # RFC 7636, 4.3: plain is the default.
        method = request.code_challenge_method or ("plain" if challenge else None)
        self._codes[code["code"]] = _Code(caller, request.redirect_uri, challenge, method)

    def validate_code(
        self, client_id: str, code: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        saved = self._codes.get(code)
        if saved is None or saved.caller.client != client:
            return False
        request.user, request.scopes = saved.caller.user, ["default"]
        return True

    def get_code_challenge(self, code: str, request: Any) -> Any:
        return self._codes[code].challenge

    def get_code_challenge_method(self, code: str, request: Any) -> Any:
        return self._codes[code].challenge_method

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, *_: Any, **__: Any
    ) -> bool:
        return self._codes[code].redirect_uri == redirect_uri

    def invalidate_authorization_code(self, client_id: str, code: str, *_: Any, **__: Any) -> None:
        self._codes.pop(code, None)

    def save_bearer_token(self, token: Any, request: Any, *_: Any, **__: Any) -> None:
        caller = Caller(request.client, request.user)
        self.callers[token["access_token"]] = caller
        if "refresh_token" in token:
            self._refreshing[token["refresh_token"]] = caller

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        caller = self._refreshing.get(refresh_token)
        if caller is None or caller.client != client:
            return False
        request.user = caller.user
        return True


def _credentials(request: Any) -> tuple[str | None, str | None]:
    """Return the client's id and secret from HTTP Basic (RFC 6749, 2.3.1), else from the body."""
    kind, _, value = (request.headers.get("Authorization") or "").partition(" ")
    if kind.lower() != "basic":
        return request.client_id, request.client_secret
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None, None
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _same_place(asked: str, registered: str) -> bool:
    """Whether two redirect addresses are one; on loopback in any port (RFC 8252, 7.3)."""
    if asked == registered:
        return True
    one, other = urlsplit(asked), urlsplit(registered)
    try:
        _ = one.port
    except ValueError:
        return False
    return (
        one.hostname in LOOPBACK_NAMES
        and other.hostname in LOOPBACK_NAMES
        and not (one.fragment or one.username or one.password)
        and (one.scheme, one.path, one.query) == (other.scheme, other.path, other.query)
    )


def oauth_routes(authority: Authority) -> list[Route]:
    """Return ``/token``, and ``/authorize`` with its login page."""

    async def token(request: Request) -> Response:
        body = await _form(request)
        if body is None:
            return Response("the form is too long", 413)
        headers = {name.title(): value for name, value in request.headers.items()}  # as oauthlib
        try:
            headers, text, status = authority.server.create_token_response(
                _address(request), "POST", body, headers
            )
        except (OAuth2Error, ValueError) as error:  # a query, say, which RFC 6749 forbids there
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
            # After a fatal error nobody is redirected: the address may be wrong (4.1.2.1).
            if uri and isinstance(error, OAuth2Error) and not isinstance(error, FatalClientError):
                return RedirectResponse(error.in_uri(uri), 302)
            return fault_page(_described(error))
        account = authority.accounts.clients[asked["client_id"]]
        people = authority.accounts.users.values()
        denied = AccessDeniedError(state=asked.get("state")).in_uri(asked["redirect_uri"])
        if request.method == "GET":
            return login_page(account, people, denied)
        form = dict(parse_qsl(await _form(request) or ""))
        name = form.get("username", "")
        user = authority.user_of(name, form.get("password", ""))
        if user is None:
            return login_page(account, people, denied, refused_name=name)
        headers, _, status = authority.server.create_authorization_response(
            _address(request), "GET", None, None, ["default"], {"user": user}
        )
        return Response(status_code=status, headers=headers)

    return [
        Route("/token", token, methods=["POST"]),
        Route("/authorize", authorize, methods=["GET", "POST"]),
    ]


def _described(error: Exception) -> str:
    if not isinstance(error, OAuth2Error):
        return str(error)
    return f"{error.error}: {error.description}" if error.description else str(error.error)


async def _form(request: Request) -> str | None:
    """Return the form's text; None where it is too long."""
    body = await bounded_body(request, _LONGEST_FORM)
    return None if body is None else body.decode("utf-8", "replace")


def _address(request: Request) -> str:
    # oauthlib insists on the TLS that RFC 6749 requires. On loopback there is nothing to protect.
    return str(request.url.replace(scheme="https"))
