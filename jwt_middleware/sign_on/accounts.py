"""What an app implements to take in the people who sign on: its directory of accounts."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .claims import Profile


class Account(NamedTuple):
    """A user of the app, as the directory found, updated or created it.

    ``user_id`` is how the session names the user. ``user`` is the app's own object of it, where
    there is one. ``created``: it was made just now.
    """

    user_id: str
    created: bool
    user: Any = None


class Directory(Protocol):
    """Finds, creates and updates the app's users."""

    def sync(self, profile: Profile, /) -> Account:
        """Bring the person's account up to what the token says, and return it.

        All of it is one transaction: done as a whole when this returns, and not at all when it
        raises or the process dies. It may be called at the same time in several threads and
        processes, for one person too. It runs on a worker thread and may block.

        Where ``meta``, ``groups`` or ``credits`` is None, what the account has of it stays;
        otherwise it is replaced whole.

        Raises:
            AccountRefused: this person is not to be signed in (403); the token stays used.
            Exception: any other is a fault of the server (503), and the token may be used again.

        """
        ...
