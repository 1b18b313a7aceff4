"""Which routes reach a guarded function without passing its guard.

A route does where ``requires`` stands above the route's decorator, or where a framework registers a
closure of its own: then it has the bare function.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ..background.forks import ForkLock
from .decorators import is_public
from .guards import Enter, Guard, Use, guard_of, handler_of, safe_attribute, uses_by
from .kept import Key, globals_of, is_followed, is_global, kept_by, key_of
from .reach import Reach, behind_and_before, chain_of, guards_at, reach_of


class Exposure:
    """The guards on what an app's endpoints reach without passing them.

    Args:
        endpoints: what the app routes to.
        enter: the adapter's way to check a guard, which tells its guards from others'.
        beside: what a route may call besides its endpoint, such as a dependency.

    """

    def __init__(
        self, endpoints: Iterable[Any], enter: Enter, *, beside: Iterable[Any] = ()
    ) -> None:
        self._enter = enter
        self._learning = ForkLock()
        self._known: set[Use] = set()
        self._elsewhere: set[Use] = set()
        self._surely: dict[Key, list[Use]] = defaultdict(list)
        self._perhaps: dict[Key, list[Use]] = defaultdict(list)
        reaches = {key_of(endpoint): (endpoint, reach_of(endpoint)) for endpoint in endpoints}
        called = {use for _, reach in reaches.values() for use in reach.uses()}
        self._learn(called, set(reaches))
        for use in (*called, *(use for callee in beside for use in reach_of(callee).uses())):
            use.is_called = True
        self._users = Counter(
            key for _, reach in reaches.values() for key in {*reach.before, *reach.behind}
        )
        self._modules = dict(_module_of(endpoint) for endpoint, _ in reaches.values())
        self._bare = {
            key: (endpoint, self._match(key, reach)) for key, (endpoint, reach) in reaches.items()
        }
        # Kept alive: a guard that is bypassed must not be lost while the app is served.
        self._wrappers = [use.wrapper() for _, uses in self._bare.values() for use in uses]

    def __contains__(self, endpoint: object) -> bool:
        return key_of(endpoint) in self._bare

    def bare(self, endpoint: Any) -> tuple[Guard, ...]:
        """Return the guards that an endpoint bypasses; empty where each is checked."""
        return tuple(use.guard for use in self._bypassed_by(endpoint))

    def guards(self, endpoint: Any) -> tuple[Guard, ...]:
        """Return the guards of an endpoint: those that it bypasses, and those that are checked."""
        return (*self.bare(endpoint), *guards_of(endpoint))

    def faults(self, endpoint: Any) -> list[str]:
        """Return the guards that an endpoint bypasses, each with its place."""
        return [_described(use) for use in self._bypassed_by(endpoint)]

    def _bypassed_by(self, endpoint: Any) -> tuple[Use, ...]:
        key = key_of(endpoint)
        known = self._bare.get(key)
        if known is not None:
            return known[1]
        # Routed later, or for one request only, and its guards may be as new.
        reach = reach_of(endpoint)
        with self._learning:  # no other request may miss a guard that is half known
            self._learn(set(reach.uses()), {key})
            return self._match(key, reach)

    def unused(self, others: Callable[[], Iterable[Any]]) -> list[str]:
        """Return the guards that no route uses, of any app in this process, each with its place.

        Only those of modules that this app routes to, or that such a module imports: other modules
        may be of an app that has not been made. ``others`` returns the endpoints of all apps.
        """
        new = {use for use in self._unused() if not use.was_searched}
        if new:
            gc.collect()  # an app that is gone keeps its guards until then
            Exposure(others(), self._enter)
        # What no module has may be a leftover by the next time, so it is named once.
        unused = [use for use in self._unused() if use in new or _is_in_its_module(use)]
        for use in new:
            use.was_searched = True
        return sorted({_described(use) for use in unused})

    def _unused(self) -> Iterator[Use]:
        imported = [value for names in self._modules.values() for value in list(names.values())]
        modules = {value.__name__ for value in imported if type(value) is ModuleType}
        functions = {id(value) for value in imported}
        for use in list(self._known):
            wrapper = use.wrapper()
            if wrapper is None or use.is_called or use.bare_endpoints or not use.guard.routed:
                continue
            name, _ = _module_of(wrapper)
            parts = name.split(".")
            packages = {".".join(parts[:size]) for size in range(1, len(parts) + 1)}
            if name in self._modules or packages & modules or id(wrapper) in functions:
                yield use

    def _learn(self, called: set[Use], endpoints: set[Key]) -> None:
        """Follow the guards that were not known before; ``called`` stand on routes of this app."""
        for use in uses_by(self._enter):
            wrapper = use.wrapper()
            if use in self._known or wrapper is None:
                continue
            self._known.add(use)
            is_here = use in called or use.bare_endpoints & endpoints
            if not is_here and (use.is_called or use.bare_endpoints):
                self._elsewhere.add(use)
            handler = handler_of(wrapper)
            sure = {key_of(node) for node in _wrapped(handler)}
            reach = reach_of(handler)
            for key in (*reach.before, *reach.behind):
                if key in sure:
                    self._surely[key].append(use)
                elif use.guard.routed:
                    self._perhaps[key].append(use)

    def _match(self, endpoint: Key, reach: Reach) -> tuple[Use, ...]:
        """Return the uses of the guards on what this reach has without passing them."""
        bypassed: dict[Use, None] = {}
        for key, node in reach.before.items():
            uses = list(self._surely.get(key, ()))
            if type(node) is MethodType:  # the class's own function may be guarded in its place
                uses += self._surely.get(id(node.__func__), ())
            perhaps = [] if is_public(node) else self._perhaps.get(key, [])
            # A framework's own function, such as ``APIView.dispatch``, serves every view alike.
            is_endpoint = key == endpoint and not _is_of_framework(node)
            if is_endpoint or (len(perhaps) == 1 and self._is_own(key, node, perhaps[0])):
                uses += perhaps
            bypassed |= dict.fromkeys(use for use in uses if use.wrapper() is not None)
        for use in bypassed:
            use.bare_endpoints.add(endpoint)
        return tuple(bypassed)

    def _is_own(self, key: Key, node: Any, use: Use) -> bool:
        """Whether what one endpoint and one guard reach must be the guarded function.

        What several endpoints share may be their helper and proves nothing. Nor does what a module
        has under its own name, as it has helpers, nor what another app's guard reaches.
        """
        return (
            type(node) is FunctionType
            and self._users.get(key, 1) == 1
            and not is_global(node)
            and use not in self._elsewhere
        )


def _described(use: Use) -> str:
    return f"{use.guard!r} on {place_of(use.wrapper())}"


def guards_of(handler: Any) -> tuple[Guard, ...]:
    """Return the guards that are checked whenever a route's handler is called, each once."""
    guards = [guard for node in chain_of(handler) for guard in guards_at(node) if guard.routed]
    return _each_once([*guards, *guards_to_ask(handler)])


