"""What the README says of who may do what, run as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from flask import Flask

from jwt_middleware import ClientRegistry, Principal
from jwt_middleware.principal import PRINCIPAL_KEY
from jwt_middleware.testing import SigningKey, client_claims, mint, ucsd_claims

from .adapters import django_site  # noqa: F401 - configures Django
from .adapters.harness import call_asgi, call_wsgi
from .kit import Events
from .test_readme import HEADER, app_of, ask, block


@pytest.fixture
def in_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsa_key: SigningKey) -> Path:
    (tmp_path / "gateway.pem").write_text(rsa_key.certificate_pem)
    (tmp_path / "clients.toml").write_text(block("toml", "[clients.globex_ind]"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_policy_lets_in_level_2_and_reports_why_level_1_is_refused(
    in_site: Path, rsa_key: SigningKey
) -> None:
    events = Events()
    app = app_of('policy("audit.read")', listeners=[events])
    level1 = mint(rsa_key, client_claims("globex_ind", accessLevel="globex_level1"))
    refused = ask(app, "asgi", "/audit", level1)

    assert ask(app, "asgi", "/audit", mint(rsa_key, client_claims("globex_ind"))).status == 200
    assert (refused.status, refused.json()["code"]) == (403, "insufficient_permission")
    [event] = [each for each in events.decisions if each.code]
    assert event.decision is not None
    assert event.decision.explain() + "\n" == block("text", "insufficient_permission: policy")


def test_the_shown_entry_is_a_registry(in_site: Path) -> None:
    [client] = ClientRegistry("clients.toml").clients

    assert (client.client_id, list(client.policies)) == ("globex_ind", ["audit.read"])


def test_a_registry_of_the_option_table_refuses_the_clients_that_it_does_not_know(
    in_site: Path, rsa_key: SigningKey
) -> None:
    app = app_of('policy("audit.read")')
    answer = ask(app, "asgi", "/audit", mint(rsa_key, client_claims("acme_corp")))

    assert (answer.status, answer.json()["code"]) == (403, "unknown_client")


def test_only_the_enrolled_see_the_class(in_site: Path, rsa_key: SigningKey) -> None:
    from jwt_middleware_flask import JWTMiddleware

    names: dict[str, Any] = {}
    exec(block("python", "def is_enrolled"), names)
    app = Flask("readme")
    JWTMiddleware(app, keys="gateway.pem", api="/echo/1.0.0")
    app.add_url_rule("/classes/<class_id>", view_func=names["show_class"])
    headers = [(HEADER, mint(rsa_key, ucsd_claims()))]

    assert call_wsgi(app, "GET", "/classes/MATH-101", headers).status == 200
    assert call_wsgi(app, "GET", "/classes/MATH-102", headers).status == 403


def test_the_rest_framework_view_serves_whom_it_says(rsa_key: SigningKey) -> None:
    names: dict[str, Any] = {}
    exec(block("python", "class Reports(APIView)"), names)
    request = RequestFactory().get("/reports")
    request.META[PRINCIPAL_KEY] = Principal({"sub": "ana"})
    view = names["Reports"]()
    view.request = view.initialize_request(request)

    assert view.request.user.subject == "ana"


def test_the_starlette_example_with_a_registry_needs_a_token(in_site: Path) -> None:
    assert call_asgi(app_of('policy("audit.read")'), "GET", "/audit").status == 401
