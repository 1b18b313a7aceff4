"""The Django app: it only registers the system check."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from .configuration import check_settings


class JWTMiddlewareConfig(AppConfig):
    """``INSTALLED_APPS = [..., "jwt_middleware_django"]``."""

    name = "jwt_middleware_django"
    verbose_name = "JWT middleware"

    def ready(self) -> None:
        """Register the check."""
        register(check_settings, Tags.security)
