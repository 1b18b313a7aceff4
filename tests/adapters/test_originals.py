"""The assertion of the caller before the caller, at every door: in full, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import (
    ANY,
    Client,
    ClientRegistry,
    Issuer,
    Original,
    RequestView,
    Revocations,
    Verifier,
    client,
    has_role,
    original,
    path_param,
)
from jwt_middleware.errors import (
    ConfigurationError,
    InvalidOriginal,
    KeysUnavailable,
    PermissionDenied,
)
from jwt_middleware.middleware.middleware import Middleware
from jwt_middleware.principal import Principal, acting_caller
from jwt_middleware.revocation import Denial
from jwt_middleware.testing import SigningKey, byu_claims, mint
from jwt_middleware.testing.samples import wso2_claims

from ..kit import Events
from .apps import DOORS, Door

HEADER = "X-JWT-Assertion"
SECOND = "X-JWT-Assertion-Original"
PORTAL = client("portal")


def options(key: SigningKey, **changes: Any) -> dict[str, Any]:
    option = Original(header=SECOND, forwarders=PORTAL, api="/portal")
    return {"keys": key.public_pem, "api": "/orders", "original": option} | changes


def assertion(key: SigningKey, context: str = "/orders/1.0", **changes: Any) -> str:
    claims = wso2_claims(context, "owner", "App", enduser="ana@carbon.super")
    lifetime = changes.pop("lifetime", 900)
    return mint(key, claims | {"client_id": "portal"} | changes, lifetime=lifetime)


def first_hop(key: SigningKey, **changes: Any) -> str:
    return assertion(key, "/portal/1.0", **{"client_id": "browser", "sub": "ben", **changes})


# --- every door ------------------------------------------------------------------------------


def refusals(key: SigningKey, other: SigningKey) -> dict[str, tuple[str, str, int, str]]:
    """Both values, the status and the code."""
    ours, theirs = assertion(key), first_hop(key)
    stranger = assertion(key, client_id="stranger")
    return {
        "forged": (ours, first_hop(other), 401, "invalid_original"),
        "expired": (ours, first_hop(key, lifetime=-60), 401, "invalid_original"),
        "for another API": (ours, assertion(key, "/other"), 401, "invalid_original"),
        "for this API": (ours, assertion(key), 401, "invalid_original"),
        "no token": (ours, "opaque", 401, "invalid_original"),
        "empty": (ours, "", 401, "invalid_original"),
        "with a scheme": (ours, f"Bearer {theirs}", 401, "invalid_original"),
        "two in one": (ours, f"{theirs}, {theirs}", 401, "invalid_original"),
        "by a stranger": (stranger, theirs, 403, "insufficient_permission"),
        "forged and by a stranger": (stranger, "x", 403, "insufficient_permission"),
        "beside a forged one": (assertion(other), theirs, 401, "bad_signature"),
    }


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("case", [*refusals(SigningKey(), SigningKey())])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_an_original_that_is_not_good_is_refused_and_never_ignored(
    door: Door, case: str, warm: bool, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    app = door.build(options(rsa_key))
    if warm:
        good = [(HEADER, assertion(rsa_key)), (SECOND, first_hop(rsa_key))]
        assert door.ask(app, "GET", "/who", good).status == 200
    ours, theirs, status, code = refusals(rsa_key, other_rsa_key)[case]

    answer = door.ask(app, "GET", "/who", [(HEADER, ours), (SECOND, theirs)])
    assert (answer.status, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_two_lines_of_the_original_are_refused(door: Door, rsa_key: SigningKey) -> None:
    theirs = first_hop(rsa_key)
    sent = [(HEADER, assertion(rsa_key)), (SECOND, theirs), (SECOND, theirs)]

    answer = door.ask(door.build(options(rsa_key)), "GET", "/who", sent)
    assert (answer.status, answer.json()["code"]) == (401, "invalid_original")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_an_original_never_counts_instead_of_the_callers_own(
    door: Door, rsa_key: SigningKey
) -> None:
    lone = [(SECOND, first_hop(rsa_key))]

    answer = door.ask(door.build(options(rsa_key)), "GET", "/who", lone)
    assert answer.status == 401
    answer = door.ask(door.build(options(rsa_key, optional=True)), "GET", "/who", lone)
    assert (answer.status, answer.json()["code"]) == (401, "invalid_original")


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_good_original_leaves_the_caller_the_caller(door: Door, rsa_key: SigningKey) -> None:
    events = Events()
    app = door.build(options(rsa_key, listeners=[events], authorize=original(client("browser"))))
    sent = [(HEADER, assertion(rsa_key)), (SECOND, first_hop(rsa_key))]

    for _ in range(2):
        answer = door.ask(app, "GET", "/who", sent)
        assert (answer.status, answer.json()["client_id"]) == (200, "portal")
    assert [event.original for event in events.decisions] == ["ben", "ben"]
    assert events.cached == [False, True]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_a_rule_on_the_original_holds_for_each_request_alone(
    door: Door, rsa_key: SigningKey
) -> None:
    """The caller's token is cached; what came beside it in one request is not."""
    app = door.build(options(rsa_key, authorize=original(client("browser"))))
    ours = assertion(rsa_key)

    def status(*second: str) -> int:
        lines = [(HEADER, ours), *((SECOND, value) for value in second)]
        return door.ask(app, "GET", "/who", lines).status

    good, others = first_hop(rsa_key), first_hop(rsa_key, client_id="other")
    assert [status(good), status(), status(others), status(good)] == [200, 403, 403, 200]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_on_an_exempt_path_the_original_is_not_read(door: Door, rsa_key: SigningKey) -> None:
    app = door.build(options(rsa_key, exempt=("/who",)))

    answer = door.ask(app, "GET", "/who", [(SECOND, "forged")])
    assert answer.status == 200


