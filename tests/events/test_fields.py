"""Events as flat fields: stable names, bounded values, nothing that is not for writing."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from jwt_middleware.errors import Decision
from jwt_middleware.events.fields import bounded, fields_of, printable, readable
from jwt_middleware.events.kinds import (
    Decided,
    KeyFetchFailed,
    KeysLoaded,
    StoreRecovered,
)

DENIED = Decision(False, "insufficient_permission", "has_role('a')", "role a", "roles [zeta]")


def test_a_decision_has_the_names_of_the_conventions_where_there_are_some() -> None:
    event = Decided(
        True, "DELETE", "/classes/{id}", "/classes/7", 204, "r-1", True, "http", "ana", "app"
    )

    assert fields_of(event) == {
        "event.name": "decided",
        "jwt.result": "allowed",
        "http.request.method": "DELETE",
        "http.route": "/classes/{id}",
        "http.response.status_code": 204,
        "http.request.id": "r-1",
        "jwt.guarded": True,
        "network.protocol.name": "http",
        "enduser.id": "ana",
        "jwt.client_id": "app",
    }


def test_what_is_none_or_empty_is_left_out_and_what_is_false_or_zero_is_not() -> None:
    fields = fields_of(Decided(False, "GET", None, "/x", None, "r-1", False))

    assert fields["jwt.guarded"] is False
    assert fields["jwt.result"] == "denied"
    assert {"http.route", "http.response.status_code", "jwt.would_refuse"}.isdisjoint(fields)
    assert fields_of(KeysLoaded("gateway.pem", 0, ()))["jwt.keys"] == 0


@pytest.mark.parametrize(
    "event",
    [
        Decided(False, code="insufficient_permission", decision=DENIED),
        Decided(True, would_refuse=("insufficient_permission",), decision=DENIED),
    ],
    ids=["refused", "would refuse"],
)
def test_what_a_token_holds_is_in_no_field(event: Any) -> None:
    assert "zeta" not in json.dumps(fields_of(event))


def test_a_path_is_written_only_where_nobody_knows_its_template() -> None:
    refused = Decided(False, method="PUT", path="/orders/7", code="bad_signature")
    fields = fields_of(refused)
    routed = fields_of(refused._replace(route="/orders/{id}"))

    assert (fields["http.request.method"], fields["url.path"]) == ("PUT", "/orders/7")
    assert routed["http.route"] == "/orders/{id}"
    assert "url.path" not in routed


def test_what_verifying_took_is_for_metrics_and_no_field_of_a_line() -> None:
    assert fields_of(Decided(True, cached=False, seconds=0.00005)) == {
        "event.name": "decided",
        "jwt.result": "allowed",
        "jwt.cached": False,
    }
    assert fields_of(StoreRecovered("redis", 61.5))["jwt.seconds"] == 61.5


def test_a_kind_of_event_that_is_not_known_gets_its_fields_by_the_same_rule() -> None:
    class ThingRevoked(NamedTuple):
        token_id: str
        subject: str
        hosts: tuple[str, ...]
        after: float
        left: float = float("inf")

    assert fields_of(ThingRevoked("t-1", "ana", ("a", "b"), 1.5)) == {
        "event.name": "thing_revoked",
        "jwt.token_id": "t-1",
        "enduser.id": "ana",
        "jwt.hosts": ["a", "b"],
        "jwt.after": 1.5,
        "jwt.left": "inf",  # which is no JSON
    }


def test_every_text_and_every_list_is_bounded() -> None:
    event = KeysLoaded("x" * 10_000, 1, ("y" * 10_000,) * 10_000)
    fields = fields_of(event)

    assert fields["jwt.source"] == "x" * 256 + "..."
    assert fields["jwt.key_ids"] == ["y" * 256 + "..."] * 50


def test_a_text_that_no_reader_could_decode_is_escaped() -> None:
    assert bounded("a\udcffb").encode() == b"a\\udcffb"
    assert bounded("ü\n") == "ü\n"  # for a writer that escapes


def test_log_records_get_texts_in_which_nothing_can_forge_a_line() -> None:
    event = KeyFetchFailed("gate\r\nway", "\x1b[31m", 1.0)

    assert fields_of(event, printable)["jwt.source"] == r"gate\r\nway"
    assert fields_of(event, printable)["jwt.reason"] == r"\x1b[31m"


def test_what_is_readable_has_no_control_and_no_format_character_but_every_letter() -> None:
    assert readable("Zoë Ångström, 山田") == "Zoë Ångström, 山田"
    assert readable("a\x1b[2J\x7f\x9b\u202e\u200b\u2028\r\n\ud800") == (
        r"a\x1b[2J\x7f\x9b\u202e\u200b\u2028\r\n\ud800"
    )
