"""The README's test files, run as they stand beside the README's apps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jwt_middleware.testing import Accounts, SigningKey
from jwt_middleware.tools.demo.app import CLIENTS

from .test_readme import block

DJANGO_CONFTEST = """
import django
import site_settings
from django.conf import settings

names = {name: getattr(site_settings, name) for name in dir(site_settings) if name.isupper()}
settings.configure(ROOT_URLCONF="urls", ALLOWED_HOSTS=["testserver"], SECRET_KEY="x" * 50, **names)
django.setup()
"""
URLS = """
from django.urls import path
import views

urlpatterns = [path("me", views.me), path("reports", views.reports)]
"""


@pytest.fixture
def site(lean_pytester: pytest.Pytester, rsa_key: SigningKey) -> pytest.Pytester:
    """A project whose gateway's key the tests do not have."""
    (lean_pytester.path / "gateway.pem").write_text(rsa_key.certificate_pem)
    lean_pytester.makeini("[pytest]\npythonpath = .\nfilterwarnings = error")
    return lean_pytester


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    "app, test",
    [("from fastapi import", "fastapi.testclient"), ("from flask import", "app.test_client")],
)
def test_a_test_file_passes_beside_its_app(site: pytest.Pytester, app: str, test: str) -> None:
    write(site.path, main=block("python", app, "UCSD"), test_main=block("python", test))

    site.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_starlette_app_passes_the_test_file_of_fastapi(site: pytest.Pytester) -> None:
    app = block("python", "from starlette.applications", "def me")
    write(site.path, main=app, test_main=block("python", "fastapi.testclient"))

    site.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_django_test_file_passes_beside_its_site(site: pytest.Pytester) -> None:
    write(
        site.path,
        site_settings=block("python", "INSTALLED_APPS"),
        views=block("python", "from django.http import"),
        urls=URLS,
        conftest=DJANGO_CONFTEST,
        test_site=block("python", "from django.test import Client"),
    )

    site.runpytest_subprocess().assert_outcomes(passed=2)


def test_the_accounts_are_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(CLIENTS.read_text())
    (tmp_path / "accounts.toml").write_text(block("toml", "[users.ana]"))
    accounts = Accounts.read(tmp_path / "accounts.toml")

    assert accounts.clients["acme_corp"].roles == ("acme_admin",)
    assert accounts.users["ana"].claims == {
        "http://wso2.org/claims/role": "Internal/everyone",
        "email": "ana@example.edu",
    }


def test_the_readiness_probe_and_health_are_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey
) -> None:
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block("python", 'Route("/ready"'), "README.md", "exec"), names)
    with TestClient(names["app"]) as client:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()) == (200, {"ready": True})
        assert names["health"](names["app"])["ready"] is True
