"""``jwt-assertion schema``: the JSON Schema of a file that people write."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..schemas import FILES, schema_of
from .shared import add_command, whatever_the_reader


def add_to(commands: Any) -> None:
    """Add the command."""
    command = add_command(
        commands,
        _schema,
        "print the JSON Schema of a TOML file, for editors",
        ["clients > clients.schema.json"],
        json=False,
    )
    command.add_argument("file", choices=[*FILES], help="the kind of file")


def _schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema (draft 2020-12) of a file that people write.

    An editor that knows TOML completes and checks by it: write it to clients.schema.json, and
    "#:schema ./clients.schema.json" into the first line of the TOML file.
    """
    with whatever_the_reader():
        print(json.dumps(schema_of(options.file), indent=2))
    return 0
