"""A deny list that follows a store: read once, then changed by what has changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

from ..errors import StoreUnavailable
from .deny_list import DenyList, Entry
from .store import Changes, Feed, Store


class Look(NamedTuple):
    """What one look at a store found: whether it changed the list; whether it is another store."""

    has_changed: bool
    is_another: bool


class Following:
    """The denials of one store. Its owner lets one thread at a time ``look`` or ``adopt``.

    Attributes:
        list: the denials; the same object until everything was read anew.
        mark: another object after each change of the list, made after the change. Who has judged by
            an earlier one judges again. A mark keeps no list alive.
        is_behind: whether everything must be read anew; meanwhile the list goes on with what
            changes from now on.

    """

    def __init__(self, store: Store) -> None:
        self._store_name = store.name
        self._feed = feed_of(store)
        self._position: object | None = None
        self.list = DenyList()
        self.mark = object()
        self.is_behind = True

    def look(self) -> Look:
        """Bring the list to what the store has now.

        Raises:
            StoreUnavailable: the store is out, or holds what is no denial. A store of an app's own
                may raise what it likes.

        """
        has_changed = is_another = False
        while True:
            changes = self._feed.changes(self._position)
            if changes.entries is None:
                self.is_behind = True
                is_another = is_another or changes.is_another
            elif changes.entries:
                self._apply(self.list, changes.entries)
                self.mark = object()
                has_changed = True
            self._position = changes.position
            if not changes.entries:
                return Look(has_changed, is_another)

    def read(self, meanwhile: Callable[[], object] = lambda: None) -> Callable[[], bool]:
        """Read everything, and call ``meanwhile`` again and again; return how to ``adopt`` it.

        Only that function needs the owner's lock. It returns False where the store has changed too
        much meanwhile, and everything must be read once more.
        """
        position, found = self._position, DenyList()
        for entries in self._feed.everything():
            self._apply(found, entries)
            meanwhile()

        def adopt() -> bool:
            nonlocal position
            while (changes := self._feed.changes(position)).entries:
                self._apply(found, changes.entries)
                position = changes.position
            if changes.entries is None:
                return False
            self.list, self._position, self.is_behind = found, changes.position, False
            self.mark = object()
            return True

        return adopt

    def catch_up(self) -> None:
        """Look, and read everything where the list is behind; for one thread at a time."""
        self.look()
        while self.is_behind and not self.read()():
            self.look()

    def _apply(self, denials: DenyList, entries: Sequence[Entry]) -> None:
        try:
            denials.apply(entries)
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(f"{self._store_name}: {error}") from None


class _Polled:
    """A store of an app's own that has no log: its whole list is read after each change."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def changes(self, since: object | None) -> Changes:
        # The revision first: a change after it is read at the next look.
        revision = self._store.revision()
        if isinstance(since, tuple) and since[0] == revision:
            return Changes(since)
        identity = self._store.identity()
        is_another = isinstance(since, tuple) and bool(since[1]) and since[1] != identity
        return Changes((revision, identity), None, is_another)

    def everything(self) -> Iterator[Sequence[Entry]]:
        yield [
            (*each.identity, each.issued_before, math.inf if each.until is None else each.until)
            for each in self._store.denials()
        ]


def feed_of(store: Store) -> Feed:
    """Return how to follow a store; one of an app's own may have no log of its changes."""
    if hasattr(store, "changes") and hasattr(store, "everything"):
        return cast("Feed", store)
    return _Polled(store)
