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


def test_the_presets_are_these_by_name() -> None:
    assert list(PRESETS) == ["wso2", "wso2-1.4", "wso2-3.1", "standard"]
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

    for preset in PRESETS:
        verifier = Verifier(keys=rsa_key.certificate_pem, gateway=preset, clock=clock)
        with pytest.raises(AuthenticationError):
            verifier.verify(token)


def test_every_preset_reads_the_same_header_without_a_prefix() -> None:
    assert {preset.header for preset in PRESETS.values()} == {"X-JWT-Assertion"}


def test_no_preset_allows_hmac_or_none() -> None:
    for preset in PRESETS.values():
        assert preset.algorithms
        assert {ALGORITHMS[name].key_type for name in preset.algorithms} <= {"RSA", "EC", "OKP"}


def test_wso2_presets_allow_rs256_alone() -> None:
    for name in ("wso2", "wso2-1.4", "wso2-3.1"):
        assert PRESETS[name].algorithms == ("RS256",)
    assert PRESETS["standard"].algorithms == ("RS256", "PS256", "ES256", "EdDSA")


def test_only_wso2_1_4_lists_the_jca_name_of_its_algorithm() -> None:
    aliases = {name: dict(preset.algorithm_aliases) for name, preset in PRESETS.items()}

    assert aliases == {
        "wso2": {},
        "wso2-1.4": {"SHA256withRSA": "RS256"},
        "wso2-3.1": {},
        "standard": {},
    }


def test_only_wso2_3_1_reads_exp_as_text() -> None:
    assert [name for name, preset in PRESETS.items() if preset.wire.text_exp] == ["wso2-3.1"]


def test_the_presets_differ_by_encoding_and_units_only_where_they_are_wso2() -> None:
    for name, preset in PRESETS.items():
        wso2 = name != "standard"
        assert preset.wire.relaxed_base64 is wso2
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
