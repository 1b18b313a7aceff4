"""A TOML file of the documentation fits its schema, and is read as the product reads it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema

from jwt_middleware.testing import Accounts
from jwt_middleware.tools.cli import main
from jwt_middleware.tools.schemas import FILES, schema_of

KEYS_ARE_OUT = 3
"""The exit status where the endpoint of a page, which nobody serves, was asked for keys."""


def check_toml(path: Path) -> None:
    """Hold the file against what its name says that it is.

    Raises:
        AssertionError: it is refused; the command's own words are printed.
        jsonschema.ValidationError: it does not fit the schema.
    """
    kind = path.stem if path.stem in FILES else "options"
    jsonschema.validate(tomllib.loads(path.read_text("utf-8")), schema_of(kind))
    if kind == "accounts":
        Accounts.read(path)
    else:
        assert main(["check", str(path)]) in (0, KEYS_ARE_OUT)
