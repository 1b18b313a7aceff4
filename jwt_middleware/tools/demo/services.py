"""Three services that call each other through a gateway, and all know for whom.

A person's request goes to the portal, which asks the orders, which ask the stock. Each call goes
through the gateway, which says in its own assertion which service calls; the person's assertion
travels beside it, in the header that BYU gives it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx2
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwt_middleware_starlette import (
    JWTMiddleware,
    current_principal,
    forward_assertion,
    requires,
)

from ...authorization.predicates import client, has_role, original
from ...events.log import logger
from ...gateways.wso2 import WSO2_DIALECT
from ...keys.sources import PEM
from ...principal import Principal, acting_caller
from ...testing import Accounts, ClientAccount, LocalGateway, SigningKey, User, mint
from ...verification.original import Original
from ..gateway import DevelopmentGateway, serving, wait_for_the_end
from ..gateway.serving import listening, url_of

ORIGINAL = "X-JWT-Assertion-Original"
SHOPPER = "Internal/shopper"

ACCOUNTS = Accounts(
    clients={
        name: ClientAccount(name, secret=f"{name}-secret", application=name.title())
        for name in ("shop_app", "portal", "orders", "stranger")
    },
    users={
        "ana": User("ana", "ana", "ana@carbon.super", claims={WSO2_DIALECT + "role": SHOPPER}),
        "bob": User("bob", "bob", "bob@carbon.super"),
    },
)
"""Who calls through the gateway: two people, and the services themselves."""


class Service(NamedTuple):
    """One service: which others may send it a person's assertion, and whom it asks itself."""

    name: str
    forwarders: str | None = None
    asks: str | None = None

    @property
    def context(self) -> str:
        """The context of its API at the gateway."""
        return f"/{self.name}/1.0"


PORTAL = Service("portal", asks="orders")
ORDERS = Service("orders", forwarders="portal", asks="stock")
STOCK = Service("stock", forwarders="orders")
SERVICES = (PORTAL, ORDERS, STOCK)


def app_of(service: Service, gateway_url: str, keys: PEM) -> Starlette:
    """Return the app of a service."""
    forward = forward_assertion(["127.0.0.1"], header=ORIGINAL)

    async def answer(_: Request) -> JSONResponse:
        principal = current_principal()
        seen: dict[str, Any] = {"service": service.name, **_told(principal)}
        if service.asks is not None:
            headers = {"Authorization": f"Bearer {await _access_token(gateway_url, service.name)}"}
            hooks = {"request": [forward]}
            async with _client(gateway_url, event_hooks=hooks) as caller:
                answered = await caller.get(f"/{service.asks}/1.0", headers=headers)
            seen["asked"] = answered.json()
            return JSONResponse(seen, answered.status_code)
        return JSONResponse(seen)

    # The person's role counts wherever the request has come to.
    rule = has_role(SHOPPER)
    options: dict[str, Any] = {"keys": keys, "api": service.context}
    if service.forwarders is not None:
        rule = original(rule)
        options["original"] = Original(header=ORIGINAL, forwarders=client(service.forwarders))
    return Starlette(
        routes=[Route(service.context, requires(rule)(answer))],
        middleware=[Middleware(JWTMiddleware, **options)],
    )


def _client(url: str, **options: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, trust_env=False, timeout=10, **options)


async def _access_token(gateway_url: str, name: str) -> str:
    """Return an access token of a service's own."""
    secret = ACCOUNTS.clients[name].secret or ""
    async with _client(gateway_url) as caller:
        grant = {"grant_type": "client_credentials"}
        answer = await caller.post("/token", data=grant, auth=(name, secret))
    token: str = answer.json()["access_token"]
    return token


def _told(principal: Principal) -> dict[str, Any]:
    caller = acting_caller(principal)
    return {
        "called_by": f"{principal.client_id} ({principal.kind})",
        "for": f"{caller.subject} ({caller.kind})",
    }


class Landscape:
    """The three services, and the gateway before them."""

    def __init__(self, stack: ExitStack, port: int = 0) -> None:
        listener = stack.enter_context(listening(port))
        self.local = LocalGateway()
        keys = PEM(self.local.key.certificate_pem)
        urls = {
            each.context: stack.enter_context(serving(app_of(each, url_of(listener), keys)))
            for each in SERVICES
        }
        self.stock_url = urls[STOCK.context]
        gateway = DevelopmentGateway(urls, ACCOUNTS, self.local)
        self.url = stack.enter_context(serving(gateway.app, listener=listener))

    def assertion(self, client_id: str, context: str) -> str:
        """Return an assertion as the gateway makes it."""
        claims: dict[str, Any] = {WSO2_DIALECT + "apicontext": context}
        return self.local.assertion(client=client_id, **claims)


