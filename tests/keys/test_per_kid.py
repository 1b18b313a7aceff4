"""Keys at a URL each: fetched as tokens name them, bounded, and a forged kid reaches nothing."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from jwt_middleware import PEMPerKid, Principal, Verifier
from jwt_middleware.errors import (
    BadSignature,
    ConfigurationError,
    KeysUnavailable,
    UnknownKey,
)
from jwt_middleware.events.kinds import KeySkipped, KeysLoaded
from jwt_middleware.keys.per_kid import MOST_KEYS, MOST_WANTED
from jwt_middleware.testing import SigningKey, mint

from ..conftest import Clock
from ..key_server import Exchange, KeyServer, hang
from ..kit import Events


def kid() -> str:
    return str(uuid.uuid4())


class Keys:
    """A key endpoint with a PEM a kid, and a verifier of it on a test's clock."""

    def __init__(self, server: KeyServer, clock: Clock) -> None:
        self.server = server
        self.clock = clock
        self.pems: dict[str, str] = {}
        self.status: int | None = None
        self.events = Events()
        server.script = self.answer
        self.source = PEMPerKid(
            server.origin + "/keys/{kid}", clock=clock, deadline=5, wait_budget=5
        )
        self.verifier = Verifier(
            keys=self.source, gateway="standard", algorithms="ES256", listeners=[self.events]
        )

    def answer(self, exchange: Exchange) -> None:
        pem = self.pems.get(exchange.path.removeprefix("/keys/"))
        if self.status is not None:
            exchange.answer(self.status)
        elif pem is None:
            exchange.answer(404)
        else:
            exchange.answer(200, pem.encode())

    def publish(self, name: str | None = None) -> SigningKey:
        key = SigningKey("ES256", key_id=name or kid())
        self.pems[key.key_id or ""] = key.public_pem
        return key

    def verify(self, key: SigningKey, **header: Any) -> Principal:
        token = mint(key, {"sub": kid()}, form="standard", header=header)
        return self.verifier.verify(token)

    @property
    def paths(self) -> list[str]:
        return [request["path"] for request in self.server.requests]

    def settle(self) -> None:
        """Wait for the fetches in the background."""
        for endpoint in self.source._endpoints.values():
            running = endpoint._flight.running
            assert running is None or running.wait(5)


@pytest.fixture
def keys(key_server: KeyServer, clock: Clock) -> Iterator[Keys]:
    found = Keys(key_server, clock)
    yield found
    found.verifier.close()


def test_a_key_is_fetched_once_when_a_token_first_names_it(keys: Keys) -> None:
    key = keys.publish()
    assert keys.server.requests == []

    for _ in range(3):
        assert keys.verify(key).key_id == key.key_id

    assert keys.paths == [f"/keys/{key.key_id}"]
    assert [event.key_ids for event in keys.events.of(KeysLoaded)] == [(key.key_id,)]


def test_a_task_waits_for_the_key_as_a_thread_does(keys: Keys) -> None:
    key = keys.publish()
    token = mint(key, {"sub": "a"}, form="standard")

    assert asyncio.run(keys.verifier.verify_async(token)).key_id == key.key_id


@pytest.mark.parametrize(
    "name",
    [
        "../admin",
        "..%2Fadmin",
        "",
        "a",
        "x" * 36,
        "12345678-1234-1234-1234-12345678901",
        "12345678-1234-1234-1234-1234567890123",
        "12345678-1234-1234-1234-12345678901g",
        "12345678-1234-1234-1234-123456789012/..",
        "12345678-1234-1234-1234-123456789012\n",
        "12345678-1234-1234-1234-123456789012?x",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18-1234-1234-1234-123456789012",
        "http://evil.invalid/",
        "169.254.169.254",
    ],
)
def test_a_kid_of_another_form_reaches_no_url(keys: Keys, name: str) -> None:
    forged = SigningKey("ES256")

    with pytest.raises(UnknownKey):
        keys.verify(forged, kid=name)
    assert keys.server.requests == []


def test_a_token_without_a_kid_reaches_no_url(keys: Keys) -> None:
    with pytest.raises(UnknownKey):
        keys.verify(SigningKey("ES256"))
    with pytest.raises(UnknownKey):
        keys.verify(SigningKey("ES256"), x5t=kid())
    assert keys.server.requests == []


def test_a_token_without_a_kid_is_refused_whatever_tokens_came_before(keys: Keys) -> None:
    key = keys.publish()
    keys.verify(key)

    with pytest.raises(UnknownKey):
        keys.verify(key, kid=None)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_key_that_is_not_there_is_unknown_and_asked_for_once(keys: Keys, status: int) -> None:
    keys.status = status
    forged = SigningKey("ES256", key_id=kid())

    for _ in range(3):
        with pytest.raises(UnknownKey):
            keys.verify(forged)
    assert len(keys.paths) == 1


