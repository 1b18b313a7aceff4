"""Samples: each fault is refused by the check that it is named after, in every form."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from jwt_middleware import ConfigurationError, RequestError, Verifier
from jwt_middleware.keys.sources import PEM
from jwt_middleware.testing import FORMS, SigningKey, sample_accounts
from jwt_middleware.tools.demo.samples import FAULTS, Sample, sample

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


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey()


@pytest.fixture(scope="module", autouse=True)
def _keys_read_once() -> Iterator[None]:
    """A sample is signed by a key that is read for it, which takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SigningKey, "from_pem", functools.cache(SigningKey.from_pem))
        yield


def code_of(key: SigningKey, asked: Sample) -> str:
    preset = FORMS[asked.form].preset
    options = {} if preset == "standard" else {"api": API}
    verifier = Verifier(
        keys=PEM(key.certificate_pem),
        gateway=preset,
        clients=ACCOUNTS.registry,
        **options,  # type: ignore[arg-type]
    )
    try:
        verifier.verify(sample(asked, ACCOUNTS, key, API))
    except RequestError as error:
        return error.code
    return "accepted"


@pytest.mark.parametrize("form", [name for name in FORMS if name != "standard"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_refused_by_its_own_check(key: SigningKey, fault: str, form: str) -> None:
    code = CODES[fault]
    if (form, fault) == ("wso2-4.2-kid", "unknown-key"):
        code = "bad_signature"  # a PEM has no kid, so that a token's own tells nothing
    assert code_of(key, Sample("acme_corp", None, form, fault)) == code


@pytest.mark.parametrize("fault", ["none", "expired", "changed", "forged", "algorithm"])
def test_standard_tokens_have_the_same_faults(key: SigningKey, fault: str) -> None:
    assert code_of(key, Sample("acme_corp", "jroe", "standard", fault)) == CODES[fault]


@pytest.mark.parametrize(
    "asked",
    [
        Sample("nobody"),
        Sample("acme_corp", "nobody"),
        Sample("acme_corp", None, "wso2-9"),
        Sample("acme_corp", None, "wso2-4.2", "odd"),
    ],
)
def test_what_there_is_not_is_reported_with_what_there_is(key: SigningKey, asked: Sample) -> None:
    with pytest.raises(ConfigurationError, match="there are: "):
        sample(asked, ACCOUNTS, key, API)
