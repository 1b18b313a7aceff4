"""A test suite runs where the app's keys are not, and production does not start without them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from jwt_middleware import KeyFile, SharedSecret, Verifier
from jwt_middleware.errors import AuthenticationError, ConfigurationError, KeysUnavailable
from jwt_middleware.keys.absence import allowed_absence
from jwt_middleware.testing import SigningKey, mint
from jwt_middleware_starlette import JWTMiddleware

ROOT = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, as somebody would who has just checked it out."""
    paths = os.pathsep.join(map(str, (folder, ROOT, ROOT / "adapters")))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / f"{name.replace('_in_', '/')}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(content))


# --- Django ----------------------------------------------------------------------------------

MANAGE = """
    import os
    import sys
    from django.core.management import execute_from_command_line

    os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
    execute_from_command_line(sys.argv)
"""
SETTINGS = """
    SECRET_KEY = "of the tests"
    ALLOWED_HOSTS = ["*"]
    INSTALLED_APPS = ["jwt_middleware_django"]
    MIDDLEWARE = ["jwt_middleware_django.JWTMiddleware"]
    ROOT_URLCONF = "urls"
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    JWT_MIDDLEWARE = {"keys": "gateway.pem", "api": "/reports/1.0", "fail_fast": True}
"""
URLS = """
    from django.http import HttpResponse
    from django.urls import path

    from jwt_middleware import Verifier, has_role
    from jwt_middleware_django import current_principal, requires

    verifier = Verifier.from_settings(keys="other.pem", api="/reports/1.0")


    @requires(has_role("registrar"))
    def reports(request):
        return HttpResponse(current_principal().subject)


    urlpatterns = [path("reports", reports)]
"""
ALLOW = """
    from jwt_middleware.testing import allow_missing_keys

    allow_missing_keys()
"""
CASES = """
    from django.test import TestCase

    from jwt_middleware.testing import LocalGateway, as_principal, override


    class Reports(TestCase):
        def test_a_registrar_reads_them(self):
            with override(None, principal=as_principal("ana", roles=["registrar"])):
                self.assertEqual(self.client.get("/reports").content, b"ana")
            with override(None, principal=as_principal("ben")):
                self.assertEqual(self.client.get("/reports").status_code, 403)

        def test_the_tokens_of_a_gateway_are_taken(self):
            gateway = self.enterContext(LocalGateway(form="wso2-3.1"))
            self.enterContext(override(None, gateway))
            headers = gateway.headers(user="ana", **{"http://wso2.org/claims/role": "registrar"})
            self.assertEqual(self.client.get("/reports", headers=headers).content, b"ana")
            self.assertEqual(self.client.get("/reports").status_code, 401)

        def test_without_either_every_token_is_refused(self):
            with LocalGateway() as gateway:
                headers = gateway.headers(user="ana")
                self.assertEqual(self.client.get("/reports", headers=headers).status_code, 503)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    write(tmp_path, manage=MANAGE, settings=SETTINGS, urls=URLS)
    write(tmp_path, tests_in___init__=ALLOW, tests_in_test_reports=CASES)
    return tmp_path


def test_manage_py_test_runs_without_the_keys(site: Path) -> None:
    done = run(site, "manage.py", "test")

    assert done.returncode == 0, done.stderr
    assert "Ran 3 tests" in done.stderr
    assert "api is not set" not in done.stderr


def test_without_a_word_of_the_tests_the_system_check_stops_them(site: Path) -> None:
    (site / "tests" / "__init__.py").write_text("")
    write(site, urls="urlpatterns = []")
    done = run(site, "manage.py", "test")

    assert done.returncode != 0
    assert "jwt_middleware.E001) keys: there is no file gateway.pem" in done.stderr


@pytest.mark.parametrize("command", ["check", "runserver"])
def test_other_commands_name_the_missing_file(command: str, site: Path) -> None:
    write(site, urls="urlpatterns = []")
    done = run(site, "manage.py", command, *(["--noreload", "0"] if command != "check" else []))

    assert done.returncode != 0
    assert "keys: there is no file gateway.pem" in done.stderr


def test_another_fault_of_the_options_still_stops_the_tests(site: Path) -> None:
    write(site, settings=SETTINGS + '    JWT_MIDDLEWARE["leeway"] = "long"\n')
    done = run(site, "manage.py", "test")

    assert done.returncode != 0
    assert "jwt_middleware.E001) leeway" in done.stderr


# --- Flask's factories, and verifiers that are made at import --------------------------------

FACTORY = """
    from flask import Flask

    from jwt_middleware import Verifier, has_role
    from jwt_middleware_flask import JWTMiddleware, current_principal, requires

    verifier = Verifier.from_settings()


    def create_app():
        app = Flask("reports")
        JWTMiddleware(app, keys={"path": "gateway.p12", "password_file": "password"},
                      clients="clients.toml", fail_fast=True)

        @app.get("/reports")
        @requires(has_role("registrar"))
        def reports():
            return current_principal().subject

        return app


    app = create_app()
    ready = Flask("ready")
    JWTMiddleware(ready, verifier=verifier)
    ready.add_url_rule("/", view_func=lambda: current_principal().subject)