def test_a_flood_of_bad_signatures_under_a_known_kid_causes_two_fetches(keys: Keys) -> None:
    key = keys.publish()
    keys.verify(key)

    for _ in range(20):
        with pytest.raises(BadSignature):
            keys.verify(SigningKey("ES256", key_id=key.key_id))
    assert len(keys.paths) == 1 + 2


def test_bad_signatures_under_many_known_kids_draw_on_one_bucket(keys: Keys) -> None:
    names = [kid() for _ in range(5)]
    for name in names:
        keys.verify(keys.publish(name))
        keys.clock.now += 10
    keys.clock.now += 20  # the bucket is full again
    fetched = len(keys.paths)
    for name in names:
        with pytest.raises(BadSignature):
            keys.verify(SigningKey("ES256", key_id=name))

    assert len(keys.paths) - fetched == 2


def test_two_rotations_just_after_the_first_key_are_found(keys: Keys) -> None:
    """Like those of a JWKS, whose first load is not counted either."""
    for _ in range(3):
        keys.verify(keys.publish())
    assert len(keys.paths) == 3


def test_a_flood_of_forged_kids_causes_two_fetches_then_one_in_ten_seconds(keys: Keys) -> None:
    for _ in range(50):
        with pytest.raises(UnknownKey):
            keys.verify(SigningKey("ES256", key_id=kid()))
    assert len(keys.paths) == 2

    keys.clock.now += 10
    for _ in range(50):
        with pytest.raises(UnknownKey):
            keys.verify(SigningKey("ES256", key_id=kid()))
    # The one that may cause a fetch, and those of the ids that were wanted before.
    assert 3 <= len(keys.paths) <= 6


def flood(keys: Keys, forged: SigningKey, names: Iterable[str]) -> None:
    """Send a token of a forged key under each of these kids."""
    for name in names:
        with pytest.raises(UnknownKey):
            keys.verify(forged, kid=name)


@pytest.mark.parametrize("size", [20, 2 * MOST_WANTED])
def test_a_flood_of_random_kids_delays_a_new_key_by_ten_seconds_at_most(
    size: int, keys: Keys
) -> None:
    """A forged id comes once, and the real one with every token that its key signs."""
    forged, real = SigningKey("ES256"), keys.publish()

    flood(keys, forged, (kid() for _ in range(size)))
    for _ in range(10):
        with pytest.raises(UnknownKey):
            keys.verify(real)
        flood(keys, forged, (kid() for _ in range(size)))
        keys.clock.now += 1
    flood(keys, forged, (kid() for _ in range(size)))

    assert keys.verify(real).key_id == real.key_id


def test_a_flood_of_a_few_kids_leaves_nothing_behind(keys: Keys) -> None:
    forged, real = SigningKey("ES256"), keys.publish()
    few = [kid() for _ in range(32)]

    flood(keys, forged, 10 * few)
    keys.clock.now += 10
    flood(keys, forged, [kid(), kid()])
    for _ in range(3):
        with pytest.raises(UnknownKey):
            keys.verify(real)
    keys.clock.now += 10
    flood(keys, forged, [kid()])

    assert keys.verify(real).key_id == real.key_id


def test_what_is_remembered_of_forged_kids_is_bounded(keys: Keys) -> None:
    flood(keys, SigningKey("ES256"), (kid() for _ in range(3 * MOST_WANTED)))

    assert len(keys.source._wanted) == MOST_WANTED
    assert not keys.source._endpoints


def test_at_most_sixteen_keys_are_kept_the_newest_of_them(keys: Keys) -> None:
    published = [keys.publish() for _ in range(MOST_KEYS + 3)]
    for key in published:
        keys.verify(key)
        keys.clock.now += 10

    known = keys.source.snapshot().key_ids
    assert known == tuple(key.key_id for key in published[3:])


def test_keys_that_proved_nothing_do_not_push_out_the_key_in_use(keys: Keys) -> None:
    ours = keys.publish()
    keys.verify(ours)
    forged = SigningKey("ES256")
    theirs = [keys.publish() for _ in range(2 * MOST_KEYS)]
    for key in theirs:  # they exist, as those of other customers do
        keys.clock.now += 10
        with pytest.raises(BadSignature):
            keys.verify(forged, kid=key.key_id)

    assert len(keys.source.snapshot()) == MOST_KEYS
    assert keys.verify(ours).key_id == ours.key_id
    keys.settle()


