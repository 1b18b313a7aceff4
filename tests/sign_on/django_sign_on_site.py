"""A Django site with users, sessions and a database of its own, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..adapters import django_site  # noqa: F401 - configures Django

# isort: split
from django.conf import settings
from django.core.checks.registry import registry
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.test import override_settings
from django.urls import path

from jwt_middleware.sign_on import PATH
from jwt_middleware_django.sign_on import SignOn

SETTINGS: dict[str, Any] = {
    "INSTALLED_APPS": [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "jwt_middleware_django.sign_on",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    "AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend"],
    "ROOT_URLCONF": __name__,
}


def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": request.user.pk, "keys": sorted(request.session.keys())})


def plant(request: HttpRequest) -> JsonResponse:
    request.session["planted"] = True
    return JsonResponse({})


urlpatterns: list[Any] = [path("me", me), path("plant", plant)]


@contextmanager
def site(database: dict[str, Any], **more: Any) -> Iterator[None]:
    """Run with this database, its tables made."""
    checks = set(registry.registered_checks)
    before = connections.__dict__.get("settings")
    with override_settings(**{**SETTINGS, **more}):
        _forget_connection()
        connections.__dict__["settings"] = connections.configure_settings({"default": database})
        try:
            _make_tables(database)
            yield
        finally:
            _forget_connection()
            connections.__dict__.pop("settings")
            if before is not None:
                connections.__dict__["settings"] = before
    # Django's apps register theirs for ever, and those fail where the apps are not installed.
    registry.registered_checks = checks


_migrated: dict[tuple[str, ...], bytes] = {}
"""The SQLite file of these apps, as the migrations leave it."""


def _make_tables(database: dict[str, Any]) -> None:
    """Migrate, or begin with a copy of the SQLite file of a site that has."""
    if not str(database["ENGINE"]).endswith("sqlite3"):
        call_command("migrate", verbosity=0)
        return
    apps = tuple(settings.INSTALLED_APPS)
    if apps not in _migrated:
        call_command("migrate", verbosity=0)
        connections.close_all()
        _migrated[apps] = Path(database["NAME"]).read_bytes()
    Path(database["NAME"]).write_bytes(_migrated[apps])


def _forget_connection() -> None:
    connections.close_all()
    if hasattr(connections._connections, "default"):  # type: ignore[attr-defined]
        del connections["default"]


@contextmanager
def serving(view: SignOn) -> Iterator[None]:
    """Route the callback to this view."""
    route = path(PATH[1:], view)
    urlpatterns.append(route)
    try:
        yield
    finally:
        urlpatterns.remove(route)


def users() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model()._default_manager


def sqlite(folder: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / "site.sqlite",
        "OPTIONS": {"timeout": 20},
    }
