"""``jwt-assertion routes`` for Django, in processes of their own: Django's settings are global."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jwt_middleware.testing import SigningKey, mint, ucsd_claims

DJANGO = """
from django.conf import settings
settings.configure(ROOT_URLCONF="site_urls", SECRET_KEY="of the tests", ALLOWED_HOSTS=["*"],
                   JWT_MIDDLEWARE={"keys": "gateway.pem", "api": "/echo"},
                   MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"])
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
DJANGO_URLS = """
from django.http import HttpResponse
from django.urls import path
from jwt_middleware import has_role
from jwt_middleware_django import requires

urlpatterns = [path("x", requires(has_role("acme_admin"))(lambda request: HttpResponse())),
               path("y", lambda request: HttpResponse())]
"""
ADMIN_SITE = """
from django.conf import settings
settings.configure(
    ROOT_URLCONF="admin_urls", SECRET_KEY="of the tests", ALLOWED_HOSTS=["*"],
    JWT_MIDDLEWARE={"keys": "gateway.pem", "api": "/echo", "unguarded": "warn",
                    "exempt": ["/staff/*"]},
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages", "rest_framework"],
    MIDDLEWARE=["jwt_middleware_django.JWTMiddleware"])
import logging; logging.disable()
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""
ADMIN_URLS = """
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import include, path
from rest_framework.routers import SimpleRouter
from rest_framework.viewsets import ModelViewSet
from jwt_middleware import has_role
from jwt_middleware_django.rest_framework import Requires

class Customers(ModelViewSet):
    queryset = User.objects.all()
    permission_classes = [Requires(has_role("acme_admin"))]

router = SimpleRouter()
router.register("customers", Customers)
staff = admin.AdminSite("staff")
urlpatterns = [path("admin/", admin.site.urls), path("api/", include(router.urls)),
               path("staff/", staff.urls)]
"""
GUARD = "requires(has_role('acme_admin'))"
EXEMPT = "  (exempt: none is read)"


@pytest.fixture
def site(folder: Path) -> Path:
    (folder / "site_django.py").write_text(DJANGO)
    (folder / "site_urls.py").write_text(DJANGO_URLS)
    (folder / "site_admin.py").write_text(ADMIN_SITE)
    (folder / "admin_urls.py").write_text(ADMIN_URLS)
    return folder


def run_apart(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: Django's settings are global."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-m", "jwt_middleware", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )


@pytest.mark.usefixtures("site")
def test_the_admin_of_django_is_one_line_and_routers_have_plain_paths() -> None:
    short = run_apart("routes", "site_admin:application")
    whole = run_apart("routes", "site_admin:application", "--all")
    told = json.loads(run_apart("routes", "site_admin:application", "--json").stdout)

    assert (short.returncode, short.stderr) == (0, "")
    number = sum(each["path"].startswith("/admin/") for each in told)
    others = sum(each["path"].startswith("/staff/") for each in told)
    assert number > others > 5
    lines = [line.split(maxsplit=2) for line in short.stdout.splitlines()]
    assert lines == [
        ["guarded:", "2"],
        ["any", "/api/customers/", GUARD],
        ["any", "/api/customers/<pk>/", GUARD],
        ["the", "framework's", f"own: {number + others}"],
        ["any", "/admin/*", f"django.contrib.admin: {number} routes, which --all lists"],
        ["any", "/staff/*", f"django.contrib.admin: {others} routes, which --all lists{EXEMPT}"],
    ]
    assert whole.stdout.count("  /admin/") == number


def test_a_route_of_a_router_is_found_for_a_request(site: Path, rsa_key: SigningKey) -> None:
    (site / "t.txt").write_text(mint(rsa_key, ucsd_claims()))
    asked = ("--app", "site_admin:application", "--request", "GET /api/customers/7/")
    done = run_apart("inspect", *asked, "t.txt")

    assert f"{GUARD} does not hold" in done.stdout


@pytest.mark.usefixtures("site")
def test_a_django_site_is_understood_in_a_process_of_its_own() -> None:
    done = run_apart("routes", "site_django:application", "--strict")

    assert (done.returncode, done.stderr) == (1, "")
    assert [line.split()[1] for line in done.stdout.splitlines() if "/" in line] == ["/y", "/x"]
