"""A source's keys, less those that the rules refuse."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from jwt_middleware.errors import ConfigurationError
from jwt_middleware.events.kinds import KeySkipped, KeysLoaded, KeyWarning
from jwt_middleware.keys.algorithms import ALGORITHMS
from jwt_middleware.keys.key import WSO2_DEFAULT_KEYS, Key, KeyRules
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.keys.option import key_source
from jwt_middleware.keys.sources import PEM, KeySource
from jwt_middleware.keys.trusted import TrustedKeys
from jwt_middleware.testing import SigningKey

from ..conftest import Clock
from ..kit import Events

KeyFor = Callable[..., SigningKey]


class Trusting:
    """Builds ``TrustedKeys`` and hears its events."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events = Events()

    def __call__(self, keys: Any, *algorithms: str, **rules: Any) -> TrustedKeys:
        source = keys if isinstance(keys, KeySource) else key_source(keys)
        chosen = tuple(ALGORITHMS[name] for name in algorithms or ("RS256",))
        return TrustedKeys(source, KeyRules(**rules), chosen, self.events, self.clock)

    def of(self, kind: type) -> list[Any]:
        return self.events.of(kind)


@pytest.fixture
def trust(clock: Clock) -> Trusting:
    return Trusting(clock)


class Changing(KeySource):
    """A source whose keys a test replaces."""

    name = "changing"

    def __init__(self) -> None:
        self.keys: KeySet | None = None

    def snapshot(self) -> KeySet | None:
        return self.keys


@pytest.fixture(scope="module")
def weak_key() -> SigningKey:
    return SigningKey("RS256", bits=1024)


