"""Sign-on for Flask: ``SignOn(app, integrations=..., directory=..., store=...)``, or ``init_app``.

The session is Flask's own, or that of an extension that replaces it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from flask import Flask, current_app, request, session
from flask.sessions import NullSession
from werkzeug.wrappers import Response

from jwt_middleware.authorization.decorators import public
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.sign_on import Account, Callback, Profile, SignOnOptions, fill_session
from jwt_middleware.sign_on.pages import without_session
from jwt_middleware.sign_on.wsgi import hide_token, visit_of

from .guards import response_of

__all__ = ["SignOn"]

ENDPOINT = "jwt_sign_on"

SignIn = Callable[[Account], Any]


class SignOn:
    """Adds the route of the callback. The user's id is then ``session["user_id"]``.

    Args:
        app: the app, or None where ``init_app`` is called later.
        sign_in: called with the account in the request, whose session has been emptied, instead of
            putting ``user_id`` and ``integration`` into the session; with Flask-Login
            ``lambda account: login_user(load_user(account.user_id))``.
        options: those of ``SignOnOptions``.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        sign_in: SignIn | None = None,
        **options: Unpack[SignOnOptions],
    ) -> None:
        self._callback = Callback(**options)
        self._sign_in = sign_in
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add the route to one app."""
        if not isinstance(app, Flask):
            raise ConfigurationError(f"this SignOn is for Flask, not {type(app).__name__}")
        if ENDPOINT in app.view_functions:
            raise ConfigurationError("SignOn is installed on this app already")

        @public
        def sign_on() -> Response:
            return self._answer()

        app.add_url_rule(
            self._callback.path, ENDPOINT, sign_on, provide_automatic_options=False, methods=["GET"]
        )

    def _answer(self) -> Response:
        environ = request.environ
        visit = visit_of(environ)
        hide_token(environ)
        for name in ("args", "full_path", "url"):  # what Flask has read of the query before
            request.__dict__.pop(name, None)
        request.query_string = b""
        if isinstance(session._get_current_object(), NullSession):  # type: ignore[attr-defined]
            return response_of(without_session("set the app's secret_key", visit.accept))
        return response_of(self._callback.answer(visit, self._begin_session))

    def _begin_session(self, account: Account, profile: Profile) -> tuple[()]:
        # A session kept on the server has an id, which Flask-Session changes only where the session
        # is not empty.
        regenerate = getattr(current_app.session_interface, "regenerate", None)
        if regenerate is not None:
            session["integration"] = profile.integration
            regenerate(session)
        sign_in = None if self._sign_in is None else partial(self._sign_in, account)
        return fill_session(session, account, profile, sign_in)
