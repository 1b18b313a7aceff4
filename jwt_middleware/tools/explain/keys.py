"""Which keys a source has, with their dangers."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.x509 import Certificate

from ...events.fields import readable
from ...keys.key import Key, KeyRules
from ...keys.sources import KeySource
from .times import count, distance

WARN_DAYS = 30.0
"""Days before its end from which a certificate is a danger."""

_DAY = 86_400
_SHA1_BYTES = 20


def wait_for_keys(sources: Iterable[KeySource]) -> None:
    """Fetch what is not known yet, as long as the fetches themselves may take.

    Nobody waits for a request here.
    """
    pending = [(source, source.refresh()) for source in sources if source.snapshot() is None]
    for source, wait in pending:
        if wait is not None:
            wait.work.wait(getattr(source, "deadline", wait.budget) + 1)


def report_keys(
    source: KeySource, rules: KeyRules, now: float, *, warn_days: float = WARN_DAYS
) -> dict[str, Any]:
    """Describe every key of a source; ``now`` in seconds since the epoch.

    The ``dangers`` of a key say why it is refused, or what to correct; ``notes`` are about entries
    that are not keys at all. ``certificates_due`` counts the keys whose certificate is outside its
    dates, or ends within ``warn_days``.
    """
    snapshot = source.snapshot()
    keys, notes = ((), ()) if snapshot is None else (snapshot.keys, snapshot.notes)
    dangers: list[str] = []
    if len({key.spki for key in keys if key.key_id is None}) > 1:
        dangers.append("several keys have no kid of their own: each may be tried, four at most")
    certificates = [key.certificate for key in keys if key.certificate is not None]
    due = [each for each in certificates if _date_danger(each, now, warn_days) is not None]
    return {
        **source.health(),
        "dangers": dangers,
        "certificates_due": len(due),
        "details": [_describe(key, rules, now, warn_days) for key in keys],
        "notes": [note._asdict() for note in notes],
    }


def lines_of(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield a report for a terminal."""
    yield f"{report['source']}: {count(report['keys'], 'key')}"
    if report.get("last_error"):
        yield f"  the last fetch failed: {readable(report['last_error'])}"
    for danger in report["dangers"]:
        yield f"  DANGER  {readable(danger)}"
    for number, key in enumerate(report["details"], 1):
        yield f"\n  key {number}: {key['type']}"
        for name, value in key.items():
            if name not in ("type", "dangers") and value is not None:
                yield f"    {name:<12} {readable(value)}"
        for danger in key["dangers"]:
            yield f"    DANGER       {readable(danger)}"
    for note in report["notes"]:
        what = "not used" if note["skipped"] else "note"
        key = readable(note["key_id"] or "without a kid")
        yield f"\n  {what}: key {key}: {readable(note['reason'])}"


def _describe(key: Key, rules: KeyRules, now: float, warn_days: float) -> dict[str, Any]:
    objection = rules.objection(key)
    dangers = [] if objection is None else [f"refused: {objection}"]
    described: dict[str, Any] = {
        "key_id": key.key_id,
        "type": key.kind,
        "algorithm": key.algorithm,
        "spki_sha256": key.spki if key.key_type != "oct" else None,
    }
    for thumbprint in sorted(key.thumbprints):
        if len(thumbprint) == _SHA1_BYTES:
            described |= {
                "sha1": thumbprint.hex(),
                "x5t": base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode(),
                "x5t_of_wso2": base64.b64encode(thumbprint.hex().encode()).decode(),
            }
    if key.certificate is not None:
        begins, ends = key.certificate.not_valid_before_utc, key.certificate.not_valid_after_utc
        described |= {
            "certificate": key.certificate.subject.rfc4514_string(),
            "valid_from": begins.isoformat(" ", "seconds"),
            "valid_until": ends.isoformat(" ", "seconds"),
        }
        danger = _date_danger(key.certificate, now, warn_days)
        if danger is not None:
            dangers.append(danger)
    return {**described, "dangers": dangers}


def _date_danger(certificate: Certificate, now: float, warn_days: float) -> str | None:
    """Say what is the matter with a certificate's dates; None where nothing is."""
    begins_in = certificate.not_valid_before_utc.timestamp() - now
    ends_in = certificate.not_valid_after_utc.timestamp() - now
    if begins_in <= 0 < ends_in:
        return f"its certificate ends {distance(ends_in)}" if ends_in < warn_days * _DAY else None
    what = f"it begins {distance(begins_in)}" if begins_in > 0 else f"it ended {distance(ends_in)}"
    today = datetime.fromtimestamp(now, UTC).date()
    return (
        f"its certificate is outside its dates: {what} (today is {today}); it still verifies, "
        "unless check_certificate_dates=True"
    )
