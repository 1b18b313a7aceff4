"""A guard, which is what ``requires`` makes, and the wrappers that enforce it.

Wrappers are known by identity: ``functools.wraps`` copies attributes, and may replace them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary, ref

from ..errors import Decision, MissingToken, PermissionDenied
from ..principal import Principal
from .predicate import And, Evaluation, Predicate
from .predicates import HasPermission
from .request import RequestView

_LITERAL = re.compile(
    r"(\b(?:attribute|claim|client|header|path_param|policy|query_param)\(\(?)?"
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
        # Without what was needed: under ``~`` it would say what the token holds.
        scope = needed_scope(self.predicate, decision)
        raise PermissionDenied("a guard does not hold", decision=decision, scope=scope)

    @property
    def written(self) -> str:
        """The predicate for logs, without the values that it compares with: tokens hold them."""
        return _LITERAL.sub(lambda match: match[0] if match[1] else "...", repr(self.predicate))

    def __repr__(self) -> str:
        shadow = "" if self.enforce else ", enforce=False"
        return f"requires({self.predicate!r}{shadow})"


_SCOPE_TOKEN = re.compile(r"[!#-\[\]-~]+")
"""RFC 6749, appendix A.4."""


def needed_scope(predicate: Predicate, decision: Decision) -> str | None:
    """Return the permissions that a rule needs, if one of them is what is missing (RFC 6750, 3)."""
    parts = predicate.parts if isinstance(predicate, And) else (predicate,)
    needed = [part for part in parts if isinstance(part, HasPermission)]
    if decision.leaf not in map(repr, needed):
        return None
    return " ".join(part.name for part in needed if _SCOPE_TOKEN.fullmatch(part.name)) or None


Enter = Callable[[Guard, tuple[Any, ...], dict[str, Any]], None]
"""An adapter's way to check one guard for the current request; it raises to refuse."""


GUARD = "jwt_middleware_guard"
"""The attribute that holds the guard of a dependency or a permission class."""


class GuardedBy:
    """What wraps a handler in a guard; Django's method_decorator calls it at each request."""

    guard: Guard


class Use:
    """A guard on one handler, and what is known of its wrapper.

    Attributes:
        is_called: some route of this process calls the wrapper.
        bare_endpoints: the endpoints that reach the handler without it.
        was_searched: no route of any app called it when all were searched, which is slow.

    """

    __slots__ = ("bare_endpoints", "enter", "guard", "is_called", "was_searched", "wrapper")

    def __init__(self, guard: Guard, enter: Enter, wrapper: FunctionType) -> None:
        self.guard = guard
        self.enter = enter
        self.is_called = self.was_searched = False
        self.bare_endpoints: set[object] = set()
        self.wrapper = ref(wrapper)


_uses: WeakKeyDictionary[FunctionType, Use] = WeakKeyDictionary()


def register(wrapper: FunctionType, guard: Guard, enter: Enter) -> None:
    """Make a wrapper known; its closure has the wrapped function under the name ``handler``."""
    _uses[wrapper] = Use(guard, enter, wrapper)


def use_of(function: Any) -> Use | None:
    """Return the use whose wrapper is this very function, not a copy of it."""
    return _uses.get(function) if type(function) is FunctionType else None


def guard_of(function: Any) -> Guard | None:
    """Return the guard that this very function enforces."""
    use = use_of(function)
    return None if use is None else use.guard


def uses_by(enter: Enter) -> list[Use]:
    """Return what one adapter's ``requires`` has made and is still alive."""
    wrappers = [reference() for reference in _uses.keyrefs()]
    uses = [_uses[wrapper] for wrapper in wrappers if wrapper is not None]
    return [use for use in uses if use.enter is enter]


def handler_of(wrapper: FunctionType) -> Any:
    """Return what a wrapper calls; its ``__wrapped__`` could have been replaced."""
    cells = wrapper.__closure__ or ()
    return cells[wrapper.__code__.co_freevars.index("handler")].cell_contents


def safe_attribute(value: Any, name: str) -> Any:
    """Return an attribute, or None where there is none or reading it fails."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - the app's own object, such as a client that is not ready
        return None
