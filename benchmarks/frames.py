"""How far a token goes: the Python frames of ours that it makes, and the moves between files.

Both are counted and not timed, so they are the same on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import jwt_middleware
from jwt_middleware.testing import mint

from .material import LIFETIME, TRUE_FORM, large_claims, material, verifier
from .measuring import Row

FRAMES = "frames of ours, a WSO2 token"
_OURS = str(Path(jwt_middleware.__file__).parent)


class Walk(NamedTuple):
    """The Python frames of a call that are ours, and how often the next one is in another file."""

    frames: int
    moves: int


def walk(call: Callable[[], object]) -> Walk:
    """Make a call, and count."""
    files: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_OURS):
            files.append(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return Walk(len(files), sum(one != other for one, other in pairwise(files)))


def walks() -> dict[str, Walk]:
    """Return the walk of a verifier's first token, of a miss and of a hit."""
    kind = material("RS256", "wso2")
    known = verifier(kind)
    first, second = (
        mint(kind.key, large_claims() | {"n": n}, form=TRUE_FORM, lifetime=LIFETIME).encode()
        for n in range(2)
    )
    tokens = {"first token of a header": first, "miss": second, "hit": second}
    return {name: walk(partial(known.verify, raw)) for name, raw in tokens.items()}


def frames() -> Iterator[Row]:
    """Yield a row for each walk."""
    for name, found in walks().items():
        yield Row(FRAMES, name, found.frames, "frames", note=f"{found.moves} moves between files")
