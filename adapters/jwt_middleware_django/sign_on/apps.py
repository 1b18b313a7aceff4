"""The Django app that has the table of accounts."""

from django.apps import AppConfig


class SignOnConfig(AppConfig):
    """``INSTALLED_APPS = [..., "jwt_middleware_django.sign_on"]``."""

    name = "jwt_middleware_django.sign_on"
    label = "jwt_sign_on"
    verbose_name = "Sign-on by token"
    default_auto_field = "django.db.models.BigAutoField"
