"""Radicale, a calendar server in plain WSGI, with the one line; its user is the principal."""

from __future__ import annotations

import os
from typing import Any

from radicale import Application, config

from jwt_middleware.wsgi import JWTMiddleware

configuration = config.load()
configuration.update(
    {
        "auth": {"type": "remote_user"},
        "rights": {"type": "owner_only"},
        "storage": {"filesystem_folder": os.environ["FOLDER"] + "/collections"},
    },
    "the tests",
)
calendars = Application(configuration)


def as_remote_user(environ: dict[str, Any], start_response: Any) -> Any:
    environ["REMOTE_USER"] = environ["jwt_middleware.principal"].subject
    return calendars(environ, start_response)


app = JWTMiddleware(as_remote_user, keys=os.environ["JWKS_URL"], api="/apps")
