"""What deciding costs on a verified principal, whether the registry holds 6 clients or 10,000."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jwt_middleware import (
    PEM,
    Client,
    ClientRegistry,
    Principal,
    Verifier,
    attribute,
    client,
    has_permission,
    has_role,
    path_param,
    policy,
)
from jwt_middleware.authorization.guards import Guard
from jwt_middleware.authorization.request import RequestView
from jwt_middleware.testing import SigningKey, client_claims, mint
from jwt_middleware.tools.demo.app import CLIENTS

from .measuring import Case, Section

SIZES = (6, 10_000)


def principals(size: int) -> dict[str, Principal]:
    """The principals of two clients of a registry of this many."""
    known = list(ClientRegistry(CLIENTS).clients)
    more = [Client(f"client{n}", namespace=f"space{n}") for n in range(size - len(known))]
    key = SigningKey()
    registry = ClientRegistry([*known, *more])
    verifier = Verifier(keys=PEM(key.certificate_pem), clients=registry, gateway="wso2")
    return {
        name: verifier.verify(mint(key, client_claims(name)))
        for name in ("acme_corp", "umbrella_corp")
    }


def decisions(size: int) -> dict[str, Callable[[], object]]:
    """What is timed, by the name of its row."""
    found = principals(size)
    acme, umbrella = found["acme_corp"], found["umbrella_corp"]
    request = RequestView(path_params={"project_id": "P-7"})
    rule = client("acme_corp") & has_role("acme_admin") & has_permission("view_acme_orders")
    own = client("umbrella_corp") & (attribute("project_id") == path_param("project_id"))
    plain, project, named = Guard(rule), Guard(own), Guard(policy("catalogue.manage"))
    return {
        f"client & role & permission, {size:,} clients": lambda: plain.check(acme, request),
        f"client & attribute == path_param, {size:,} clients": lambda: project.check(
            umbrella, request
        ),
        f"policy of two conditions, {size:,} clients": lambda: named.check(acme, request),
    }


def deciding() -> Iterator[Section]:
    """Yield one section with every decision, by the size of the registry."""
    cases = [Case(name, call) for size in SIZES for name, call in decisions(size).items()]
    yield Section("deciding on a verified principal", cases[0].name, cases)
