"""Guards live as long as the functions that they stand on.

A route above which ``requires`` stands has the function and not the guard's wrapper, which in an
app factory nobody else keeps.
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import Any

from .guards import guard_of, handler_of
from .kept import KEPT, is_followed, is_global, key_of
from .reach import chain_of, reach_of

_MOST_OF_A_HELPER = 8
"""A helper of many decorators would keep the guards of all of them for ever."""
_MOST = 100
"""A function that is decorated anew at each call would keep a guard for each."""


def keep_with(wrapper: FunctionType, handler: Any) -> None:
    """Have the functions that a guard stands on keep its wrapper.

    Each wrapper has an attribute of its own: one name would be replaced where a decorator copies
    the attributes of another function.

    Raises:
        TypeError: nothing there takes an attribute, so a route below would be open.

    """
    sure = {key_of(each) for each in chain_of(handler)}
    before = reach_of(handler).before
    helpers = {key for key, node in before.items() if key not in sure and is_global(node)}
    is_kept = False
    for key in sorted(before, key=lambda key: key in helpers):
        node = before[key]
        if type(node) is FunctionType and not is_followed(node):
            is_kept = True  # a framework's own, such as a static view: each route is guarded alone
        elif key not in helpers or not is_kept:
            is_kept |= _keep(wrapper, node, _MOST if key in sure else _MOST_OF_A_HELPER)
    if not is_kept:
        raise TypeError(
            f"@requires: {handler!r} takes no attribute, so a route that stands below would be "
            "open; decorate a plain function"
        )


def _keep(wrapper: FunctionType, node: Any, most: int) -> bool:
    keeper = node.__self__ if type(node) is MethodType else node
    if not hasattr(keeper, "__dict__"):
        keeper = getattr(node, "__func__", node)
    own: dict[str, Any] = getattr(keeper, "__dict__", {})
    kept = [each for name, each in own.items() if name.startswith(KEPT)]
    if len(kept) >= most or any(_asks_the_same(each, wrapper) for each in kept):
        return True
    try:
        setattr(keeper, f"{KEPT}{id(wrapper):x}", wrapper)
    except (AttributeError, TypeError):
        return False
    return True


def _asks_the_same(one: FunctionType, other: FunctionType) -> bool:
    first, second = guard_of(one), guard_of(other)
    return (
        first is not None
        and second is not None
        and first.predicate == second.predicate
        and (first.enforce, first.routed) == (second.enforce, second.routed)
        and handler_of(one) is handler_of(other)
    )
