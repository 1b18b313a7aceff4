"""An app of any gateway takes the tokens of a test's gateway of the same kind, at every door."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jwt_middleware import has_permission
from jwt_middleware.gateways import PRESETS, ListClaim
from jwt_middleware.testing import FORMS, LocalGateway, override

from ..adapters.apps import DOORS, Door

ONE_OF_EACH = {str(form.preset): name for name, form in FORMS.items()}


@pytest.fixture(scope="module", params=ONE_OF_EACH.values())
def gateway(request: pytest.FixtureRequest) -> Iterator[LocalGateway]:
    with LocalGateway(request.param) as made:
        yield made


def production(gateway: LocalGateway, endpoint: str) -> dict[str, Any]:
    """The options of an app whose own gateway is not there."""
    return gateway.options | {"keys": endpoint, "audience": "production"}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_while_it_is_overridden_an_app_takes_the_test_s_tokens(
    door: Door, gateway: LocalGateway, endpoint: str
) -> None:
    app = door.build(production(gateway, endpoint))

    with override(app, gateway):
        answer = door.ask(app, "GET", "/who", gateway.headers(user="ana").items())
        assert (answer.status, answer.json()["subject"]) == (200, "ana")
        assert door.ask(app, "GET", "/who").status == 401
    assert door.ask(app, "GET", "/who", gateway.headers(user="ana").items()).status == 503


def test_an_app_of_another_header_is_an_error(gateway: LocalGateway, endpoint: str) -> None:
    [door] = [each for each in DOORS if each.name == "asgi"]
    other = "pomerium" if gateway.form.preset != "pomerium" else "teleport"
    with LocalGateway(other) as theirs:
        app = door.build(production(theirs, endpoint))

        with pytest.raises(ValueError, match="the app reads"), override(app, gateway):
            pass


def test_a_gateway_that_the_app_has_made_of_a_preset_stays(endpoint: str) -> None:
    preset = PRESETS["cloudflare-access"]
    names = preset.names._replace(permissions=(ListClaim("custom.permissions"),))
    [door] = [each for each in DOORS if each.name == "asgi"]
    with LocalGateway("cloudflare-access") as local:
        given = production(local, endpoint) | {"gateway": replace(preset, names=names)}
        app = door.build(given | {"authorize": has_permission("reports:read")})
        with override(app, local):
            allowed = local.headers(user="ana", custom={"permissions": ["reports:read"]})
            assert door.ask(app, "GET", "/who", allowed.items()).status == 200
            assert door.ask(app, "GET", "/who", local.headers(user="ana").items()).status == 403
