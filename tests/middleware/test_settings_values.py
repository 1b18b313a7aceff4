"""Single options: each wrong value is refused by name, and no secret is ever echoed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    PEM,
    SharedSecret,
    Verifier,
    authenticated,
    has_role,
    header,
    path_param,
)
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.testing import SigningKey

from .test_settings import env, refused


@pytest.fixture
def pem(rsa_key: SigningKey) -> str:
    return rsa_key.certificate_pem


@pytest.mark.parametrize(
    "wrong, near",
    [
        ({"leway": 3}, "'leeway'"),
        ({"optional": "yes"}, "optional"),
        ({"optional": None}, "optional"),
        ({"optional": 1}, "optional"),
        ({"exempt": "/health"}, "exempt"),
        ({"exempt": None}, "exempt"),
        ({"cors_preflight": True}, "cors_preflight"),
        ({"cors_preflight": "PASS"}, "cors_preflight"),
        ({"refuse": "x"}, "refuse"),
        ({"vary": None}, "vary"),
        ({"vary": "X-JWT-Assertion"}, "vary"),
        ({"authorize": "staff"}, "authorize"),
        pytest.param({"authorize": lambda principal: True}, "authorize", id="a function"),
        ({"verifier": "x"}, "verifier"),
        ({"header": ""}, "header"),
        ({"header": "X_JWT_Assertion"}, "_"),
        ({"header": "X-JWT:"}, "header"),
        ({"header": "X-JWT\r\nX-Y"}, "header"),
        ({"header": "X-Jürgen"}, "header"),
        ({"issuer": []}, "issuer"),
        ({"audience": ""}, "audience"),
        ({"max_age": 0}, "max_age"),
        ({"api": ()}, "api"),
        ({"clock": 3}, "clock"),
        ({"clock": "now"}, "clock"),
        ({"listeners": 3}, "listeners"),
        ({"listeners": ["x"]}, "listeners"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_wrong_option_is_a_configuration_error_that_names_it(
    wrong: dict[str, Any], near: str, pem: str
) -> None:
    assert near in refused({"keys": pem} | wrong)


@pytest.mark.parametrize("name", ["X-JWT-Assertion-*", "*", "X-*-Assertion", "x-jwt-assertion*"])
def test_a_header_with_a_wildcard_is_refused_with_the_reason(name: str, pem: str) -> None:
    message = refused({"keys": pem, "header": name}, {})

    assert message.startswith("header: ")
    assert repr(name) in message
    assert "wildcard" in message


@pytest.mark.parametrize("sign", "!#$%&'*+^`|~_:{} \r\n\u00e9")
def test_a_headers_name_is_letters_digits_hyphens_and_dots(sign: str, pem: str) -> None:
    for name in (f"X-JWT{sign}", f"{sign}X", f"X{sign}Y"):
        assert "is no header name" in refused({"keys": pem, "header": name}, {})
    assert Settings.read({"keys": pem, "header": "X-A.b9"}, {}).headers == ("X-A.b9",)


def test_authorize_may_not_ask_for_what_only_the_route_knows(pem: str) -> None:
    for predicate in (path_param("id") == "7", authenticated & ~(path_param("id") == "7")):
        assert "path_param('id')" in refused({"keys": pem, "authorize": predicate})
    Settings.read({"keys": pem, "authorize": has_role("a") & (header("X-A") == "b")}, {})


def test_a_ready_verifier_stands_alone(pem: str) -> None:
    verifier = Verifier(keys=pem)

    settings = Settings.read({"verifier": verifier, "optional": True, "header": "X-Own"}, {})

    assert settings.verifier is verifier
    assert "leeway" in refused({"verifier": verifier, "leeway": 3})
    # What the environment says of one concerns the verifiers that are made of it.
    assert Settings.read({"verifier": verifier}, env(api="/orders")).verifier is verifier


def test_without_keys_the_error_shows_what_to_write() -> None:
    assert "keys='gateway.pem'" in refused({})


SECRET = "s3cr3t-of-the-gateway-that-nobody-may-ever-read"


@pytest.mark.parametrize(
    "code",
    [
        {"keys": SECRET + "\n" + SECRET},
        {"keys": SharedSecret(SECRET * 2), "algorithms": ["HS256"], "leway": SECRET},
        {"keys": SharedSecret(SECRET * 2), "algorithms": ["RS256", "HS256"]},
        {"keys": {"keys": [{"kty": "oct", "k": SECRET, "use": "enc"}]}},
        {"keys": [SECRET + "\n"]},
        {"keys": {"secret": SECRET}},
        {"kyes": SECRET},
        {"issuers": [{"keys": SECRET}]},
        {"verifier": {"keys": SECRET}},
        {"gateway": {"secret": SECRET}, "keys": PEM},
    ],
    ids=[
        "text as keys",
        "beside an unknown option",
        "HS beside RS",
        "a JWKS without a usable key",
        "text in a list",
        "a dict that is no JWKS",
        "under an unknown name",
        "an issuer as a dict",
        "a verifier as a dict",
        "a gateway as a dict",
    ],
)
def test_no_error_echoes_a_secret(code: dict[str, Any]) -> None:
    assert SECRET not in refused(code)


def test_no_error_echoes_a_private_key(rsa_key: SigningKey, tmp_path: Path) -> None:
    broken = rsa_key.private_pem.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nX", 1)
    line = rsa_key.private_pem.splitlines()[3]
    (tmp_path / "a.toml").write_text(f'keys = """{broken}"""')

    for code, environ in (
        ({"keys": broken}, {}),
        ({}, env(keys=broken)),
        ({}, {"JWT_MIDDLEWARE_CONFIG": str(tmp_path / "a.toml")}),
        ({"header": "X_Y", "keys": rsa_key.private_pem}, {}),
    ):
        assert line not in refused(code, environ)
