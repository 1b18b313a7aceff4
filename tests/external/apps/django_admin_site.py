"""Django's admin with the one line, for the site's own users: ana is staff, ben is not."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path

CONSOLE = "admin_console"
"""The client whose users this site knows by name."""


def map_user(principal: Any) -> Any:
    from django.contrib.auth.models import User

    if principal.client_id != CONSOLE:
        return None
    return User.objects.filter(username=principal.subject).first()


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["jwt_middleware_django.auth.PrincipalBackend"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["FOLDER"] + "/site.db",
        }
    },
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "jwt_middleware_django",
    ],
    JWT_MIDDLEWARE={"keys": os.environ["JWKS_URL"], "api": "/apps", "map_user": map_user},
    MIDDLEWARE=[
        "jwt_middleware_django.JWTMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "jwt_middleware_django.auth.UserMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of the tests, for nothing",
    STATIC_URL="static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
)
app = get_wsgi_application()

from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

urlpatterns = [path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
User.objects.create_superuser("ana")
User.objects.create_user("ben")
