"""Another verifier, or a caller without any token, for an app that is installed already."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import Any

from ..authorization.registry import ClientRegistry
from ..middleware.live import substituted
from ..middleware.middleware import Gate
from ..principal import Grants, Principal, frozen
from ..verification.verifier import Verifier
from .gateway import LocalGateway
from .placing import claims_by_entry


@contextmanager
def override(
    app: Any,
    verifier: Verifier | LocalGateway | None = None,
    *,
    principal: Principal | None = None,
) -> Generator[None]:
    """Let an app take a test's tokens, or every request as this principal's, while it lasts.

    The app's guards, paths and header stay as they are; its own verifier is asked nothing, and is
    back at the end.

    Args:
        app: a Flask, Starlette or FastAPI app, or what a plain door made; a Django handler, or None
            for every middleware of this process: a Django site has a handler for each server.
        verifier: verifies instead of the app's own; or a gateway, whose ``options`` make one.
        principal: who calls, whether or not there is a token. Nothing is verified.

    Raises:
        TypeError: both are given or neither, or nothing of the app is a ``JWTMiddleware``.
        ValueError: the gateway writes another header than the app reads, or knows no registry
            where the app has one (Django loads its middleware too late to ask it).

    """
    if (verifier is None) is (principal is None):
        raise TypeError("override: either a verifier (or a LocalGateway), or principal=")
    with ExitStack() as stack:
        make = _fixed(principal) if principal is not None else _verifying(verifier, stack)
        found = None
        if app is not None and not _is_django(app):
            found = list(_gates_of(app, stack))
            for gate in found:
                _check_fits(gate, verifier)
            if not found:
                raise TypeError(f"override: no JWTMiddleware is installed on {app!r}")
        stack.enter_context(substituted(make, found))
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
    named = {"sub": subject, "client_id": client}
    own = {name: value for name, value in named.items() if value is not None}
    given = dict(attributes or {})
    if clients is None or client is None:
        grants = Grants(frozenset(roles), frozenset(permissions), frozen(given))
        return Principal(own | claims, grants=grants)
    registry = clients if isinstance(clients, ClientRegistry) else ClientRegistry(clients)
    entry = registry.clients.get(client)
    if entry is not None:
        own |= claims_by_entry(entry, roles=roles, permissions=permissions, attributes=given)
    granted, _ = registry.clients.grants(client, own | claims)
    return Principal(own | claims, grants=granted)


class _Fixed(Verifier):
    """Takes every request for the same principal's; all else is as the real verifier has it."""

    def __init__(self, real: Verifier, principal: Principal) -> None:
        # Not made of options: it shares the registry, the listeners and the state of the real one.
        vars(self).update(vars(copy.copy(real)))
        self._fixed = principal

    def recall(self, *_: Any, **__: Any) -> Principal | None:
        return self._fixed

    def single_line(self, *_: Any, **__: Any) -> bytes | str | None:
        return b""  # as if there were a header, whatever there is

    def verify_now(self, *_: Any, **__: Any) -> Principal:
        return self._fixed

    def prefetch(self) -> bool:
        return True

    async def prefetch_async(self) -> bool:
        return True


def _fixed(principal: Principal) -> Callable[[Gate], Verifier]:
    return lambda gate: _Fixed(gate.settings.verifier, principal)


def _verifying(
    verifier: Verifier | LocalGateway | None, stack: ExitStack
) -> Callable[[Gate], Verifier]:
    if isinstance(verifier, Verifier):
        ready = verifier
        return lambda _: ready
    if not isinstance(verifier, LocalGateway):
        raise TypeError(f"override: no Verifier and no LocalGateway: {verifier!r}")
    options = verifier.verifier_options

    def make(gate: Gate) -> Verifier:
        # The app's own listeners go on hearing: its audit trail may be what is tested.
        made = Verifier(**options, listeners=gate.settings.verifier.announce.listeners)
        stack.callback(made.close)
        return made

    return make


def _check_fits(gate: Gate, verifier: Verifier | LocalGateway | None) -> None:
    if not isinstance(verifier, LocalGateway):
        return
    if verifier.header.lower() != gate.header.lower():
        raise ValueError(
            f"override: the app reads {gate.header}; LocalGateway(header={gate.header!r})"
        )
    if verifier.clients is None and gate.settings.verifier.clients is not None:
        raise ValueError(
            "override: the app has clients=, so that what a caller may stands in its registry; "
            "give the gateway the same: LocalGateway(clients='clients.toml')"
        )


def _is_django(app: Any) -> bool:
    return hasattr(app, "load_middleware")


_WITHIN = ("app", "wsgi_app", "asgi_app", "application", "middleware_stack")
"""Where an app or a middleware keeps the app inside it."""


def _gates_of(app: Any, stack: ExitStack) -> Iterator[Gate]:
    """Yield the gates of an app and of all that it wraps or mounts."""
    seen: set[int] = set()
    found: list[Any] = [app]
    while found:
        each = found.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        gate = getattr(each, "gate", None)
        if isinstance(gate, Gate):
            yield gate
        _build(each, stack)
        found += [getattr(each, name, None) for name in _WITHIN]
        extensions = getattr(each, "extensions", None)  # Flask's
        found += extensions.values() if isinstance(extensions, Mapping) else ()
        mounts = getattr(each, "mounts", None)  # those of werkzeug's dispatcher
        found += mounts.values() if isinstance(mounts, Mapping) else ()
        routes = getattr(each, "routes", None)
        found += [getattr(r, "app", None) for r in routes] if isinstance(routes, list) else []


def _build(app: Any, stack: ExitStack) -> None:
    """Make a Starlette app's middleware now; it is made anew when the app is used afterwards."""
    build = getattr(app, "build_middleware_stack", None)
    if build is not None and app.middleware_stack is None:
        app.middleware_stack = build()
        stack.callback(setattr, app, "middleware_stack", None)
