"""``jwt-assertion inspect``, ``verify`` and ``mint``.

A token is read from standard input by default, so that it reaches neither the shell's history nor
the list of processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError
from ...events.fields import readable
from ...gateways.token_form import TokenForm
from ...options.looking import only_looking
from ...revocation.urls import is_missing_file
from ...verification.verifier import Verifier
from ..explain.request import judge, read_request
from ..explain.token import inspect, principal_as_json, principal_lines
from .routes import find_app
from .shared import (
    add_command,
    add_verifier_options,
    answer,
    complain,
    names_verifier,
    optional_verifier,
    read_token,
    required_verifier,
    status_of,
    time_of,
    whatever_the_reader,
)


def add_to(commands: Any) -> None:
    """Add the commands."""
    taking = add_command(
        commands,
        _inspect,
        "take a token apart, and say which check fails",
        [
            "--keys gateway.pem --api /echo/1.0.0 < token.txt",
            "--app main:app --request 'GET /reports' < token.txt",
        ],
    )
    verifying = add_command(
        commands,
        _verify,
        "verify a token",
        ["--keys gateway.pem < token.txt", "--config options.toml --json token.txt"],
    )
    taking.add_argument("--app", metavar="MODULE:APP", help="verify as this app does")
    taking.add_argument(
        "--request",
        metavar="'GET /reports'",
        help="with --app: say whether its rules allow this request, and which one refuses",
    )
    for command in (taking, verifying):
        command.add_argument("file", nargs="?", default="-", help="a file; - (default) is stdin")
        add_verifier_options(command)
        command.add_argument(
            "--at", metavar="TIME", default="now", help="verify as if it were then (ISO 8601, UTC)"
        )
    mint = add_command(
        commands,
        _mint,
        "make a signed token, for tests",
        [
            "--key test.pem --make-key --client acme_corp --as ana",
            "--key test.pem --form standard --claim aud=orders --lifetime -60",
        ],
        json=False,
    )
    option = mint.add_argument
    option("--key", required=True, type=Path, help="the private key, PEM; for HS* the secret")
    option("--certificate", type=Path, help="its certificate, which gives an x5t")
    option("--make-key", action="store_true", help="make a missing key, and its certificate (.crt)")
    option("--algorithm", help="default: the form's")
    option("--key-id", help="the kid")
    option(
        "--form",
        default="wso2-4.2",
        help="whose token: a version of WSO2, 1.4 to 4.6, a gateway's name, or a TokenForm of your "
        "own as module:FORM (default: wso2-4.2)",
    )
    option("--client", help="the client id; the demo's clients bring their claims")
    option("--as", dest="user", metavar="USER", help="the end user")
    option("--service", metavar="NAME", help="instead of both: a service that calls for itself")
    option("--role", action="append", default=[], help="a role; repeatable")
    option("--permission", action="append", default=[], help="a permission; repeatable")
    option("--api", help="the API context, such as /echo/1.0.0")
    option("--claim", action="append", default=[], metavar="NAME=VALUE", help="a claim; repeatable")
    option("--lifetime", type=float, default=900, help="seconds; negative is expired")


def _verifier(options: argparse.Namespace) -> tuple[Verifier | None, float]:
    """Return what verifies the token, and its clock's time."""
    now = time_of("--at", options.at)
    verifier = optional_verifier(options, lambda: now)
    return None if verifier is None else _using_nothing_up(verifier), now


def _using_nothing_up(verifier: Verifier) -> Verifier:
    """Have a verifier look at tokens without using them (``one_time``)."""
    if verifier.revocations is not None:
        verifier.revocations.dry_run()
        store = verifier.revocations.store.name
        if is_missing_file(store):
            complain(f"{store}: there is no such file yet, so it denies nothing")
    return verifier


@only_looking()
def _inspect(options: argparse.Namespace) -> int:
    """Print what a token is: its spelling, key, times and claims.

    With a configuration or an app, also whether it verifies and, if not, why; with a request too,
    whether the app's guards allow it.
    """
    if options.app is None and options.request is not None:
        raise ConfigurationError("--request: name the app too, by --app module:app")
    if options.app is not None:
        return _inspect_for_app(options)
    verifier, now = _verifier(options)
    inspection = inspect(read_token(options.file), verifier, now)
    answer(options, inspection.as_json() | {"claims": inspection.claims}, inspection.lines())
    return status_of(inspection.code)


