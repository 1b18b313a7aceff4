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
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "jwt_middleware_django.rest_framework.JWTAuthentication"
        ],
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


def document(folder: Path, options: dict[str, Any]) -> Any:
    """The OpenAPI document of a site with these options."""
    (folder / "site_settings.py").write_text(dedent(SETTINGS).format(options=options))
    (folder / "urls.py").write_text(dedent(URLS))
    paths = os.pathsep.join(map(str, (folder, ROOT, ROOT / "adapters")))
    made = subprocess.run(
        [sys.executable, "-m", "django", "spectacular", *FLAGS],
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
