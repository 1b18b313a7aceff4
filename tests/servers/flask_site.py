"""The Flask app that real servers run; options come from the environment."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify

from jwt_middleware import has_role
from jwt_middleware_flask import JWTMiddleware, current_principal, requires

app = Flask(__name__)
JWTMiddleware(app)


@app.route("/who")
def who() -> Any:
    return jsonify(current_principal().subject)


@app.route("/denied")
@requires(has_role("nobody"))
def denied() -> Any:
    return jsonify("served")
