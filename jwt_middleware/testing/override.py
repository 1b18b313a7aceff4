"""Another verifier, or a caller without any token, for an app that has the middleware already."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import Any, cast

from ..authorization.registry import ClientRegistry
from ..errors import ConfigurationError
from ..keys.absence import allow_absence, allowed_absence
from ..middleware.live import middlewares_of, substituted
from ..middleware.middleware import Middleware
from ..principal import Grants, Principal, frozen
from ..verification.verifier import Verifier
from .gateway import LocalGateway
from .kept_options import contexts_of_app, is_for, options_for
from .placing import claims_by_entry


@contextmanager
def override(
    app: Any,
    verifier: Verifier | LocalGateway | None = None,
    *,
    principal: Principal | None = None,
) -> Generator[None]:
    """Let an app take a test's tokens, or every request as this principal's, while it lasts.

    The app's guards, paths, header and options stay as they are, its revocations among them; the
    gateway replaces its keys, issuers and audiences, and how tokens are written and read; a
    ``Gateway`` of the app's own stays where it has the name of the test's. With ``api``, the
    app takes tokens for that API, and those of a gateway that names none. The app's own verifier is
    back at the end. An app that is made while it lasts may lack its keys; one that is made before,
    as an import does, with ``allow_missing_keys``.

    With Django's tests, ``self.enterContext(override(None, principal=as_principal("ana")))``.

    Args:
        app: a Flask, Starlette or FastAPI app, or what a plain door made; a Django handler, or None
            for every middleware of this process: a Django site has a handler for each server.
        verifier: verifies instead of the app's own, by its own options alone; or a gateway.
        principal: who calls, whether or not there is a token. Nothing is verified.

    Raises:
        TypeError: both are given or neither, or the app has no ``JWTMiddleware``.
        ConfigurationError: an option of the app is wrong, for which it would not start.
        ValueError: the gateway writes another header than the app reads, is for another API, or has
            no registry where the app has one. In Django only the registry is checked, at the first
            request.

    """
    if (verifier is None) is (principal is None):
        raise TypeError("override: either a verifier (or a LocalGateway), or principal=")
    with ExitStack() as stack:
        make = _maker_of(verifier, principal, stack)
        stack.enter_context(allowed_absence())
        middlewares = None
        if app is not None and not hasattr(app, "load_middleware"):  # which Django's handlers have
            layers: list[Any] = []
            middlewares = [*middlewares_of(app, lambda layer: layers.append(_built(layer, stack)))]
            if not middlewares:
                raise _fault_of(layers) or TypeError(
                    f"override: no JWTMiddleware is installed on {app!r}"
                )
            if isinstance(verifier, LocalGateway):
                for middleware in middlewares:
                    _check_fits(middleware, verifier)
        stack.enter_context(
            substituted(make, middlewares, check=lambda late: _check_registry(late, verifier))
        )
        yield


def allow_missing_keys() -> None:
    """Let apps be made without the keys that they name, in tests, for the rest of the process.

    For an app that is made where it is imported (``create_app()``, ``Verifier.from_settings()``),
    and for the system check of ``manage.py test``. Call it before that import: in ``conftest.py``,
    or in the ``__init__.py`` of the tests. A file, a variable or an option of keys may then be
    missing, and ``fail_fast`` does not stop the app; all else that is wrong still does. Such an app
    refuses every token with 503 until ``override`` gives it keys.
    """
    allow_absence()


def as_principal(
    subject: str | None = "someone",
    client: str | None = None,
    roles: Iterable[str] = (),
    permissions: Iterable[str] = (),
    attributes: Mapping[str, Any] | None = None,
    *,
    clients: ClientRegistry | str | PathLike[str] | None = None,
    **claims: Any,
) -> Principal:
    """Return a principal that was never a token, for ``override``.

    With ``clients``, the registry or its path, and a ``client``, it is granted what that client's
    entry grants: values of another namespace are dropped, levels compare, and policies
    hold. Without, it is granted what is given.

    It needs no pytest::

        class Reports(django.test.TestCase):
            def test_a_registrar_reads_them(self) -> None:
                with override(None, principal=as_principal("ana", roles=["registrar"])):
                    self.assertEqual(self.client.get("/reports").status_code, 200)

    Raises:
        ValueError: the client's entry names no claim for what is given.
        PermissionDenied: the registry does not know the client, or has switched it off.

    """
    client = client or claims.pop("client_id", None)
    own = {n: v for n, v in (("sub", subject), ("client_id", client)) if v is not None}
    given = dict(attributes or {})
    if clients is None or client is None:
        grants = Grants(frozenset(roles), frozenset(permissions), frozen(given))
        return Principal(own | claims, grants=grants)
    registry = clients if isinstance(clients, ClientRegistry) else ClientRegistry(clients)
    entry = registry.clients.get(client)
    if entry is not None:
        own |= claims_by_entry(entry, roles, permissions, given)
    granted, _ = registry.clients.grants(client, own | claims)
    return Principal(own | claims, grants=granted)


class _FixedVerifier:
    """Takes every request for one principal's; all else is as the app's own verifier has it."""

    def __init__(self, own: Verifier, principal: Principal) -> None:
        self._own = own
        self._principal = principal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def begin(self, *_: Any) -> Principal:
        return self._principal  # whatever the header says

    begin_line = begin_lines = begin

    def prefetch(self, **_: Any) -> bool:
        return True

    async def prefetch_async(self, **_: Any) -> bool:
        return True


def _maker_of(
    verifier: Verifier | LocalGateway | None, principal: Principal | None, stack: ExitStack
) -> Callable[[Middleware], Verifier]:
    """Return what makes the verifier of each middleware."""
    if principal is not None:
        return lambda middleware: cast(
            Verifier, _FixedVerifier(middleware.settings.verifier, principal)
        )
    if isinstance(verifier, Verifier):
        return lambda _: verifier
    if not isinstance(verifier, LocalGateway):
        raise TypeError(f"override: no Verifier and no LocalGateway: {verifier!r}")

    def make(middleware: Middleware) -> Verifier:
        own = middleware.settings.verifier
        made = own.substitute(options_for(own, verifier))
        stack.callback(made.close)
        return made

    return make


def _check_fits(middleware: Middleware, gateway: LocalGateway) -> None:
    if gateway.header.lower() not in {name.lower() for name in middleware.headers.names}:
        raise ValueError(
            f"override: the app reads {' or '.join(middleware.headers.names)}; "
            f"LocalGateway(header={middleware.headers.names[0]!r})"
        )
    _check_registry(middleware, gateway)
    contexts = contexts_of_app(middleware.settings.verifier)
    if gateway.api is not None and contexts and not is_for(gateway.api, contexts):
        raise ValueError(
            f"override: the app is the API {' or '.join(contexts)}, and takes no token for "
            f"another: LocalGateway(api={contexts[0]!r})"
        )


def _check_registry(middleware: Middleware, gateway: object) -> None:
    if not isinstance(gateway, LocalGateway) or gateway.clients is not None:
        return
    if middleware.settings.verifier.clients is not None:
        raise ValueError(
            "override: the app has clients=, and its registry decides what a caller may do; give "
            "the gateway the same: LocalGateway(clients='clients.toml')"
        )


def _built(app: Any, stack: ExitStack) -> Any:
    """Return an app, with its middleware if it is Starlette's, which is made anew afterwards."""
    build = getattr(app, "build_middleware_stack", None)
    if build is not None and app.middleware_stack is None:
        app.middleware_stack = build()
        stack.callback(setattr, app, "middleware_stack", None)
    return app


def _fault_of(layers: Iterable[Any]) -> ConfigurationError | None:
    """Return the error that Starlette's middleware keeps until the app starts; None for none.

    Every other door raises its error when it is made.
    """
    faults = (getattr(layer, "fault", None) for layer in layers)
    return next((fault for fault in faults if isinstance(fault, ConfigurationError)), None)
