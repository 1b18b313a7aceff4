"""What a condition may compare: a claim, an attribute, a kind of caller, parts of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..principal import ClaimName, Principal, claim_at
from .predicate import checked_name
from .request import RequestView
from .terms import ABSENT, FAILED, Term


def claim(name: ClaimName) -> Term:
    """A claim by its full name or its path into objects, as the gateway sent it.

    A dotted text is a path, unless it has a ``:`` or a ``/``; in a tuple, a dot is literal.
    """
    for member in name if isinstance(name, tuple) and name else (name,):
        checked_name(member, "claim")
    return Term(f"claim({name!r})", lambda principal, _: claim_at(principal.claims, name))


kind: Final = Term("kind", lambda principal, _: principal.kind)
"""Who acts: ``"person"``, or ``"service"`` for an application or service account by itself."""


def attribute(name: str) -> Term:
    """An attribute by the name that the registry gives it; levels compare by their order."""
    name = checked_name(name, "attribute")
    return Term(
        f"attribute({name!r})",
        lambda principal, _: principal.attributes.get(name, ABSENT),
        attribute=name,
    )


def path_param(name: str) -> Term:
    """A parameter of the route's path, as text."""
    name = checked_name(name, "path_param")

    def read(_: Principal, request: RequestView | None) -> Any:
        values = {} if request is None else request.path_params
        return str(values[name]) if name in values else ABSENT

    return Term(f"path_param({name!r})", read, of_request="route")


def query_param(name: str) -> Term:
    """A query parameter that occurs exactly once in the URL, as text."""
    return _single("query_param", name, "query", lambda request: request.query_values(name))


def header(name: str) -> Term:
    """A request header that was sent exactly once, as text."""
    return _single("header", name, "header", lambda request: request.header_values(name))


def _single(
    written: str, name: str, of_request: str, texts_of: Callable[[RequestView], list[str]]
) -> Term:
    def read(_: Principal, request: RequestView | None) -> Any:
        texts = [] if request is None else texts_of(request)
        if len(texts) > 1:
            return FAILED  # nobody knows which one counts
        return texts[0] if texts else ABSENT

    return Term(f"{written}({checked_name(name, written)!r})", read, of_request=of_request)
