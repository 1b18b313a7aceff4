"""The composer: raw header in, a principal out, or the one error that says why not."""

import asyncio
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware import ANY, Client, ClientRegistry, Revocations, SharedSecret, Verifier
from jwt_middleware.errors import (
    AuthenticationError,
    BadSignature,
    DuplicateHeader,
    InvalidClaim,
    MalformedToken,
    TokenExpired,
    TokenImmature,
    TokenRevoked,
    TokenTooLarge,
    UnacceptableAlgorithm,
)
from jwt_middleware.events.kinds import Decided
from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import FORMS, SigningKey, byu_claims, mint, ucsd_claims

from ..conftest import Clock, recalled
from ..kit import Events

KeyFor = Callable[..., SigningKey]
ASYMMETRIC = [name for name in ALGORITHMS if not name.startswith("HS")]


def _keys(key: SigningKey) -> Any:
    return SharedSecret(key.secret) if isinstance(key.private, bytes) else key.public_pem


def test_the_ucsd_token_is_accepted_60_seconds_before_its_end_and_refused_1_after(
    rsa_key: SigningKey, clock: Clock
) -> None:
    verifier = Verifier(keys=rsa_key.certificate_pem, leeway=0, clock=clock)
    token = mint(rsa_key, ucsd_claims(), form="wso2-1.9", now=clock.now)
    ends = clock.now + 900

    clock.now = ends - 60
    principal = verifier.verify(token)
    assert principal.subject == "jroe@carbon.super"
    assert principal.expires_at == ends

    clock.now = ends + 1
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_byus_tokens_verify(rsa_key: SigningKey) -> None:
    verifier = Verifier(
        keys=rsa_key.certificate_pem, issuer="https://api.example.edu", api="/echo/v1"
    )
    for owner in (True, False):
        claims = byu_claims(resource_owner=owner, linked_entity=not owner)
        principal = verifier.verify(mint(rsa_key, claims, form="wso2-2.0"))
        assert principal.client_id == "ExampleClientIdOfTwentyEight"


@pytest.mark.parametrize("allowed", ALGORITHMS)
def test_every_algorithm_is_accepted_where_it_is_allowed(allowed: str, key_for: KeyFor) -> None:
    key = key_for(allowed)
    verifier = Verifier(keys=_keys(key), algorithms=[allowed], gateway="standard")

    assert verifier.verify(mint(key, {"sub": "u"}, form="standard")).subject == "u"


@pytest.mark.parametrize("allowed", ASYMMETRIC)
def test_no_algorithm_is_accepted_where_another_is_allowed(allowed: str, key_for: KeyFor) -> None:
    """All keys are trusted here: only the list tells the algorithms apart."""
    keys = [key_for(name).public_pem for name in ("RS256", "ES256", "ES384", "ES512", "EdDSA")]
    keys.append(key_for("Ed448").public_pem)
    verifier = Verifier(keys=keys, algorithms=[allowed], gateway="standard")

    for name in ALGORITHMS:
        if name == allowed:
            continue
        private = key_for("RS256").private if name[:2] in ("RS", "PS") else None
        key = SigningKey(name, private=private) if private else key_for(name)
        with pytest.raises(UnacceptableAlgorithm):
            verifier.verify(mint(key, {}, form="standard"))


@pytest.mark.parametrize("allowed", ["HS256", "HS384", "HS512"])
def test_an_hmac_is_not_accepted_where_another_is_allowed(allowed: str) -> None:
    secret = bytes(range(64))
    verifier = Verifier(keys=SharedSecret(secret), algorithms=[allowed], gateway="standard")

    for name in ("HS256", "HS384", "HS512"):
        token = mint(SigningKey(name, private=secret), {}, form="standard")
        if name == allowed:
            verifier.verify(token)
        else:
            with pytest.raises(UnacceptableAlgorithm):
                verifier.verify(token)


def test_the_alias_of_rs256_is_accepted_with_wso2_1_4_alone(rsa_key: SigningKey) -> None:
    form = FORMS["standard"]._replace(algorithm_name="SHA256withRSA")
    token = mint(rsa_key, {}, form=form)

    Verifier(keys=rsa_key.public_pem, gateway="wso2-1.4").verify(token)
    for gateway in ("wso2", "wso2-3.1", "standard"):
        with pytest.raises(UnacceptableAlgorithm):
            Verifier(keys=rsa_key.public_pem, gateway=gateway).verify(token)


def test_the_alias_needs_its_algorithm_in_the_list(key_for: KeyFor) -> None:
    verifier = Verifier(keys=key_for("ES256").public_pem, gateway="wso2-1.4", algorithms="ES256")

    with pytest.raises(UnacceptableAlgorithm):
        verifier.verify(mint(key_for("RS256"), {}, form="wso2-1.4"))


