"""Which routes reach a guarded function without passing its guard.

So they do where ``requires`` stands above the route's decorator, or where a framework registers a
closure of its own: the route then has the bare function.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet, ref

from .decorators import is_public
from .guards import Enter, Guard, asked, guard_of, handler_of, wrappers_of
from .kept import Key, is_followed, is_global, kept_by, key_of
from .reach import Reach, behind_and_before, chain_of, guards_at, reach_of

_passed: WeakSet[FunctionType] = WeakSet()
"""The guards' wrappers that some route of this process calls."""
_exposed: WeakKeyDictionary[FunctionType, set[Key]] = WeakKeyDictionary()
"""Those whose function some route reaches without them, with the endpoints of such routes."""
_looked_for: WeakSet[FunctionType] = WeakSet()
"""Those that no route of any app used when all were looked through, which costs."""


class Exposure:
    """The guards that stand on what an app's endpoints reach without them.

    Args:
        endpoints: what the app routes to.
        enter: the adapter's way to check a guard, by which its guards are known from others'.
        beside: what a route may call beside its endpoint, such as a dependency.

    """

    def __init__(
        self, endpoints: Iterable[Any], enter: Enter, *, beside: Iterable[Any] = ()
    ) -> None:
        self._enter = enter
        # Weak: the guards of other apps come and go.
        self._surely: dict[Key, list[ref[FunctionType]]] = {}
        self._perhaps: dict[Key, list[ref[FunctionType]]] = {}
        self._wrappers: WeakSet[FunctionType] = WeakSet()
        self._elsewhere: WeakSet[FunctionType] = WeakSet()
        self._users: dict[Key, int] = {}
        self._bare: dict[Key, tuple[Any, tuple[FunctionType, ...]]] = {}
        reaches = {key_of(each): (each, reach_of(each)) for each in endpoints}
        passed = {each for _, reach in reaches.values() for each in reach.wrappers()}
        self._learn(passed, set(reaches))
        _passed.update(passed)
        for each in beside:
            _passed.update(reach_of(each).wrappers())
        for _, reach in reaches.values():
            for key in (*reach.before, *(k for k in reach.behind if k not in reach.before)):
                self._users[key] = self._users.get(key, 0) + 1
        self._modules = dict(_module_of(endpoint) for endpoint, _ in reaches.values())
        for key, (endpoint, reach) in reaches.items():
            self._bare[key] = (endpoint, self._match(key, reach))

    def __contains__(self, endpoint: object) -> bool:
        return key_of(endpoint) in self._bare

    def bare(self, endpoint: Any) -> tuple[Guard, ...]:
        """Return the guards that an endpoint passes by; empty where each is asked."""
        return tuple(_guard(each) for each in self._passed_by(endpoint))

    def faults(self, endpoint: Any) -> list[str]:
        """Return the guards that an endpoint passes by, each with its place."""
        return [f"{_guard(each)!r} on {place_of(each)}" for each in self._passed_by(endpoint)]

    def _passed_by(self, endpoint: Any) -> tuple[FunctionType, ...]:
        key = key_of(endpoint)
        known = self._bare.get(key)
        if known is not None:
            return known[1]
        # Routed later, or for one request only, and its guards may be as new.
        reach = reach_of(endpoint)
        self._learn(set(reach.wrappers()), {key})
        return self._match(key, reach)

    def unused(self, others: Callable[[], Iterable[Any]]) -> list[str]:
        """Return the guards that no route uses, of any app in this process, each with its place.

        Only those of modules that this app routes to, or that such a module imports: other modules
        may be of an app that has not been made. ``others`` returns the endpoints of all apps.
        """
        new = WeakSet(each for each in self._unused() if each not in _looked_for)
        if new:
            gc.collect()  # an app that is gone keeps its guards until then
            Exposure(others(), self._enter)
        # What no module has may be a leftover by the next time, so it is named once.
        found = [each for each in self._unused() if each in new or _is_in_its_module(each)]
        _looked_for.update(new)
        return sorted({f"{_guard(each)!r} on {place_of(each)}" for each in found})

    def _unused(self) -> Iterator[FunctionType]:
        imported = [each for names in self._modules.values() for each in list(names.values())]
        modules = {each.__name__ for each in imported if type(each) is ModuleType}
        functions = {id(each) for each in imported}
        for wrapper in list(self._wrappers):
            if wrapper in _passed or wrapper in _exposed or not _guard(wrapper).routed:
                continue
            name, _ = _module_of(wrapper)
            above = name.split(".")
            packages = {".".join(above[:size]) for size in range(1, len(above) + 1)}
            if name in self._modules or packages & modules or id(wrapper) in functions:
                yield wrapper

    def _learn(self, passed: set[FunctionType], endpoints: set[Key]) -> None:
        """Follow the guards that were not known before; ``passed`` stand on routes of this app."""
        for wrapper in wrappers_of(self._enter):
            if wrapper in self._wrappers:
                continue
            self._wrappers.add(wrapper)
            handler = handler_of(wrapper)
            sure = {key_of(each) for each in _wrapped(handler)}
            routed_by = _exposed.get(wrapper, set())
            is_here = wrapper in passed or routed_by & endpoints
            if not is_here and (wrapper in _passed or routed_by):
                self._elsewhere.add(wrapper)
            reach = reach_of(handler)
            for key in (*reach.before, *reach.behind):
                if key in sure:
                    self._surely.setdefault(key, []).append(ref(wrapper))
                elif _guard(wrapper).routed:
                    self._perhaps.setdefault(key, []).append(ref(wrapper))

    def _match(self, endpoint: Key, reach: Reach) -> tuple[FunctionType, ...]:
        """Return the wrappers of the guards that stand on what this reach has without them."""
        found: dict[int, FunctionType] = {}
        for key, node in reach.before.items():
            stand_on = self._surely.get(key, [])
            if type(node) is MethodType:  # the class's own function may be guarded in its place
                stand_on = [*stand_on, *self._surely.get(id(node.__func__), ())]
            perhaps = [] if is_public(node) else self._perhaps.get(key, [])
            if key == endpoint or (len(perhaps) == 1 and self._is_own(key, node, perhaps[0]())):
                stand_on = [*stand_on, *perhaps]
            for each in stand_on:
                wrapper = each()
                if wrapper is not None:
                    _exposed.setdefault(wrapper, set()).add(endpoint)
                    found[id(wrapper)] = wrapper
        return tuple(found.values())

    def _is_own(self, key: Key, node: Any, wrapper: FunctionType | None) -> bool:
        """Whether what one endpoint and one guard reach must be the guarded function.

        What several endpoints share may be a helper of theirs and proves nothing, nor does what a
        module has under its own name, as it has helpers, nor what another app's guard reaches.
        """
        return (
            type(node) is FunctionType
            and self._users.get(key, 1) == 1
            and not is_global(node)
            and wrapper not in self._elsewhere
        )


