"""What all tests beside other programs share."""

from __future__ import annotations

import faulthandler
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let them take longer: browsers and servers of others have to start."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(600, method="thread"))


def pytest_runtest_setup() -> None:
    """Leave it to that mark to end them."""
    faulthandler.cancel_dump_traceback_later()
