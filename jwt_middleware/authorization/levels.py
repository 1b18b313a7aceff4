"""Ordered levels: a text whose rank is where it stands in a declared list."""

from __future__ import annotations


class Level(str):
    """A level as the token has it. It compares by the declared order, not by the alphabet."""

    __slots__ = ("order",)

    order: tuple[str, ...]

    def __new__(cls, name: str, order: tuple[str, ...]) -> Level:
        """Make a level of this order, lowest first."""
        level = super().__new__(cls, name)
        level.order = order
        return level

    def __reduce__(self) -> tuple[type[Level], tuple[str, tuple[str, ...]]]:
        return Level, (str(self), self.order)


def ranks(left: object, right: object) -> tuple[int, int] | None:
    """Return where both texts stand in the order that either brings; None where one does not.

    Raises:
        TypeError: neither is a level.

    """
    if isinstance(left, Level):
        order = left.order
    elif isinstance(right, Level):
        order = right.order
    else:
        raise TypeError("neither is a level")
    try:
        return order.index(str(left)), order.index(str(right))
    except ValueError:
        return None
