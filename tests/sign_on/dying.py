"""A process that is killed in the middle of bringing an account up to a token."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from jwt_middleware.sign_on import Credit
from jwt_middleware.sign_on.sql import User

PROGRAM = """
import os, signal, sys
import sqlalchemy as sa
from jwt_middleware.sign_on import Profile
from jwt_middleware.sign_on.sql import SQLDirectory
url, moment, email = sys.argv[1:]
engine = sa.create_engine(url)
directory = SQLDirectory(engine)
statements = 0
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def count(*_):
    global statements
    statements += 1
    if str(statements) == moment:
        die()
sa.event.listen(engine, "after_cursor_execute", count)
if moment == "commit":
    sa.event.listen(engine, "commit", die)
claims = {"meta": {"new": 1}, "groups": ("b", "c"), "credits": ()}
directory.sync(Profile(integration="acme", email=email, **claims))
if moment == "after":
    die()
"""
BEFORE: dict[str, Any] = {"meta": {"old": 1}, "groups": ("a",), "credits": (Credit("o", 1),)}
AFTER: dict[str, Any] = {"meta": {"new": 1}, "groups": ("b", "c"), "credits": ()}
MOMENTS = ["1", "2", "3", "4", "5", "commit", "after"]
"""After so many statements; before the commit; and after it."""


def killed_at(url: str, moment: str, email: str) -> None:
    """Run it to its death."""
    command = [sys.executable, "-c", PROGRAM, url, moment, email]
    assert subprocess.run(command, check=False).returncode == -9


def state(user: User | None) -> dict[str, Any] | None:
    """What the directory has of a person."""
    if user is None:
        return None
    return {"meta": user.meta, "groups": user.groups, "credits": user.credits}
