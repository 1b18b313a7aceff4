"""JSON values that cannot be changed: one cached principal serves many requests at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise TypeError("this is read-only: make a copy by dict(...), of a principal by to_dict()")


_refused: Any = _refuse


class ReadOnlyDict(dict[str, Any]):
    """A dict that cannot be changed, so that ``json``, orjson, pydantic and pickle take it.

    Raises:
        TypeError: something is set, deleted or added.

    """

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refused
    clear = pop = popitem = setdefault = update = _refused

    def copy(self) -> dict[str, Any]:
        """Return a dict of its own, which may be changed; what is in it is still read-only."""
        return dict(self)

    def __copy__(self) -> ReadOnlyDict:
        return self

    def __deepcopy__(self, _: Any) -> ReadOnlyDict:
        return self

    def __reduce__(self) -> tuple[type[ReadOnlyDict], tuple[dict[str, Any]]]:
        return ReadOnlyDict, (dict(self),)


def frozen(value: Any) -> Any:
    """Return the JSON value with every object a ``ReadOnlyDict`` and every array a tuple."""
    kind = type(value)
    if kind is dict:
        return ReadOnlyDict({name: frozen(item) for name, item in value.items()})
    if kind is list:
        return tuple([frozen(item) for item in value])
    return value


def thawed(value: Any) -> Any:
    """Return what ``frozen`` was made of, in dicts and lists."""
    if isinstance(value, Mapping):
        return {name: thawed(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [thawed(each) for each in value]
    return value
