"""What the middlewares of a process share, wherever a thread halts that makes or inspects one."""

from __future__ import annotations

from typing import Any

from jwt_middleware.authorization.routes import Route
from jwt_middleware.events.kinds import ConfigurationWarning
from jwt_middleware.middleware import Middleware, live
from jwt_middleware.middleware import middleware as middlewares
from jwt_middleware.testing import SigningKey

from ..interleaving import Pair, halted_anywhere
from ..kit import Events

KEY = SigningKey("ES256", key_id="k")


def middleware_of(**more: Any) -> Middleware:
    return Middleware({"keys": KEY.jwks(), "algorithms": "ES256", "api": "/a", **more})


def test_the_headers_of_two_middlewares_are_both_known() -> None:
    one, other = middleware_of(header="X-One"), middleware_of(header="X-Other")

    def make() -> Pair:
        live._headers = ()

        def must_hold(*_: None) -> None:
            assert set(live.header_names()) == {"X-One", "X-Other"}

        return lambda: live.register(one), lambda: live.register(other), must_hold

    before = live._headers
    try:
        halted_anywhere(make, live)
    finally:
        live._headers = before


def test_an_app_that_two_threads_inspect_is_warned_of_once() -> None:
    routes: list[Route] = []

    def make() -> Pair:
        events = Events()
        middleware = middleware_of(listeners=[events], unguarded="warn")

        def inspect() -> None:
            middleware.inspect(routes)
            middleware.report_fault("a fault")

        def must_hold(*_: None) -> None:
            warnings = [event.reason for event in events.of(ConfigurationWarning)]
            assert warnings.count("a fault") == 1

        return inspect, inspect, must_hold

    halted_anywhere(make, middlewares)