@pytest.fixture
def default_key(rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> SigningKey:
    """The test key, listed as if WSO2 shipped it."""
    spki = Key(rsa_key.private.public_key()).spki
    table = {**WSO2_DEFAULT_KEYS, spki: "9.9.9"}
    monkeypatch.setattr("jwt_middleware.keys.key.WSO2_DEFAULT_KEYS", table)
    return rsa_key


def test_good_keys_are_announced_once(trust: Trusting, rsa_key: SigningKey) -> None:
    trusted = trust({"keys": [rsa_key.jwk(kid="k")]})

    assert trusted.current() is trusted.current()
    assert trust.of(KeysLoaded) == [KeysLoaded("JWKS dict", 1, ("k",))]


def test_a_source_without_keys_yet_is_no_error(trust: Trusting, rsa_key: SigningKey) -> None:
    source = Changing()
    trusted = trust(source)
    assert trusted.current() is None

    source.keys = PEM(rsa_key.public_pem).snapshot()
    assert len(trusted.current() or ()) == 1


def test_a_key_gone_from_the_source_is_trusted_no_more(
    trust: Trusting, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    source = Changing()
    trusted = trust(source)
    source.keys = PEM(rsa_key.public_pem + other_rsa_key.public_pem).snapshot()
    before = trusted.current()
    source.keys = PEM(other_rsa_key.public_pem).snapshot()
    after = trusted.current()

    assert [len(each or ()) for each in (before, after)] == [2, 1]


def test_a_newer_set_without_one_admitted_key_does_not_replace_the_good_one(
    trust: Trusting, rsa_key: SigningKey, weak_key: SigningKey
) -> None:
    """An answer with nothing usable in it is as good as empty."""
    source = Changing()
    trusted = trust(source)
    source.keys = PEM(rsa_key.public_pem).snapshot()
    good = trusted.current()
    source.keys = PEM(weak_key.public_pem).snapshot()

    assert trusted.current() is good
    assert trust.of(KeySkipped)


def test_a_look_that_was_overtaken_by_another_thread_brings_no_old_keys_back(
    trust: Trusting, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    class Overtaken(Changing):
        late: KeySet | None = None

        def snapshot(self) -> KeySet | None:
            late, self.late = self.late, None
            return late or self.keys

    source = Overtaken()
    trusted = trust(source)
    before = source.keys = PEM(rsa_key.public_pem).snapshot()
    trusted.current()
    source.keys = PEM(other_rsa_key.public_pem).snapshot()
    newest = trusted.current()
    source.late = before  # what a slower thread had read

    assert trusted.current() is newest


def test_minimum_rsa_bits_may_be_lowered_by_name(trust: Trusting, weak_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="minimum_rsa_bits"):
        trust(weak_key.public_pem)

    assert len(trust(weak_key.public_pem, minimum_rsa_bits=1024).current() or ()) == 1


def test_weak_keys_are_skipped_with_an_event_and_the_good_ones_work(
    trust: Trusting, rsa_key: SigningKey, weak_key: SigningKey
) -> None:
    trusted = trust({"keys": [weak_key.jwk(kid="weak"), None, rsa_key.jwk(kid="good")]})

    assert (trusted.current() or KeySet(())).key_ids == ("good",)
    assert {event.key_id for event in trust.of(KeySkipped)} == {"weak", None}


def test_a_private_key_is_announced_as_a_warning(trust: Trusting, rsa_key: SigningKey) -> None:
    trust(rsa_key.private_pem)

    assert ["private" in event.reason for event in trust.of(KeyWarning)] == [True]


def _forms(key: SigningKey) -> dict[str, Any]:
    return {
        "spki": key.public_pem,
        "certificate": key.certificate_pem,
        "private": key.private_pem,
        "jwks": {"keys": [key.jwk(kid="own-name")]},
    }


@pytest.mark.parametrize("form", ["spki", "certificate", "private", "jwks"])
def test_a_wso2_default_key_is_refused_at_start_up_in_whatever_envelope(
    trust: Trusting, default_key: SigningKey, form: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"default key of WSO2 API Manager 9\.9\.9"):
        trust(_forms(default_key)[form])


def test_a_wso2_default_key_among_good_ones_is_refused_all_the_same(
    trust: Trusting, default_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    with pytest.raises(ConfigurationError, match="default key"):
        trust([other_rsa_key.public_pem, default_key.certificate_pem])


def test_a_wso2_default_key_beside_a_key_url_is_refused_at_start_up_too(
    trust: Trusting, default_key: SigningKey
) -> None:
    with pytest.raises(ConfigurationError, match="default key"):
        trust([default_key.certificate_pem, "https://gateway.example.edu/jwks"])


def test_a_wso2_default_key_that_comes_later_is_skipped_with_an_event(
    trust: Trusting, default_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    source = Changing()
    trusted = trust(source)
    source.keys = PEM(default_key.public_pem + other_rsa_key.public_pem).snapshot()

    assert len(trusted.current() or ()) == 1
    assert ["default key" in event.reason for event in trust.of(KeySkipped)] == [True]


def test_allowing_wso2_default_keys_warns_loudly(trust: Trusting, default_key: SigningKey) -> None:
    trusted = trust(default_key.public_pem, allow_wso2_default_keys=True)

    assert len(trusted.current() or ()) == 1
    (warning,) = trust.of(KeyWarning)
    assert "ANYBODY CAN SIGN" in warning.reason
    assert "allow_wso2_default_keys" in warning.reason


def test_the_shipped_table_holds_sha_256_fingerprints() -> None:
    assert len(WSO2_DEFAULT_KEYS) >= 8
    for fingerprint, version in WSO2_DEFAULT_KEYS.items():
        assert len(bytes.fromhex(fingerprint)) == 32
        assert version


def _dated(key: SigningKey, clock: Clock, begins: int, days: int) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    moment = datetime.datetime.fromtimestamp(clock.now, datetime.UTC)
    certificate = key.certify(moment + datetime.timedelta(days=begins), days)
    return certificate.public_bytes(Encoding.PEM).decode()


def _serves(trusted: TrustedKeys, now: float) -> bool:
    keys = trusted.current() or KeySet(())
    return not isinstance(keys.select(ALGORITHMS["RS256"], {}, trusted.dated_at(now)), str)


@pytest.mark.parametrize("begins, days", [(-10, 5), (5, 5)], ids=["ended", "not-begun"])
def test_a_certificate_outside_its_dates_warns_and_serves_by_default(
    trust: Trusting, rsa_key: SigningKey, clock: Clock, begins: int, days: int
) -> None:
    """Pinned keys outlive their certificates at real sites."""
    trusted = trust(_dated(rsa_key, clock, begins, days))

    assert ["certificate is valid from" in e.reason for e in trust.of(KeyWarning)] == [True]
    assert _serves(trusted, clock.now)


def test_a_certificate_inside_its_dates_warns_of_nothing(
    trust: Trusting, rsa_key: SigningKey, clock: Clock
) -> None:
    trust(_dated(rsa_key, clock, -1, 5))

    assert trust.of(KeyWarning) == []


def test_with_dates_enforced_a_certificate_counts_to_the_second(
    trust: Trusting, rsa_key: SigningKey, clock: Clock
) -> None:
    trusted = trust(_dated(rsa_key, clock, 0, 5), check_certificate_dates=True)
    begins, ends = clock.now, clock.now + 5 * 86_400

    for now, serves in ((begins - 1, False), (begins, True), (ends, True), (ends + 1, False)):
        assert _serves(trusted, now) is serves


@pytest.mark.parametrize("order", [1, -1], ids=["old-first", "new-first"])
def test_with_dates_enforced_a_renewed_certificate_of_the_same_key_serves(
    trust: Trusting, rsa_key: SigningKey, clock: Clock, order: int
) -> None:
    both = [_dated(rsa_key, clock, -10, 5), _dated(rsa_key, clock, -1, 5)]
    trusted = trust("".join(both[::order]), check_certificate_dates=True)

    assert _serves(trusted, clock.now)


def test_with_dates_enforced_a_source_of_dead_certificates_alone_is_refused_at_start_up(
    trust: Trusting, rsa_key: SigningKey, clock: Clock
) -> None:
    with pytest.raises(ConfigurationError, match="outside its dates"):
        trust(_dated(rsa_key, clock, -10, 5), check_certificate_dates=True)


def test_with_dates_enforced_a_key_without_a_certificate_serves(
    trust: Trusting, rsa_key: SigningKey, clock: Clock
) -> None:
    trusted = trust(rsa_key.public_pem, check_certificate_dates=True)

    assert _serves(trusted, clock.now)


def test_a_secret_beside_public_keys_is_refused_at_start_up(
    trust: Trusting, rsa_key: SigningKey, key_for: KeyFor
) -> None:
    both = {"keys": [rsa_key.jwk(), key_for("HS256").jwk()]}

    for algorithm in ("RS256", "HS256"):
        with pytest.raises(ConfigurationError, match="secret"):
            trust(both, algorithm)


@pytest.mark.parametrize("name, size", [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_secret_shorter_than_the_hash_is_refused_at_start_up(
    trust: Trusting, name: str, size: int
) -> None:
    trust(_oct(size), name)
    with pytest.raises(ConfigurationError):
        trust(_oct(size - 1), name)


def test_a_secret_serves_every_configured_hmac_or_the_configuration_is_refused(
    trust: Trusting,
) -> None:
    with pytest.raises(ConfigurationError, match="HS512"):
        trust(_oct(32), "HS256", "HS512")


def _oct(size: int) -> dict[str, Any]:
    return SigningKey("HS256", private=bytes(range(size))).jwks()


@pytest.mark.parametrize(
    "key, algorithm, hint",
    [("RS256", "ES256", "RS256"), ("ES384", "RS256", "ES"), ("RS256", "HS256", "RS256")],
)
def test_keys_that_fit_no_configured_algorithm_are_refused_with_the_remedy(
    trust: Trusting, key_for: KeyFor, key: str, algorithm: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"algorithms=.*{hint}"):
        trust(key_for(key).public_pem, algorithm)


def test_the_remedy_for_keys_that_fit_no_algorithm_does_work(
    trust: Trusting, key_for: KeyFor
) -> None:
    """The error of a P-384 key must not advise ES256, which it cannot serve either."""
    with pytest.raises(ConfigurationError) as fault:
        trust(key_for("ES384").public_pem, "RS256")

    advised = str(fault.value).rpartition("algorithms=")[2]
    assert "ES384" in advised
    assert "ES256" not in advised
