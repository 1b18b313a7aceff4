"""A site that people sign on to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .kit import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def site_with(tmp_path: Path) -> Callable[..., Site]:
    return lambda **options: Site(tmp_path, **options)
