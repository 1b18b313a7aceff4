"""Websockets of Django Channels: named by the system check, verified by the plain ASGI door."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings
from django.urls import path

from jwt_middleware import has_role
from jwt_middleware.asgi import JWTMiddleware
from jwt_middleware.principal import PRINCIPAL_KEY

from .conftest import Caller
from .harness import DENIAL, open_websocket
from .test_django import ours, site

from jwt_middleware_django.configuration import check_settings  # isort: skip

Options = dict[str, Any]
APPS = ("channels", "channels.apps.ChannelsConfig", "daphne")


async def consumer(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": str(scope[PRINCIPAL_KEY].subject)})


def router(websocket: Any) -> ProtocolTypeRouter:
    return ProtocolTypeRouter({"http": consumer, "websocket": websocket})


def validated(application: Any) -> Any:
    return OriginValidator(application, ["*"])


class Greeter(WebsocketConsumer):  # type: ignore[misc]
    def connect(self) -> None:
        self.accept()
        self.send(text_data=str(self.scope[PRINCIPAL_KEY].subject))


@pytest.fixture
def checked(options: Options, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(application: Any, app: str = "channels") -> list[Any]:
        module = ModuleType("site_asgi")
        module.application = application  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "site_asgi", module)
        with site(options), override_settings(ASGI_APPLICATION="site_asgi.application"):
            from django.conf import settings

            # Not override_settings: it would import the apps, which are not installed here.
            with monkeypatch.context() as patch:
                patch.setattr(settings, "INSTALLED_APPS", ["jwt_middleware_django", app])
                return ours(check_settings())

    return run


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    "application",
    [consumer, router(consumer), validated(router(consumer)), validated(consumer)],
    ids=["an app", "a router", "a wrapped router", "a wrapped app"],
)
def test_websockets_that_nobody_verifies_are_warned_of(
    application: Any, app: str, checked: Any
) -> None:
    [warning] = checked(application, app)

    assert (warning.id, warning.is_serious()) == ("jwt_middleware.W005", False)
    assert "websockets pass MIDDLEWARE by" in warning.msg
    assert "site_asgi.application" in warning.msg
    assert "jwt_middleware.asgi.JWTMiddleware(" in str(warning.hint)


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda door: door(router(consumer)),
        lambda door: router(door(consumer)),
        lambda door: router(validated(door(consumer))),
        lambda door: validated(door(router(consumer))),
        lambda door: ProtocolTypeRouter({"http": consumer}),
        lambda door: ASGIHandler(),
    ],
    ids=[
        "around all",
        "around websockets",
        "within a validator",
        "within a wrapper",
        "no websockets",
        "Django alone",
    ],
)
def test_verified_websockets_and_none_are_not_warned_of(
    wrap: Any, app: str, checked: Any, options: Options
) -> None:
    with site(options):
        application = wrap(lambda inner: JWTMiddleware(inner, **options))

    assert checked(application, app) == []


def test_without_channels_nothing_is_imported(checked: Any) -> None:
    assert checked(consumer, "site") == []


def test_an_application_that_cannot_be_imported_is_reported_without_its_own_words(
    checked: Any, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    [warning] = checked(None)
    assert warning.id == "jwt_middleware.W005"

    from django.conf import settings

    with site(options), override_settings(ASGI_APPLICATION="nowhere.application"):
        monkeypatch.setattr(settings, "INSTALLED_APPS", ["daphne"])
        [warning] = ours(check_settings())

    assert "cannot be imported (ModuleNotFoundError)" in warning.msg


def test_the_door_around_a_router_verifies_its_websockets(options: Options, caller: Caller) -> None:
    application = router(JWTMiddleware(consumer, **options))

    assert not open_websocket(application, "/ws").accepted
    shake = open_websocket(application, "/ws", caller(enduser="ana"))
    assert (shake.accepted, shake.texts) == (True, ("ana",))


@pytest.mark.parametrize("listeners", [[], [lambda event: None]], ids=["silent", "recorded"])
def test_a_consumer_of_channels_serves_proven_callers_with_the_right_role_only(
    listeners: list[Any], options: Options, caller: Caller
) -> None:
    options = options | {"listeners": listeners}
    routes = URLRouter([path("ws", Greeter.as_asgi())])
    rule = has_role("Internal/everyone")
    with site(options):
        application = router(JWTMiddleware(routes, **options, authorize=rule))

        shake = open_websocket(application, "/ws", caller(enduser="ana"))
        assert (shake.accepted, shake.texts) == (True, ("ana",))
        for headers, status in (((), 401), (caller(role="none"), 403)):
            shake = open_websocket(application, "/ws", headers, extensions=DENIAL)
            assert not shake.accepted
            assert shake.denial is not None
            assert shake.denial.status == status