"""
CLIENTS = """
    [clients.acme]
    roles = ["roles"]
    [clients.acme.trust]
    keys = "acme.pem"
"""
FACTORY_CASES = """
    import pytest
    from jwt_middleware.testing import override
    from reports import app, create_app, ready


    @pytest.fixture(scope="session")
    def gateway_options():
        return {"clients": "clients.toml"}


    @pytest.mark.parametrize("app", [app, create_app()])
    def test_tokens_are_taken(app, gateway, assertion_headers):
        headers = assertion_headers("acme", user="ana", roles=["registrar"])
        with override(app, gateway):
            assert app.test_client().get("/reports", headers=headers).text == "ana"
            assert app.test_client().get("/reports").status_code == 401
        assert app.test_client().get("/reports", headers=headers).status_code == 503


    def test_the_verifier_of_a_module_is_overridden_too(gateway, assertion_headers):
        headers = assertion_headers(user="ana")
        with override(ready, gateway):
            assert ready.test_client().get("/", headers=headers).text == "ana"
        assert ready.test_client().get("/", headers=headers).status_code == 503
"""


def test_a_factory_runs_before_the_block(lean_pytester: pytest.Pytester) -> None:
    lean_pytester.makepyfile(reports=dedent(FACTORY), test_reports=dedent(FACTORY_CASES))
    (lean_pytester.path / "clients.toml").write_text(dedent(CLIENTS))
    lean_pytester.makeconftest(dedent(ALLOW))

    lean_pytester.runpytest_subprocess().assert_outcomes(passed=3)


def test_without_a_word_of_the_tests_its_import_fails(lean_pytester: pytest.Pytester) -> None:
    lean_pytester.makepyfile(reports=dedent(FACTORY), test_reports=dedent(FACTORY_CASES))

    done = lean_pytester.runpytest_subprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*ConfigurationError: keys: missing*"])


# --- which keys may be missing ---------------------------------------------------------------


@pytest.fixture
def allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with allowed_absence():
        yield


ABSENT: dict[str, Any] = {
    "no option": dict,
    "an empty variable": lambda: {"keys": ""},
    "a file": lambda: {"keys": "gateway.pem"},
    "a name": lambda: {"keys": "gateway"},
    "a source": lambda: {"keys": KeyFile("gateway.p12", "secret")},
    "one of two": lambda: {"keys": ["gateway.pem", "old.pem"]},
    "a table": lambda: {"keys": {"path": "k.p12", "password_file": "p"}},
    "a variable": lambda: {"keys": SharedSecret.from_env("NOWHERE_SET"), "algorithms": "HS256"},
    "a secret's file": lambda: {"keys": SharedSecret.from_file("s"), "algorithms": "HS256"},
    "an issuer's": lambda: {"issuers": [{"issuer": "https://a", "keys": "a.pem"}]},
}


@pytest.mark.parametrize("options", ABSENT.values(), ids=ABSENT)
@pytest.mark.usefixtures("allowed")
def test_every_token_is_refused_where_keys_are_missing(options: Any, rsa_key: SigningKey) -> None:
    given = options()
    verifier = Verifier(api="/echo", **given)
    algorithm = given.get("algorithms", "RS256")
    key = rsa_key if algorithm == "RS256" else SigningKey(algorithm)
    claims = {"iss": "https://a", "http://wso2.org/claims/apicontext": "/echo"}

    with pytest.raises((KeysUnavailable, AuthenticationError)):
        verifier.verify(mint(key, claims))


@pytest.mark.parametrize("options", ABSENT.values(), ids=ABSENT)
def test_outside_of_tests_they_are_an_error(
    options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError):
        Verifier(api="/echo", **options())


@pytest.mark.usefixtures("allowed")
def test_health_says_what_is_missing() -> None:
    health = Verifier(keys="gateway", api="/echo").health()

    assert not health["ready"]
    assert "is the path of no file" in health["sources"][0]["last_error"]


@pytest.mark.usefixtures("allowed")
def test_keys_that_are_there_and_wrong_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "gateway.pem").write_text("no key")

    with pytest.raises(ConfigurationError, match=r"keys: gateway\.pem"):
        Verifier(keys="gateway.pem", api="/echo")


@pytest.mark.usefixtures("allowed")
def test_a_middleware_keeps_its_header() -> None:
    async def app(*_: Any) -> None: ...

    options = {"gateway": "google-iap", "keys": "iap.json", "audience": "a"}
    assert JWTMiddleware(app, **options).middleware.settings.headers == (  # type: ignore[arg-type]
        "x-goog-iap-jwt-assertion",
    )
