"""Audit events: who hears them, and what of them may stand in a log."""

import logging
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.errors import Decision, RequestError
from jwt_middleware.events.kinds import (
    ChecksWeakened,
    ClientsKept,
    ClientsLoaded,
    ConfigurationWarning,
    Decided,
    DenialsLoaded,
    KeyAdded,
    KeyChanged,
    KeyFetchFailed,
    KeyRemoved,
    KeysFetched,
    KeysGone,
    KeySkipped,
    KeysLoaded,
    KeyWarning,
    StaleKeysServed,
    StoreFailed,
    StoreRecovered,
    ValuesDropped,
)
from jwt_middleware.events.log import Announcer, LogListener, printable
from jwt_middleware.events.record import CALLER_FIELDS
from jwt_middleware.events.sign_on_kinds import (
    AccountCreated,
    AccountUpdated,
    GoRefused,
    IntegrationsKept,
    IntegrationsLoaded,
    SignedOn,
)
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

from ..conftest import Clock
from ..kit import Events

REFUSED = Decided(False, code="bad_signature", reason="it does not hold", reference="00ff")
FORGED_LINE = "k1\r\nWARNING refused code=none\x00\x1b[31m\u2028\x85"


def test_an_event_is_frozen() -> None:
    with pytest.raises(AttributeError):
        REFUSED.code = "fine"  # type: ignore[misc]


@pytest.mark.parametrize("mark", ["\r", "\n", "\x00", "\x1b", "\x85", "\u2028", "\u202e", "\udcff"])
def test_printable_escapes_whatever_could_forge_or_hide_a_line(mark: str) -> None:
    shown = printable(f"a{mark}b")

    assert shown.isascii()
    assert shown.isprintable()
    assert mark not in shown


def test_printable_distinguishes_an_escape_from_the_text_that_looks_like_one() -> None:
    assert printable("a\nb") != printable("a\\nb")


