"""A request's body, read whole as far as it may go."""

from __future__ import annotations

from starlette.requests import Request


async def bounded_body(request: Request, most: int) -> bytes | None:
    """Return the body; None where it has more than ``most`` bytes, and is not read on."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return body
