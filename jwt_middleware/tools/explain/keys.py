"""What a person needs to know about the keys of a source, and its dangers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from ...keys.key import Key, KeyRules, certificate_thumbprints
from ...keys.sources import KeySource


def report_keys(source: KeySource, rules: KeyRules, now: float) -> dict[str, Any]:
    """Describe every key of a source; ``now`` in seconds since the epoch.

    ``dangers`` of a key say why it is refused, or what to mend; ``notes`` are those of entries that
    are no keys at all.
    """
    keys = source.snapshot()
    found = () if keys is None else keys.keys
    notes = () if keys is None else keys.notes
    dangers: list[str] = []
    if len({key.spki for key in found if key.key_id is None}) > 1:
        dangers.append("several keys without a kid of their own: each may be tried, four at most")
    return {
        **source.health(),
        "dangers": dangers,
        "details": [_describe(key, rules, now) for key in found],
        "notes": [
            {"key_id": note.key_id, "reason": note.reason, "skipped": note.skipped}
            for note in notes
        ],
    }


def _describe(key: Key, rules: KeyRules, now: float) -> dict[str, Any]:
    objection = rules.objection(key)
    dangers = [] if objection is None else [f"refused: {objection}"]
    described: dict[str, Any] = {
        "key_id": key.key_id,
        "type": key.kind,
        "algorithm": key.algorithm,
        "spki_sha256": key.spki if key.key_type != "oct" else None,
    }
    if key.certificate is not None:
        sha1, _ = certificate_thumbprints(key.certificate)
        begins, ends = key.certificate.not_valid_before_utc, key.certificate.not_valid_after_utc
        described |= {
            "certificate": key.certificate.subject.rfc4514_string(),
            "valid_from": begins.isoformat(" ", "seconds"),
            "valid_until": ends.isoformat(" ", "seconds"),
            "x5t": base64.urlsafe_b64encode(sha1).rstrip(b"=").decode(),
            "x5t_of_wso2": base64.b64encode(sha1.hex().encode()).decode(),
        }
        if not key.is_dated(now):
            today = datetime.fromtimestamp(now, UTC).date()
            dangers.append(
                f"its certificate is outside its dates (today is {today}); it still verifies, "
                "unless check_certificate_dates=True"
            )
    return {**described, "dangers": dangers}
