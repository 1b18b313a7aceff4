"""httpbin, a Flask app, with the one line."""

from __future__ import annotations

import os

from httpbin import app

from jwt_middleware_flask import JWTMiddleware

JWTMiddleware(app, keys=os.environ["JWKS_URL"], api="/apps")
