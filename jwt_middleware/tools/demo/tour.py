"""The guided tour: a gateway, a guarded app behind it, and real requests to both."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from asyncio import gather
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from cachetools import LRUCache
from starlette.routing import Route

from jwt_middleware_starlette.inventory import inventory

from ...authorization.routes import Route as GuardedRoute
from ...events.kinds import Decided, Event
from ...events.log import logger
from ...gateways.wso2 import WSO2_DIALECT
from ...keys.sources import PEM
from ...testing import LocalGateway, SigningKey, client_claims, mint, sample_accounts, ucsd_claims
from ...verification.verifier import Verifier
from ..gateway import DevelopmentGateway, serving, wait_for_the_end
from .app import CLIENTS, STAFF_ROLE, build
from .echo import ECHO_CONTEXT
from .inspector import Inspector, redirect_to_page

HEADER = "X-JWT-Assertion"


class Case(NamedTuple):
    """One request of the tour, which fails if the answer has another status."""

    title: str
    path: str
    token: str | None
    status: int


def cases(key: SigningKey, forger: SigningKey, now: float) -> list[Case]:
    """Return five requests: one that is let in, and four that are refused."""
    good = mint(key, ucsd_claims(), now=now)
    forged = mint(forger, ucsd_claims(), now=now, header={"x5t": key.x5t(as_hex=True)})
    expired = mint(key, ucsd_claims(), now=now, lifetime=-60)
    guest = mint(key, ucsd_claims(role="Internal/guest"), now=now)
    return [
        Case("UCSD's token: padded base64, exp in ms, hex x5t", "/campus/reports", good, 200),
        Case("no token", "/campus/me", None, 401),
        Case("forged: signed by another key", "/campus/me", forged, 401),
        Case("expired a minute ago, in milliseconds", "/campus/me", expired, 401),
        Case(f"good, but without the role {STAFF_ROLE}", "/campus/reports", guest, 403),
    ]


def client_cases(key: SigningKey, now: float) -> list[Case]:
    """Return two requests of each client, of which its entry grants the first."""

    def case(title: str, path: str, status: int, client_id: str, **changes: Any) -> Case:
        context = {f"{WSO2_DIALECT}apicontext": ECHO_CONTEXT}
        token = mint(key, context | client_claims(client_id, **changes), now=now)
        return Case(f"{client_id}: {title}", f"/partners/{path}", token, status)

    return [
        case("an administrator", "products", 200, "acme_corp"),
        case("a buyer", "products", 403, "acme_corp", roles=["acme_buyer"]),
        case("level 2", "audit", 200, "globex_ind"),
        case("level 1", "audit", 403, "globex_ind", accessLevel="globex_level1"),
        case("a project manager", "projects", 200, "initech"),
        case("without the permission", "projects", 403, "initech", permissions=[]),
        case("the project of the token", "research/P-7", 200, "umbrella_corp"),
        case("another project", "research/P-8", 403, "umbrella_corp"),
        case("a homeowner", "devices", 200, "stark_ind"),
        case("with a role of Acme's", "devices", 403, "stark_ind", starkUserRole="acme_admin"),
        case("an engineer", "models", 200, "cyberdyne"),
        case("on a route of Globex's", "audit", 403, "cyberdyne"),
    ]


class Demo:
    """The demo's servers: the guarded app, and before it the gateway with the inspector."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self._reasons: LRUCache[str, str] = LRUCache(1_000)
        self.accounts = sample_accounts()
        local = LocalGateway(api=ECHO_CONTEXT, clients=self.accounts.registry)
        self.key = local.key
        options: dict[str, Any] = {
            # The certificate, not /jwks: the app knows the key by the name of each generation.
            "keys": PEM(self.key.certificate_pem),
            "api": ECHO_CONTEXT,
            "listeners": [self._on_event],
        }
        campus = Verifier(leeway=0, **options)
        partners = Verifier(clients=CLIENTS, **options)
        app = build(campus, partners)
        self._routes = [route for route in inventory(app) if ":path}" not in route.path]
        self.app_url = stack.enter_context(serving(app))
        inspector = Inspector(self.accounts, local, [campus, partners], try_routes=self.try_routes)
        pages = [Route("/", redirect_to_page), *inspector.routes()]
        upstreams = {ECHO_CONTEXT: self.app_url}
        gateway = DevelopmentGateway(upstreams, self.accounts, local, pages=pages)
        self.url = stack.enter_context(serving(gateway.app, port))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Decided) and event.reference is not None:
            decision = event.decision
            why = event.reason if decision is None else decision.explain().partition(": ")[2]
            self._reasons[event.reference] = why or ""

    def verdict(self, response: httpx2.Response) -> tuple[str, str]:
        """Return an answer's code, and the operator's reason for it, by its reference."""
        if response.status_code < 400:
            return "", "let in"
        is_ours = response.headers.get("content-type") == "application/problem+json"
        answer = response.json() if is_ours else {}
        why = self._reasons.get(str(answer.get("reference"))) or response.reason_phrase
        return answer.get("code", ""), why

    async def try_routes(self, token: str) -> list[dict[str, Any]]:
        """Call every route with a token; return each guard, status and code, and why."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            return await gather(*(self._try(client, route, token) for route in self._routes))

    async def _try(
        self, client: httpx2.AsyncClient, route: GuardedRoute, token: str
    ) -> dict[str, Any]:
        path = route.path.replace("{project_id}", "P-7")
        row: dict[str, Any] = {"method": "GET", "path": path, "guard": route.guard or "a principal"}
        try:
            response = await client.get(self.app_url + path, headers={HEADER: token})
        except httpx2.TransportError:
            why = "the server ended the connection: it takes no header of this length"
            return row | {"status": 0, "code": "no answer", "why": why}
        code, why = self.verdict(response)
        return row | {"status": response.status_code, "code": code, "why": why}


def run(*, once: bool, port: int) -> int:
    """Run the tour and, unless ``once``, keep serving; return the exit status."""
    started = time.time()
    logger.setLevel("CRITICAL")  # the table shows what the log would
    with ExitStack() as stack:
        demo = Demo(port, stack)
        tour = cases(demo.key, SigningKey(), started)
        print(f"A guarded app serves on {demo.app_url}; five requests to it:\n")
        as_expected = _show(demo, tour)
        expires = datetime.fromtimestamp(started - 60, UTC).isoformat(" ", "seconds")
        print(
            f"\nThe expired token's exp is {round((started - 60) * 1000)}, in milliseconds: it "
            f"ended at {expires}.\nRead as seconds it would never expire, and that is how other "
            "libraries read it."
        )
        print(
            f"\nSix clients, each with its own claims. {CLIENTS.name} holds all that the app knows "
            "of them.\nTwo requests of each:\n"
        )
        as_expected &= _show(demo, client_cases(demo.key, started))
        print(f"\nA gateway for development serves before the app, on {demo.url}:\n")
        for title, is_right, answer in through_the_gateway(demo):
            print(f"  {title:<50} {answer}")
            as_expected &= is_right
        if not as_expected:
            print("\nThe answers are not what they should be.", file=sys.stderr)
            return 1
        print(
            f"\nThe inspector: {demo.url}/\nPick a client, paste a token, or sign in as jroe with "
            "the password jroe."
        )
        if not once:
            _keep_serving(demo, tour)
    return 0


def through_the_gateway(demo: Demo) -> Iterator[tuple[str, bool, str]]:
    """Call as a client of the gateway does; yield each step, its success, and its answer."""
    with httpx2.Client(base_url=demo.url, trust_env=False, timeout=10) as client:
        bare = client.get(ECHO_CONTEXT)
        yield (
            f"GET {ECHO_CONTEXT}, no access token",
            bare.status_code == 401,
            f"{bare.status_code}  {bare.json()['message']}",
        )
        answer = client.post(
            "/token",
            data={"grant_type": "client_credentials"},
            auth=("acme_corp", demo.accounts.clients["acme_corp"].secret or ""),
        )
        access_token = answer.json().get("access_token", "")
        yield (
            "POST /token, as acme_corp",
            answer.status_code == 200,
            f"{answer.status_code}  an access token for {answer.json().get('expires_in')} s",
        )
        forged = {"Authorization": f"Bearer {access_token}", HEADER: "forged"}
        echo = client.get(ECHO_CONTEXT, headers=forged)
        client_id = echo.json().get("principal", {}).get("client_id")
        yield (
            f"GET {ECHO_CONTEXT} with it, and a forged header",
            echo.status_code == 200 and client_id == "acme_corp",
            f"{echo.status_code}  the app saw {client_id}, and another header",
        )


def _show(demo: Demo, shown: list[Case]) -> bool:
    """Send the requests and print the answers; return whether all are as expected."""
    as_expected = True
    print(f"  {'request':<50} {'status':<7} {'code':<24} why")
    with httpx2.Client(base_url=demo.app_url, trust_env=False, timeout=10) as client:
        for case in shown:
            headers = {} if case.token is None else {HEADER: case.token}
            response = client.get(case.path, headers=headers)
            code, why = demo.verdict(response)
            as_expected &= response.status_code == case.status
            if response.status_code == 200:
                code, why = "-", f"{why}: {response.json()}"
            print(f"  {case.title:<50} {response.status_code:<7} {code:<24} {why}")
    return as_expected


def _keep_serving(demo: Demo, tour: list[Case]) -> None:
    with tempfile.TemporaryDirectory(prefix="jwt-assertion-demo-") as folder:
        print("\nTry it yourself (the tokens are in files, for 15 minutes):\n")
        for number, case in enumerate(tour, 1):
            print(f"  # {case.title}")
            option = ""
            if case.token is not None:
                path = Path(folder, f"{number}.header")
                path.write_text(f"{HEADER}: {case.token}\n", "ascii")
                option = f"-H @{path} "
            print(f"  curl -i {option}{demo.app_url}{case.path}")
        print("  # the gateway: an access token, and the Echo API with it")
        grant = "-u acme_corp:acme-secret -d grant_type=client_credentials"
        print(f"  curl {grant} {demo.url}/token")
        print(f"  curl -i -H 'Authorization: Bearer ...' {demo.url}{ECHO_CONTEXT}")
        print("\nRefusals are logged here.")
        logger.setLevel(logging.WARNING)
        wait_for_the_end(with_input=True)
        print("Ended.")
