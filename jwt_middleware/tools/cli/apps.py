"""``module:app``: an app of a supported framework, found and taken apart for a command."""

from __future__ import annotations

import importlib
import inspect
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ...authorization.routes import Route
from ...errors import ConfigurationError
from ...middleware.middleware import Gate
from ...options.checks import nearest

_ADAPTERS = {
    "starlette": "jwt_middleware_starlette",
    "fastapi": "jwt_middleware_starlette",
    "flask": "jwt_middleware_flask",
    "django": "jwt_middleware_django",
}


class FoundApp(NamedTuple):
    """An app's routes, and the gate of its middleware; None where it is not installed."""

    routes: list[Route]
    gate: Gate | None


def find_app(spec: str) -> FoundApp:
    """Import an app by ``module:name``, or ``module:factory()``.

    Raises:
        ConfigurationError: there is none, or it is of no framework that has an adapter.

    """
    with redirect_stdout(sys.stderr):  # what the app prints is not the command's answer
        return _find(spec)


def _find(spec: str) -> FoundApp:
    app = _load(spec)
    seen: set[int] = set()
    while id(app) not in seen:
        seen.add(id(app))
        adapter = _adapter_of(app)
        if adapter is not None:
            return FoundApp(adapter.inventory(app), adapter.installed_gate(app))
        app = getattr(app, "app", None) or getattr(app, "wsgi_app", None) or app
    raise ConfigurationError(
        f"{spec}: a Starlette, FastAPI, Flask or Django app is wanted, not {type(app).__name__}"
        + (f"; write {spec}() for a factory" if inspect.isfunction(app) else "")
    )


def _load(spec: str) -> Any:
    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise ConfigurationError(f"{spec!r}: write module:app, such as main:app")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if module_name.endswith(".py"):
        plain = module_name.removesuffix(".py").replace("/", ".")
        raise ConfigurationError(f"{spec}: write the module and not the file, {plain}:{name}")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(f"{spec!r}: {module_name!r} is no module's name")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{spec}: there is no module {error.name}") from None
    except Exception as error:  # noqa: BLE001 - the app's own code; a traceback hides what is meant
        raise ConfigurationError(f"{spec}: it cannot be imported: {_told(error)}") from None
    plain = name.removesuffix("()")
    found = getattr(module, plain, None)
    if found is None:
        hint = nearest(plain, [each for each in vars(module) if not each.startswith("_")])
        raise ConfigurationError(f"{module_name} has no {plain!r}{hint}")
    if plain == name:
        return found
    try:
        return found()
    except Exception as error:  # noqa: BLE001 - the app's own code
        raise ConfigurationError(f"{spec}: the factory failed: {_told(error)}") from None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _adapter_of(app: Any) -> ModuleType | None:
    for base in type(app).__mro__:
        adapter = _ADAPTERS.get(base.__module__.partition(".")[0])
        # Starlette's own middleware classes are no apps: they are looked through.
        if adapter is not None and not (base.__module__.startswith("starlette.middleware")):
            return importlib.import_module(f"{adapter}.inspection")
    return None