def test_a_text_exp_is_accepted_with_wso2_3_1_alone(rsa_key: SigningKey) -> None:
    token = mint(rsa_key, {}, form="wso2-3.1")

    Verifier(keys=rsa_key.public_pem, gateway="wso2-3.1").verify(token)
    for gateway in ("wso2", "wso2-1.4"):
        with pytest.raises(InvalidClaim) as refusal:
            Verifier(keys=rsa_key.public_pem, gateway=gateway).verify(token)
        assert (refusal.value.claim, refusal.value.reason) == ("exp", "type")


def test_api_binds_a_token_to_this_api_by_whole_segments(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, api=["/echo", "/orders/1.0/"])

    for context in ("/echo", "/echo/1.0.0", "/orders/1.0", "/orders/1.0/eu"):
        verifier.verify(mint(rsa_key, ucsd_claims(apicontext=context)))
    for context in ("/echo2", "/orders", "/orders/1.01", "/", "", "/t/a/echo"):
        with pytest.raises(InvalidClaim):
            verifier.verify(mint(rsa_key, ucsd_claims(apicontext=context)))
    with pytest.raises(InvalidClaim):
        verifier.verify(mint(rsa_key, {}))


def test_an_audience_that_nobody_configured_is_refused_unless_any(rsa_key: SigningKey) -> None:
    token = mint(rsa_key, {"aud": "another-service"})

    with pytest.raises(InvalidClaim) as refusal:
        Verifier(keys=rsa_key.public_pem).verify(token)
    assert (refusal.value.claim, refusal.value.reason) == ("aud", "unexpected")
    Verifier(keys=rsa_key.public_pem, audience=ANY).verify(token)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_typ_is_a_media_type_in_any_case(rsa_key: SigningKey, typ: str) -> None:
    for configured in ("at+jwt", "application/AT+jwt"):
        verifier = Verifier(keys=rsa_key.public_pem, typ=configured)
        verifier.verify(mint(rsa_key, {}, header={"typ": typ}))


@pytest.mark.parametrize(
    "typ, reason",
    [
        ("JWT", "mismatch"),
        ("at+jwt ", "mismatch"),
        ("", "mismatch"),
        (5, "type"),
        (None, "missing"),
    ],
)
def test_typ_is_required_where_it_is_configured(rsa_key: SigningKey, typ: Any, reason: str) -> None:
    token = mint(rsa_key, {}, header={"typ": typ})

    with pytest.raises(InvalidClaim) as refusal:
        Verifier(keys=rsa_key.public_pem, typ="at+jwt").verify(token)
    assert (refusal.value.claim, refusal.value.reason) == ("typ", reason)
    Verifier(keys=rsa_key.public_pem).verify(token)


def test_max_age_bounds_the_life_of_a_token_without_exp(rsa_key: SigningKey, clock: Clock) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, max_age=60, leeway=5, clock=clock)
    token = mint(rsa_key, {"iat": clock.now * 1000, "exp": (clock.now + 9_000) * 1000})

    assert verifier.verify(token).expires_at == clock.now + 60
    clock.now += 65
    verifier.verify(token)
    clock.now += 1
    with pytest.raises(TokenExpired):
        verifier.verify(token)


def test_a_token_from_the_future_is_refused(rsa_key: SigningKey, clock: Clock) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, clock=clock)

    for claim in ("nbf", "iat"):
        verifier.verify(mint(rsa_key, {claim: clock.now + 30}, now=clock.now))
        with pytest.raises(TokenImmature):
            verifier.verify(mint(rsa_key, {claim: clock.now + 31}, now=clock.now))


def test_client_claim_names_the_client(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, client_claim="app")

    assert verifier.verify(mint(rsa_key, {"app": "a", "client_id": "b"})).client_id == "a"
    assert verifier.verify(mint(rsa_key, {"client_id": "b"})).client_id is None
    with pytest.raises(InvalidClaim):
        verifier.verify(mint(rsa_key, {"app": 5}))


def test_the_kid_of_the_key_is_reported_and_not_the_tokens(rsa_key: SigningKey) -> None:
    token = mint(rsa_key, {}, header={"kid": "claimed"})

    assert Verifier(keys=rsa_key.public_pem).verify(token).key_id is None


