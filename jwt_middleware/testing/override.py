"""Another verifier, or a caller without any token, for an app that has the middleware already."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import Any, cast

from ..authorization.registry import ClientRegistry
from ..middleware.live import middlewares_of, substituted
from ..middleware.middleware import Middleware
from ..middleware.settings import stand_ins
from ..principal import Grants, Principal, frozen
from ..verification.verifier import Verifier
from .gateway import LocalGateway
from .minting import SigningKey
from .placing import claims_by_entry


@contextmanager
def override(
    app: Any,
    verifier: Verifier | LocalGateway | None = None,
    *,
    principal: Principal | None = None,
) -> Generator[None]:
    """Let an app take a test's tokens, or every request as this principal's, while it lasts.

    The app's guards, paths and header stay as they are, and its own verifier is back at the end. An
    app whose own keys are missing, as in a fresh checkout, is served while it lasts; Flask's
    middleware is made with the app, so import that one within the block, or give it keys.

    Args:
        app: a Flask, Starlette or FastAPI app, or what a plain door made; a Django handler, or None
            for every middleware of this process: a Django site has a handler for each server.
        verifier: verifies instead of the app's own; or a gateway, whose ``options`` make one.
        principal: who calls, whether or not there is a token. Nothing is verified.

    Raises:
        TypeError: both are given or neither, or the app has no ``JWTMiddleware``.
        ValueError: the gateway writes another header than the app reads, or has no registry where
            the app has one (Django loads its middleware too late for this check).

    """
    if (verifier is None) is (principal is None):
        raise TypeError("override: either a verifier (or a LocalGateway), or principal=")
    with ExitStack() as stack:
        make = _maker_of(verifier, principal, stack)
        stack.enter_context(_standing_in(verifier))
        middlewares = None
        if app is not None and not hasattr(app, "load_middleware"):  # which Django's handlers have
            middlewares = [*middlewares_of(app, lambda layer: _build(layer, stack))]
            if not middlewares:
                raise TypeError(f"override: no JWTMiddleware is installed on {app!r}")
            if isinstance(verifier, LocalGateway):
                for middleware in middlewares:
                    _check_fits(middleware, verifier)
        stack.enter_context(substituted(make, middlewares))
        yield


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

    def prefetch(self) -> bool:
        return True

    async def prefetch_async(self) -> bool:
        return True


@contextmanager
def _standing_in(verifier: Verifier | LocalGateway | None) -> Generator[None]:
    """Let middlewares be made whose own verifier cannot be, as a test substitutes it."""

    def make() -> Verifier:
        if isinstance(verifier, Verifier):
            return verifier
        if isinstance(verifier, LocalGateway):
            return Verifier(**verifier.verifier_options)
        return Verifier(keys=SigningKey("ES256").public_pem, gateway="standard")

    stand_ins.append(make)
    try:
        yield
    finally:
        stand_ins.remove(make)


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
    options = verifier.verifier_options

    def make(middleware: Middleware) -> Verifier:
        # The app keeps its listeners: its audit may be what is tested.
        made = Verifier(**options, listeners=middleware.settings.verifier.announce.listeners)
        stack.callback(made.close)
        return made

    return make


def _check_fits(middleware: Middleware, gateway: LocalGateway) -> None:
    if gateway.header.lower() not in {name.lower() for name in middleware.headers.names}:
        raise ValueError(
            f"override: the app reads {' or '.join(middleware.headers.names)}; "
            f"LocalGateway(header={middleware.headers.names[0]!r})"
        )
    if gateway.clients is None and middleware.settings.verifier.clients is not None:
        raise ValueError(
            "override: the app has clients=, and its registry decides what a caller may do; give "
            "the gateway the same: LocalGateway(clients='clients.toml')"
        )


def _build(app: Any, stack: ExitStack) -> None:
    """Make a Starlette app's middleware now; it is made anew when the app is used afterwards."""
    build = getattr(app, "build_middleware_stack", None)
    if build is not None and app.middleware_stack is None:
        app.middleware_stack = build()
        stack.callback(setattr, app, "middleware_stack", None)