# --- the option and the principal ------------------------------------------------------------


@pytest.fixture
def verifier(rsa_key: SigningKey) -> Verifier:
    return Verifier(keys=rsa_key.public_pem, api="/orders")


def test_the_event_says_which_check_of_the_original_failed(
    rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    events = Events()
    door = DOORS[0]
    app = door.build(options(rsa_key, listeners=[events]))

    door.ask(app, "GET", "/who", [(HEADER, assertion(rsa_key)), (SECOND, first_hop(other_rsa_key))])
    (decision,) = events.decisions
    assert (decision.code, decision.allowed) == ("invalid_original", False)
    assert (decision.reason or "").startswith("bad_signature: ")
    assert decision.client_id == "portal"


def test_the_event_says_which_rule_refused_the_forwarder(rsa_key: SigningKey) -> None:
    events = Events()
    app = DOORS[0].build(options(rsa_key, listeners=[events]))
    sent = [(HEADER, assertion(rsa_key, client_id="x")), (SECOND, first_hop(rsa_key))]

    DOORS[0].ask(app, "GET", "/who", sent)
    (decision,) = events.decisions
    assert (decision.code, decision.guard) == (
        "insufficient_permission",
        "original, client('portal')",
    )


def test_an_audience_of_its_own_is_checked(rsa_key: SigningKey) -> None:
    def status(audience: Any, **claims: Any) -> int:
        option = Original(header=SECOND, forwarders=PORTAL, audience=audience)
        app = DOORS[0].build(options(rsa_key, original=option))
        sent = [(HEADER, assertion(rsa_key)), (SECOND, first_hop(rsa_key, **claims))]
        return DOORS[0].ask(app, "GET", "/who", sent).status

    assert status(None) == 200
    assert status(None, aud="first") == 401
    assert status("first", aud="first") == 200
    assert status("first", aud="other") == 401
    assert status("first") == 401
    assert status(ANY, aud="other") == 200


def test_an_original_of_a_client_that_the_registry_does_not_have_is_refused(
    rsa_key: SigningKey,
) -> None:
    registry = ClientRegistry([Client("portal")])
    app = DOORS[0].build(options(rsa_key, clients=registry))
    sent = [(HEADER, assertion(rsa_key)), (SECOND, first_hop(rsa_key))]

    answer = DOORS[0].ask(app, "GET", "/who", sent)
    assert (answer.status, answer.json()["code"]) == (401, "invalid_original")


def test_a_denied_original_is_refused_and_a_use_of_one_is_not_used_up(rsa_key: SigningKey) -> None:
    store = Revocations("process-memory", one_time=True)
    verifier = Verifier(keys=rsa_key.public_pem, api="/orders", revocations=store)
    option = Original(header=SECOND, forwarders=PORTAL)
    app = DOORS[0].build({"verifier": verifier, "original": option})
    theirs = first_hop(rsa_key, jti="t-1", iss="i")

    def status(turn: int) -> int:
        ours = assertion(rsa_key, jti=f"own-{turn}", iss="i")
        return DOORS[0].ask(app, "GET", "/who", [(HEADER, ours), (SECOND, theirs)]).status

    assert [status(1), status(2)] == [200, 200]
    assert verifier.revocations is not None
    verifier.revocations.deny(Denial(token_id="t-1"))
    assert status(3) == 401
    verifier.close()


def test_an_outage_of_the_keys_of_an_original_is_a_503(rsa_key: SigningKey, endpoint: str) -> None:
    issuers = [
        Issuer("here", keys=rsa_key.public_pem),
        Issuer("there", keys=endpoint),
    ]
    middleware = Middleware(
        {"issuers": issuers, "original": Original(header=SECOND, forwarders=PORTAL)}
    )
    view = RequestView(headers=[(SECOND, first_hop(rsa_key, iss="there"))])
    with pytest.raises(KeysUnavailable):
        middleware.admit([assertion(rsa_key, iss="here")], {}, lambda _: view)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": ""},
        {"header": "X_Y"},
        {"header": ["A", "B"]},
        {"header": 5},
        {"forwarders": None},
        {"forwarders": "portal"},
        {"api": "orders"},
        {"audience": []},
        {"forwarders": path_param("x") == "1"},
    ],
    ids=repr,
)
def test_a_wrong_option_is_an_error_at_the_start(
    rsa_key: SigningKey, changes: dict[str, Any]
) -> None:
    given = {"header": SECOND, "forwarders": PORTAL} | changes

    with pytest.raises(ConfigurationError):
        Middleware(options(rsa_key, original=Original(**given)))