def guards_to_ask(handler: Any) -> tuple[Guard, ...]:
    """Return the guards of a handler, where a decorator above one could answer without checking it.

    Empty where every guard stands at the top.
    """
    top: dict[int, Guard] = {}
    for node in chain_of(handler):
        guard = guard_of(node)
        if guard is not None:
            top[id(node)] = guard
        elif type(node) is not MethodType:
            break
    below = [
        guard
        for node in behind_and_before(handler)
        if id(node) not in top and type(node) is not MethodType
        for guard in guards_at(node)
        if guard.routed
    ]
    return _each_once([*top.values(), *below]) if below else ()


def _each_once(guards: list[Guard]) -> tuple[Guard, ...]:
    return tuple({id(guard): guard for guard in guards}.values())


def alive(*kinds: type) -> Iterator[Any]:
    """Yield every object in this process that is of one of these kinds."""
    # By its type: asking some objects for their class makes them do things.
    return (value for value in gc.get_objects() if issubclass(type(value), kinds))


def place_of(handler: Any) -> str:
    """Return the name of a handler's own function, and the file and line where it stands."""
    function = _function_of(handler)
    if function is None:
        return f"{type(handler).__module__}.{type(handler).__qualname__}"
    return f"{function.__module__}.{function.__qualname__} ({line_of(function)})"


def line_of(handler: Any) -> str:
    """Return the file and line where a handler's own function stands; empty where it has none."""
    function = _function_of(handler)
    code = None if function is None else function.__code__
    return "" if code is None else f"{code.co_filename}:{code.co_firstlineno}"


def _function_of(handler: Any) -> FunctionType | None:
    """Return the function that a handler's decorators stand on; None where it has none."""
    functions = [
        node
        for node in behind_and_before(handler)
        if type(node) is FunctionType and guard_of(node) is None and not kept_by(node)
    ]
    # A helper is what its module calls it; a decorated function is no longer.
    own = [function for function in functions if not is_global(function)]
    return next(iter(own or functions), None)


def _module_of(handler: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and the globals of the module of a handler's own function."""
    names = globals_of(_function_of(handler))
    return str(names.get("__name__", "")), names


def _is_in_its_module(use: Use) -> bool:
    wrapper = use.wrapper()
    return wrapper is not None and _module_of(wrapper)[1].get(wrapper.__name__) is wrapper


def _is_of_framework(node: Any) -> bool:
    return type(node) is FunctionType and not is_followed(node)


def _wrapped(handler: Any) -> Iterator[Any]:
    """Yield a handler and what ``functools.wraps`` says that it wraps: the guarded function.

    Not a framework's own, such as Django's ``serve``: each route that has it is guarded alone.
    """
    for node in chain_of(handler):
        if not _is_of_framework(node):
            yield node
        if type(node) is MethodType:
            return  # all objects of its class share what stands below
        if guard_of(node) is None and safe_attribute(node, "__wrapped__") is None:
            return
