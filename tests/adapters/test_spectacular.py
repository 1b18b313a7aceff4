"""drf-spectacular, as a site runs it: ``manage.py spectacular --fail-on-warn``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from jwt_middleware.testing import SigningKey

ROOT = Path(__file__).parents[2]
FLAGS = ("--fail-on-warn", "--validate", "--format", "openapi-json")
SETTINGS = """
    SECRET_KEY = "of the tests"
    INSTALLED_APPS = [
        "django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "drf_spectacular"
    ]
    MIDDLEWARE = ["jwt_middleware_django.JWTMiddleware"]
    ROOT_URLCONF = "urls"
    REST_FRAMEWORK = {{
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "DEFAULT_AUTHENTICATION_CLASSES": [{authentication!r}],
    }}
    JWT_MIDDLEWARE = {options!r}
"""
URLS = """
    from django.urls import path
    from rest_framework import serializers
    from rest_framework.generics import GenericAPIView
    from rest_framework.response import Response

    from jwt_middleware import has_role
    from jwt_middleware_django.rest_framework import Requires


    class Report(serializers.Serializer):
        name = serializers.CharField()


    class Reports(GenericAPIView):
        serializer_class = Report
        permission_classes = [Requires(has_role("clerk"))]

        def get(self, request):
            return Response({"name": "enrolment"})


    urlpatterns = [path("reports", Reports.as_view()), path("again", Reports.as_view())]
"""


OWN = "jwt_middleware_django.rest_framework.JWTAuthentication"


def document(
    folder: Path,
    options: dict[str, Any],
    authentication: str = OWN,
    command: tuple[str, ...] = ("-m", "django", "spectacular"),
    more: str = "",
) -> Any:
    """The OpenAPI document of a site with these options."""
    settings = dedent(SETTINGS).format(options=options, authentication=authentication)
    (folder / "site_settings.py").write_text(settings + more)
    (folder / "urls.py").write_text(dedent(URLS))
    paths = os.pathsep.join(map(str, (folder, ROOT, ROOT / "adapters")))
    made = subprocess.run(
        [sys.executable, *command, *FLAGS],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": paths},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


@pytest.mark.parametrize(
    "more, names",
    [
        ({}, ["X-JWT-Assertion"]),
        ({"header": "X-Gateway"}, ["X-Gateway"]),
        ({"header": ["X-New", "X-Old"]}, ["X-New", "X-Old"]),
        ({"header": "X-Gateway", "keys": "nowhere.pem"}, ["X-Gateway"]),
    ],
    ids=["usual", "another", "two", "without keys"],
)
def test_the_document_has_the_header_and_no_warning(
    more: dict[str, Any], names: list[str], tmp_path: Path, rsa_key: SigningKey
) -> None:
    found = document(tmp_path, {"keys": rsa_key.certificate_pem} | more)

    schemes = found["components"]["securitySchemes"]
    assert sorted(schemes) == sorted(names)
    for name in names:
        assert [schemes[name][key] for key in ("type", "in", "name")] == ["apiKey", "header", name]
    for path in ("/reports", "/again"):
        assert found["paths"][path]["get"]["security"] == [{name: []} for name in names]


def test_an_access_token_is_documented_as_a_bearer_token(
    tmp_path: Path, rsa_key: SigningKey
) -> None:
    bearer = {"keys": rsa_key.public_pem, "gateway": "bearer", "audience": "api"}
    [scheme] = document(tmp_path, bearer)["components"]["securitySchemes"].values()

    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


SUBCLASS = """
    from jwt_middleware_django.rest_framework import JWTAuthentication


    class Audited(JWTAuthentication):
        pass
"""


def test_a_subclass_is_documented_as_its_base(tmp_path: Path, rsa_key: SigningKey) -> None:
    (tmp_path / "authentication.py").write_text(dedent(SUBCLASS))
    found = document(tmp_path, {"keys": rsa_key.certificate_pem}, "authentication.Audited")

    assert list(found["components"]["securitySchemes"]) == ["X-JWT-Assertion"]
    assert found["paths"]["/reports"]["get"]["security"] == [{"X-JWT-Assertion": []}]


THEN_THREADS = """
    import sys, threading, time
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and "denials" in str(threading.enumerate()):
        time.sleep(0.05)
    assert "denials" not in str(threading.enumerate()), threading.enumerate()
"""


@pytest.mark.parametrize("checks", [False, True])
def test_what_is_opened_for_a_document_is_closed(
    checks: bool, tmp_path: Path, rsa_key: SigningKey
) -> None:
    (tmp_path / "then_threads.py").write_text(dedent(THEN_THREADS))
    options = {
        "keys": rsa_key.certificate_pem,
        "revocations": f"sqlite:///{tmp_path / 'denials.db'}",
    }
    more = "\nINSTALLED_APPS.append('jwt_middleware_django')\n" if checks else ""
    command = (str(tmp_path / "then_threads.py"), "spectacular")

    assert document(tmp_path, options, command=command, more=more)["paths"]
