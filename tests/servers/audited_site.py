"""Apps whose audit trail is the file that AUDIT_FILE names, written to by every worker."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import jwt_middleware_flask as flask_adapter
import jwt_middleware_starlette as starlette_adapter
from jwt_middleware import JSONLines

lines = JSONLines(os.environ["AUDIT_FILE"])

flask_app = Flask(__name__)
flask_adapter.JWTMiddleware(flask_app, listeners=[lines])


@flask_app.delete("/classes/<class_id>")
def delete(class_id: str) -> Any:
    lines.write("class_deleted", by=flask_adapter.current_principal(), class_id=class_id)
    return {"worker": os.getpid()}


def delete_in_a_thread(request: Request) -> JSONResponse:
    principal = starlette_adapter.current_principal()
    lines.write("class_deleted", by=principal, class_id=request.path_params["class_id"])
    return JSONResponse({"worker": os.getpid()})


starlette_app = Starlette(
    routes=[Route("/classes/{class_id}", delete_in_a_thread, methods=["DELETE"])]
)
starlette_app.add_middleware(starlette_adapter.JWTMiddleware, listeners=[lines])
