"""The whole corpus, case by case."""

from __future__ import annotations

from . import claims, documents, headers, segments, signatures, sound
from .workshop import Case, Workshop


def every_case(shop: Workshop) -> list[Case]:
    found = [
        case
        for part in (sound, segments, signatures, headers, documents, claims)
        for case in part.cases(shop)
    ]
    names = [case.name for case in found]
    assert len(set(names)) == len(names), sorted(n for n in set(names) if names.count(n) > 1)
    return found