def test_of_the_keys_in_use_the_last_used_are_kept(keys: Keys) -> None:
    first, *others = [keys.publish() for _ in range(MOST_KEYS + 1)]
    for key in (first, *others[:-1]):
        keys.verify(key)
        keys.clock.now += 10
    keys.verify(first)
    keys.clock.now += 10
    keys.verify(others[-1])

    known = keys.source.snapshot().key_ids
    assert first.key_id in known
    assert others[0].key_id not in known


def test_an_outage_is_no_unknown_key_and_ends_by_itself(keys: Keys) -> None:
    key = keys.publish()
    keys.status = 503

    with pytest.raises(KeysUnavailable) as refusal:
        keys.verify(key)
    assert refusal.value.retry_after >= 1
    with pytest.raises(KeysUnavailable):  # it is not asked for again at once
        keys.verify(key)
    assert len(keys.paths) == 1

    keys.status = None
    keys.clock.now += 2
    assert keys.verify(key).key_id == key.key_id


def test_an_outage_of_a_second_key_leaves_the_first_in_use(keys: Keys) -> None:
    first, second = keys.publish(), keys.publish()
    keys.verify(first)
    keys.status = 500

    with pytest.raises(KeysUnavailable):
        keys.verify(second)
    assert keys.verify(first).key_id == first.key_id
    assert keys.verifier.health()["sources"][0]["last_error"] == "status 500, 200 was expected"


def test_an_endpoint_that_says_nothing_is_an_outage(key_server: KeyServer) -> None:
    key_server.script = hang
    source = PEMPerKid(key_server.origin + "/{kid}", wait_budget=0.05, deadline=0.2)
    verifier = Verifier(keys=source, gateway="standard", algorithms="ES256")
    token = mint(SigningKey("ES256", key_id=kid()), {}, form="standard")

    with pytest.raises(KeysUnavailable):
        verifier.verify(token)


def test_a_key_is_refreshed_in_the_background_and_served_while_the_endpoint_fails(
    keys: Keys,
) -> None:
    key = keys.publish()
    keys.verify(key)

    keys.clock.now += 280
    keys.verify(key)
    keys.settle()
    assert len(keys.paths) == 2

    keys.status = 503
    keys.clock.now += 3000
    keys.verify(key)
    keys.settle()
    assert keys.verify(key)

    keys.clock.now += 1000
    with pytest.raises(KeysUnavailable):
        keys.verify(key)


def test_a_key_that_was_withdrawn_stops_at_its_next_refresh_cached_tokens_too(keys: Keys) -> None:
    key = keys.publish()
    token = mint(key, {"sub": "a"}, form="standard", lifetime=10_000)
    keys.verifier.verify(token)

    keys.pems.clear()
    keys.clock.now += 280
    keys.source.snapshot()
    keys.settle()

    with pytest.raises(UnknownKey):
        keys.verifier.verify(token)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<!doctype html>", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"],
)
def test_an_answer_that_is_no_key_is_an_outage_and_is_reported(keys: Keys, body: bytes) -> None:
    name = kid()
    keys.server.script = lambda exchange: exchange.answer(200, body)

    with pytest.raises(KeysUnavailable):
        keys.verify(SigningKey("ES256", key_id=name))
    assert "PEM" in keys.verifier.health()["sources"][0]["last_error"]


def test_a_key_of_another_type_does_not_serve_the_algorithm(keys: Keys) -> None:
    name = kid()
    keys.pems[name] = SigningKey("RS256").public_pem

    with pytest.raises(Exception, match=r"algorithm|fit"):
        keys.verify(SigningKey("ES256", key_id=name))


def test_a_weak_key_is_no_key(key_server: KeyServer, clock: Clock) -> None:
    keys = Keys(key_server, clock)
    keys.verifier = Verifier(keys=keys.source, gateway="standard", algorithms="RS256")
    weak = SigningKey("RS256", bits=1024, key_id=kid())
    keys.pems[weak.key_id or ""] = weak.public_pem

    with pytest.raises(KeysUnavailable):
        keys.verify(weak)


def test_the_app_is_ready_before_any_token_came(keys: Keys) -> None:
    assert keys.verifier.health()["ready"]
    assert keys.verifier.prefetch()
    assert keys.events.of(KeysLoaded) == []
    assert keys.events.of(KeySkipped) == []


def test_a_url_with_a_place_for_the_kid_is_such_a_source(keys: Keys) -> None:
    key = keys.publish()
    verifier = Verifier(
        keys=keys.server.origin + "/keys/{kid}", gateway="standard", algorithms="ES256"
    )

    assert verifier.verify(mint(key, {}, form="standard")).key_id == key.key_id


