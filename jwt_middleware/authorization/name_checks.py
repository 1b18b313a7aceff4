"""The names that a predicate uses, checked against a registry, so that a typo is seen at start-up.

A name that no client could ever carry makes a rule that always refuses, or, under ``~``, one that
says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..options.checks import nearest
from ..principal import ClaimNames
from .client import Attribute, Client
from .clients import Clients
from .predicate import Predicate
from .predicates import ClientIs, HasPermission, HasRole, Policy
from .terms import ORDERINGS, Comparison, Present


def unknown_names(predicate: Predicate, clients: Clients) -> list[str]:
    """Return what is wrong with the names that a predicate uses, for any client of a registry."""
    return [fault for leaf in predicate.leaves() for fault in _leaf_faults(leaf, clients)]


def without_registry(predicate: Predicate) -> list[str]:
    """Return the conditions of a predicate that need a registry, where there is none."""
    return [
        f"{leaf!r} means nothing without a registry: set clients="
        for leaf in predicate.leaves()
        if isinstance(leaf, Policy)
    ]


def held_by_nobody(predicate: Predicate, gateways: Mapping[str, ClaimNames]) -> list[str]:
    """Return which conditions on roles and permissions no caller meets, without a registry.

    ``gateways`` has the claims that each gateway of the app reads, by the gateway's name.
    """
    found = []
    for leaf in predicate.leaves():
        if not isinstance(leaf, HasRole | HasPermission):
            continue
        kind = _plural(leaf)
        if not any(getattr(names, kind) for names in gateways.values()):
            found.append(
                f"{leaf!r} holds for nobody: no claim of the gateway {' or '.join(gateways)} holds "
                f"{kind}. Name one by an entry of a registry (clients=) or a gateway of your own."
            )
    return list(dict.fromkeys(found))


def policy_faults(predicate: Predicate, client: Client) -> list[str]:
    """Return what is wrong with the names in one client's own policy."""
    return unknown_names(predicate, Clients([client]))


def _leaf_faults(leaf: Predicate, clients: Clients) -> Iterator[str]:
    if isinstance(leaf, ClientIs):
        if clients.get(leaf.client_id) is None:
            known = [client.client_id for client in clients]
            yield f"{leaf!r}: the registry has no such client{nearest(leaf.client_id, known)}"
    elif isinstance(leaf, HasRole | HasPermission):
        yield from _held_faults(leaf, clients)
    elif isinstance(leaf, Policy):
        names = {name for client in clients for name in client.policies}
        if leaf.name not in names:
            hint = nearest(leaf.name, names) if names else ""
            yield f"{leaf!r}: no client of the registry has this policy{hint}"
    elif isinstance(leaf, Present | Comparison):
        yield from _attribute_faults(leaf, clients)


def _held_faults(leaf: HasRole | HasPermission, clients: Clients) -> Iterator[str]:
    kind = _plural(leaf)
    having = [client for client in clients if getattr(client, kind)]
    if not having:
        yield f"{leaf!r}: no client of the registry has {kind}"
        return
    words = set(leaf.name.split("_"))
    if all(client.namespace is not None and client.namespace not in words for client in having):
        spaces = sorted({str(client.namespace) for client in having})
        listed = ", ".join(spaces[:8]) + (", ..." if len(spaces) > 8 else "")
        yield f"{leaf!r}: no client with {kind} has a namespace that occurs in it ({listed})"


def _plural(leaf: HasRole | HasPermission) -> str:
    return "roles" if isinstance(leaf, HasRole) else "permissions"


def _attribute_faults(leaf: Present | Comparison, clients: Clients) -> Iterator[str]:
    terms = leaf.terms()
    constants = leaf.constants() if isinstance(leaf, Comparison) else ()
    for term in terms:
        if term.attribute is None:
            continue
        declared = [
            client.attributes[term.attribute]
            for client in clients
            if term.attribute in client.attributes
        ]
        if not declared:
            known = {name for client in clients for name in client.attributes}
            hint = nearest(term.attribute, known) if known else ""
            yield f"{leaf!r}: no client of the registry has this attribute{hint}"
            continue
        if isinstance(leaf, Comparison) and leaf.relation in ORDERINGS:
            texts = any(isinstance(constant, str) for constant in constants)
            if texts and not all(attribute.levels for attribute in declared):
                yield f"{leaf!r}: {term.written} has no levels, so it has no order but the alphabet"
                continue
        wants_list = isinstance(leaf, Comparison) and leaf.relation == "contains"
        kinds = " or ".join(sorted({_described(attribute) for attribute in declared}))
        of_request = [other for other in terms if other.of_request]
        comparable = "list" if wants_list else "string"  # with a text, as all of a request is
        if of_request and comparable not in [attribute.type for attribute in declared]:
            yield f"{leaf!r}: {term.written} is {kinds}, and {of_request[0].written} is a text"
        for constant in constants:
            if not any(_could_be(attribute, constant, wants_list) for attribute in declared):
                yield f"{leaf!r}: {term.written} is {kinds}, never {constant!r}"


def _could_be(attribute: Attribute, constant: object, wants_list: bool) -> bool:
    """Whether a comparison with this constant could ever be known."""
    if wants_list or isinstance(constant, tuple):
        return attribute.type == "list" and (not wants_list or isinstance(constant, str))
    if attribute.type == "list":
        return False
    if attribute.type == "integer":
        return isinstance(constant, int | float) and not isinstance(constant, bool)
    return isinstance(constant, str) and (not attribute.levels or constant in attribute.levels)


def _described(attribute: Attribute) -> str:
    if attribute.levels:
        return f"a level of {', '.join(attribute.levels)}"
    return {"integer": "an integer", "list": "a list"}.get(attribute.type, "a text")
