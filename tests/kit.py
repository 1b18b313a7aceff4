"""What the tests of many rooms use."""

from __future__ import annotations

from typing import Any

from jwt_middleware.events.kinds import Decided


class Events(list[Any]):
    """A listener that keeps the events which it is called with."""

    def __call__(self, event: Any) -> None:
        self.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    @property
    def decisions(self) -> list[Decided]:
        return self.of(Decided)

    @property
    def cached(self) -> list[bool | None]:
        """Whether the token of each request that was let in was a known one."""
        return [event.cached for event in self.decisions if event.allowed]
