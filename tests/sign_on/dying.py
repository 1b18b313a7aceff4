"""A process that is killed in the middle of bringing an account up to a token."""

from __future__ import annotations

import os
import signal
from typing import Any

import sqlalchemy as sa

from jwt_middleware.sign_on import Credit, Profile
from jwt_middleware.sign_on.sql import SQLDirectory, User

BEFORE: dict[str, Any] = {"meta": {"old": 1}, "groups": ("a",), "credits": (Credit("o", 1),)}
AFTER: dict[str, Any] = {"meta": {"new": 1}, "groups": ("b", "c"), "credits": ()}
MOMENTS = ["1", "2", "3", "4", "5", "commit", "after"]
"""After so many statements; before the commit; and after it."""


def killed_at(url: str, moment: str, email: str) -> None:
    """Run it in a forked process, to its death."""
    child = os.fork()
    if child == 0:
        try:
            _sync(url, moment, email)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _sync(url: str, moment: str, email: str) -> None:
    engine = sa.create_engine(url)
    directory = SQLDirectory(engine)
    statements = 0

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def count(*_: Any) -> None:
        nonlocal statements
        statements += 1
        if str(statements) == moment:
            die()

    sa.event.listen(engine, "after_cursor_execute", count)
    if moment == "commit":
        sa.event.listen(engine, "commit", die)
    directory.sync(Profile(integration="acme", email=email, **AFTER))
    if moment == "after":
        die()


def state(user: User | None) -> dict[str, Any] | None:
    """What the directory has of a person."""
    if user is None:
        return None
    return {"meta": user.meta, "groups": user.groups, "credits": user.credits}
