"""Log records carry the fields of their event, as real formatters consume them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from jwt_middleware import RequestError, Verifier
from jwt_middleware.errors import Decision
from jwt_middleware.events.kinds import ConfigurationWarning, Decided, KeysFetched
from jwt_middleware.events.log import LogListener
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

DECISION = Decision(False, "insufficient_permission", "has_role('a')", "role a", "roles [zeta]")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """What a handler with structlog's formatter writes of the package's records."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("jwt_middleware")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def written(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_structlog_gets_the_fields_beside_the_message(out: io.StringIO) -> None:
    refused = Decided(False, code="token_expired", reason="it is over", reference="00ff")
    caller = {"subject": "ana", "client_id": "app", "token_id": "t-1", "key_id": "k1"}
    LogListener()(refused._replace(method="DELETE", path="/classes/7", **caller))

    assert written(out) == [
        {
            "event": "refused code=token_expired reference=00ff reason=it is over "
            "request=DELETE /classes/7 subject=ana client=app token_id=t-1 key_id=k1",
            "level": "warning",
            "event.name": "decided",
            "jwt.result": "denied",
            "jwt.code": "token_expired",
            "jwt.reason": "it is over",
            "jwt.reference": "00ff",
            "enduser.id": "ana",
            "jwt.client_id": "app",
            "jwt.token_id": "t-1",
            "jwt.key_id": "k1",
            "http.request.method": "DELETE",
            "url.path": "/classes/7",
        }
    ]


def test_every_kind_of_line_has_its_fields(out: io.StringIO) -> None:
    log = LogListener()
    log(KeysFetched("https://gateway.example/jwks", 2, True))
    log(Decided(True, would_refuse=("insufficient_permission",), decision=DECISION))
    log(ConfigurationWarning("api is not set"))

    assert [(line["level"], line["event.name"]) for line in written(out)] == [
        ("debug", "keys_fetched"),
        ("warning", "decided"),
        ("warning", "configuration_warning"),
    ]
    assert "zeta" not in out.getvalue()


def test_log_injection_a_field_is_printable_for_any_formatter(out: io.StringIO) -> None:
    LogListener()(Decided(False, code="unknown_key", key_id="k\r\nx\x1b[31m" + "y" * 500))

    [line] = written(out)
    assert line["jwt.key_id"].isprintable()
    assert len(line["jwt.key_id"]) < 150


def test_a_plain_format_string_may_name_a_field(caplog: pytest.LogCaptureFixture) -> None:
    LogListener()(Decided(False, code="unknown_key", subject="ana"))

    shown = logging.Formatter("%(levelname)s %(enduser.id)s %(jwt.code)s").format(caplog.records[0])
    assert shown == "WARNING ana unknown_key"


def test_no_field_of_a_verifiers_records_holds_a_token_or_a_claim(
    out: io.StringIO, rsa_key: SigningKey, other_rsa_key: SigningKey
) -> None:
    verifier = Verifier(keys=rsa_key.public_pem)
    claims = ucsd_claims(emailaddress="zeta@example.edu")
    tokens = [mint(key, claims) for key in (rsa_key, other_rsa_key)]
    verifier.verify(tokens[0])
    with pytest.raises(RequestError):
        verifier.verify(tokens[1])

    decided = [line for line in written(out) if line["event.name"] == "decided"]
    assert [line["jwt.result"] for line in decided] == ["allowed", "denied"]
    assert "zeta" not in out.getvalue()
    assert [part for token in tokens for part in token.split(".") if part in out.getvalue()] == []
