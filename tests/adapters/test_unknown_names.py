"""A guard with a name that no client of the registry could carry keeps an app from starting."""

from __future__ import annotations

from typing import Any

from . import rule_apps as at  # it configures Django before the adapter is imported

# isort: split
import pytest

from jwt_middleware import (
    ConfigurationError,
    Predicate,
    attribute,
    client,
    has_permission,
    has_role,
    policy,
    predicate,
)
from jwt_middleware.testing import SigningKey

from .client_cases import ACME_TOKEN, client_options, sent
from .harness import start_and_stop
from .rule_apps import ADAPTERS, UNAVAILABLE, Rule, said

Options = dict[str, Any]

TYPOS: list[tuple[Predicate, str]] = [
    (client("acme_crop"), "'acme_corp'"),
    (has_role("acmee_admin"), "has_role('acmee_admin'): no client with"),
    (has_permission("manage_acmee_products"), "no client with"),
    (policy("catalogue.raed"), "'catalogue.read'"),
    (attribute("acces_level").is_present, "'access_level'"),
    (attribute("access_level") >= "globex_level4", "never 'globex_level4'"),
    (attribute("access_level") == "globex_levle2", "never 'globex_levle2'"),
    (has_role("acme_admin") & ~client("acme_crop"), "'acme_corp'"),
]
WITH_TYPO = pytest.mark.parametrize("wrong, told", TYPOS, ids=[repr(p) for p, _ in TYPOS])
STARLETTES = [each for each in ADAPTERS if each.name in ("starlette", "fastapi-guard")]


@pytest.fixture
def options(rsa_key: SigningKey) -> Options:
    return client_options(rsa_key)


@pytest.fixture
def acme(rsa_key: SigningKey) -> list[tuple[str, str]]:
    return sent(rsa_key, ACME_TOKEN)


@pytest.mark.parametrize("adapter", STARLETTES, ids=lambda each: each.name)
@WITH_TYPO
def test_a_typo_in_a_guard_fails_the_lifespan(
    adapter: Any, wrong: Predicate, told: str, options: Options
) -> None:
    app = adapter.build([Rule("/x", wrong)], options)

    [message] = start_and_stop(app.app)

    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("/x: ")
    assert told in message["message"]


@pytest.mark.parametrize(
    "adapter",
    [*STARLETTES, *(each for each in ADAPTERS if each.name == "flask")],
    ids=lambda each: each.name,
)
@WITH_TYPO
def test_a_typo_in_a_guard_is_503_on_every_route_where_no_start_up_comes(
    adapter: Any,
    wrong: Predicate,
    told: str,
    options: Options,
    acme: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = Rule("/good", has_role("acme_admin"))
    app = adapter.build([good, Rule("/x", wrong)], options)

    assert [said(app.get(path, acme)) for path in ("/good", "/x")] == [UNAVAILABLE] * 2
    assert told in caplog.text


@pytest.mark.parametrize("build", [at.django_wsgi, at.django_asgi], ids=lambda each: each.__name__)
@WITH_TYPO
def test_a_typo_in_a_guard_fails_when_djangos_handler_is_made(
    build: Any, wrong: Predicate, told: str, options: Options
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build([Rule("/x", wrong)], options)

    assert str(raised.value).startswith("/x: ")
    assert told in str(raised.value)


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda each: each.name)
def test_names_are_held_against_nothing_where_there_is_no_registry(
    adapter: Any, options: Options, acme: Any
) -> None:
    del options["clients"]
    app = adapter.build([Rule("/x", ~client("acme_crop"))], options)

    assert said(app.get("/x", acme)) == (200, None)


def test_a_typo_is_an_error_of_manage_py_check_and_in_authorize_of_every_door(
    options: Options,
) -> None:
    without = {name: value for name, value in options.items() if name != "clients"}
    site: Any = at.django_wsgi([Rule("/x", client("acme_crop"))], without)

    [error] = site.check(options)

    assert "'acme_corp'" in error.msg
    for door in at.PLAIN_DOORS:
        with pytest.raises(ConfigurationError, match=r"^authorize: .*'acme_corp'"):
            door.build((), options | {"authorize": client("acme_crop")})


def test_what_an_apps_own_function_asks_is_not_looked_into(options: Options, acme: Any) -> None:
    asked = predicate(lambda principal, request: "acme_admin" in principal.roles)

    assert said(at.flask([Rule("/x", asked)], options).get("/x", acme)) == (200, None)
