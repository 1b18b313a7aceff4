"""The tour: send a guarded app real requests over loopback, and tell what came back and why."""

from __future__ import annotations

import http.client
import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from starlette.applications import Starlette

from ..errors import ConfigurationError
from ..events import Event, Refused
from ..listeners import logger
from ..testing import SigningKey, client_claims, mint, ucsd_claims
from ..verification import PEM
from ..verifier import Verifier
from .app import CLIENTS, STAFF_ROLE, build

HEADER = "X-JWT-Assertion"
_START_SECONDS = 20


class Case(NamedTuple):
    """One request of the tour."""

    title: str
    path: str
    token: str | None
    status: int  # what a reader may expect; the tour fails where it does not come


class Answer(NamedTuple):
    """What came back, and why."""

    status: int
    code: str
    why: str


def cases(key: SigningKey, forger: SigningKey, now: float) -> list[Case]:
    """Return the requests: one that is let in, and four that are not."""
    good = mint(key, ucsd_claims(), now=now)
    forged = mint(forger, ucsd_claims(), now=now, header={"x5t": key.x5t(as_hex=True)})
    expired = mint(key, ucsd_claims(), now=now, lifetime=-60)
    guest = mint(key, ucsd_claims(role="Internal/guest"), now=now)
    return [
        Case("UCSD's token: padded base64, exp in ms, hex x5t", "/reports", good, 200),
        Case("no token", "/me", None, 401),
        Case("forged: signed by another key", "/me", forged, 401),
        Case("expired a minute ago, in milliseconds", "/me", expired, 401),
        Case(f"good, but without the role {STAFF_ROLE}", "/reports", guest, 403),
    ]


def client_cases(key: SigningKey, now: float) -> list[Case]:
    """Return two requests of each client: one that its entry grants, and one that it does not."""

    def case(title: str, path: str, status: int, client_id: str, **changes: Any) -> Case:
        token = mint(key, client_claims(client_id, **changes), now=now)
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


def run(*, once: bool, port: int) -> int:
    """Run the tour and, unless ``once``, keep serving; return the exit status."""
    started = time.time()
    logger.setLevel("CRITICAL")  # the table tells what the log would
    key, forger = SigningKey(), SigningKey()
    heard: list[Event] = []
    keys = PEM(key.certificate_pem)
    campus = Verifier(keys=keys, api="/echo/1.0.0", leeway=0, listeners=[heard.append])
    partners = Verifier(keys=keys, clients=CLIENTS, listeners=[heard.append])
    tour, of_clients = cases(key, forger, started), client_cases(key, started)
    with _serving(build(campus, partners), port) as address:
        print(f"A guarded app serves on http://{address[0]}:{address[1]}; five requests to it:\n")
        held = _show(address, tour, heard)
        expires = datetime.fromtimestamp(started - 60, UTC).isoformat(" ", "seconds")
        print(
            f"\nThe expired token's exp is {round((started - 60) * 1000)}: milliseconds, over "
            f"since {expires}.\nRead as seconds it would never expire, and that is how other "
            "libraries read it."
        )
        print(
            f"\nSix clients, each with its own claims; all that is known of them is {CLIENTS.name}."
            "\nTwo requests of each:\n"
        )
        held = _show(address, of_clients, heard) and held
        if not held:
            print("\nThe answers are not what they should be.", file=sys.stderr)
            return 1
        if not once and sys.stdin.isatty():
            _keep_serving(address, tour + of_clients)
    return 0


def _show(address: tuple[str, int], shown: list[Case], heard: list[Event]) -> bool:
    """Send the requests and tell of each; return whether all was as expected."""
    held = True
    print(f"  {'request':<50} {'status':<7} {'code':<24} why")
    for case in shown:
        answer = _send(address, case, heard)
        held = held and answer.status == case.status
        print(f"  {case.title:<50} {answer.status:<7} {answer.code:<24} {answer.why}")
    return held


def _send(address: tuple[str, int], case: Case, heard: list[Event]) -> Answer:
    heard.clear()
    connection = http.client.HTTPConnection(*address, timeout=10)
    try:
        headers = {} if case.token is None else {HEADER: case.token}
        connection.request("GET", case.path, headers=headers)
        response = connection.getresponse()
        body = json.loads(response.read())
    finally:
        connection.close()
    if response.status == 200:
        return Answer(200, "-", f"let in: {body}")
    refusal = next(event for event in heard if isinstance(event, Refused))
    why = refusal.reason
    if refusal.decision is not None:
        why = refusal.decision.explain().partition(": ")[2]
    return Answer(response.status, body["code"], why)


@contextmanager
def _serving(app: Starlette, port: int) -> Generator[tuple[str, int], None, None]:
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ConfigurationError(
                f"the demo cannot listen on 127.0.0.1:{port}; choose another --port"
            )
        time.sleep(0.01)
    host, bound = server.servers[0].sockets[0].getsockname()[:2]
    try:
        yield host, bound
    finally:
        server.should_exit = True
        thread.join(5)


def _keep_serving(address: tuple[str, int], tour: list[Case]) -> None:
    with tempfile.TemporaryDirectory(prefix="jwt-assertion-demo-") as folder:
        print("\nTry it yourself (the tokens are in files, for 15 minutes):\n")
        for number, case in enumerate(tour, 1):
            print(f"  # {case.title}")
            option = ""
            if case.token is not None:
                path = Path(folder, f"{number}.header")
                path.write_text(f"{HEADER}: {case.token}\n", "ascii")
                option = f"-H @{path} "
            print(f"  curl -i {option}http://{address[0]}:{address[1]}{case.path}")
        print("\nServing until Ctrl-C; refusals are told here.")
        logger.setLevel(logging.WARNING)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("\nEnded.")
