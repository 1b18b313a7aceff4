"""Options that are unknown, wrong or empty fail when the verifier is made, with the mend."""

from typing import Any

import pytest

from jwt_middleware import ANY, Issuer, SharedSecret, Verifier
from jwt_middleware.errors import ConfigurationError
from jwt_middleware.events.kinds import ConfigurationWarning
from jwt_middleware.testing import SigningKey, mint

from ..kit import Events

SECRET = "zeta-" * 13
URL = "https://gateway.example.edu/jwks"


@pytest.mark.parametrize(
    "wrong, right",
    [
        ("key", "keys"),
        ("algorithm", "algorithms"),
        ("issuer_", "issuer"),
        ("audiences", "audience"),
        ("leway", "leeway"),
        ("maxage", "max_age"),
        ("minimum_rsa_bit", "minimum_rsa_bits"),
        ("allow_default_wso2_keys", "allow_wso2_default_keys"),
        ("listener", "listeners"),
    ],
)
def test_an_unknown_option_names_the_nearest_one(
    rsa_key: SigningKey, wrong: str, right: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"{wrong}.*did you mean '{right}'"):
        Verifier(keys=rsa_key.public_pem, **{wrong: 1})  # type: ignore[misc]


def test_an_unknown_option_without_a_near_one_lists_them_and_echoes_no_value(
    rsa_key: SigningKey,
) -> None:
    with pytest.raises(ConfigurationError, match="algorithms") as fault:
        Verifier(keys=rsa_key.public_pem, xyzzy=SECRET)  # type: ignore[call-arg]
    assert "zeta" not in str(fault.value)


def test_a_leeway_is_an_hour_at_the_most(rsa_key: SigningKey) -> None:
    Verifier(keys=rsa_key.public_pem, leeway=3600)
    with pytest.raises(ConfigurationError, match="leeway: 3600 at the most"):
        Verifier(keys=rsa_key.public_pem, leeway=3601)