def test_the_option_is_an_original(rsa_key: SigningKey) -> None:
    with pytest.raises(ConfigurationError, match="original: an Original"):
        Middleware(options(rsa_key, original=SECOND))


def test_a_principal_with_an_original_is_a_copy_for_one_request(
    verifier: Verifier, rsa_key: SigningKey
) -> None:
    cached = verifier.verify(assertion(rsa_key))
    other = Principal({"sub": "ben"})

    copy = cached.with_original(other)
    assert copy.original is other
    assert (copy.client_id, copy.claims) == (cached.client_id, cached.claims)
    assert cached.original is None
    with pytest.raises(AttributeError):
        copy.original = None  # type: ignore[misc]


def test_a_condition_on_the_original_is_unknown_without_one() -> None:
    alone = Principal({"sub": "ana", "roles": ["r"]})
    both = alone.with_original(Principal({"client_id": "browser"}))

    assert not original(client("browser")).evaluate(alone).allowed
    assert not (~original(client("browser"))).evaluate(alone).allowed
    assert original(client("browser")).evaluate(both).allowed
    assert (~original(client("other"))).evaluate(both).allowed
    assert not original(original(client("browser"))).evaluate(both).allowed
    assert repr(original(client("a") & has_role("r"))) == "original(client('a') & has_role('r'))"


def test_a_refused_condition_on_the_original_is_explained() -> None:
    alone = Principal({"sub": "ana"})
    both = alone.with_original(Principal({"client_id": "browser"}))

    decision = original(client("x")).evaluate(both)
    assert (decision.leaf, decision.held) == ("original(client('x'))", "client browser")
    assert original(client("x")).evaluate(alone).held == "no original assertion"


@pytest.mark.parametrize("value", [None, "x", lambda: True])
def test_original_takes_a_predicate(value: Any) -> None:
    with pytest.raises(TypeError):
        original(value)


@pytest.mark.parametrize(
    "first, current, acting",
    [
        (True, True, "first"),
        (False, True, "current"),
        (False, False, "first"),
        (True, False, "first"),
    ],
)
def test_byus_order_is_resource_owners_before_clients_and_originals_before_current(
    first: bool, current: bool, acting: str, rsa_key: SigningKey
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)

    def principal(resource_owner: bool) -> Principal:
        claims = byu_claims(resource_owner=resource_owner, linked_entity=False)
        return verifier.verify(mint(rsa_key, claims))

    before, now = principal(first), principal(current)
    both = now.with_original(before)
    assert acting_caller(both) is {"first": before, "current": both}[acting]
    assert acting_caller(now) is now


def test_the_errors_of_an_original_are_public() -> None:
    assert InvalidOriginal.code == "invalid_original"
    assert issubclass(PermissionDenied, Exception)
