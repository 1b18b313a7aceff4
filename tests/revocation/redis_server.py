"""A real Redis server on loopback, which can be stopped and started again."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

LIMIT = 15.0


class RedisServer:
    """Debian's ``redis-server`` in a folder of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.port: int = bound.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        settings = f"--bind 127.0.0.1 --port {self.port} --save --appendonly yes".split()
        settings.insert(settings.index("--save") + 1, "")
        self._process = subprocess.Popen(
            ["redis-server", *settings, *self._options],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        ends = time.monotonic() + LIMIT
        while time.monotonic() < ends:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as asked:
                    asked.sendall(b"PING\r\n")
                    if asked.recv(64).startswith((b"+PONG", b"-NOAUTH")):
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(LIMIT)
            self._process = None

    def kill(self) -> None:
        """Have it end at once, as a machine does that fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(LIMIT)
            self._process = None

    def send(self, *words: str) -> None:
        """Send one command, as a person at the server does."""
        line = " ".join(words) + "\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked:
            asked.sendall(line.encode())
            assert asked.recv(64).startswith(b"+OK")
