"""A shell in which the pages' commands are typed."""

from __future__ import annotations

import doctest
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from ..servers.running import free_port

PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4}\b|(?<=localhost:)\d{4}\b|(?<=-port )\d{4}\b")
CHECKER = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PATIENCE = 30
"""Seconds that a command may take."""


def says(expected: str, printed: str, command: str = "the code") -> None:
    """Compare as a reader does: white space and ``...`` stand for any amount of it and of text.

    Raises:
        AssertionError: they differ; the message has both.
    """
    if not CHECKER.check_output(expected, printed, FLAGS):
        raise AssertionError(f"{command}\nThe page says:\n{expected}\nIt prints:\n{printed}")


class Console:
    """Types commands in a folder; each port that the page names is a free one here."""

    def __init__(self, folder: Path, text: str) -> None:
        self._folder = folder
        self._ports = {port: str(free_port()) for port in sorted(set(PORT.findall(text)))}
        self._servers: list[subprocess.Popen[bytes]] = []
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith("JWT_")
        } | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "100",
        }

    def with_free_ports(self, text: str) -> str:
        return PORT.sub(lambda port: self._ports.get(port[0], port[0]), text)

    def _with_the_pages_ports(self, text: str) -> str:
        for theirs, ours in self._ports.items():
            text = text.replace(ours, theirs)
        return text

    def type(self, block: str) -> None:
        """Run what follows each ``$``, and hold the lines below it against what is printed.

        A command that ends in ``&`` is a server: it runs until the page ends.

        Raises:
            AssertionError: it printed something else, or printed nothing and failed.
        """
        steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        assert steps, "a console block types at least one command"
        for step in steps:
            command, _, expected = re.sub(r"\\\n\s*", " ", step).partition("\n")
            if command.endswith("&"):
                self._serve(self.with_free_ports(command.rstrip("& ")), expected)
            else:
                self._run(command, expected)

    def _run(self, command: str, expected: str) -> None:
        done = subprocess.run(
            ["bash", "-c", self.with_free_ports(command)],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
        printed = self._with_the_pages_ports(done.stdout.decode())
        if expected.strip():
            says(expected, printed, f"$ {command}")
        else:
            assert done.returncode == 0, f"$ {command}\n{printed}"

    def _serve(self, command: str, expected: str) -> None:
        log = self._folder / f"server-{len(self._servers)}.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self._folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append(server)
        assert expected.strip(), f"{command}: say what it prints when it is ready"
        end, printed = time.monotonic() + PATIENCE, ""
        while time.monotonic() < end and server.poll() is None:
            printed = self._with_the_pages_ports(log.read_text("utf-8"))
            if CHECKER.check_output(f"...{expected.strip()}...", printed, FLAGS):
                return
            time.sleep(0.05)
        says(f"...{expected.strip()}...", printed, f"$ {command} &")

    def close(self) -> None:
        """End the servers, each with what it started."""
        for server in self._servers:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
                try:
                    server.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(server.pid, signal.SIGKILL)
                    server.wait()
