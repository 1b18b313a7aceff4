"""Sign-on for any ASGI app: ``app = SignOn(app, integrations=..., directory=..., sign_in=...)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Unpack

from ..authorization.request import ScopeView, app_path, scope_lines
from ..background.waiting import in_thread
from ..responses import ASGIApp, Receive, Refusal, Scope, Send, send_asgi
from .accounts import Account
from .callback import PURPOSES, Callback, Header, SignOnOptions, Visit, is_ahead
from .claims import Profile
from .wsgi import check_sign_in

SignIn = Callable[[Account, Profile, Scope], Iterable[Header]]
"""Begins the app's own session, and returns its headers, such as ``Set-Cookie``."""


class SignOn:
    """Answers the callback's path, and passes everything else to the app.

    Without an app it answers every http request: mount it in your own router.

    Args:
        app: the app that it wraps.
        sign_in: called on a worker thread with the account, the profile and the scope; begins the
            app's session and returns the headers for it. It must begin a new one: an old session
            may be another person's.
        options: those of ``SignOnOptions``.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(
        self, app: ASGIApp | None = None, *, sign_in: SignIn, **options: Unpack[SignOnOptions]
    ) -> None:
        check_sign_in(sign_in)
        self.app = app
        self.callback = Callback(**options)
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        is_http = scope["type"] == "http"
        if is_http and (self.app is None or app_path(scope) == self.callback.path):
            answer = await answer_scope(self.callback, scope, self._sign_in)
            await send_asgi(answer, scope, receive, send)
        elif self.app is not None:
            await self.app(scope, receive, send)


async def answer_scope(callback: Callback, scope: Scope, sign_in: SignIn) -> Refusal:
    """Answer a request on a worker thread: the directory, the store and files may block."""
    visit = visit_of(scope)
    scope["query_string"] = b""  # so that neither access logs nor error reports have the token
    return await in_thread(
        lambda: callback.answer(visit, lambda account, profile: sign_in(account, profile, scope))
    )


def visit_of(scope: Scope) -> Visit:
    """Return what the callback needs of a request."""
    hosts = scope_lines(scope, b"host")
    return Visit(
        method=scope["method"],
        path=scope["path"],
        query_string=scope.get("query_string", b"").decode("latin-1"),
        host=hosts[0].decode("latin-1") if len(hosts) == 1 else "",
        accept=b",".join(scope_lines(scope, b"accept")).decode("latin-1"),
        is_ahead=is_ahead(
            value.decode("latin-1")
            for name in PURPOSES
            for value in scope_lines(scope, name.encode())
        ),
        request=ScopeView(scope),
    )
