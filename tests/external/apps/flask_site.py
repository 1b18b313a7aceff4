"""A Flask app behind the gateway that JWKS_URL belongs to."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, Response, jsonify, request

from jwt_middleware_flask import JWTMiddleware, current_principal

app = Flask(__name__)
JWTMiddleware(app, keys=os.environ["JWKS_URL"], api="/orders")


@app.route("/who")
def who() -> Any:
    principal = current_principal()
    return jsonify(
        subject=principal.subject,
        client=principal.client_id,
        roles=sorted(principal.roles),
        key=principal.key_id,
        headers=sorted(name.lower() for name, _ in request.headers),
    )


@app.route("/shout", methods=["POST"])
def shout() -> Any:
    stream = request.stream
    return Response(piece.upper() for piece in iter(lambda: stream.read(1024), b""))
