"""An app of any gateway takes the tokens of a test's gateway of the same kind, at every door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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
