"""A guard, which is one use of ``requires``, and the wrappers that enforce guards.

Wrappers are known by identity: an attribute could be copied by ``functools.wraps``, or replaced by
another function's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import Decision, MissingToken, PermissionDenied
from ..principal import Principal
from .predicate import Evaluation, Predicate
from .request import RequestView

_LITERAL = re.compile(
    r"(\b(?:attribute|claim|client|header|path_param|policy|query_param)\()?"
    r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b(?:\d[\d.]*|True|False|None)\b)"""
)


class Guard:
    """One use of ``requires``: authenticated first, then the predicate.

    Without ``enforce`` (shadow mode) a proven caller passes, and what the predicate would have
    refused is announced. Without ``routed``, no route has to use it.
    """

    __slots__ = ("__weakref__", "enforce", "predicate", "routed")

    def __init__(self, predicate: Predicate, enforce: bool = True, routed: bool = True) -> None:
        if not isinstance(predicate, Predicate):
            raise TypeError(
                f"requires() takes a predicate, not a {type(predicate).__name__}: write "
                "requires(has_role('...')), requires(policy('...')), "
                "requires(predicate(your_function)), or requires(authenticated) for any proven "
                "caller"
            )
        for name, value in (("enforce", enforce), ("routed", routed)):
            if not isinstance(value, bool):
                raise TypeError(f"{name} is True or False, not {value!r}")
        self.predicate = predicate
        self.enforce = enforce
        self.routed = routed

    def check(self, principal: Principal | None, request: RequestView | None) -> Decision | None:
        """Let pass, or refuse; return what a rule in shadow mode would have refused.

        Raises:
            MissingToken: there is no principal, whatever the predicate says.
            PermissionDenied: the predicate is not True.

        """
        if principal is None:
            raise MissingToken("the route requires a principal")
        evaluation = Evaluation(principal, request)
        decision = self.predicate.refusal(evaluation)
        if decision is None:
            return self.predicate.would_refuse(evaluation)
        if not self.enforce:
            return decision
        # Not even what was needed: with ``~`` it would say what the token holds.
        raise PermissionDenied("a guard does not hold", decision=decision)

    @property
    def written(self) -> str:
        """The predicate for logs: what it asks for stands in the token of whoever is let in."""
        return _LITERAL.sub(lambda found: found[0] if found[1] else "...", repr(self.predicate))

    def __repr__(self) -> str:
        shadow = "" if self.enforce else ", enforce=False"
        return f"requires({self.predicate!r}{shadow})"


Enter = Callable[[Guard, tuple[Any, ...], dict[str, Any]], None]
"""An adapter's way to check one guard for the current request; it raises to refuse."""


GUARD = "jwt_middleware_guard"
"""The attribute by which a dependency or a permission class says what it enforces."""


class GuardedBy:
    """What wraps a handler in a guard; Django's method_decorator calls it at each request."""

    guard: Guard


_wrappers: WeakKeyDictionary[FunctionType, tuple[Guard, Enter]] = WeakKeyDictionary()


def register(wrapper: FunctionType, guard: Guard, enter: Enter) -> None:
    """Make a wrapper known. Its closure has the wrapped function under the name ``handler``."""
    _wrappers[wrapper] = (guard, enter)


def guard_of(function: Any) -> Guard | None:
    """Return the guard that this very function enforces, whatever it was copied from."""
    if type(function) is not FunctionType:
        return None
    known = _wrappers.get(function)
    return None if known is None else known[0]


def wrappers_of(enter: Enter) -> list[FunctionType]:
    """Return every wrapper alive that one adapter's ``requires`` has made."""
    alive = [reference() for reference in _wrappers.keyrefs()]
    return [each for each in alive if each is not None and _wrappers[each][1] is enter]


def handler_of(wrapper: FunctionType) -> Any:
    """Return what a wrapper calls; its ``__wrapped__`` could have been replaced."""
    cells = wrapper.__closure__ or ()
    return cells[wrapper.__code__.co_freevars.index("handler")].cell_contents


def asked(value: Any, name: str) -> Any:
    """Return an attribute, or None where the object has none or fails to say."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - the app's own object, such as a client that is not ready
        return None
