"""The view of the callback."""

from __future__ import annotations

from typing import Any, Unpack

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, QueryDict

from jwt_middleware.authorization.decorators import public
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.sign_on import Account, Callback, Profile, SignOnOptions
from jwt_middleware.sign_on.wsgi import hide_token, visit_of

from ..guards import answer_of
from .directory import DjangoDirectory

_MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignOn:
    """A view for ``urls.py``. The user is then ``request.user``, as after any log-in.

    The integration is chosen by ``request.get_host()``.

    Args:
        backend: the dotted path of the authentication backend that the session names, one of the
            settings'; ``ModelBackend`` where it is among them, else the first.
        options: those of ``SignOnOptions``; ``directory`` is a ``DjangoDirectory`` unless given,
            and one of your own returns an ``Account`` with the user in it.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(self, *, backend: str | None = None, **options: Unpack[SignOnOptions]) -> None:
        options.setdefault("directory", DjangoDirectory())
        self._callback = Callback(**options)
        known = list(settings.AUTHENTICATION_BACKENDS)
        if backend is not None and backend not in known:
            raise ConfigurationError(f"backend: one of AUTHENTICATION_BACKENDS, not {backend!r}")
        self._backend = backend or (_MODEL_BACKEND if _MODEL_BACKEND in known else known[0])
        public(self)
        self.login_required = False  # as login_not_required marks a view: it is how to log in

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve one request; Django calls it on a worker thread where it serves ASGI."""
        visit = visit_of(request.META)
        _hide_token(request)
        # The host by the site's settings: USE_X_FORWARDED_HOST, and none but ALLOWED_HOSTS (400).
        visit = visit._replace(host=request.get_host())

        def begin_session(account: Account, _: Profile) -> tuple[()]:
            try:
                login(request, account.user, backend=self._backend)
            except BaseException:
                request.session.flush()  # it may have signed the user in before it failed
                raise
            return ()

        return answer_of(self._callback.answer(visit, begin_session))


def _hide_token(request: Any) -> None:
    hide_token(request.META)
    request.GET = QueryDict("")
    if hasattr(request, "environ"):
        hide_token(request.environ)
    if hasattr(request, "scope"):
        request.scope["query_string"] = b""
