"""Options from code, TOML and the environment: who wins, what is refused, what is never echoed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import (
    ANY,
    ConfigurationError,
    InvalidClaim,
    Principal,
    Revocations,
)
from jwt_middleware.middleware.settings import Settings
from jwt_middleware.options.sources import merged_options
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

Write = Callable[..., dict[str, str]]


@pytest.fixture
def pem(rsa_key: SigningKey) -> str:
    return rsa_key.certificate_pem


@pytest.fixture
def toml(tmp_path: Path) -> Write:
    """Write a TOML file and return the environment that names it, with more variables beside."""

    def write(text: str, **variables: str) -> dict[str, str]:
        path = tmp_path / "assertion.toml"
        path.write_text(text, "utf-8")
        more = {f"JWT_MIDDLEWARE_{name.upper()}": value for name, value in variables.items()}
        return {"JWT_MIDDLEWARE_CONFIG": str(path), **more}

    return write


def env(**variables: str) -> dict[str, str]:
    return {f"JWT_MIDDLEWARE_{name.upper()}": value for name, value in variables.items()}


def refused(code: dict[str, Any], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read(code, environ or {})
    return str(caught.value)


def verified(settings: Settings, key: SigningKey, **claims: Any) -> Principal:
    return settings.verifier.verify(mint(key, ucsd_claims() | claims))


# --- precedence ------------------------------------------------------------------------------


def test_code_beats_toml_beats_the_environment(pem: str, toml: Write) -> None:
    environ = toml('header = "X-Toml"', header="X-Environment")

    assert Settings.read({"keys": pem, "header": "X-Code"}, environ).headers == ("X-Code",)
    assert Settings.read({"keys": pem}, environ).headers == ("X-Toml",)
    assert Settings.read({"keys": pem}, env(header="X-Environment")).headers == ("X-Environment",)
    assert Settings.read({"keys": pem}, {}).headers == ("X-JWT-Assertion",)


def test_the_three_sources_are_merged_option_by_option(
    pem: str, toml: Write, rsa_key: SigningKey
) -> None:
    settings = Settings.read({"keys": pem}, toml('header = "X-Toml"', api="/orders"))

    assert settings.headers == ("X-Toml",)
    with pytest.raises(InvalidClaim):
        verified(settings, rsa_key)


def test_other_variables_of_the_environment_are_nobodys_business(pem: str) -> None:
    Settings.read(
        {"keys": pem}, {"PATH": "/bin", "JWT_MIDDLEWAREX": "x", "MY_JWT_MIDDLEWARE_X": ""}
    )


# --- the environment -------------------------------------------------------------------------


def test_everything_needed_can_come_from_the_environment(
    pem: str, tmp_path: Path, rsa_key: SigningKey
) -> None:
    (tmp_path / "gateway.pem").write_text(pem)
    environ = env(
        keys=str(tmp_path / "gateway.pem"),
        issuer="https://a, wso2.org/products/am",
        audience="orders",
        leeway="5",
        max_age="600.5",
        cache_size="0",
        check_certificate_dates="false",
        gateway="wso2",
    )

    settings = Settings.read({}, environ)

    assert settings.optional is False
    principal = verified(settings, rsa_key, aud="orders", iat=int(time.time()))
    assert principal.issuer == "wso2.org/products/am"


def test_keys_of_the_environment_may_be_pem_text(pem: str, rsa_key: SigningKey) -> None:
    settings = Settings.read({}, env(keys=pem))

    assert verified(settings, rsa_key).subject == "jroe@carbon.super"


@pytest.mark.parametrize(
    "name", ["optional", "exempt", "vary", "allow_wso2_default_keys", "minimum_rsa_bits"]
)
@pytest.mark.parametrize("value", ["true", "/who", "1024"])
def test_an_option_that_weakens_is_never_read_from_the_environment(
    name: str, value: str, pem: str
) -> None:
    message = refused({"keys": pem}, env(**{name: value}))

    assert f"JWT_MIDDLEWARE_{name.upper()}" in message
    assert "weakens" in message


@pytest.mark.parametrize("value", ["ANY", "orders,ANY", " ANY "])
def test_any_audience_is_never_read_from_the_environment(value: str, pem: str) -> None:
    assert "ANY" in refused({"keys": pem}, env(audience=value))


def test_a_preflight_that_passes_is_never_read_from_the_environment(pem: str) -> None:
    message = refused({"keys": pem}, env(cors_preflight=" pass "))

    assert "JWT_MIDDLEWARE_CORS_PREFLIGHT" in message
    assert "weakens" in message
    settings = Settings.read({"keys": pem}, env(cors_preflight="refuse"))
    assert settings.passes_preflight is False


@pytest.mark.parametrize("name", ["authorize", "refuse", "listeners", "clock", "verifier"])
def test_what_is_code_is_given_in_code(name: str, pem: str) -> None:
    assert "code" in refused({"keys": pem}, env(**{name: "x"}))


@pytest.mark.parametrize(
    "variable, near",
    [("LEEWEY", "leeway"), ("KEY", "keys"), ("AUDIENCES", "audience"), ("EXEMPTS", "exempt")],
)
def test_an_unknown_variable_names_the_nearest_option(variable: str, near: str, pem: str) -> None:
    message = refused({"keys": pem}, {f"JWT_MIDDLEWARE_{variable}": "1"})

    assert f"JWT_MIDDLEWARE_{variable}" in message
    assert f"'{near}'" in message


@pytest.mark.parametrize("value", ["", "  ", "\t"])
@pytest.mark.parametrize("name", ["keys", "issuer", "audience", "api", "leeway", "header"])
def test_an_empty_variable_is_an_error_never_unset(name: str, value: str, pem: str) -> None:
    assert f"JWT_MIDDLEWARE_{name.upper()}" in refused({"keys": pem}, env(**{name: value}))


@pytest.mark.parametrize("value", [",", "a,", "a,,b"])
def test_an_empty_entry_of_a_list_is_an_error(value: str, pem: str) -> None:
    assert "issuer" in refused({"keys": pem}, env(issuer=value))


@pytest.mark.parametrize(
    "name, value",
    [
        ("leeway", "soon"),
        ("leeway", "nan"),
        ("leeway", "-1"),
        ("max_age", "0"),
        ("cache_size", "4.5"),
        ("max_token_size", "16k"),
        ("check_certificate_dates", "maybe"),
        ("cors_preflight", "yes"),
        ("gateway", "wso3"),
        ("algorithms", "none"),
        ("header", "X JWT"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(name: str, value: str, pem: str) -> None:
    assert name in refused({"keys": pem}, env(**{name: value})).lower()


# --- TOML ------------------------------------------------------------------------------------


def test_a_relative_key_path_is_relative_to_the_toml_file(
    pem: str, toml: Write, tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "gateway.pem").write_text(pem)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    for text in ('keys = "keys/gateway.pem"', 'keys = ["keys/gateway.pem"]',
                 f'keys = "{(tmp_path / "keys/gateway.pem").as_posix()}"'):  # fmt: skip
        assert verified(Settings.read({}, toml(text)), rsa_key).subject == "jroe@carbon.super"


def test_a_relative_key_path_in_code_is_relative_to_the_working_directory(
    pem: str, tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gateway.pem").write_text(pem)
    monkeypatch.chdir(tmp_path)

    settings = Settings.read({"keys": "gateway.pem"}, {})

    assert verified(settings, rsa_key).subject == "jroe@carbon.super"


def test_toml_may_hold_pem_text_and_a_url(pem: str, toml: Write, rsa_key: SigningKey) -> None:
    settings = Settings.read({}, toml(f'keys = """{pem}"""'))
    assert verified(settings, rsa_key).subject == "jroe@carbon.super"

    settings = Settings.read({}, toml('keys = "https://gateway.example.edu/jwks"'))
    assert settings.verifier.health()["sources"][0]["source"] == "https://gateway.example.edu/jwks"


def test_any_audience_is_written_as_text_in_toml(
    pem: str, toml: Write, rsa_key: SigningKey
) -> None:
    settings = Settings.read({"keys": pem}, toml('audience = "ANY"'))

    assert verified(settings, rsa_key, aud="whatever").claims["aud"] == "whatever"


def test_any_in_code_is_the_object_not_the_text(pem: str) -> None:
    assert "ANY" in refused({"keys": pem, "audience": "ANY"})
    Settings.read({"keys": pem, "audience": ANY}, {})


def test_weakening_options_may_stand_in_toml(pem: str, toml: Write) -> None:
    settings = Settings.read({"keys": pem}, toml('optional = ["/a"]\nexempt = ["/b/*"]'))

    assert "/b/c" in settings.exempt
    assert settings.optional is not True
    assert "/a" in settings.optional  # type: ignore[operator]


def test_each_issuer_of_toml_has_its_own_keys(
    toml: Write, tmp_path: Path, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    (tmp_path / "a.pem").write_text(rsa_key.certificate_pem)
    (tmp_path / "b.pem").write_text(other_rsa_key.certificate_pem)
    environ = toml(
        '[[issuers]]\nissuer = "https://a"\nkeys = "a.pem"\naudience = "ANY"\n'
        '[[issuers]]\nissuer = "https://b"\nkeys = "b.pem"\naudience = "orders"\n'
    )

    settings = Settings.read({}, environ)

    assert verified(settings, rsa_key, iss="https://a", aud="x").issuer == "https://a"
    assert verified(settings, other_rsa_key, iss="https://b", aud="orders").issuer == "https://b"
    with pytest.raises(InvalidClaim):
        verified(settings, other_rsa_key, iss="https://b", aud="x")


WRONG_TOML = [
    ("leewey = 3", "'leeway'"),
    ("[jwt_middleware]\nkeys = 'x'", "jwt_middleware"),
    ("keys =", "assertion.toml"),
    ("clock = 'x'", "code"),
    ("verifier = 'x'", "code"),
    ("leeway = 'x'", "leeway"),
    ("optional = 'x'", "optional"),
    ("header = 3", "header"),
    ("audience = ['ANY']", "ANY"),
    ("audience = ''", "audience"),
    ("issuers = 3", "issuers"),
    ("issuers = 'https://a'", "issuers"),
    ("issuers = []", "issuers"),
    ("[issuers]\nissuer = 'https://a'", "issuers"),
    ("[[issuers]]\nkeys = 'x.pem'", "issuer"),
    ("[[issuers]]\nissuer = 'https://a'\nkey = 'x.pem'", "'keys'"),
    ("[[issuers]]\nissuer = 3\nkeys = 'x.pem'", "Issuer"),
    ("keys = ''", "keys"),
    ("keys = []", "keys"),
    ("keys = 'missing.pem'", "missing.pem"),
    ("keys = 3", "keys"),
]


@pytest.mark.parametrize("text, near", WRONG_TOML)
def test_a_wrong_toml_is_a_configuration_error_that_names_the_place(
    text: str, near: str, toml: Write, pem: str
) -> None:
    code = {} if "keys" in text or "issuers" in text else {"keys": pem}

    assert near in refused(code, toml(text))


def test_a_missing_or_unreadable_toml_is_named(tmp_path: Path, pem: str) -> None:
    (tmp_path / "latin.toml").write_bytes(b'header = "\xff"')

    for name, words in (
        ("missing.toml", "JWT_MIDDLEWARE_CONFIG"),
        (".", "JWT_MIDDLEWARE_CONFIG"),
        ("latin.toml", "not valid TOML"),
    ):
        path = str(tmp_path / name)
        told = refused({"keys": pem}, {"JWT_MIDDLEWARE_CONFIG": path})
        assert words in told
        assert path.removesuffix("/.") in told


# --- revocations -----------------------------------------------------------------------------


def test_a_store_may_be_named_by_each_source(pem: str, toml: Write, tmp_path: Path) -> None:
    def named(code: dict[str, Any], environ: dict[str, str]) -> tuple[str, str]:
        verifier = Settings.read({"keys": pem, **code}, environ).verifier
        told = verifier.health()["revocations"]
        verifier.close()
        return told["store"].rpartition("/")[2], told["fail"]

    url = f"sqlite:///{tmp_path}/environment.db"
    plain = 'revocations = "sqlite:///toml.db"'
    table = '[revocations]\nurl = "sqlite:///toml.db"\nfail = "open"\none_time = true'
    own = {"revocations": Revocations(f"sqlite:///{tmp_path}/code.db")}

    assert named({}, env(revocations=url)) == ("environment.db", "closed")
    assert named({}, toml(plain, revocations=url)) == ("toml.db", "closed")
    assert named({}, toml(table)) == ("toml.db", "open")
    assert named(own, toml(table)) == ("code.db", "closed")
    # A relative file starts at the one that names it.
    assert (tmp_path / "toml.db").exists()
    option = merged_options({}, toml(f"{table}\nkeep_for = 600"))["revocations"]
    named_there = Revocations.of(option)
    assert named_there is not None
    assert (named_there.one_time, named_there.keep_for) == (True, 600)


@pytest.mark.parametrize(
    "text, told",
    [
        ("revocations = 5", "a store's URL"),
        ("revocations = []", "a store's URL"),
        ("[revocations]\nfail = 'open'", "a store's URL"),
        ("[revocations]\nurl = 'process-memory'\nonetime = true", "did you mean 'one_time'"),
        ("[revocations]\nurl = 'process-memory'\none_time = 'yes'", "True or False"),
        ("[revocations]\nurl = 'process-memory'\nfail = 'half'", "'closed' or 'open'"),
        ("revocations = 'http://u:hidden@h/'", "the store's URL"),
    ],
)
def test_a_store_that_is_wrong_in_the_file_is_reported_with_its_name(
    text: str, told: str, pem: str, toml: Write
) -> None:
    said = refused({"keys": pem}, toml(text))

    assert "assertion.toml" in said
    assert told in said
    assert "hidden" not in said


def test_tables_stand_for_issuers_and_revocations_in_code_too(pem: str) -> None:
    settings = Settings.read(
        {
            "issuers": [{"issuer": "https://a", "keys": pem, "audience": "x"}],
            "revocations": {"url": "process-memory", "fail": "open"},
        },
        {},
    )

    [issuer] = settings.verifier.issuers
    assert (issuer.policy.issuers, issuer.policy.audiences) == (("https://a",), ("x",))
    assert settings.verifier.revocations is not None
    assert settings.verifier.revocations.fails_open
    assert "audiense" in refused({"issuers": [{"issuer": "a", "keys": pem, "audiense": "x"}]}, {})


def test_of_the_environment_only_what_it_may_hold_is_offered() -> None:
    with pytest.raises(ConfigurationError) as raised:
        merged_options({}, {"JWT_MIDDLEWARE_XYZ": "1"})

    offered = str(raised.value).partition("there are: ")[2].split(", ")
    assert "issuer" in offered
    assert {"authorize", "clock", "exempt", "listeners", "verifier"}.isdisjoint(offered)
