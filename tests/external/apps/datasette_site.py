"""Datasette, an ASGI app of its own making, with the one line; its actor is the principal."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from datasette.app import Datasette

from jwt_middleware.asgi import JWTMiddleware

DATABASE = Path(os.environ["FOLDER"]) / "orders.db"

with sqlite3.connect(DATABASE) as connection:
    connection.execute("create table lines (article text, pieces integer)")
    connection.executemany("insert into lines values (?, ?)", [("tea", 2), ("bread", 3)])

datasette = Datasette(
    immutables=[str(DATABASE)], plugins_dir=str(Path(__file__).parent / "datasette_plugins")
)
app = JWTMiddleware(datasette.app(), keys=os.environ["JWKS_URL"], api="/apps")
