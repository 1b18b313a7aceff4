"""Sign-on for any WSGI app: ``app = SignOn(app, integrations=..., directory=..., sign_in=...)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, Unpack

from ..authorization.request import EnvironView, environ_path
from ..errors import ConfigurationError
from ..responses import send_wsgi
from .accounts import Account
from .callback import PURPOSES, Callback, Header, SignOnOptions, Visit, is_ahead
from .claims import Profile

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SignIn = Callable[[Account, Profile, "WSGIEnvironment"], Iterable[Header]]
"""Begins the app's own session, and returns its headers, such as ``Set-Cookie``."""


class SignOn:
    """Answers the callback's path, and passes every other request to the app.

    Without an app it answers every request: mount it in your own dispatcher.

    Args:
        app: the app that it wraps.
        sign_in: called with the account, the profile and the environ; begins the app's session and
            returns the headers for it. It must begin a new one: an old session may be another
            person's.
        options: those of ``SignOnOptions``.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(
        self,
        app: WSGIApplication | None = None,
        *,
        sign_in: SignIn,
        **options: Unpack[SignOnOptions],
    ) -> None:
        check_sign_in(sign_in)
        self.app = app
        self.callback = Callback(**options)
        self._sign_in = sign_in

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if self.app is not None and environ_path(environ) != self.callback.path:
            return self.app(environ, start_response)
        visit = visit_of(environ)
        hide_token(environ)
        answer = self.callback.answer(
            visit, lambda account, profile: self._sign_in(account, profile, environ)
        )
        return send_wsgi(answer, start_response)


def check_sign_in(sign_in: object) -> None:
    """Refuse what is no function."""
    if not callable(sign_in):
        raise ConfigurationError("sign_in: a function that begins the app's session")


def visit_of(environ: MutableMapping[str, Any]) -> Visit:
    """Return what the callback needs of a request, from its environ or Django's ``META``."""
    root = environ_path({"PATH_INFO": environ.get("SCRIPT_NAME", "")})
    return Visit(
        method=str(environ.get("REQUEST_METHOD", "GET")),
        path=root + environ_path(environ),
        query_string=str(environ.get("QUERY_STRING", "")),
        host=str(environ.get("HTTP_HOST") or environ.get("SERVER_NAME", "")),
        accept=str(environ.get("HTTP_ACCEPT", "")),
        is_ahead=is_ahead(
            str(environ.get("HTTP_" + name.upper().replace("-", "_"), "")) for name in PURPOSES
        ),
        request=EnvironView(environ),
    )


def hide_token(environ: MutableMapping[str, Any]) -> None:
    """Remove the query of a request, so that neither access logs nor error reports have the token.

    gunicorn and uWSGI write their logs from ``RAW_URI`` and ``REQUEST_URI``.
    """
    environ["QUERY_STRING"] = ""
    for name in {"RAW_URI", "REQUEST_URI"} & environ.keys():
        environ[name] = str(environ[name]).partition("?")[0]
