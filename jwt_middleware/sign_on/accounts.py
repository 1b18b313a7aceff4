"""What an app implements for the people who sign on: a directory of accounts."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .claims import Profile


class Account(NamedTuple):
    """A user of the app, whom the directory has updated or created.

    ``user_id`` names the user in the session. ``user`` is the app's own object, where there is one.
    ``created``: the user is new.
    """

    user_id: str
    created: bool
    user: Any = None


class Directory(Protocol):
    """Finds, creates and updates the app's users."""

    def sync(self, profile: Profile, /) -> Account:
        """Update the person's account to what the token says, or create it, and return it.

        All of it is one transaction: complete when this returns, and undone when it raises or the
        process dies. Several threads and processes may call it at the same time, for one person
        too. It runs on a worker thread and may block.

        Where ``meta``, ``groups`` or ``credits`` is None, the account keeps its own; otherwise it
        is replaced as a whole.

        Raises:
            AccountRefused: this person must not be signed in (403); the token stays used.
            Exception: any other is a fault of the server (503), and the token may be used again.

        """
        ...
