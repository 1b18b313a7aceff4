"""The verifier that a command's options, a file and the environment name."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...middleware.settings import Settings
from ...options.sources import CONFIG_FILE, ENVIRONMENT_PREFIX
from ...verification.verifier import Verifier

_OPTIONS = ("keys", "gateway", "api", "issuer", "audience", "clients")


def add_options(command: argparse.ArgumentParser) -> None:
    """Let a command take the options of a verifier."""
    command.add_argument("--config", type=Path, metavar="TOML", help="the options, as a file")
    for option in _OPTIONS:
        command.add_argument(f"--{option}", help=f"as the option {option}")


def environment_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the variables that hold options; ``--config`` names the file before they do."""
    found = {k: v for k, v in os.environ.items() if k.startswith(ENVIRONMENT_PREFIX)}
    if options.config is not None:
        found[CONFIG_FILE] = str(options.config)
    return found


def configured(options: argparse.Namespace, clock: Callable[[], float]) -> Verifier | None:
    """Return the verifier; None where nothing names one.

    Raises:
        ConfigurationError: an option is wrong.

    """
    given: dict[str, Any] = {
        name: getattr(options, name) for name in _OPTIONS if getattr(options, name) is not None
    }
    environment = environment_of(options)
    if not given and not environment:
        return None
    return Settings.read(given | {"clock": clock}, environment).verifier
