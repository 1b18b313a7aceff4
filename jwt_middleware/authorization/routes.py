"""The inventory: every route of an app as a plain table, with what guards it.

The adapters fill it, each from its framework's own routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .algebra import Predicate
from .guards import NOT_THE_APPS, Guard, guards_of, is_public

_FRAMEWORKS_OWN = (
    "django.contrib.",
    "django.views.defaults",
    "django.views.i18n",
    "django.views.static",
    "fastapi.applications",
    "flask.",
    "rest_framework.authtoken.",
    "rest_framework.documentation",
    "rest_framework.routers",
    "rest_framework.schemas",
    "starlette.schemas",
    "starlette.staticfiles",
)
"""Where the handlers live that a framework brings along: documentation, static files, the admin.

Not its generic views and wrappers, which serve the app's own data.
"""
_ANSWERED_BY_FRAMEWORKS = ("HEAD", "OPTIONS", "TRACE")


class Route(NamedTuple):
    """One route, or one method of a route whose handler is a class.

    ``methods`` is empty where any method is served; a websocket's is ``WEBSOCKET``. ``path`` is as
    the framework writes it. ``frameworks_own``: its handler is the framework's.
    """

    path: str
    methods: tuple[str, ...]
    handler: str
    guards: tuple[Guard, ...] = ()
    public: bool = False
    frameworks_own: bool = False

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
        return f"{','.join(self.methods) or 'any method'} {self.path} ({self.handler})"


def route_of(
    path: str, methods: Iterable[str], handler: Any, *, guards: Iterable[Guard] = ()
) -> Route:
    """Describe a route by its handler; ``guards`` are those that no mark on it tells of."""
    found = {id(guard): guard for guard in (*guards, *guards_of(handler))}
    return Route(
        path,
        tuple(sorted(methods)),
        name_of(handler),
        tuple(found.values()),
        is_public(handler),
        is_frameworks_own(handler),
    )


def routes_of_class(
    path: str, methods: Iterable[str], handler: type, *, guards: Iterable[Guard] = ()
) -> Iterator[Route]:
    """Describe a handler that is a class: one route a method, for each may be guarded alone."""
    known = tuple(guards)
    for method in sorted(methods):
        served = getattr(handler, method.lower(), None)
        if served is None:
            continue
        module = str(getattr(served, "__module__", "")).partition(".")[0]
        if method in _ANSWERED_BY_FRAMEWORKS and module in NOT_THE_APPS:
            continue
        route = route_of(path, (method,), served, guards=known)
        yield route._replace(frameworks_own=is_frameworks_own(handler))


def name_of(handler: Any) -> str:
    """Return a handler's name as a person would look for it."""
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{getattr(named, '__module__', '?')}.{named.__qualname__}"


def is_frameworks_own(handler: Any) -> bool:
    """Whether a handler comes with a framework."""
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return (str(getattr(named, "__module__", "")) + ".").startswith(_FRAMEWORKS_OWN)


def faults_of(
    routes: Iterable[Route], unknown_names: Callable[[Predicate], list[str]]
) -> list[str]:
    """Return what is wrong with the names that the guards of these routes use, each once."""
    found: dict[str, None] = {}
    for route in routes:
        for guard in route.guards:
            for fault in unknown_names(guard.predicate):
                found[f"{route.path}: {fault}"] = None
    return list(found)
