"""What grows with a site: a miss and a hit by the number of clients, issuers and denials.

And the laws of what cannot be flat: a start by the number of issuers, a new reading by the number
of clients, of which one has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from typing import Any

from jwt_middleware import PEM, Client, ClientRegistry, Issuer, Revocations, Verifier
from jwt_middleware.revocation import Denial, deny_many
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.testing import mint

from .material import LIFETIME, URL_SAFE, material, small_claims
from .measuring import Case, Section

NUMBERS = {
    "clients": (6, 1_000, 100_000),
    "issuers": (1, 100, 1_000),
    "denials": (10, 1_000, 100_000),
}


def growth() -> Iterator[Section]:
    """Yield a section for each thing that grows; its base is a miss by the smallest number."""
    kind = material("RS256", "small")
    claims = small_claims()
    token = mint(kind.key, claims, form=URL_SAFE, lifetime=LIFETIME).encode()
    keys = PEM(kind.key.certificate_pem)

    def clients(number: int) -> dict[str, Any]:
        own = Client(claims["client_id"])
        return {"keys": keys, "clients": ClientRegistry([*_clients(number - 1), own])}

    def issuers(number: int) -> dict[str, Any]:
        names = [f"https://{n}.example.edu" for n in range(number - 1)]
        return {"issuers": [Issuer(name, keys=keys) for name in [*names, claims["iss"]]]}

    def denials(number: int) -> dict[str, Any]:
        store = MemoryStore()
        deny_many(store, [Denial(subject=f"somebody-{n}") for n in range(number)])
        return {"keys": keys, "revocations": Revocations(store)}

    for what, options_of in (("clients", clients), ("issuers", issuers), ("denials", denials)):
        yield _section(what, token, options_of)
    yield _law("a start by the number of https issuers", "issuers", _starting)
    yield _law("a new reading, one client changed", "clients", _reading)


@cache
def _clients(number: int) -> tuple[Client, ...]:
    return tuple(Client(f"client-{n}", namespace=f"space{n}") for n in range(number))


def _law(title: str, what: str, call_of: Callable[[int], Callable[[], object]]) -> Section:
    cases = [Case(f"{number:,} {what}", call_of(number)) for number in NUMBERS[what]]
    return Section(title, cases[0].name, cases)


def _starting(number: int) -> Callable[[], object]:
    names = [f"https://{n}.example.edu" for n in range(number)]
    return lambda: Verifier(
        gateway="standard", issuers=[Issuer(name, keys=f"{name}/jwks") for name in names]
    )


def _reading(number: int) -> Callable[[], object]:
    others = _clients(number - 1)
    names = cycle(["odd", "even"])

    def load() -> list[Client]:
        return [*others, Client("changing", name=next(names))]

    return ClientRegistry(load, every=1e-9).ask


def _section(what: str, token: bytes, options_of: Callable[[int], dict[str, Any]]) -> Section:
    misses: list[Case] = []
    hits: list[Case] = []
    for number in NUMBERS[what]:
        options = options_of(number)
        for name, cases, cache_size in (("miss", misses, 0), ("hit", hits, 16)):
            known = Verifier(gateway="standard", cache_size=cache_size, **options)
            known.verify(token)
            cases.append(Case(f"{name}, {number:,} {what}", _verifying(known, token)))
    return Section(f"by the number of {what}, RS256, small", misses[0].name, [*misses, *hits])


def _verifying(known: Verifier, token: bytes) -> Callable[[], object]:
    view = memoryview(token)
    return lambda: known.verify(bytes(view))
