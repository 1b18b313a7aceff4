"""How each gateway speaks, as data: the presets, and the token form that each one reads."""

from dataclasses import FrozenInstanceError, replace
from typing import Any, get_args

import pytest

from jwt_middleware import Gateway, Verifier
from jwt_middleware.errors import AuthenticationError
from jwt_middleware.gateways import PRESETS, Preset
from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.principal import ClaimNames
from jwt_middleware.testing import FORMS, SigningKey, mint

from ..conftest import Clock

SPELLINGS = [name for name in FORMS if name.startswith("wso2-") or name == "standard"]
READ_BY_ALL_WSO2 = set(SPELLINGS) - {"wso2-1.4", "wso2-3.1"}
READ = {
    "wso2": READ_BY_ALL_WSO2,
    "wso2-1.4": READ_BY_ALL_WSO2 | {"wso2-1.4"},
    "wso2-3.1": READ_BY_ALL_WSO2 | {"wso2-3.1"},
    "standard": {"standard"},
}


HEADERS = {
    "wso2": "X-JWT-Assertion",
    "wso2-1.4": "X-JWT-Assertion",
    "wso2-3.1": "X-JWT-Assertion",
    "standard": "X-JWT-Assertion",
    "google-iap": "x-goog-iap-jwt-assertion",
    "cloudflare-access": "Cf-Access-Jwt-Assertion",
    "aws-alb": "x-amzn-oidc-data",
    "aws-verified-access": "x-amzn-ava-user-context",
    "pomerium": "X-Pomerium-Jwt-Assertion",
    "teleport": "Teleport-Jwt-Assertion",
    "oathkeeper": "Authorization",
    "bearer": "Authorization",
}
ALGORITHMS_OF = {
    "wso2": "RS256",
    "wso2-1.4": "RS256",
    "wso2-3.1": "RS256",
    "standard": "RS256 PS256 ES256 EdDSA",
    "google-iap": "ES256",
    "cloudflare-access": "RS256",
    "aws-alb": "ES256",
    "aws-verified-access": "ES384",
    "pomerium": "ES256",
    "teleport": "RS256 ES256",
    "oathkeeper": "RS256 ES256",
    "bearer": "RS256 PS256 ES256 EdDSA",
}


def test_the_presets_are_these_by_name() -> None:
    assert list(PRESETS) == list(HEADERS)
    assert get_args(Preset) == tuple(PRESETS)
    assert all(preset.name == name for name, preset in PRESETS.items())


@pytest.mark.parametrize("form", SPELLINGS)
@pytest.mark.parametrize("preset", READ)
def test_each_preset_reads_its_own_forms_and_no_other(
    preset: str, form: str, rsa_key: SigningKey, clock: Clock
) -> None:
    verifier = Verifier(keys=rsa_key.certificate_pem, gateway=preset, clock=clock)
    token = mint(rsa_key, {"sub": "u"}, form=form, now=clock.now)

    if form in READ[preset]:
        assert verifier.verify(token).expires_at == clock.now + 900
    else:
        with pytest.raises(AuthenticationError):
            verifier.verify(token)


@pytest.mark.parametrize("form", SPELLINGS)
def test_no_preset_reads_an_expired_token_of_any_form(
    form: str, rsa_key: SigningKey, clock: Clock
) -> None:
    token = mint(rsa_key, {}, form=form, now=clock.now, lifetime=-31)

    for preset in READ:
        verifier = Verifier(keys=rsa_key.certificate_pem, gateway=preset, clock=clock)
        with pytest.raises(AuthenticationError):
            verifier.verify(token)


def test_each_preset_reads_its_vendors_header() -> None:
    assert {name: preset.header for name, preset in PRESETS.items()} == HEADERS
    with_scheme = {name for name, preset in PRESETS.items() if preset.writes_scheme}
    assert with_scheme == {name for name, header in HEADERS.items() if header == "Authorization"}


def test_no_preset_allows_hmac_or_none() -> None:
    for preset in PRESETS.values():
        assert preset.algorithms
        assert {ALGORITHMS[name].key_type for name in preset.algorithms} <= {"RSA", "EC", "OKP"}


def test_each_preset_allows_its_vendors_algorithms() -> None:
    allowed = {name: " ".join(preset.algorithms) for name, preset in PRESETS.items()}

    assert allowed == ALGORITHMS_OF


def test_only_wso2_1_4_lists_the_jca_name_of_its_algorithm() -> None:
    aliases = {name: dict(preset.algorithm_aliases) for name, preset in PRESETS.items()}

    assert {name: own for name, own in aliases.items() if own} == {
        "wso2-1.4": {"SHA256withRSA": "RS256"}
    }


def test_only_wso2_3_1_reads_exp_as_text() -> None:
    assert [name for name, preset in PRESETS.items() if preset.wire.text_exp] == ["wso2-3.1"]


def test_only_wso2_and_aws_are_read_in_another_encoding_and_only_wso2_in_milliseconds() -> None:
    for name, preset in PRESETS.items():
        wso2 = name.startswith("wso2")
        assert preset.wire.relaxed_base64 is (wso2 or name.startswith("aws"))
        assert preset.wire.milliseconds is wso2
        assert (preset.context_claim == "http://wso2.org/claims/apicontext") is wso2


@pytest.mark.parametrize("change", [{"name": "x"}, {"algorithms": ("none",)}, {"header": "X"}])
def test_a_gateway_is_frozen(change: dict[str, Any]) -> None:
    (name, value), *_ = change.items()

    with pytest.raises(FrozenInstanceError):
        setattr(PRESETS["wso2"], name, value)
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["wso2"]  # type: ignore[index]


def test_a_gateway_of_ones_own_is_data_too(rsa_key: SigningKey) -> None:
    own = replace(PRESETS["standard"], name="own", names=ClaimNames(subject=("uid",)))
    verifier = Verifier(keys=rsa_key.public_pem, gateway=own)

    assert verifier.verify(mint(rsa_key, {"uid": "u1"}, form="standard")).subject == "u1"


def test_a_gateway_made_from_nothing_is_strict() -> None:
    gateway = Gateway(name="own")

    assert gateway.wire == (False, False, False)
    assert gateway.algorithms == ("RS256",)
    assert dict(gateway.algorithm_aliases) == {}
