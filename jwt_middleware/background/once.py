"""What is done or said once, whichever thread comes first."""

from __future__ import annotations

from collections.abc import Hashable

from .forks import ForkLock


class Once:
    """Says of each thing once that it is new. What it was told of, it keeps."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._known: set[Hashable] = set()

    def is_new(self, thing: Hashable) -> bool:
        """Whether nobody has asked about this thing before."""
        with self._lock:
            if thing in self._known:
                return False
            self._known.add(thing)
            return True
