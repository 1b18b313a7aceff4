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
from typing import NamedTuple

import uvicorn

from ..errors import ConfigurationError
from ..events import Event, Refused
from ..listeners import logger
from ..testing import SigningKey, mint, ucsd_claims
from ..verification import PEM
from ..verifier import Verifier
from .app import STAFF_ROLE, build

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


def run(*, once: bool, port: int) -> int:
    """Run the tour and, unless ``once``, keep serving; return the exit status."""
    started = time.time()
    logger.setLevel("CRITICAL")  # the table tells what the log would
    key, forger = SigningKey(), SigningKey()
    heard: list[Event] = []
    verifier = Verifier(
        keys=PEM(key.certificate_pem),
        api="/echo/1.0.0",
        leeway=0,
        listeners=[heard.append],
    )
    tour = cases(key, forger, started)
    with _serving(verifier, port) as address:
        print(f"A guarded app serves on http://{address[0]}:{address[1]}; five requests to it:\n")
        failed = False
        print(f"  {'request':<50} {'status':<7} {'code':<24} why")
        for case in tour:
            answer = _send(address, case, heard)
            failed = failed or answer.status != case.status
            print(f"  {case.title:<50} {answer.status:<7} {answer.code:<24} {answer.why}")
        expires = datetime.fromtimestamp(started - 60, UTC).isoformat(" ", "seconds")
        print(
            f"\nThe expired token's exp is {round((started - 60) * 1000)}: milliseconds, over "
            f"since {expires}.\nRead as seconds it would never expire, and that is how other "
            "libraries read it."
        )
        if failed:
            print("\nThe answers are not what they should be.", file=sys.stderr)
            return 1
        if not once and sys.stdin.isatty():
            _keep_serving(address, tour)
    return 0


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
        why = f"needs {refusal.decision.needed}; holds {refusal.decision.held}"
    return Answer(response.status, body["code"], why)


@contextmanager
def _serving(verifier: Verifier, port: int) -> Generator[tuple[str, int], None, None]:
    config = uvicorn.Config(build(verifier), host="127.0.0.1", port=port, log_level="critical")
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
