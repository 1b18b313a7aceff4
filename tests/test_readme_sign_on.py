"""What the README says of sign-on, run as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jwt_middleware.sign_on import PATH, SignOnOptions
from jwt_middleware.testing import SigningKey

from .sign_on.kit import signed
from .test_readme import README, app_of, block

HOST = "app.example.edu"
ISSUER = "https://acme.example.com"


@pytest.fixture
def key() -> SigningKey:
    found = SigningKey("HS256")
    found.private = found.secret.hex().encode()
    return found


@pytest.fixture
def in_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: SigningKey) -> Path:
    (tmp_path / "integrations.toml").write_text(block("toml", "[integrations.acme]"))
    (tmp_path / "acme.secret").write_bytes(key.secret)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def token(key: SigningKey, **claims: Any) -> str:
    body = {"iat": int(time.time()), "iss": ISSUER, "email": "ana@example.edu", **claims}
    return signed(body, key)


def test_the_flask_example_signs_on_once(in_site: Path, key: SigningKey) -> None:
    client = app_of("jwt_middleware_flask.sign_on").test_client()
    query = {"token": token(key, groups=["staff", 7]), "go": "/courses"}
    base = {"base_url": f"https://{HOST}"}
    assert client.get("/courses", **base).status_code == 401
    answer = client.get(PATH, query_string=query, **base)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/courses")
    expected = {"email": "ana@example.edu", "groups": ["staff", 7]}
    assert client.get("/courses", **base).json == expected
    assert client.get(PATH, query_string=query, **base).status_code == 401


def test_the_starlette_example_signs_on(in_site: Path, key: SigningKey) -> None:
    app = app_of("jwt_middleware_starlette.sign_on")
    client = TestClient(app, base_url=f"https://{HOST}", follow_redirects=False)
    new = client.get(PATH, params={"token": token(key, onboard=True), "go": "/courses"})
    old = client.get(PATH, params={"token": token(key, iat=int(time.time()) - 200)})

    assert (new.status_code, new.headers["Location"]) == (303, "/onboarding")
    assert old.status_code == 401


SITE = """
import json, sys
from django.conf import settings
settings.configure(
    ROOT_URLCONF="urls", ALLOWED_HOSTS=["app.example.edu"], SECRET_KEY="x" * 50, USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "jwt_middleware_django.sign_on"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
)
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
client = Client()
query, host = {"token": sys.argv[2], "go": "/courses"}, {"host": "app.example.edu"}
answers = [client.get(sys.argv[1], query, headers=host).status_code for _ in range(2)]
print(json.dumps([*answers, "_auth_user_id" in client.session]))
"""


def test_the_django_example_signs_on(in_site: Path, key: SigningKey) -> None:
    (in_site / "urls.py").write_text(block("python", "jwt_middleware_django.sign_on"))
    command = [sys.executable, "-c", "import sys; sys.path.insert(0, '.')\n" + SITE]
    done = subprocess.run([*command, PATH, token(key)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [303, 401, True]


def test_the_signature_that_is_shown_has_every_option() -> None:
    shown = re.search(r"`SignOn\((integrations.*?)\)`", README.replace("\n", " "))
    assert shown is not None

    names = {each.partition("=")[0].strip() for each in shown[1].split(",")}
    assert names == {*SignOnOptions.__annotations__, "sign_in"}


def test_the_two_secrets_that_are_shown_are_toml() -> None:
    shown = re.search(r"`(secrets = \[.*?\])`", README)
    assert shown is not None

    assert len(tomllib.loads(shown[1])["secrets"]) == 2
