"""How often key ids were named: a count of any number of ids, in fixed memory."""

from __future__ import annotations

_CELLS = 1 << 14
_MOST = 255


class Tally:
    """Counts texts, without remembering them (a count-min sketch of two rows).

    A count may be too high where other texts fall into the same cells, and is never too low, up to
    255. Where a text falls is not foreseeable from outside, as Python's hashes are not.
    """

    def __init__(self) -> None:
        self._rows = bytearray(_CELLS), bytearray(_CELLS)

    def add(self, text: str) -> int:
        """Count a text once more; return how often it was counted."""
        number = hash(text)
        places = number % _CELLS, (number >> 20) % _CELLS
        count = min(row[place] for row, place in zip(self._rows, places, strict=True)) + 1
        for row, place in zip(self._rows, places, strict=True):
            # Only cells below the new count are raised: it keeps what others see low.
            row[place] = max(row[place], min(count, _MOST))
        return count

    def clear(self) -> None:
        """Begin again."""
        self._rows = bytearray(_CELLS), bytearray(_CELLS)