def test_printable_bounds_the_length() -> None:
    assert printable("x" * 128) == "x" * 128
    assert printable("x" * 129) == "x" * 128 + "..."
    assert len(printable("\U0001f512" * 100_000)) < 1500


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(REFUSED._replace(key_id=FORGED_LINE), id="refused-key-id"),
        pytest.param(REFUSED._replace(subject=FORGED_LINE), id="refused-subject"),
        pytest.param(REFUSED._replace(client_id=FORGED_LINE), id="refused-client"),
        pytest.param(REFUSED._replace(token_id=FORGED_LINE), id="refused-token-id"),
        pytest.param(REFUSED._replace(reason=FORGED_LINE), id="refused-reason"),
        pytest.param(Decided(True, **dict.fromkeys(CALLER_FIELDS, FORGED_LINE)), id="allowed"),
        pytest.param(
            Decided(True, path=FORGED_LINE, would_refuse=(FORGED_LINE,), guard=FORGED_LINE),
            id="would-refuse",
        ),
        pytest.param(ClientsLoaded(FORGED_LINE, 1), id="clients-loaded"),
        pytest.param(ClientsKept(FORGED_LINE, FORGED_LINE), id="clients-kept"),
        pytest.param(ChecksWeakened((FORGED_LINE, "x" * 9_999)), id="weakened"),
        pytest.param(ValuesDropped(FORGED_LINE, FORGED_LINE, 1, FORGED_LINE), id="dropped"),
        pytest.param(KeysLoaded(FORGED_LINE, 1, (FORGED_LINE,)), id="keys-loaded"),
        pytest.param(KeySkipped(FORGED_LINE, FORGED_LINE, FORGED_LINE), id="key-skipped"),
        pytest.param(KeyWarning(FORGED_LINE, FORGED_LINE, FORGED_LINE), id="key-warning"),
        pytest.param(KeyFetchFailed(FORGED_LINE, FORGED_LINE, 1.0), id="fetch-failed"),
        pytest.param(KeysFetched(FORGED_LINE, 1, True), id="keys-fetched"),
        pytest.param(StaleKeysServed(FORGED_LINE, 1.0), id="stale-keys"),
        pytest.param(KeysGone(FORGED_LINE, FORGED_LINE), id="keys-gone"),
        pytest.param(KeyAdded(FORGED_LINE, FORGED_LINE), id="key-added"),
        pytest.param(KeyChanged(FORGED_LINE, FORGED_LINE), id="key-changed"),
        pytest.param(KeyRemoved(FORGED_LINE, FORGED_LINE), id="key-removed"),
        pytest.param(ConfigurationWarning(FORGED_LINE), id="configuration"),
        pytest.param(DenialsLoaded(FORGED_LINE, 1), id="denials-loaded"),
        pytest.param(StoreFailed(FORGED_LINE, FORGED_LINE, "closed"), id="store-failed"),
        pytest.param(StoreRecovered(FORGED_LINE, 1.0), id="store-recovered"),
        pytest.param(IntegrationsLoaded(FORGED_LINE, 1), id="integrations-loaded"),
        pytest.param(IntegrationsKept(FORGED_LINE, FORGED_LINE), id="integrations-kept"),
        pytest.param(SignedOn(FORGED_LINE, FORGED_LINE, True, FORGED_LINE), id="signed-on"),
        pytest.param(AccountCreated(FORGED_LINE, FORGED_LINE), id="account-created"),
        pytest.param(AccountUpdated(FORGED_LINE, FORGED_LINE), id="account-updated"),
        pytest.param(GoRefused(FORGED_LINE, FORGED_LINE), id="go-refused"),
    ],
)
def test_log_injection_every_event_is_one_printable_line(
    event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "jwt_middleware")

    LogListener()(event)

    (record,) = caplog.records
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 2_000


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (KeysLoaded("gateway.pem", 2, ("k1",)), "gateway.pem: keys in use: 2"),
        (KeySkipped("gateway", "k1", "it is weak"), "gateway: key k1 skipped: it is weak"),
        (KeyWarning("gateway", None, "it is old"), "gateway: key warning: it is old"),
        (ClientsLoaded("a.toml", 2), "a.toml: 2 clients in use"),
        (
            ClientsKept("a.toml", "two faults:\n  - one\n  - two"),
            "a.toml: the last good reading stays: two faults:; - one; - two",
        ),
        (ChecksWeakened(("vary=False", "optional")), "weakened by vary=False; optional"),
        (ConfigurationWarning("api is not set"), "api is not set"),
        (
            ValuesDropped("", "roles", 2, "namespace", method="GET", path="/x"),
            "not granted code=values_dropped claim=roles reason=namespace values=2 request=GET /x",
        ),
        (
            Decided(
                True, "GET", path="/x", subject="ana", would_refuse=("a",), guard="client('x')"
            ),
            "would refuse code=a request=GET /x subject=ana guard=client('x')",
        ),
        (
            KeyFetchFailed("gateway", "status 500", 4.0),
            "gateway: status 500; the first request after 4 s asks again",
        ),
        (
            StaleKeysServed("gateway", 301.0, 3599.0),
            "gateway: stale keys serve, 301 s old, for 3599 s more",
        ),
        (
            KeysGone("gateway", "no answer"),
            "gateway: no key serves any more, so every token is refused (503): no answer",
        ),
        (KeyAdded("gateway", "k2"), "gateway: key k2 added"),
        (KeyChanged("gateway", "k2"), "gateway: key k2 changed"),
        (KeyRemoved("gateway", "k1"), "gateway: key k1 removed"),
        (DenialsLoaded("sqlite:///a", 2), "sqlite:///a: 2 denials in force"),
        (
            StoreFailed("redis", "redis: refused", "closed"),
            "redis: refused; in a few seconds no token is taken until it is back (fail='closed')",
        ),
        (
            StoreFailed("redis://h/0", "redis://h/0: refused", "open"),
            "redis://h/0: refused; the last known denials serve until it is back (fail='open')",
        ),
        (StoreRecovered("redis://h/0", 61.2), "redis://h/0: it is back, after 61 s"),
        (IntegrationsLoaded("a.toml", 2), "a.toml: 2 integrations"),
        (
            IntegrationsKept("a.toml", "no TOML"),
            "a.toml: the last good reading stays: no TOML",
        ),
        (SignedOn("acme", "7", True, "u-1", "t-1"), "signed on user=7 integration=acme"),
        (AccountCreated("acme", "7"), "account created user=7 integration=acme"),
        (AccountUpdated("acme", "7"), "account updated user=7 integration=acme"),
        (
            GoRefused("acme", "no path of this site"),
            "not followed code=go_refused integration=acme reason=no path of this site",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else "",
)
def test_the_log_reports_what_happens_to_keys_and_stores(
    event: Any, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_middleware")

    LogListener()(event)

    assert caplog.messages == [line]


def test_what_a_predicate_held_is_on_the_event_but_in_no_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    decision = Decision(False, "insufficient_permission", "has_role('a')", "role a", "roles [zeta]")
    events = Events()

    Announcer([events])(REFUSED._replace(decision=decision))

    assert events[0].decision.held == "roles [zeta]"
    assert "zeta" not in caplog.text
    assert "zeta" not in repr(events[0])


def test_a_flood_of_refusals_is_bounded_in_the_log_and_counted_in_full(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = LogListener(burst=3, clock=clock)

    for _ in range(10):
        log(REFUSED)
    assert len(caplog.records) == 3

    clock.now += 60
    log(REFUSED)
    assert len(caplog.records) == 4
    assert "7 more of this code were not written" in caplog.records[-1].getMessage()

    clock.now += 60
    log(REFUSED)
    assert "more of this code" not in caplog.records[-1].getMessage()


def test_a_flood_of_one_code_does_not_silence_another(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    log = LogListener(burst=1, clock=clock)
    for _ in range(5):
        log(REFUSED)

    log(REFUSED._replace(code="token_expired"))

    assert "code=token_expired" in caplog.records[-1].getMessage()


def test_every_listener_receives_every_refusal_of_a_flood() -> None:
    events = Events()
    announce = Announcer([events])

    for _ in range(50):
        announce(REFUSED)

    assert len(events) == 50


def test_a_failing_listener_is_logged_once_and_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = Events()

    def failing(_: Any) -> None:
        raise RuntimeError("disk full")

    announce = Announcer([failing, events])
    announce(ConfigurationWarning("one"))
    announce(ConfigurationWarning("two"))

    assert [event.reason for event in events] == ["one", "two"]
    assert len([r for r in caplog.records if "listener" in r.getMessage()]) == 1


def test_a_failing_listener_puts_neither_its_message_nor_a_stack_trace_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a listener chokes on may be a claim: its exception can quote the event."""

    def failing(event: Any) -> None:
        raise ValueError(f"cannot store {event.decision.held}")

    decision = Decision(False, "insufficient_permission", "leaf", "role a", "roles [zeta]")
    Announcer([failing])(REFUSED._replace(decision=decision))

    assert "zeta" not in caplog.text
    assert "Traceback" not in caplog.text


def test_events_are_built_only_where_somebody_takes_them() -> None:
    logger = logging.getLogger("jwt_middleware")
    level = logger.level
    try:
        logger.setLevel(logging.INFO)
        assert not Announcer().wants(logging.DEBUG)
        assert Announcer().wants(logging.WARNING)
        assert Announcer([print]).wants(logging.DEBUG)
        logger.setLevel(logging.DEBUG)
        assert Announcer().wants(logging.DEBUG)
    finally:
        logger.setLevel(level)


@pytest.mark.parametrize("header", [{}, {"alg": "none"}, {"kid": 5}, {"crit": ["x"]}], ids=str)
def test_no_log_line_of_a_verifier_holds_a_token_or_a_claim_value(
    rsa_key: SigningKey,
    other_rsa_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
    header: dict[str, Any],
) -> None:
    caplog.set_level(logging.DEBUG, "jwt_middleware")
    verifier = Verifier(keys=rsa_key.public_pem)
    claims = ucsd_claims(emailaddress="zeta@example.edu")

    for key in (rsa_key, other_rsa_key):
        token = mint(key, claims, header=header)
        try:
            verifier.verify(token)
        except RequestError:
            pass
        assert "zeta" not in caplog.text
        for part in token.split("."):
            assert part[:24] not in caplog.text


def test_a_line_names_the_request_and_the_key_that_the_token_names_and_nothing_that_is_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = Decided(False, code="unknown_key", reason="no key", reference="ab12", key_id="kid-7")
    LogListener()(refused._replace(method="GET", path="/orders/\r\nX"))
    (line,) = (record.getMessage() for record in caplog.records)

    assert line == (
        "refused code=unknown_key reference=ab12 reason=no key "
        r"request=GET /orders/\r\nX key_id=kid-7"
    )


def test_keys_that_are_back_after_an_outage_are_reported_where_a_person_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    LogListener()(KeysFetched("https://gateway.example/jwks", 2, False))
    LogListener()(KeysFetched("https://gateway.example/jwks", 2, False, failures=3))

    told = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert told == ["https://gateway.example/jwks: fetched 2 keys, after 3 failed attempts"]
