"""The directives that print the gateways: their tokens, and which claims are read from these."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from docutils import nodes

import jwt_middleware
from jwt_middleware.gateways import METADATA, PRESETS, Gateway
from jwt_middleware.gateways.views import ClaimsView, Field
from jwt_middleware.principal import ClaimName, ListClaim, written
from jwt_middleware.principal.claim_names import Mark

from .printing import Reference, literals, paragraph, table


class Gateways(Reference):
    """Every preset: the header, the keys, and what must be set."""

    def run(self) -> list[nodes.Node]:
        """Print a section for each preset."""
        return [self._gateway(gateway) for gateway in PRESETS.values()]

    def _gateway(self, gateway: Gateway) -> nodes.section:
        section = self.section(f"gateway-{gateway.name}", f"``{gateway.name}``")
        section += paragraph(f"{gateway.title or gateway.name}: ``gateway={gateway.name!r}``.")
        section += table(["", ""], list(_facts(gateway)), [25, 75])
        if gateway.needs:
            rows = [
                [paragraph([self.link(f"option-{name}", name)]), where]
                for name, where in gateway.needs.items()
            ]
            section += table(["must be set", "where to find it"], rows, [25, 75])
        return section


def _facts(gateway: Gateway) -> Iterator[list[str]]:
    yield ["header", literals(gateway.headers)]
    before = (
        f"``{gateway.scheme}`` before the token" if gateway.writes_scheme else "the token alone"
    )
    yield ["scheme", before]
    yield ["algorithms", literals((*gateway.algorithms, *gateway.algorithm_aliases))]
    yield ["keys", _keys(gateway)]
    if gateway.issuer is not None:
        yield ["issuer", f"``{gateway.issuer}``"]
    for name, value in gateway.required.items():
        wanted = "any value" if value is None else f"``{value}``"
        yield [f"claim ``{written(name)}``", f"must be there, with {wanted}"]
    if gateway.header_claims:
        yield ["claims in the JOSE header", literals(gateway.header_claims)]
    differences = [name for name, differs in gateway.wire._asdict().items() if differs]
    if differences:
        yield ["wire form", literals(differences)]


def _keys(gateway: Gateway) -> str:
    if gateway.signer is not None:
        return literals(gateway.signer.keys.values())
    if gateway.keys == METADATA:
        return "those that the metadata of ``issuer`` names"
    return "as ``keys`` says" if gateway.keys is None else f"``{gateway.keys}``"


class Claims(Reference):
    """Which claims each field of the principal and of every typed view reads."""

    def run(self) -> list[nodes.Node]:
        """Print a section for each preset, and one for each view."""
        presets = [self._preset(gateway) for gateway in PRESETS.values()]
        return [*presets, *(self._view(name, view) for name, view in views())]

    def _preset(self, gateway: Gateway) -> nodes.section:
        section = self.section(f"claims-{gateway.name}", f"Principal of ``{gateway.name}``")
        rows = [[f"``{name}``", claims or "none"] for name, claims in _principal(gateway)]
        same = next(name for name, each in PRESETS.items() if each.names == gateway.names)
        if same != gateway.name:
            section += paragraph(f"As of ``{same}``.")
            return section
        section += table(["field of the principal", "claims"], rows, [30, 70])
        return section

    def _view(self, name: str, view: type) -> nodes.section:
        section = self.section(f"view-{name}", f"``{name}``")
        first, *_ = (inspect.getdoc(view) or "").split("\n\n")
        section += paragraph(" ".join(first.split()))
        bases = [
            base.__name__ for base in view.__mro__[1:] if any(map(_is_field, vars(base).values()))
        ]
        if bases:
            section += paragraph(f"It has the fields of {literals(bases)} too.")
        rows = [
            [f"``{field_name}``", literals(map(written, field.names)), field.__doc__ or ""]
            for field_name, field in fields_of(view)
            if field_name in vars(view)
        ]
        section += table(["field", "claims", "meaning"], rows, [25, 35, 40])
        return section


def views() -> list[tuple[str, type]]:
    """Return the public views by name."""
    named = ((name, getattr(jwt_middleware, name)) for name in jwt_middleware.__all__)
    return [(n, v) for n, v in named if isinstance(v, type) and issubclass(v, ClaimsView)]


def fields_of(view: type) -> list[tuple[str, Field[object]]]:
    """Return the fields of a view, its bases' too."""
    found = {n: f for base in reversed(view.__mro__) for n, f in vars(base).items()}
    return [(name, field) for name, field in found.items() if _is_field(field)]


def _is_field(value: object) -> bool:
    return isinstance(value, Field)


def _principal(gateway: Gateway) -> Iterator[tuple[str, str]]:
    names = gateway.names
    yield "subject", _first(names.subject)
    yield "client_id", _first(names.client_id)
    yield "roles", _lists(names.roles)
    yield "permissions", _lists(names.permissions)
    yield "issuer", "``iss``"
    yield "token_id", "``jti``"
    yield "expires_at", "``exp``, or ``iat`` and ``max_age``"
    yield "kind", _kind(names.service, names.person)
    if names.application:
        yield "application", _first(names.application)


def _first(names: Iterable[ClaimName]) -> str:
    return ", else ".join(f"``{written(name)}``" for name in names)


def _lists(claims: Iterable[ListClaim]) -> str:
    return literals(written(claim.name) for claim in claims)


def _kind(service: Iterable[Mark], person: Iterable[Mark]) -> str:
    marks = literals(dict.fromkeys(written(mark.claim) for mark in (*service, *person)))
    rule = "a token with a client and without a subject is a service's"
    return f"{marks}; {rule}" if marks else rule
