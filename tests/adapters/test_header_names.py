"""Several names of the header: one line over all of them. And a scheme before the token."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import has_permission
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.testing import SigningKey, mint

from .apps import DOORS, Door

NAMES = ["X-JWT-Assertion", "X-JWT-Assertion-Tenant-A", "X-JWT-Assertion-Tenant-B"]
BEARER = {"gateway": "bearer", "issuer": "https://idp.example.com", "audience": "api"}


def token(key: SigningKey, **claims: Any) -> str:
    return mint(key, {"sub": "ana", **claims}, form="wso2-4.2")


def access_token(key: SigningKey, **claims: Any) -> str:
    given = {"iss": BEARER["issuer"], "aud": "api", "sub": "ana", **claims}
    return mint(key, given, form="standard")


@pytest.mark.parametrize("name", [*NAMES, NAMES[1].lower(), NAMES[2].upper()])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_the_token_may_stand_under_any_of_the_names(
    door: Door, name: str, rsa_key: SigningKey
) -> None:
    app = door.build({"keys": rsa_key.public_pem, "header": NAMES})
    sent = [(name, token(rsa_key))]

    for _ in range(2):
        answer = door.ask(app, "GET", "/who", sent)
        assert (answer.status, answer.json()["subject"]) == (200, "ana")
    vary = [each.strip().lower() for each in (answer.header("Vary") or "").split(",")]
    assert vary == [each.lower() for each in NAMES]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_request_has_one_line_of_them_all(door: Door, rsa_key: SigningKey) -> None:
    app = door.build({"keys": rsa_key.public_pem, "header": NAMES})
    good = token(rsa_key)
    for first, second in ((NAMES[0], NAMES[1]), (NAMES[2], NAMES[1]), (NAMES[1], NAMES[1])):
        answer = door.ask(app, "GET", "/who", [(first, good), (second, good)])
        assert (answer.status, answer.json()["code"]) == (401, "duplicate_header")
    answer = door.ask(app, "GET", "/who", [(NAMES[0], ""), (NAMES[1], good)])
    assert (answer.status, answer.json()["code"]) == (401, "duplicate_header")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_name_that_is_not_listed_is_not_read(door: Door, rsa_key: SigningKey) -> None:
    app = door.build({"keys": rsa_key.public_pem, "header": NAMES[1:]})

    answer = door.ask(app, "GET", "/who", [(NAMES[0], token(rsa_key))])
    assert (answer.status, answer.json()["code"]) == (401, "missing_token")


def test_the_environment_lists_them_with_commas(
    rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_MIDDLEWARE_HEADER", ", ".join(NAMES))

    assert Middleware({"keys": rsa_key.public_pem}).headers.names == tuple(NAMES)


@pytest.mark.parametrize("names", [[], ["A", "a"], ["A", "X_Y"], ["A", ""], ["A", "B*"], [5]])
def test_a_wrong_list_of_names_is_an_error(rsa_key: SigningKey, names: Any) -> None:
    with pytest.raises(ConfigurationError, match="header: "):
        Middleware({"keys": rsa_key.public_pem, "header": names})


def test_several_issuers_bring_the_headers_of_their_gateways() -> None:
    issuers = [
        {"issuer": "https://a.cloudflareaccess.com", "gateway": "cloudflare-access"},
        {"issuer": "tele.example.com", "gateway": "teleport"},
    ]
    middleware = Middleware({"issuers": [{**each, "audience": "x"} for each in issuers]})

    assert middleware.headers.names == ("Cf-Access-Jwt-Assertion", "Teleport-Jwt-Assertion")


def test_gateways_with_and_without_a_scheme_do_not_share_a_middleware() -> None:
    issuers = [
        {"issuer": "https://idp.example.com", "gateway": "bearer", "audience": "x"},
        {"issuer": "tele.example.com", "gateway": "teleport", "audience": "x"},
    ]

    with pytest.raises(ConfigurationError, match="scheme before the token"):
        Middleware({"issuers": issuers})


# --- Authorization: Bearer -------------------------------------------------------------------

LINES: dict[str, tuple[str, int, str, str | None]] = {
    "as usual": ("Bearer {}", 200, "", None),
    "in lower case": ("bearer {}", 200, "", None),
    "in capitals": ("BEARER {}", 200, "", None),
    "with two blanks": ("Bearer  {}", 200, "", None),
    "with blanks around": (" \tBearer {} \t", 200, "", None),
    "with a tab": ("Bearer\t{}", 401, "malformed_token", "invalid_request"),
    "with a blank and a tab": ("Bearer \t{}", 401, "malformed_token", "invalid_request"),
    "without a token": ("Bearer", 401, "malformed_token", "invalid_request"),
    "with blanks for a token": ("Bearer   ", 401, "malformed_token", "invalid_request"),
    "empty": ("", 401, "malformed_token", "invalid_request"),
    "with two words": ("Bearer {} x", 401, "malformed_token", "invalid_request"),
    "with two schemes": ("Bearer Bearer {}", 401, "malformed_token", "invalid_request"),
    "joined": ("Bearer {0}, Bearer {0}", 401, "duplicate_header", "invalid_request"),
    "joined with another": ("Basic YTpi, Bearer {}", 401, "duplicate_header", "invalid_request"),
    "with a comma": ("Bearer {},", 401, "duplicate_header", "invalid_request"),
    "opaque": ("Bearer 2YotnFZFEjr1zCsicMWpAA", 401, "malformed_token", "invalid_token"),
    "of another scheme": ("Basic YTpi", 401, "missing_token", None),
    "of Digest, with commas": ('Digest username="a", realm="b"', 401, "missing_token", None),
    "the bare token": ("{}", 401, "missing_token", None),
    "a longer scheme": ("Bearers {}", 401, "missing_token", None),
}


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("case", LINES)
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_line_with_a_scheme_is_read_as_rfc_6750_has_it(
    door: Door, case: str, warm: bool, rsa_key: SigningKey
) -> None:
    app = door.build({**BEARER, "keys": rsa_key.public_pem})
    good = access_token(rsa_key)
    if warm:
        line = [("Authorization", f"Bearer {good}")]
        assert door.ask(app, "GET", "/who", line).status == 200
    written, status, code, error = LINES[case]

    answer = door.ask(app, "GET", "/who", [("Authorization", written.format(good))])
    assert answer.status == status
    if status == 200:
        assert answer.json()["subject"] == "ana"
        return
    assert answer.json()["code"] == code
    challenge = answer.header("WWW-Authenticate") or ""
    assert challenge.startswith('Bearer realm="api"')
    assert ("error=" in challenge) is (error is not None)
    if error is not None:
        assert f'error="{error}"' in challenge


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_two_lines_with_a_scheme_are_an_invalid_request(door: Door, rsa_key: SigningKey) -> None:
    app = door.build({**BEARER, "keys": rsa_key.public_pem})
    line = ("Authorization", f"Bearer {access_token(rsa_key)}")

    answer = door.ask(app, "GET", "/who", [line, line])
    assert (answer.status, answer.json()["code"]) == (401, "duplicate_header")
    assert 'error="invalid_request"' in (answer.header("WWW-Authenticate") or "")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_another_scheme_is_refused_where_the_header_is_optional_too(
    door: Door, rsa_key: SigningKey
) -> None:
    app = door.build({**BEARER, "keys": rsa_key.public_pem, "optional": True})

    answer = door.ask(app, "GET", "/who", [("Authorization", "Basic YTpi")])
    assert (answer.status, answer.json()["code"]) == (401, "missing_token")
    assert door.ask(app, "GET", "/who").status == 200


@pytest.mark.parametrize(
    "rule, granted, scope",
    [
        (has_permission("read"), "", "read"),
        (has_permission("read") & has_permission("write"), "read", "read write"),
        (has_permission("read") | has_permission("write"), "", None),
        (~has_permission("read"), "read", None),
        (has_permission('a"b'), "", None),
    ],
    ids=repr,
)
def test_a_403_names_the_scope_where_a_permission_is_missing(
    rule: Any, granted: str, scope: str | None, rsa_key: SigningKey
) -> None:
    for door in DOORS:
        app = door.build({**BEARER, "keys": rsa_key.public_pem, "authorize": rule})
        line = f"Bearer {access_token(rsa_key, scope=granted)}"

        answer = door.ask(app, "GET", "/who", [("Authorization", line)])
        challenge = answer.header("WWW-Authenticate") or ""
        assert answer.status == 403
        assert 'error="insufficient_scope"' in challenge
        assert challenge.endswith(f'scope="{scope}"') if scope else "scope=" not in challenge


def test_a_gateways_own_header_keeps_its_challenge(rsa_key: SigningKey) -> None:
    """Who calls does not send it, so no scope of its own would help."""
    app = DOORS[0].build({"keys": rsa_key.public_pem, "authorize": has_permission("read")})

    answer = DOORS[0].ask(app, "GET", "/who", [("X-JWT-Assertion", token(rsa_key))])
    assert answer.status == 403
    assert "scope=" not in (answer.header("WWW-Authenticate") or "")
