"""The request's id and caller on the app's own log lines: for ``logging``, and for structlog.

They are those of the audit trail, so that the lines of one request are found by one id.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from .fields import bounded, named, printable
from .record import current_record, keep_records

_PLAIN = ("request_id", "subject", "client_id")


class RequestFilter(logging.Filter):
    """Adds the request's fields to each log record; add it to a handler.

    A format may use ``%(request_id)s``, ``%(subject)s`` and ``%(client_id)s``, which are ``-``
    outside a request and for an anonymous caller. Formatters of JSON get them under their stable
    names too: ``http.request.id``, ``http.route``, ``enduser.id`` and ``jwt.client_id``.
    """

    def __init__(self) -> None:
        super().__init__()
        keep_records()

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; leave no record out."""
        facts = _facts()
        for name in _PLAIN:
            value = facts.get(name)
            record.__dict__.setdefault(name, "-" if value is None else printable(value))
        for name, value in named(facts, printable).items():
            record.__dict__.setdefault(name, value)
        return True


def add_request(
    _logger: Any, _method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the request's fields to a structlog event, under their stable names: a processor."""
    keep_records()
    for name, value in named(_facts(), bounded).items():
        event_dict.setdefault(name, value)
    return event_dict


def _facts() -> dict[str, Any]:
    record = current_record()
    if record is None:
        return {}
    caller = record.facts
    return {
        "request_id": record.request_id,
        "route": record.route,
        "subject": caller.get("subject"),
        "client_id": caller.get("client_id"),
    }
