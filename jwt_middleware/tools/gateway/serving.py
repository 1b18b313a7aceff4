"""ASGI apps served on loopback, on a thread of their own."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn

from ...errors import ConfigurationError

LOOPBACK = "127.0.0.1"
_LONGEST_HEAD = 262_144
"""Bytes of a request's head: the app is to refuse a header that is too long."""
_START_SECONDS = 20
_END_SECONDS = 5


def listening(port: int = 0, host: str = LOOPBACK) -> socket.socket:
    """Return a socket that listens, for ``serving``: where the URL must be known before the app.

    Raises ``ConfigurationError`` where nothing can listen there.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise ConfigurationError(
            f"nothing can listen on {host}:{port} ({error.strerror}); choose another --port"
        ) from None


def url_of(listener: socket.socket) -> str:
    """Return the URL of what a socket serves."""
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


@contextmanager
def serving(
    app: Any, port: int = 0, host: str = LOOPBACK, *, listener: socket.socket | None = None
) -> Generator[str, None, None]:
    """Serve an app while the block lasts, at the URL that it yields.

    ``listener`` is used, and closed at the end, instead of a new one for host and port.

    Raises ``ConfigurationError`` where nothing can listen there.
    """
    listener = listener or listening(port, host)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http="h11",  # alike everywhere, whatever else is installed
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        log_level="critical",
        server_header=False,  # the app behind a proxy sends these two itself
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + _START_SECONDS
    try:
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise ConfigurationError(f"the server on {host}:{port} did not start")
            time.sleep(0.01)
        yield url_of(listener)
    finally:
        server.should_exit = True
        thread.join(_END_SECONDS)
        listener.close()


def wait_for_the_end(*, with_input: bool = False) -> None:
    """Wait for Ctrl-C or SIGTERM.

    With ``with_input``, also for the end of standard input, unless that is a terminal.
    """
    ended = threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in signals}
    by_input = with_input and not sys.stdin.isatty()
    or_input = " or the end of standard input" if by_input else ""
    print(f"\nServing until Ctrl-C{or_input}.", flush=True)

    def end_with_input() -> None:
        while sys.stdin.read(1):
            pass
        print("Standard input has ended, so this ends too; in a terminal it serves until Ctrl-C.")
        ended.set()

    if by_input:
        threading.Thread(target=end_with_input, daemon=True).start()
    try:
        while not ended.wait(0.5):  # on some systems a signal does not wake a waiting thread
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
