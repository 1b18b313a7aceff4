"""Samples: each fault is refused by the check that it is named after, in every form."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jwt_middleware import ConfigurationError, RequestError, Verifier
from jwt_middleware.keys.sources import PEM
from jwt_middleware.testing import FORMS, LocalGateway, SigningKey, sample_accounts
from jwt_middleware.tools.demo.samples import FAULTS, Sample, sample
from jwt_middleware.tools.explain import inspect

ACCOUNTS = sample_accounts()
API = "/echo/1.0.0"
CODES = {
    "none": "accepted",
    "expired": "token_expired",
    "not-yet": "token_immature",
    "another-api": "invalid_claim",
    "changed": "bad_signature",
    "forged": "bad_signature",
    "unknown-key": "unknown_key",
    "algorithm": "unacceptable_algorithm",
    "unknown-client": "unknown_client",
    "cut": "malformed_token",
}


SPELLINGS = [name for name in FORMS if name.startswith("wso2-")]
VENDORS = [name for name in FORMS if name not in (*SPELLINGS, "standard")]


@pytest.fixture(scope="module")
def local() -> LocalGateway:
    return LocalGateway(api=API, clients=ACCOUNTS.registry)


@pytest.fixture(scope="module", autouse=True)
def _keys_read_once() -> Iterator[None]:
    """A sample is signed by a key that is read for it, which takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SigningKey, "from_pem", functools.cache(SigningKey.from_pem))
        yield


def code_of(local: LocalGateway, asked: Sample) -> str:
    preset = FORMS[asked.form].preset
    options: dict[str, Any] = {} if preset == "standard" else {"api": API}
    verifier = Verifier(
        keys=PEM(local.key.certificate_pem),
        gateway=str(preset),  # type: ignore[arg-type]
        clients=ACCOUNTS.registry,
        **options,
    )
    return _code(verifier, sample(asked, ACCOUNTS, local, API))


def _code(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
    except RequestError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize("form", SPELLINGS)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_refused_by_its_own_check(local: LocalGateway, fault: str, form: str) -> None:
    code = CODES[fault]
    if (form, fault) == ("wso2-4.2-kid", "unknown-key"):
        code = "bad_signature"  # a PEM has no kid, so that a token's own tells nothing
    assert code_of(local, Sample("acme_corp", None, form, fault)) == code


@pytest.mark.parametrize("fault", ["none", "expired", "changed", "forged", "algorithm"])
def test_standard_tokens_have_the_same_faults(local: LocalGateway, fault: str) -> None:
    assert code_of(local, Sample("acme_corp", "jroe", "standard", fault)) == CODES[fault]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Callable[[str], tuple[LocalGateway, Verifier]]]:
    """A gateway of each vendor's form, and what verifies its tokens by its published keys."""
    with ExitStack() as stack:

        @functools.cache
        def make(form: str) -> tuple[LocalGateway, Verifier]:
            gateway = stack.enter_context(LocalGateway(form, clients=ACCOUNTS.registry))
            options = gateway.verifier_options
            options.pop("clients")
            return gateway, Verifier(**options)

        yield make


@pytest.mark.parametrize("form", VENDORS)
@pytest.mark.parametrize("fault", [name for name in FAULTS if name != "unknown-client"])
def test_each_vendor_s_samples_have_the_same_faults(
    vendors: Callable[[str], tuple[LocalGateway, Verifier]], fault: str, form: str
) -> None:
    gateway, verifier = vendors(form)
    code = CODES[fault]
    if fault == "unknown-key" and not gateway.form.names_keys:
        code = "bad_signature"  # no key has a kid, so that a token's own tells nothing
    for user in ("jroe", None):
        asked = Sample("acme_corp", user, form, fault)
        assert _code(verifier, sample(asked, ACCOUNTS, gateway, API)) == code


def test_a_vendor_s_sample_of_an_unknown_client_is_one_where_tokens_name_clients(
    vendors: Callable[[str], tuple[LocalGateway, Verifier]],
) -> None:
    asked = Sample("acme_corp", "jroe", "bearer", "unknown-client")
    gateway, _ = vendors("bearer")
    verifier = Verifier(**gateway.verifier_options)
    assert _code(verifier, sample(asked, ACCOUNTS, gateway, API)) == "unknown_client"
    verifier.close()

    gateway, _ = vendors("pomerium")
    with pytest.raises(ValueError, match="name no client"):
        sample(asked._replace(form="pomerium"), ACCOUNTS, gateway, API)


def test_a_sample_in_another_gateway_s_form_is_signed_by_a_key_of_its_algorithm(
    local: LocalGateway,
) -> None:
    token = sample(Sample("acme_corp", "jroe", "aws-verified-access"), ACCOUNTS, local, API)

    assert inspect(token, None, 0).facts["algorithm"] == "ES384"
    assert inspect(token, None, 0).facts["gateway"] == "AWS Verified Access"


@pytest.mark.parametrize(
    "asked",
    [
        Sample("nobody"),
        Sample("acme_corp", "nobody"),
        Sample("acme_corp", None, "wso2-9"),
        Sample("acme_corp", None, "wso2-4.2", "odd"),
    ],
)
def test_what_there_is_not_is_reported_with_what_there_is(
    local: LocalGateway, asked: Sample
) -> None:
    with pytest.raises(ConfigurationError, match="there are: "):
        sample(asked, ACCOUNTS, local, API)
