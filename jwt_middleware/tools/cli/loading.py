"""What a command takes from a module of the user's own, named as ``module:name``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...options.checks import nearest


def load(spec: str, what: str) -> Any:
    """Import ``module:name``, or call ``module:factory()``; ``what`` is its usual name.

    Raises ``ConfigurationError`` where there is none, or the module or the factory fails.
    """
    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise ConfigurationError(f"{spec!r}: write module:{what}, such as main:{what}")
    if module_name.endswith(".py"):
        dotted = module_name.removesuffix(".py").replace("/", ".")
        raise ConfigurationError(f"{spec}: write the module and not the file, {dotted}:{name}")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(f"{spec!r}: {module_name!r} is not a module name")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module = _run(f"{spec}: it cannot be imported", lambda: importlib.import_module(module_name))
    plain = name.removesuffix("()")
    found = getattr(module, plain, None)
    if found is None:
        hint = nearest(plain, [public for public in vars(module) if not public.startswith("_")])
        raise ConfigurationError(f"{module_name} has no {plain!r}{hint}")
    return found if plain == name else _run(f"{spec}: the factory failed", found)


def _run(fault: str, code: Callable[[], Any]) -> Any:
    """Run the user's own code; a failure is one sentence instead of a traceback."""
    try:
        return code()
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{fault}: there is no module {error.name}") from None
    except Exception as error:  # noqa: BLE001 - the user's own code
        raise ConfigurationError(f"{fault}: {type(error).__name__}: {error}") from None