def run(*, once: bool, port: int) -> int:
    """Show what each service sees and, unless ``once``, keep serving; return the exit status."""
    logger.setLevel("CRITICAL")
    with ExitStack() as stack:
        landscape = Landscape(stack, port)
        print(
            f"Three services behind a gateway on {landscape.url}: the portal asks the orders, "
            "which ask the stock.\nEach calls through the gateway, by its own account, and sends "
            f"the person's assertion on in\n{ORIGINAL}:\n"
        )
        as_expected = True
        for title, is_right, lines in steps(landscape):
            as_expected &= is_right
            print(f"  {title}")
            for line in lines:
                print(f"    {line}")
            print()
        if not as_expected:
            print("The answers are not what they should be.", file=sys.stderr)
            return 1
        if not once:
            print("Try it yourself:\n")
            grant = "-d grant_type=password -d username=ana -d password=ana"
            print(f"  curl -u shop_app:shop_app-secret {grant} {landscape.url}/token")
            print(f"  curl -i -H 'Authorization: Bearer ...' {landscape.url}{PORTAL.context}")
            wait_for_the_end(with_input=True)
    return 0


def steps(landscape: Landscape) -> Iterator[tuple[str, bool, list[str]]]:
    """Send the requests; yield what each shows, whether it is right, and the lines to print."""
    with httpx2.Client(base_url=landscape.url, trust_env=False, timeout=10) as caller:
        ana = _as_person(caller, "ana")
        yield (
            "ana asks the portal: each service knows who calls, and for whom",
            _services(ana) == ["portal", "orders", "stock"] and _people(ana) == ["ana"],
            list(_lines(ana)),
        )
        bob = _as_person(caller, "bob")
        yield (
            "bob has not the role: the first service refuses him",
            bob["status"] == 403,
            list(_lines(bob)),
        )
    ours, another = landscape.assertion("orders", STOCK.context), SigningKey()
    theirs = landscape.assertion("shop_app", PORTAL.context)
    stranger = landscape.assertion("stranger", STOCK.context)
    forged = mint(another, {"sub": "ana", WSO2_DIALECT + "role": SHOPPER})
    with httpx2.Client(base_url=landscape.stock_url, trust_env=False, timeout=10) as caller:
        for title, headers, code in (
            (
                "a forged original assertion is refused, never ignored",
                {"X-JWT-Assertion": ours, ORIGINAL: forged},
                "invalid_original",
            ),
            (
                "a client that may not forward is refused, whatever it sends",
                {"X-JWT-Assertion": stranger, ORIGINAL: theirs},
                "insufficient_permission",
            ),
            (
                "a service without a person's assertion is refused by the rule",
                {"X-JWT-Assertion": ours},
                "insufficient_permission",
            ),
        ):
            refused = caller.get(STOCK.context, headers=headers)
            found = refused.json().get("code")
            yield title, found == code, [f"stock: {refused.status_code} {found}"]


def _as_person(caller: httpx2.Client, name: str) -> dict[str, Any]:
    answer = caller.post(
        "/token",
        data={"grant_type": "password", "username": name, "password": name},
        auth=("shop_app", "shop_app-secret"),
    )
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    response = caller.get(PORTAL.context, headers=headers)
    return {"status": response.status_code, **response.json()}


def _services(seen: dict[str, Any]) -> list[str]:
    asked = seen.get("asked")
    return [seen.get("service", "?"), *(_services(asked) if asked else [])]


def _people(seen: dict[str, Any]) -> list[str]:
    """Return the people for whom the services acted, each once."""
    people = []
    asked: dict[str, Any] | None = seen
    while asked:
        people.append(str(asked.get("for", "")).partition("@")[0])
        asked = asked.get("asked")
    return list(dict.fromkeys(people))


def _lines(seen: dict[str, Any]) -> Iterator[str]:
    asked: dict[str, Any] | None = seen
    while asked:
        if "service" in asked:
            yield f"{asked['service']}: called by {asked['called_by']}, for {asked['for']}"
        else:
            yield f"refused: {asked.get('code')}"
        asked = asked.get("asked")