def _inspect_for_app(options: argparse.Namespace) -> int:
    """Do so by an app's own options and clock, and ask its guards about a request."""
    asked = None if options.request is None else read_request(options.request)
    if names_verifier(options) or options.at != "now":
        raise ConfigurationError("--app has options and a clock of its own; leave out the others")
    app = find_app(options.app)
    if app.middleware is None:
        raise ConfigurationError(f"{options.app}: JWTMiddleware is not installed on it")
    app.middleware.inspect(app.routes)
    verifier = _using_nothing_up(app.middleware.verifier)
    inspection = inspect(read_token(options.file), verifier, time.time())
    value, lines = inspection.as_json() | {"claims": inspection.claims}, [*inspection.lines()]
    code = inspection.code
    if asked is not None:
        value["token_code"] = code
    if asked is not None and inspection.principal is not None:
        route, parameters = app.route_of(asked.method, asked.path)
        methods = app.methods_of(asked.path)
        view = asked.view(parameters)
        judgement = judge(app.middleware, route, view, inspection.principal, methods)
        code = judgement.code
        value |= {"code": code, "request": judgement.as_json()}
        lines = [*judgement.lines(), "", *lines]
    answer(options, value, lines)
    return status_of(code)


@only_looking()
def _verify(options: argparse.Namespace) -> int:
    """Verify a token as the middleware does, and print who calls.

    What a person copies with a token is left out first: a header's name, a scheme, quotes.
    """
    verifier, now = _verifier(options)
    inspection = inspect(read_token(options.file), required_verifier(verifier, "verify"), now)
    code, principal = inspection.code, inspection.principal
    if principal is None:
        if options.json:
            reason = {"reason": inspection.explanation, "hint": inspection.hint}
            answer(options, {"code": code, **reason}, ())
        complain(readable(f"{code}: {inspection.explanation} {inspection.hint}".strip()))
    else:
        value = {"code": code, **principal_as_json(principal)}
        answer(options, value, principal_lines(principal))
        if inspection.hint:
            complain(readable(inspection.hint))
    return status_of(code)


def _mint(options: argparse.Namespace) -> int:
    """Make a token as a gateway does, with a key of your own. For tests only."""
    from ...testing import mint
    from .signing import form_named, signing_key

    form = form_named(options.form)
    key = signing_key(
        options.key,
        options.certificate,
        make=options.make_key,
        algorithm=options.algorithm or form.algorithm,
        key_id=options.key_id,
    )
    token = mint(key, _claims(options, form), form=form, lifetime=options.lifetime)
    with whatever_the_reader():
        print(token)
    return 0


def _claims(options: argparse.Namespace, form: TokenForm) -> Mapping[str, Any]:
    from ...testing import client_claims, sample_accounts
    from ...testing.gateway import ISSUER
    from ...testing.placing import put_claim, put_list
    from .signing import named_claims

    claims: dict[str, Any] = {"iss": form.claims.get("iss", ISSUER), **form.call}
    names = form.gateway.names
    role_claims, permission_claims = names.roles, names.permissions
    if options.client is not None:
        if not form.client:
            raise ConfigurationError(
                f"--client: a person's token of {form.gateway.name} names no client; "
                "--service makes one of a client by itself"
            )
        entry = sample_accounts().entry(options.client)
        if entry is not None:
            claims = client_claims(options.client) | claims
            role_claims, permission_claims = entry.roles, entry.permissions
        put_claim(claims, names.client_id[0], options.client)
    try:
        put_list(claims, role_claims, "roles", options.role)
        put_list(claims, permission_claims, "permissions", options.permission)
        if options.service is not None:
            if options.client is not None or options.user is not None:
                raise ValueError("it calls for itself; leave out --client and --as")
            claims |= form.service_claims(options.service)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    if options.user is not None and form.person is not None:
        claims |= form.person_claims(options.user)
    elif options.user is not None:
        for name in names.subject:
            put_claim(claims, name, options.user)
    if options.api is not None:
        if form.gateway.context_claim is None:
            raise ConfigurationError(f"--api: tokens of {form.gateway.name} carry no API context")
        claims[form.gateway.context_claim] = options.api
    return claims | named_claims(options.claim)