def guards_of(handler: Any) -> tuple[Guard, ...]:
    """Return the guards that are asked whenever a route's handler is called, each once."""
    found = [guard for node in chain_of(handler) for guard in guards_at(node) if guard.routed]
    return _each_once([*found, *guards_to_ask(handler)])


def guards_to_ask(handler: Any) -> tuple[Guard, ...]:
    """Return the guards of a handler, where a decorator above one could answer without asking it.

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
    for each in gc.get_objects():
        # By its type: to ask some objects for their class makes them do things.
        if issubclass(type(each), kinds):
            yield each


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
    # A helper is what its module calls it; a function that is decorated there is so no more.
    own = [each for each in functions if not is_global(each)]
    return next(iter(own or functions), None)


def _module_of(handler: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and the globals of the module that a handler's own function is of."""
    function = _function_of(handler)
    names = {} if function is None else function.__globals__
    return str(names.get("__name__", "")), names


def _is_in_its_module(wrapper: FunctionType) -> bool:
    _, names = _module_of(wrapper)
    return names.get(wrapper.__name__) is wrapper


def _wrapped(handler: Any) -> Iterator[Any]:
    """Yield a handler and what ``functools.wraps`` says that it wraps: the guarded function.

    Not a framework's own, such as Django's ``serve``: each route that has it is guarded alone.
    """
    for node in chain_of(handler):
        if type(node) is not FunctionType or is_followed(node):
            yield node
        if type(node) is MethodType:
            return  # all objects of its class share what stands below
        if guard_of(node) is None and asked(node, "__wrapped__") is None:
            return


def _guard(wrapper: FunctionType) -> Guard:
    guard = guard_of(wrapper)
    assert guard is not None  # noqa: S101 - a wrapper is one that has a guard
    return guard
