"""Whether an app would let a caller do what a request asks for and, if not, which rule refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from ...authorization.guards import Guard
from ...authorization.predicates import HasPermission, HasRole
from ...authorization.request import RequestView
from ...authorization.routes import Route
from ...errors import ConfigurationError, MissingToken, PermissionDenied
from ...events.fields import readable
from ...middleware.middleware import Middleware
from ...principal import ClaimName, Principal, written

_ACCEPTED = "accepted"


class Rule(NamedTuple):
    """One rule of the app, and whether it holds.

    ``failed``, ``needed`` and ``held`` are the part that fails, what it needs and what the caller
    has; empty where it holds.
    """

    rule: str
    holds: bool
    failed: str = ""
    needed: str = ""
    held: str = ""


class Judgement(NamedTuple):
    """What the app's rules say of one request.

    Attributes:
        status: of the refusal; None where the app itself answers.
        code: of the refusal; ``accepted`` where there is none.
        explanation: one sentence or two.
        route: the template of the route; None where no route serves the request.
        rules: those that are asked, in order, up to the one that refuses.

    """

    status: int | None
    code: str
    explanation: str
    route: str | None
    rules: tuple[Rule, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return self._asdict() | {"rules": [rule._asdict() for rule in self.rules]}

    def lines(self) -> Iterator[str]:
        """Yield all of it for a terminal."""
        yield readable(self.explanation)
        for rule in self.rules:
            yield f"  {'holds' if rule.holds else 'REFUSES':<8} {readable(rule.rule)}"
            if not rule.holds:
                yield f"           {readable(rule.failed)} does not hold"
                yield f"           needed: {readable(rule.needed)}"
                yield f"           held:   {readable(rule.held)}"


class AskedRequest(NamedTuple):
    """A request as a person writes it; ``path`` is decoded."""

    method: str
    path: str
    query: str

    def view(self, path_params: Mapping[str, Any]) -> RequestView:
        """Return what predicates see of it, with the parameters of its route."""
        return RequestView(self.method, self.path, path_params=path_params, query_string=self.query)


def read_request(text: str) -> AskedRequest:
    """Read ``GET /reports?year=2026``: a method, and a path with or without a query.

    Raises ``ConfigurationError`` where it is none.
    """
    method, _, target = text.strip().partition(" ")
    path, _, query = target.strip().partition("?")
    if not method.isalpha() or not path.startswith("/") or " " in path:
        raise ConfigurationError(
            f"--request: {text!r} is no request; write it as 'GET /reports?year=2026'"
        )
    return AskedRequest(method.upper(), unquote(path), query)


def judge(
    middleware: Middleware,
    route: Route | None,
    request: RequestView,
    principal: Principal,
    other_methods: Sequence[str] = (),
) -> Judgement:
    """Ask the app's rules about a proven caller's request, without the handler.

    ``other_methods`` are those that the app serves on this path where it has no ``route``.
    """
    wanted = f"{request.method} {request.path}"
    if middleware.skips_verification(request):
        needs = route is not None and route.kind == "guarded"
        explanation = f"{wanted} is exempt: the header is not read"
        if needs:
            explanation += ", so the route's guard refuses everybody"
        status, code = (401, MissingToken.code) if needs else (None, _ACCEPTED)
        return Judgement(status, code, f"{explanation}.", _template(route))
    rules = []
    for rule in _asked(middleware, route):
        try:
            shadow = rule.guard.check(principal, request)
        except PermissionDenied as error:
            why = error.decision
            parts = () if why is None else (why.leaf, why.needed, why.held)
            rules.append(Rule(rule.written, False, *parts))
            explanation = f"{wanted} is refused (403 {error.code}): {rule.written} does not hold."
            for fault in middleware.settings.held_by_nobody(rule.guard.predicate):
                explanation += f" {fault}"
            explanation += _elsewhere(rule.guard, principal)
            return Judgement(403, error.code, explanation, _template(route), tuple(rules))
        would = "" if shadow is None else f", but {shadow.leaf} would refuse if it were enforced"
        rules.append(Rule(rule.written + would, True))
    explanation = {
        None: _unserved(request, other_methods),
        "public": f"{wanted} is allowed: the route is public.",
        "guarded": f"{wanted} is allowed: every rule holds.",
    }.get(
        None if route is None else route.kind,
        f"{wanted} is allowed to everybody who reaches it: the route has no guard.",
    )
    return Judgement(None, _ACCEPTED, explanation, _template(route), tuple(rules))


def _elsewhere(guard: Guard, principal: Principal) -> str:
    """Say which claims of the token hold a role or a permission that the caller lacks."""
    said = ""
    for leaf in guard.predicate.leaves():
        if not isinstance(leaf, HasRole | HasPermission):
            continue
        if leaf.name in (principal.roles if isinstance(leaf, HasRole) else principal.permissions):
            continue
        claims = ", ".join(written(place) for place in _places(leaf.name, principal.claims))
        if claims:
            said += (
                f" The token has {leaf.name} in {claims}, where {leaf!r} does not look: "
                "name the claim by an entry of a registry (clients=) or by a gateway of your own."
            )
    return said


def _places(
    wanted: str, claims: Mapping[str, Any], above: tuple[str, ...] = ()
) -> Iterator[ClaimName]:
    """Yield the paths of the claims whose text or list holds a word."""
    for name, value in claims.items():
        if isinstance(value, Mapping):
            yield from _places(wanted, value, (*above, name))
        elif wanted in (re.split("[, ]+", value) if isinstance(value, str) else _texts(value)):
            yield (*above, name) if above else name


def _texts(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _unserved(request: RequestView, other_methods: Sequence[str]) -> str:
    """Say what the app answers where none of its routes serves a request."""
    if not other_methods:
        return f"No route of the app serves {request.method} {request.path}: it answers 404."
    methods = ", ".join(other_methods)
    return f"{request.path} takes {methods} and not {request.method}: the app answers 405."


class _Asked(NamedTuple):
    written: str
    guard: Guard


def _asked(middleware: Middleware, route: Route | None) -> Iterator[_Asked]:
    """Yield the rules that are asked, in order."""
    authorize = middleware.settings.authorize
    if authorize is not None:
        yield _Asked(f"authorize={authorize!r}", Guard(authorize))
    for guard in () if route is None else route.guards:
        yield _Asked(repr(guard), guard)


def _template(route: Route | None) -> str | None:
    return None if route is None else route.path
