"""Inside ``override`` an app's own options hold: only its keys and its gateway are replaced."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as DjangoClient
from django.test import override_settings

import jwt_middleware
from jwt_middleware import Client, ClientRegistry, Revocations, Verifier
from jwt_middleware.revocation import Denial, open_store
from jwt_middleware.testing import LocalGateway, override

from ..adapters import django_site  # noqa: F401 - it configures Django
from ..adapters.apps import DOORS, Door

CLIENTS = Path(jwt_middleware.__file__).parent / "testing" / "clients.toml"
CONTEXT = "http://wso2.org/claims/apicontext"
WARNING = "api is not set"


@pytest.fixture(scope="module")
def gateway() -> Iterator[LocalGateway]:
    with LocalGateway() as made:
        yield made


@pytest.fixture(params=DOORS, ids=lambda door: door.name)
def door(request: pytest.FixtureRequest) -> Door:
    found: Door = request.param
    return found


def code_of(door: Door, app: Any, headers: dict[str, str]) -> Any:
    """The code of the refusal, or None where the app serves the request."""
    answer = door.ask(app, "GET", "/who", headers.items())
    return None if answer.status == 200 else answer.json()["code"]


def test_a_token_that_the_app_revokes_is_refused(
    door: Door, gateway: LocalGateway, endpoint: str
) -> None:
    verifier = Verifier(keys=endpoint, api="/echo", revocations="process-memory")
    app = door.build({"verifier": verifier})
    headers = gateway.headers(user="ana")

    with override(app, gateway):
        assert code_of(door, app, headers) is None
        assert verifier.revocations is not None
        verifier.revocations.deny(Denial(subject="ana"))
        assert code_of(door, app, headers) == "token_revoked"
        assert code_of(door, app, gateway.headers(user="ben")) is None


def test_denials_in_a_file_hold_and_it_stays_open(gateway: LocalGateway, tmp_path: Path) -> None:
    [door] = [each for each in DOORS if each.name == "flask"]
    url = f"sqlite:///{tmp_path / 'denials.db'}"
    own = Verifier(keys="https://gateway.example/jwks", api="/echo", revocations=url)
    app = door.build({"verifier": own})
    headers = gateway.headers(user="ana")

    with override(app, gateway):
        assert code_of(door, app, headers) is None
        open_store(url).deny(Denial(subject="ana"))
        assert code_of(door, app, headers) == "token_revoked"
    with override(app, gateway):
        assert code_of(door, app, headers) == "token_revoked"
    assert own.health()["revocations"]["usable"]
    own.close()


def test_a_token_is_used_once_in_all_blocks(gateway: LocalGateway, endpoint: str) -> None:
    [door] = [each for each in DOORS if each.name == "wsgi"]
    once = Revocations("process-memory", one_time=True)
    app = door.build({"keys": endpoint, "api": "/echo", "revocations": once})
    headers = gateway.headers(user="ana")

    with override(app, gateway):
        assert code_of(door, app, headers) is None
    with override(app, gateway):
        assert code_of(door, app, headers) == "token_reused"


def test_its_api_holds(door: Door, gateway: LocalGateway, endpoint: str) -> None:
    app = door.build({"keys": endpoint, "api": "/orders/1.0"})
    other = gateway.headers(user="ana", **{CONTEXT: "/other/1.0"})

    with override(app, gateway):
        assert code_of(door, app, gateway.headers(user="ana")) is None
        own = gateway.headers(user="ana", **{CONTEXT: "/orders/1.0"})
        assert code_of(door, app, own) is None
        assert code_of(door, app, other) == "invalid_claim"


def test_nobody_is_warned_of_an_api_that_is_set(
    gateway: LocalGateway, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"keys": endpoint, "api": "/orders/1.0"}
    with (
        override_settings(JWT_MIDDLEWARE=options),
        caplog.at_level(logging.WARNING, "jwt_middleware"),
        override(None, gateway),
    ):
        assert DjangoClient().get("/who", headers=gateway.headers(user="ana")).status_code == 200

    assert WARNING not in caplog.text


@pytest.mark.parametrize(
    "options, claims, code",
    [
        ({"leeway": 0}, {"lifetime": -10}, "token_expired"),
        ({"leeway": 60}, {"lifetime": -45}, None),
        ({"max_age": 60}, {"iat": int(time.time()) - 300}, "token_expired"),
        ({"max_token_size": 64}, {}, "token_too_large"),
        ({"clock": lambda: time.time() + 7_200}, {}, "token_expired"),
        ({"check_certificate_dates": True}, {}, None),
        ({"minimum_rsa_bits": 4096}, {}, "keys_unavailable"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_its_other_options_hold(
    options: dict[str, Any],
    claims: dict[str, Any],
    code: str | None,
    gateway: LocalGateway,
    endpoint: str,
) -> None:
    [door] = [each for each in DOORS if each.name == "flask"]
    app = door.build({"keys": endpoint, "api": "/echo"} | options)

    with override(app, gateway):
        assert code_of(door, app, gateway.headers(user="ana", **claims)) == code


def test_its_registry_decides_and_not_the_gateway_s(endpoint: str) -> None:
    [door] = [each for each in DOORS if each.name == "asgi"]
    own = ClientRegistry([Client("acme_corp", enabled=False)])
    app = door.build({"keys": endpoint, "api": "/echo", "clients": own})

    with LocalGateway(clients=CLIENTS) as gateway, override(app, gateway):
        assert code_of(door, app, gateway.headers("acme_corp")) == "client_disabled"


def test_what_says_how_the_gateway_writes_is_the_gateway_s(endpoint: str) -> None:
    [door] = [each for each in DOORS if each.name == "asgi"]
    written = {
        "typ": "at+jwt",
        "client_claim": "azp",
        "claim_dialect": "http://acme.example/claims",
        "algorithms": "PS512",
        "issuer": "https://gateway.example",
        "audience": "orders",
    }
    app = door.build({"keys": endpoint, "api": "/echo"} | written)

    for form in ("wso2-4.2", "standard"):
        with LocalGateway(form) as gateway, override(app, gateway):
            assert code_of(door, app, gateway.headers("shop", user="ana")) is None


def test_a_gateway_of_another_api_is_an_error(endpoint: str) -> None:
    [door] = [each for each in DOORS if each.name == "flask"]
    app = door.build({"keys": endpoint, "api": "/orders/1.0"})

    with (
        LocalGateway(api="/other/1.0") as gateway,
        pytest.raises(ValueError, match=r"LocalGateway\(api='/orders/1.0'\)"),
        override(app, gateway),
    ):
        pass
    with LocalGateway(api="/orders/1.0/admin") as gateway, override(app, gateway):
        assert code_of(door, app, gateway.headers(user="ana")) is None


# --- a gateway is no app ---------------------------------------------------------------------


@pytest.mark.parametrize("option", ["revocations", "leeway", "optional", "keys"])
def test_an_option_of_the_app_says_where_it_goes(option: str) -> None:
    given: dict[str, Any] = {option: "process-memory"}

    with pytest.raises(TypeError, match=f"{option} is an option of the app.*override"):
        LocalGateway(**given)


def test_a_mistyped_argument_names_the_right_one() -> None:
    given: dict[str, Any] = {"frm": "wso2-3.1"}

    with pytest.raises(TypeError, match="no argument 'frm'; did you mean 'form'"):
        LocalGateway(**given)
