"""pypiserver, a Bottle app and so plain WSGI, with the one line."""

from __future__ import annotations

import os
from pathlib import Path

import pypiserver

from jwt_middleware.wsgi import JWTMiddleware

PACKAGES = Path(os.environ["FOLDER"]) / "packages"
PACKAGES.mkdir()
(PACKAGES / "example-1.0.tar.gz").write_bytes(b"no archive, but served as it is")

app = JWTMiddleware(
    pypiserver.app(roots=[PACKAGES], password_file=".", authenticate=[]),
    keys=os.environ["JWKS_URL"],
    api="/apps",
)
