"""Sign-on for Starlette and FastAPI, as a route: ``Starlette(routes=[..., SignOn(...)])``.

In FastAPI, ``app.router.routes.append(SignOn(...))``. The session is that of ``SessionMiddleware``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from jwt_middleware.authorization.decorators import public
from jwt_middleware.responses import send_asgi
from jwt_middleware.sign_on import Account, Callback, Profile, SignOnOptions, fill_session
from jwt_middleware.sign_on.asgi import answer_scope, visit_of
from jwt_middleware.sign_on.pages import without_session

__all__ = ["SignOn"]

SignIn = Callable[[Request, Account], Any]


class SignOn(Route):
    """The route of the callback. The user's id is then ``request.session["user_id"]``.

    Args:
        sign_in: called on a worker thread with the request, whose session has been emptied, and the
            account, instead of putting ``user_id`` and ``integration`` into the session.
        options: those of ``SignOnOptions``.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(self, *, sign_in: SignIn | None = None, **options: Unpack[SignOnOptions]) -> None:
        callback = Callback(**options)
        endpoint = public(_Endpoint(callback, sign_in))
        super().__init__(callback.path, endpoint, name="sign_on", include_in_schema=False)


class _Endpoint:
    """An ASGI app of one route: Starlette calls it with the scope as it is, in any method."""

    def __init__(self, callback: Callback, sign_in: SignIn | None) -> None:
        self._callback = callback
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "session" in scope:
            answer = await answer_scope(self._callback, scope, self._begin_session)
        else:
            accept = visit_of(scope).accept
            scope["query_string"] = b""
            answer = without_session("add SessionMiddleware to the app", accept)
        await send_asgi(answer, scope, receive, send)

    def _begin_session(self, account: Account, profile: Profile, scope: Scope) -> tuple[()]:
        sign_in = None if self._sign_in is None else partial(self._sign_in, Request(scope), account)
        return fill_session(scope["session"], account, profile, sign_in)