def test_authenticate_reads_all_lines_of_the_header(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)
    token = mint(rsa_key, {"sub": "u"})

    assert verifier.authenticate([]) is None
    for line in (token, f" {token}\t", token.encode()):
        principal = verifier.authenticate([line])
        assert principal is not None
        assert principal.subject == "u"
    for lines in ([token, token], [token, ""], [f"{token},{token}"]):
        with pytest.raises(DuplicateHeader):
            verifier.authenticate(lines)
    with pytest.raises(MalformedToken):
        verifier.authenticate([""])


def test_max_token_size_is_looked_at_first(rsa_key: SigningKey) -> None:
    token = mint(rsa_key, {})
    Verifier(keys=rsa_key.public_pem, max_token_size=len(token)).verify(token)

    with pytest.raises(TokenTooLarge):
        Verifier(keys=rsa_key.public_pem, max_token_size=len(token) - 1).verify(token)
    with pytest.raises(TokenTooLarge):
        Verifier(keys=rsa_key.public_pem).verify("." * 16_385)


def test_the_async_methods_say_the_same(rsa_key: SigningKey, other_rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)
    token = mint(rsa_key, {"sub": "u"})

    async def ask() -> None:
        assert (await verifier.verify_async(token)).subject == "u"
        assert await verifier.authenticate_async([]) is None
        with pytest.raises(BadSignature):
            await verifier.verify_async(mint(other_rsa_key, {}))
        with pytest.raises(DuplicateHeader):
            await verifier.authenticate_async([token, token])

    asyncio.run(ask())


def test_every_verdict_is_announced_once_with_its_reference(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    events = Events()
    verifier = Verifier(keys=rsa_key.public_pem, listeners=events.append)
    events.clear()
    verifier.verify(mint(rsa_key, {"sub": "u", "client_id": "c", "jti": "t"}))
    with pytest.raises(AuthenticationError) as refusal:
        verifier.authenticate([mint(other_rsa_key, {"sub": "forged"})])
    with pytest.raises(DuplicateHeader):
        verifier.authenticate(["a", "b"])

    verified = Decided(True, subject="u", client_id="c", token_id="t", cached=False)
    assert events[0]._replace(seconds=None) == verified
    assert events[1] == Decided(
        False,
        code="bad_signature",
        reason=refusal.value.reason,
        reference=refusal.value.reference,
    )
    assert [event.code for event in events] == [None, "bad_signature", "duplicate_header"]


# --- what was verified before ------------------------------------------------------------------


def test_a_text_that_is_too_long_is_not_encoded_to_be_looked_up(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)
    text = "x" * 2_000_000
    tracemalloc.start()
    try:
        assert recalled(verifier, text) is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 100_000


@pytest.mark.parametrize("raw", ["é", 5, None, bytearray(b"x")], ids=repr)
def test_what_can_be_no_kept_token_is_not_recalled(rsa_key: SigningKey, raw: Any) -> None:
    assert recalled(Verifier(keys=rsa_key.public_pem), raw) is None


def test_a_denied_token_is_not_recalled(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, revocations="process-memory")
    token = mint(rsa_key, {"sub": "ana"})
    verifier.verify(token)
    assert recalled(verifier, token) is not None
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(subject="ana"))

    assert recalled(verifier, token) is None
    with pytest.raises(TokenRevoked):
        verifier.verify(token)


def test_a_verifier_is_not_ready_while_its_deny_list_is_unknown(rsa_key: SigningKey) -> None:
    """Port 9 has no Redis."""
    for fail, ready in (("closed", False), ("open", True)):
        revocations = Revocations("redis://127.0.0.1:9/0", fail=fail)
        verifier = Verifier(keys=rsa_key.public_pem, revocations=revocations)

        assert verifier.health()["ready"] is ready
        verifier.close()


def test_a_verifier_is_ready_with_its_keys_and_its_deny_list(rsa_key: SigningKey) -> None:
    verifier = Verifier(keys=rsa_key.public_pem, revocations="process-memory")

    assert verifier.health()["ready"] is True


@pytest.mark.parametrize("with_clients", [False, True], ids=["claims", "registry"])
def test_a_token_that_comes_again_is_not_verified_again_on_a_loop_either(
    rsa_key: SigningKey, with_clients: bool
) -> None:
    events = Events()
    registry = ClientRegistry([Client("acme")]) if with_clients else None
    verifier = Verifier(keys=rsa_key.public_pem, api="/echo", clients=registry, listeners=[events])
    context = {"http://wso2.org/claims/apicontext": "/echo", "client_id": "acme"}
    token = mint(rsa_key, context)

    async def verify() -> None:
        for _ in range(3):
            await verifier.verify_async(token)

    asyncio.run(verify())
    cached = [event.cached for event in events if hasattr(event, "cached")]
    assert cached == [False, True, True]