@pytest.mark.parametrize("name", ["algorithms", "issuer", "audience", "api"])
@pytest.mark.parametrize("value", ["", [], (), [""], ["a", ""], [None], {}, 5, [5]], ids=repr)
def test_an_empty_or_wrong_list_is_an_error_and_never_means_unset(
    rsa_key: SigningKey, name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Verifier(keys=rsa_key.public_pem, **{name: value})


async def async_listener(event: object) -> None: ...


WRONG: list[tuple[str, Any]] = [
    ("keys", None),
    ("keys", ""),
    ("keys", []),
    ("gateway", ""),
    ("gateway", "wso3"),
    ("gateway", 5),
    ("typ", ""),
    ("typ", 5),
    ("typ", ["JWT"]),
    ("client_claim", ""),
    ("client_claim", 5),
    ("leeway", -1),
    ("leeway", None),
    ("leeway", "30"),
    ("leeway", True),
    ("leeway", float("nan")),
    ("leeway", float("inf")),
    ("max_age", 0),
    ("max_age", -5),
    ("max_age", "60"),
    ("max_age", True),
    ("max_age", float("inf")),
    ("cache_size", -1),
    ("cache_size", 1.5),
    ("cache_size", None),
    ("cache_size", True),
    ("max_token_size", 0),
    ("max_token_size", 63),
    ("max_token_size", "16384"),
    ("minimum_rsa_bits", 1023),
    ("minimum_rsa_bits", 0),
    ("minimum_rsa_bits", None),
    ("minimum_rsa_bits", True),
    ("allow_wso2_default_keys", "yes"),
    ("allow_wso2_default_keys", 1),
    ("allow_wso2_default_keys", None),
    ("check_certificate_dates", "no"),
    ("check_certificate_dates", 0),
    ("issuers", []),
    ("issuers", "https://a"),
    ("issuers", [{"issuer": "https://a"}]),
    ("listeners", [5]),
    ("listeners", 5),
    ("listeners", [async_listener]),
    ("clock", 5),
    ("api", "/"),
    ("api", "orders"),
    ("api", "//orders"),
    ("audience", "ANY"),
]


@pytest.mark.parametrize("name, value", WRONG)
def test_a_wrong_value_is_a_configuration_error_that_names_its_option(
    rsa_key: SigningKey, name: str, value: Any
) -> None:
    options = {"keys": rsa_key.public_pem, name: value}
    if name == "issuers":
        del options["keys"]

    with pytest.raises(ConfigurationError, match=rf"\b{name}\b"):
        Verifier(**options)


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE"])
def test_alg_none_cannot_be_configured_in_any_spelling(rsa_key: SigningKey, name: str) -> None:
    for algorithms in (name, [name], ["RS256", name]):
        with pytest.raises(ConfigurationError, match="never accepted"):
            Verifier(keys=rsa_key.public_pem, algorithms=algorithms)


@pytest.mark.parametrize("name", ["rs256", "RS1", "ES256K", "RSA-OAEP", "SHA256withRSA", " RS256"])
def test_an_algorithm_is_an_exact_name(rsa_key: SigningKey, name: str) -> None:
    with pytest.raises(ConfigurationError):
        Verifier(keys=rsa_key.public_pem, algorithms=[name])


def test_hmac_beside_asymmetric_algorithms_of_one_issuer_is_refused(rsa_key: SigningKey) -> None:
    for keys in (rsa_key.public_pem, SharedSecret(SECRET), URL):
        with pytest.raises(ConfigurationError, match=r"HS\*"):
            Verifier(keys=keys, algorithms=["RS256", "HS256"])


@pytest.mark.parametrize("algorithm", ["RS256", "HS256"])
def test_a_secret_beside_public_keys_of_one_issuer_is_refused(
    rsa_key: SigningKey, algorithm: str
) -> None:
    for other in (rsa_key.public_pem, rsa_key.jwks(), URL):
        with pytest.raises(ConfigurationError):
            Verifier(keys=[SharedSecret(SECRET), other], algorithms=[algorithm])


def test_hmac_over_published_keys_is_refused(rsa_key: SigningKey) -> None:
    for keys in (URL, rsa_key.public_pem, rsa_key.jwks(), rsa_key.certificate_pem):
        with pytest.raises(ConfigurationError):
            Verifier(keys=keys, algorithms=["HS256"])


def test_rs_hs_confusion_a_public_key_as_a_secret_is_refused(rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="not a secret"):
        Verifier(keys=SharedSecret(rsa_key.public_pem), algorithms=["HS256"])


def test_keys_are_required() -> None:
    with pytest.raises(ConfigurationError, match="keys"):
        Verifier()


def test_several_issuers_with_several_key_sources_are_refused_in_the_flat_form(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    keys = [rsa_key.public_pem, other_rsa_key.public_pem]

    with pytest.raises(ConfigurationError, match="issuers="):
        Verifier(keys=keys, issuer=["https://a", "https://b"])
    Verifier(keys=keys, issuer="https://a")
    Verifier(keys=keys[0], issuer=["https://a", "https://b"])


@pytest.mark.parametrize(
    "name, value",
    [("keys", "x.pem"), ("issuer", "https://a"), ("audience", ANY), ("algorithms", ["RS256"])],
)
def test_issuers_stands_alone(rsa_key: SigningKey, name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Verifier(issuers=[Issuer("https://a", keys=rsa_key.public_pem)], **{name: value})


def test_each_issuer_is_listed_once_and_has_keys(rsa_key: SigningKey) -> None:
    one = Issuer("https://a", keys=rsa_key.public_pem)

    with pytest.raises(ConfigurationError, match="twice"):
        Verifier(issuers=[one, one])
    with pytest.raises(ConfigurationError, match="https://a: keys: missing"):
        Verifier(issuers=[Issuer("https://a")])


def test_an_issuer_without_a_name_does_not_become_every_issuer(rsa_key: SigningKey) -> None:
    """As of ``Issuer(os.environ.get("ISSUER"), ...)`` where the variable is not set."""
    for others in ([], [Issuer("https://a", keys=rsa_key.public_pem)]):
        with pytest.raises(ConfigurationError, match="Issuer"):
            Verifier(issuers=[Issuer(None, keys=rsa_key.public_pem), *others])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": ""},
        {"issuer": 5},
        {"audience": ""},
        {"audience": []},
        {"algorithms": []},
        {"algorithms": ["none"]},
        {"algorithms": ["RS256", "HS256"]},
        {"keys": []},
        {"gateway": ""},
        {"gateway": "wso3"},
    ],
    ids=str,
)
def test_the_members_of_an_issuer_are_checked_like_the_options(
    rsa_key: SigningKey, members: dict[str, Any]
) -> None:
    options = {"issuer": "https://a", "keys": rsa_key.public_pem, **members}

    with pytest.raises(ConfigurationError):
        Verifier(issuers=[Issuer(**options)])


def test_api_needs_a_gateway_that_sends_a_context(rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="audience="):
        Verifier(keys=rsa_key.public_pem, gateway="standard", api="/orders")


def test_without_api_a_wso2_preset_warns_once_and_others_do_not(rsa_key: SigningKey) -> None:
    def warnings(**options: Any) -> int:
        events = Events()
        Verifier(keys=rsa_key.public_pem, listeners=[events], **options)
        return len(events.of(ConfigurationWarning))

    assert warnings() == 1
    assert warnings(api="/orders") == 0
    assert warnings(gateway="standard") == 0


def test_no_error_and_no_repr_echoes_a_secret(rsa_key: SigningKey) -> None:
    secret = SharedSecret(SECRET)
    for options in (
        {"keys": secret},
        {"keys": secret, "algorithms": ["RS256"]},
        {"keys": secret, "algorithms": ["HS256", "HS512"], "leeway": -1},
        {"keys": SharedSecret("zeta"), "algorithms": ["HS256"]},
        {"keys": [secret, rsa_key.public_pem], "algorithms": ["HS256"]},
        {"keys": SECRET, "algorithms": ["HS256"]},
        {"keys": "https://user:zeta@gateway.example.edu/jwks"},
        {"keys": "https://user:zeta@gateway.example.edu:port/jwks"},
        {"keys": {"keys": [{"kty": "oct", "k": "zeta zeta"}]}, "algorithms": ["HS256"]},
        {"issuers": [Issuer("https://a", keys=secret)]},
        {"issuers": [Issuer("https://a", keys=SECRET)] * 2},
        {"issuers": [SECRET, secret]},
    ):
        with pytest.raises(ConfigurationError) as fault:
            Verifier(**options)  # type: ignore[arg-type]
        assert "zeta" not in str(fault.value)
    assert "zeta" not in repr(Issuer("https://a", keys=SECRET))
    assert "zeta" not in repr(Verifier(keys=secret, algorithms=["HS256"]))


def test_1024_bit_keys_serve_only_where_they_are_allowed_by_name() -> None:
    weak = SigningKey(bits=1024)
    token = mint(weak, {})

    with pytest.raises(ConfigurationError, match="minimum_rsa_bits"):
        Verifier(keys=weak.public_pem)
    Verifier(keys=weak.public_pem, minimum_rsa_bits=1024).verify(token)
