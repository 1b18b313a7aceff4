"""A principal and an inspection as JSON, for programs and pages."""

from __future__ import annotations

from typing import Any

from ...principal import Principal, thawed
from .token import Inspection


def principal_as_json(principal: Principal) -> dict[str, Any]:
    """Return all that a principal says, less its claims."""
    return {
        "subject": principal.subject,
        "client_id": principal.client_id,
        "issuer": principal.issuer,
        "roles": sorted(principal.roles),
        "permissions": sorted(principal.permissions),
        "attributes": thawed(principal.attributes),
        "expires_at": principal.expires_at,
        "token_id": principal.token_id,
        "key_id": principal.key_id,
    }


def inspection_as_json(found: Inspection) -> dict[str, Any]:
    """Return what was found out about a token, less its claims."""
    return {
        "code": found.code,
        "explanation": found.explanation,
        "mend": found.mend,
        "facts": found.facts,
        "header": found.header,
    }
