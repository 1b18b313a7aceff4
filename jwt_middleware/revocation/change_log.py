"""What a reader of a store has missed, by the store's log of changes.

Where a reader stands is the last change that it knows, by its number and its nonce: that change
must still be in the log. If it is not, the log was trimmed or begun anew, or belongs to another
history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .deny_list import Entry
from .store import Changes

Log = Sequence[tuple[Any, ...]]
"""Changes in their order: each has its number, its nonce, and what the store needs to read it."""


class Position(NamedTuple):
    """Where a reader stands: the last change that it knows; 0 after a writer without a log.

    ``revision`` differs after a change that is in no log, where ``nonce`` does not tell.
    """

    identity: str
    revision: str
    sequence: int
    nonce: str

    @property
    def change(self) -> tuple[int, str]:
        """Its last change."""
        return self.sequence, self.nonce


def changes_since(
    since: object | None,
    here: Position,
    read: Callable[[int], Log],
    entries: Callable[[Log], Sequence[Entry]],
) -> Changes:
    """Return what has changed since a position, up to where the store is now.

    ``read`` returns the log from a number on, so many changes as fit into one answer and one more;
    ``entries`` returns what changes say.
    """
    if here == since:
        return Changes(here)
    if not isinstance(since, Position):
        return Changes(here, None)
    if since.identity and here.identity != since.identity:
        return Changes(here, None, is_another=True)
    is_in_no_log = here.change == since.change and here.revision != since.revision
    if not here.sequence or not since.sequence or is_in_no_log:
        return Changes(here, None)
    log = read(since.sequence)
    if not log or log[0][:2] != since.change:
        # A log that begins later was trimmed or begun anew; one that ends earlier, or has another
        # change in this place, is of another history.
        is_another = here.sequence < since.sequence or (bool(log) and log[0][0] == since.sequence)
        return Changes(here, None, is_another)
    sequence, nonce = log[-1][:2]
    # The revision counts once the log was read to its end.
    revision = here.revision if (sequence, nonce) == here.change else since.revision
    return Changes(Position(here.identity, revision, sequence, nonce), entries(log[1:]))
