"""A guard that is made late, and looked for by two requests at the same time."""

from __future__ import annotations

from typing import Any

from jwt_middleware import has_role
from jwt_middleware.authorization import exposure
from jwt_middleware.authorization.decorators import requires_by
from jwt_middleware.authorization.exposure import Exposure
from jwt_middleware.authorization.guards import Guard

from ..interleaving import Pair, halted_anywhere


def test_no_request_misses_a_guard_that_another_one_is_just_learning() -> None:
    def make() -> Pair:
        def enter(guard: Guard, _: Any, __: Any) -> None: ...

        exposed = Exposure([], enter)

        def late() -> None: ...

        guarded = requires_by(enter)(has_role("admin"))(late)

        def must_hold(*guards: tuple[Guard, ...]) -> None:
            assert guarded is not late
            assert [len(each) for each in guards] == [1, 1]

        return lambda: exposed.bare(late), lambda: exposed.bare(late), must_hold

    halted_anywhere(make, exposure)
