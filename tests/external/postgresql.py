"""A PostgreSQL server of the tests' own: Debian's ``postgresql``, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

OWNER = "postgres"


class PostgreSQL(NamedTuple):
    """A running server; everybody on loopback may do everything in it."""

    port: int

    def new_database(self) -> str:
        """Make an empty database; return its name."""
        name = f"t{uuid.uuid4().hex}"
        where = f"host=127.0.0.1 port={self.port} user={OWNER} dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return name

    def url(self) -> str:
        """Return the SQLAlchemy URL of a new database."""
        return f"postgresql+psycopg://{OWNER}@127.0.0.1:{self.port}/{self.new_database()}"


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Run a server until the end of the block."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="jwt-postgresql-"))
    # It refuses to run as root; then it is Debian's own user who runs it.
    as_owner: dict[str, Any] = {"user": OWNER, "group": OWNER} if os.geteuid() == 0 else {}
    if as_owner:
        owner = pwd.getpwnam(OWNER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    port, data = _free_port(), folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_owner,
        )
        control = [programs / "pg_ctl", "-D", data, "-w", "-s"]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        start = ["-o", options, "-l", folder / "log", "start"]
        subprocess.run([*control, *start], check=True, cwd=folder, **as_owner)
        try:
            yield PostgreSQL(port)
        finally:
            subprocess.run(
                [*control, "-m", "immediate", "stop"], check=True, cwd=folder, **as_owner
            )
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is not installed; .ci/run installs Debian's"
    return found[-1].parent


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
