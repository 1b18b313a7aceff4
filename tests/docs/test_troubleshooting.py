"""The page on troubleshooting has a way out for every code."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from jwt_middleware.errors import AuthenticationError, RequestError, Unavailable

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text("utf-8")


def codes_of(kind: type[RequestError]) -> set[str]:
    """The codes of a class of errors and of those below it."""
    own = {kind.code} if "code" in vars(kind) else set()
    return own.union(*map(codes_of, kind.__subclasses__()))


def test_every_code_is_explained_once() -> None:
    terms = re.findall(r"^(`.*`)\n: ", PAGE, re.MULTILINE)
    named = Counter(code for term in terms for code in re.findall(r"`(\w+)`", term))

    abstract = {AuthenticationError.code, Unavailable.code}
    assert set(named) == codes_of(RequestError) - abstract | {"configuration_error"}
    assert max(named.values()) == 1