def test_a_kid_of_ones_own_form_is_read_where_the_option_says_so(keys: Keys) -> None:
    key = keys.publish("key.1")
    url = keys.server.origin + "/keys/{kid}"
    verifier = Verifier(
        keys=PEMPerKid(url, kid=r"key\.[0-9]"), gateway="standard", algorithms="ES256"
    )

    assert verifier.verify(mint(key, {}, form="standard")).key_id == "key.1"


@pytest.mark.parametrize(
    "url",
    [
        "https://keys.example.com/",
        "https://{kid}.example.com/",
        "https://keys.example.com/{kid}/{kid}",
        "http://keys.example.com/{kid}",
        "https://keys.example.com/?k={kid}",
        "file:///{kid}",
        5,
    ],
)
def test_a_template_has_the_kid_once_in_the_path_of_a_url_that_keys_may_come_from(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="keys: "):
        PEMPerKid(url)


@pytest.mark.parametrize("form", ["(", "", 5])
def test_the_form_of_a_kid_is_a_regular_expression(form: Any) -> None:
    with pytest.raises(ConfigurationError, match="kid"):
        PEMPerKid("https://keys.example.com/{kid}", kid=form)


# --- maps of kid to PEM ----------------------------------------------------------------------


@pytest.fixture
def pair() -> list[SigningKey]:
    return [SigningKey("ES256", key_id="a"), SigningKey("RS256", key_id="b")]


def test_a_map_of_kid_to_certificate_or_key_is_a_key_set(
    key_server: KeyServer, pair: list[SigningKey]
) -> None:
    ec, rsa = pair
    content = json.dumps({"a": ec.public_pem, "b": rsa.certificate_pem}).encode()
    key_server.script = lambda exchange: exchange.answer(200, content)
    verifier = Verifier(keys=key_server.url, gateway="standard")

    for key in pair:
        assert verifier.verify(mint(key, {}, form="standard")).key_id == key.key_id
    with pytest.raises(UnknownKey):
        verifier.verify(mint(ec, {}, form="standard", header={"kid": "c"}))


def test_such_a_map_may_be_given_in_code(pair: list[SigningKey]) -> None:
    verifier = Verifier(keys={key.key_id: key.public_pem for key in pair}, gateway="standard")

    for key in pair:
        assert verifier.verify(mint(key, {}, form="standard")).key_id == key.key_id
    with pytest.raises(BadSignature):
        wrong = SigningKey("ES256", key_id="a")
        verifier.verify(mint(wrong, {}, form="standard"))


def test_an_entry_that_is_no_key_is_skipped_and_the_others_serve(pair: list[SigningKey]) -> None:
    events = Events()
    document = {"a": pair[0].public_pem, "x": "-----BEGIN CERTIFICATE-----", "y": 5}
    verifier = Verifier(keys=document, gateway="standard", listeners=[events])

    assert verifier.verify(mint(pair[0], {}, form="standard"))
    assert [event.key_id for event in events.of(KeySkipped)] == ["x", "y"]


@pytest.mark.parametrize(
    "name, segment",
    [
        ("../admin", "..%2Fadmin"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("a b", "a%20b"),
        ("a\r\nHost: evil", "a%0D%0AHost%3A%20evil"),
        ("a%2f..", "a%252f.."),
        ("@evil", "%40evil"),
        ("\\", "%5C"),
        ("\u00e9", "%C3%A9"),
        ("{kid}", "%7Bkid%7D"),
        (".", None),
        ("..", None),
    ],
)
def test_a_kid_of_any_form_is_one_segment_of_the_path(name: str, segment: str | None) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return key.public_pem.encode()

    key = SigningKey("ES256", key_id=name)
    source = PEMPerKid("https://keys.example.com/of/{kid}", kid="(?s:.+)", fetch=fetch)
    verifier = Verifier(keys=source, gateway="standard", algorithms="ES256")
    token = mint(key, {"sub": "ana"}, form="standard")

    if segment is None:
        with pytest.raises(UnknownKey):
            verifier.verify(token)
        assert asked == []
    else:
        assert verifier.verify(token).key_id == name
        assert asked == [f"https://keys.example.com/of/{segment}"]


@pytest.mark.parametrize("entry", [{5: "-----BEGIN"}, {"b": "-----BEGIN \ud800"}, {None: "x"}])
def test_an_entry_of_any_type_is_skipped(pair: list[SigningKey], entry: dict[Any, str]) -> None:
    events = Events()
    document = {"a": pair[0].public_pem, **entry}
    verifier = Verifier(keys=document, gateway="standard", algorithms="ES256", listeners=[events])

    assert verifier.issuers[0].keys.current().key_ids == ("a",)
    assert len(events.of(KeySkipped)) == 1


def test_a_map_without_any_key_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="keys"):
        Verifier(keys={"x": "-----BEGIN CERTIFICATE-----"})
