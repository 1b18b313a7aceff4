"""Each form's tokens verify under their own preset, and no other takes them, by the same key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import RequestError
from jwt_middleware.gateways import PRESETS
from jwt_middleware.testing import FORMS, LocalGateway, SigningKey

CONTEXT = "/orders/1.0"
OF_PRESET = {str(form.preset): name for name, form in FORMS.items()}
"""A form that each preset reads."""
WSO2 = frozenset({"wso2", "wso2-1.4", "wso2-3.1"})
READ_BY: Mapping[str, frozenset[str]] = {
    # Both say one thing more, which only their own preset takes.
    "wso2-1.4": frozenset({"wso2-1.4"}),
    "wso2-3.1": frozenset({"wso2-3.1"}),
}


def read_by(form: str) -> frozenset[str]:
    """The presets that read a form."""
    own = str(FORMS[form].preset)
    return READ_BY.get(form, WSO2 if own in WSO2 else frozenset({own}))


@cache
def gateway_for(form: str) -> LocalGateway:
    """A gateway as a site would have it: bound to an issuer, an audience or an API context."""
    gateway = FORMS[form].gateway
    own = {"issuer": f"https://{gateway.name}.example.com"}
    if gateway.context_claim is not None:
        own = {"api": CONTEXT}
    elif gateway.issuer is not None:
        own = {}
    return LocalGateway(form, key=key_of(FORMS[form].algorithm), **own)  # type: ignore[arg-type]


@cache
def key_of(algorithm: str) -> SigningKey:
    return SigningKey(algorithm, key_id=f"key-of-{algorithm}")


@cache
def verifier_of(preset: str) -> Verifier:
    """A verifier with a preset's options, which has the keys of all gateways."""
    algorithms = sorted({form.algorithm for form in FORMS.values()})
    local = gateway_for(OF_PRESET[preset])
    local.publish_at("https://keys.example.com")
    keys = {"keys": [key_of(algorithm).jwk() for algorithm in algorithms]}
    return Verifier(**local.verifier_options | {"gateway": preset, "keys": keys})


CASES = [
    (form, kind)
    for form in FORMS
    for kind in ("person", "service")[: 1 + (FORMS[form].service is not None)]
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("form, kind", CASES)
def test_a_form_is_read_by_its_own_preset_alone(form: str, kind: str, preset: str) -> None:
    local = gateway_for(form)
    token = local.assertion(**{"user" if kind == "person" else "service": "ana"})
    verifier = verifier_of(preset)

    if preset in read_by(form):
        assert verifier.verify(token).kind == kind
    else:
        with pytest.raises(RequestError):
            verifier.verify(token)
