"""How OpenAPI 3 describes the header that holds the token."""

from __future__ import annotations

USUAL_HEADER = "X-JWT-Assertion"
"""The name that most gateways have, where the app's options are not known."""


def scheme_of(header: str) -> dict[str, str]:
    """Return the security scheme of a header, whose name has any case (RFC 9110, section 5.1)."""
    if header.lower() == "authorization":
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token, which is a signed JWT.",
        }
    return {
        "type": "apiKey",
        "in": "header",
        "name": header,
        "description": "The gateway's signed assertion; the gateway sets it.",
    }
