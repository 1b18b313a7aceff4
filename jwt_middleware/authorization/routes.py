"""The inventory: every route of an app as a plain table, with what guards it.

The adapters fill it, each from its framework's own routes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .decorators import is_public
from .exposure import guards_of, line_of
from .guards import Guard
from .kept import FRAMEWORKS, is_followed
from .predicate import Predicate

_FRAMEWORKS_OWN = (
    "django.contrib.",
    "django.views.defaults",
    "django.views.i18n",
    "django.views.static",
    "fastapi.applications",
    "flask.",
    "ninja.openapi.",
    "rest_framework.authtoken.",
    "rest_framework.documentation",
    "rest_framework.routers",
    "rest_framework.schemas",
    "starlette.schemas",
    "starlette.staticfiles",
)
"""The modules of handlers that come with a framework: documentation, static files, the admin.

Not its generic views and wrappers, which serve the app's own data.
"""
_ANSWERED_BY_FRAMEWORKS = ("HEAD", "OPTIONS", "TRACE")


class Route(NamedTuple):
    """One route, or one method of a route whose handler is a class.

    ``methods`` is empty where any method is served, and ``WEBSOCKET`` for a websocket. ``path`` is
    as the framework writes it. ``frameworks_own``: the handler is the framework's. ``place``: the
    file and line of an unguarded handler. ``part``: the app of the framework that it belongs to, of
    many routes, such as Django's admin.
    """

    path: str
    methods: tuple[str, ...]
    handler: str
    guards: tuple[Guard, ...] = ()
    public: bool = False
    frameworks_own: bool = False
    place: str = ""
    part: str = ""

    @property
    def kind(self) -> str:
        """``guarded``, ``public``, ``framework`` or ``unguarded``."""
        if self.guards:
            return "guarded"
        if self.public:
            return "public"
        return "framework" if self.frameworks_own else "unguarded"

    @property
    def guard(self) -> str:
        """What guards it, as written."""
        return " and ".join(repr(guard) for guard in self.guards)

    def __str__(self) -> str:
        where = f"{self.handler}, {self.place}" if self.place else self.handler
        return f"{','.join(self.methods) or 'any method'} {self.path} ({where})"


def route_of(
    path: str, methods: Iterable[str], handler: Any, *, guards: Iterable[Guard] = ()
) -> Route:
    """Describe a route by its handler; ``guards`` are those from elsewhere."""
    distinct = {id(guard): guard for guard in (*guards, *guards_of(handler))}
    route = Route(
        path,
        tuple(sorted(methods)),
        name_of(handler),
        tuple(distinct.values()),
        is_public(handler),
        is_frameworks_own(handler),
    )
    return route._replace(place=line_of(handler)) if route.kind == "unguarded" else route


def routes_of_class(
    path: str, methods: Iterable[str], handler: type, *, guards: Sequence[Guard] = ()
) -> Iterator[Route]:
    """Describe a handler that is a class: one route a method, as each has its own guards."""
    for method in sorted(methods):
        served = getattr(handler, method.lower(), None)
        if served is None:
            continue
        module = str(getattr(served, "__module__", "")).partition(".")[0]
        if method in _ANSWERED_BY_FRAMEWORKS and module in FRAMEWORKS:
            continue
        route = route_of(path, (method,), served, guards=guards)
        yield route._replace(frameworks_own=is_frameworks_own(handler))


def one_or_each(route: Route, by_method: Sequence[Route]) -> Iterator[Route]:
    """Yield the route of a class as a whole where it is guarded or public and no method has more.

    Else one a method, by those that ``routes_of_class`` describes with the guards of the class.
    """
    if route.kind in ("guarded", "public"):
        asked = set(map(repr, route.guards))
        if all(asked.issuperset(map(repr, each.guards)) for each in by_method):
            yield route
        else:
            yield from (each._replace(public=each.public or route.public) for each in by_method)
    else:
        yield from by_method or (route,)


def attributes_of_class(handler: type) -> Iterator[Any]:
    """Yield every function of a class that is the app's own; any of them may serve a request."""
    for kind in handler.__mro__:
        if str(kind.__module__).partition(".")[0] not in (*FRAMEWORKS, "builtins"):
            yield from (value for value in vars(kind).values() if is_followed(value))


def name_of(handler: Any) -> str:
    """Return a handler's name as a person would look for it."""
    named = _named(handler)
    return f"{getattr(named, '__module__', '?')}.{named.__qualname__}"


def is_frameworks_own(handler: Any) -> bool:
    """Whether a handler comes with a framework."""
    named = _named(handler)
    return (str(getattr(named, "__module__", "")) + ".").startswith(_FRAMEWORKS_OWN)


def _named(handler: Any) -> Any:
    while isinstance(handler, functools.partial):
        handler = handler.func
    return handler if hasattr(handler, "__qualname__") else type(handler)


def faults_of(
    routes: Iterable[Route], unknown_names: Callable[[Predicate], list[str]]
) -> list[str]:
    """Return what is wrong with the names that the guards of these routes use, each once."""
    faults = (
        f"{route.path}: {fault}"
        for route in routes
        for guard in route.guards
        for fault in unknown_names(guard.predicate)
    )
    return list(dict.fromkeys(faults))


def dangers_of(
    routes: Iterable[Route], held_by_nobody: Callable[[Predicate], list[str]]
) -> list[str]:
    """Return which conditions of the guards hold for nobody, each once, with some of its routes."""
    found: dict[str, list[str]] = {}
    for route in routes:
        for fault in (each for g in route.guards for each in held_by_nobody(g.predicate)):
            found.setdefault(fault, []).append(route.path)
    return [f"{listed(list(dict.fromkeys(paths)), 3)}: {fault}" for fault, paths in found.items()]


def fault_of_unguarded(routes: Iterable[Route]) -> str | None:
    """Return what is wrong with routes that have neither ``requires`` nor ``public``."""
    bare = [str(route) for route in routes if route.kind == "unguarded"]
    if not bare:
        return None
    way_out = "put @requires(...) on each, or @public where every proven caller may call it"
    return f"unguarded: neither requires nor public stands on {listed(bare)}; {way_out}"


def fault_of_unused(guards: Sequence[str]) -> str | None:
    """Return what is wrong with guards that no route uses; each is given with its place."""
    if not guards:
        return None
    way_out = "route it, or say requires(..., routed=False) where no route is to serve it"
    return f"no route uses {listed(guards)}; {way_out}"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Return a list for a message, of ``most`` names at most."""
    return "; ".join(names[:most]) + (f"; {len(names) - most} more" if len(names) > most else "")
