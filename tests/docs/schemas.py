"""Which schema a TOML file of the documentation must fit, by its name."""

from __future__ import annotations

from pathlib import Path

from jwt_middleware.testing import Accounts
from jwt_middleware.tools.cli import main


def check_toml(path: Path) -> None:
    """Read the file as the product reads it.

    Raises:
        AssertionError: it is refused; the command's own words are printed.
    """
    if path.name.startswith("accounts"):
        Accounts.read(path)
        return
    assert main(["check", str(path)]) == 0
