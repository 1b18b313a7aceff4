"""Django's own ways: both handlers, class views, ``process_view``, system checks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from jwt_middleware import ConfigurationError, Verifier
from jwt_middleware.authorization.exposure import guards_of
from jwt_middleware.testing import SigningKey

from . import django_views as views
from .conftest import Caller
from .harness import Answer, call_asgi, call_wsgi

OURS = "jwt_middleware_django.JWTMiddleware"
Options = dict[str, Any]


@contextmanager
def site(options: Any, **settings: Any) -> Iterator[None]:
    more = {"MIDDLEWARE": [OURS], "ROOT_URLCONF": "tests.adapters.django_views", **settings}
    with override_settings(JWT_MIDDLEWARE=options, **more):
        yield


def ask(
    server: str,
    options: Options,
    path: str,
    headers: Any = (),
    method: str = "GET",
    **settings: Any,
) -> Answer:
    with site(options, **settings):
        if server == "wsgi":
            return call_wsgi(WSGIHandler(), method, path, headers)
        return call_asgi(ASGIHandler(), method, path, headers)


SERVERS = pytest.mark.parametrize("server", ["wsgi", "asgi"])
VIEWS = pytest.mark.parametrize("view", ["sync", "async"])


# --- start-up --------------------------------------------------------------------------------


@pytest.mark.parametrize("handler", [WSGIHandler, ASGIHandler])
@pytest.mark.parametrize(
    "wrong, text",
    [({"leway": 3}, "'leeway'"), ({}, "keys"), (None, "dict"), ([("keys", "x")], "dict")],
    ids=["unknown option", "no keys", "None", "a list"],
)
def test_a_wrong_option_fails_when_the_handler_is_made(handler: Any, wrong: Any, text: str) -> None:
    with site(wrong), pytest.raises(ConfigurationError, match=text):
        handler()


def test_the_system_check_finds_nothing_to_say_of_a_good_configuration(options: Options) -> None:
    with site(options):
        assert ours(run_checks()) == []


def test_the_system_check_reports_the_wrong_option(options: Options) -> None:
    with site(options | {"leway": 3}):
        [error] = ours(run_checks())

    assert (error.id, error.is_serious()) == ("jwt_middleware.E001", True)
    assert "'leeway'" in error.msg


def test_the_system_check_warns_where_the_middleware_is_not_installed(options: Options) -> None:
    with site(options, MIDDLEWARE=[]):
        [warning] = ours(run_checks())

    assert (warning.id, warning.is_serious()) == ("jwt_middleware.W001", False)
    assert OURS in str(warning.hint)


def test_the_system_check_echoes_no_secret(rsa_key: SigningKey) -> None:
    with site({"keys": rsa_key.private_pem.replace("-----BEGIN", "----BEGIN")}):
        [error] = ours(run_checks())

    assert rsa_key.private_pem.splitlines()[3] not in str(error)


def ours(messages: Any) -> list[Any]:
    return [each for each in messages if str(each.id).startswith("jwt_middleware.")]


# --- views -----------------------------------------------------------------------------------


@SERVERS
@VIEWS
def test_views_see_their_principal_twice_the_same(
    server: str, view: str, options: Options, caller: Caller
) -> None:
    answer = ask(server, options, f"/{view}/me", caller(enduser="ana"))

    assert answer.json() == ["ana", "ana"]


@SERVERS
@VIEWS
def test_without_a_token_request_principal_is_none(
    server: str, view: str, options: Options
) -> None:
    answer = ask(server, options | {"optional": True}, f"/{view}/me")

    assert answer.json() == [None, None]


@SERVERS
@VIEWS
@pytest.mark.parametrize(
    "route", ["denied", "above", "registered", "class-dispatch", "class-method"]
)
def test_a_guard_refuses_wherever_it_stands(
    route: str, server: str, view: str, options: Options, caller: Caller
) -> None:
    refused = ask(server, options, f"/{view}/{route}", caller(role="Internal/guest"))
    nobody = ask(server, options | {"optional": True}, f"/{view}/{route}")
    served = ask(server, options, f"/{view}/{route}", caller())

    assert refused.json()["code"] == "insufficient_permission"
    assert nobody.json()["code"] == "missing_token"
    assert served.json() == "served"


@SERVERS
@VIEWS
def test_only_the_guarded_method_of_a_class_is_guarded(
    server: str, view: str, options: Options, caller: Caller
) -> None:
    headers = caller(role="Internal/guest")

    assert ask(server, options, f"/{view}/class-method", headers).status == 403
    assert ask(server, options, f"/{view}/class-method", headers, "POST").json() == "posted"


@SERVERS
@pytest.mark.parametrize("route", ["sibling", "base", "sub"])
def test_a_class_beside_a_guarded_one_keeps_its_own_rule(
    route: str, server: str, options: Options, caller: Caller
) -> None:
    """All three inherit ``dispatch`` from one class of ours or of Django; only one is guarded."""
    status = {"sibling": 200, "base": 200, "sub": 403}[route]

    for _ in range(2):  # the second time, every view has been called once
        assert ask(server, options, "/sync/class-dispatch", caller()).status == 200
        assert ask(server, options, f"/{route}", caller(role="Internal/guest")).status == status


def test_djangos_own_dispatch_bears_no_mark(options: Options, caller: Caller) -> None:
    ask("wsgi", options, "/sync/class-dispatch", caller())

    assert guards_of(views.View.dispatch) == ()
    assert guards_of(views.Sibling.dispatch) == ()
    assert guards_of(views.Base.dispatch) == ()
    assert len(guards_of(views.Sub.dispatch)) == 1


@SERVERS
def test_path_parameters_come_from_the_resolver(
    server: str, options: Options, caller: Caller
) -> None:
    assert ask(server, options, "/projects/P1", caller(pid="P1")).json() == "served"
    assert ask(server, options, "/projects/P2", caller(pid="P1")).status == 403


@SERVERS
def test_unknown_paths_are_protected(server: str, options: Options, caller: Caller) -> None:
    assert ask(server, options, "/nowhere").status == 401
    assert ask(server, options, "/nowhere", caller()).status == 404


@SERVERS
@VIEWS
def test_a_guard_without_the_middleware_lets_nobody_in(
    server: str, view: str, options: Options, caller: Caller
) -> None:
    answer = ask(server, options, f"/{view}/denied", caller(), MIDDLEWARE=[])

    assert answer.status == 500
    assert b"served" not in answer.body


@SERVERS
def test_other_middleware_sees_the_principal_and_our_answers(
    server: str, options: Options, caller: Caller
) -> None:
    """A middleware before ours sees the refusal as an ordinary response; one after, the caller."""
    around = ["tests.adapters.django_views.Stamp", OURS, "tests.adapters.django_views.Stamp"]

    refused = ask(server, options, "/sync/me", MIDDLEWARE=around)
    served = ask(server, options, "/sync/me", caller(enduser="ana"), MIDDLEWARE=around)

    assert refused.all("X-Stamp") == ["401 None"]
    assert served.header("X-Stamp") == "200 ana"


@SERVERS
@VIEWS
@pytest.mark.parametrize("path", ["denied", "above"])
def test_an_async_site_never_leaves_its_loop_for_our_hooks(
    server: str, view: str, path: str, options: Options, caller: Caller
) -> None:
    """Django would run plain ``process_view`` and ``process_exception`` on another thread."""
    views.THREADS.clear()
    middleware = ["tests.adapters.django_views.TracedMiddleware"]

    ask(server, options, f"/{view}/{path}", caller(role="Internal/guest"), MIDDLEWARE=middleware)

    assert views.THREADS
    assert set(views.THREADS) == {threading.get_ident()}


@SERVERS
def test_current_principal_is_gone_when_the_request_is_over(
    server: str, options: Options, caller: Caller
) -> None:
    ask(server, options, "/sync/me", caller())

    assert views.current_principal_or_none() is None


def test_a_wsgi_servers_folded_headers_are_one_value(options: Options, caller: Caller) -> None:
    [(name, token)] = caller()

    assert (
        ask("wsgi", options, "/sync/me", [(name, token)] * 2).json()["code"] == "duplicate_header"
    )
    assert (
        ask("asgi", options, "/sync/me", [(name, token)] * 2).json()["code"] == "duplicate_header"
    )


def test_a_check_leaves_the_site_s_own_verifier_open(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.certificate_pem, api="/echo", revocations="process-memory")
    closed: list[str] = []
    verifier.close = lambda: closed.append("closed")  # type: ignore[method-assign]
    with site({"verifier": verifier}):
        run_checks()

    assert closed == []
