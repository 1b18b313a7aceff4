"""What deciding costs on a verified principal, whether the registry holds 6 clients or 10,000.

python -m benchmarks.bench_predicates
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

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
from jwt_middleware.authorization import Guard
from jwt_middleware.demo.app import CLIENTS
from jwt_middleware.request_view import RequestView
from jwt_middleware.testing import SigningKey, client_claims, mint

ROUNDS = 15
CALLS = 20_000
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


def microseconds(call: Callable[[], object]) -> float:
    """CPU time of one call, over many."""
    started = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - started) / CALLS * 1e6


def main() -> None:
    """Time each decision in interleaved rounds, and print the medians."""
    rows = {name: call for size in SIZES for name, call in decisions(size).items()}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, call in rows.items():
            times[name].append(microseconds(call))
    print("deciding on a verified principal, CPU time in us, median of", ROUNDS)
    for name, found in times.items():
        print(f"  {name:<52} {statistics.median(found):5.2f}")


if __name__ == "__main__":
    main()
