"""A plugin of Datasette's: who acts is the principal."""

from __future__ import annotations

from typing import Any

from datasette import hookimpl


@hookimpl
def actor_from_request(request: Any) -> dict[str, Any]:
    return {"id": request.scope["jwt_middleware.principal"].subject}
