"""Tokens of a partner, and the callback that they arrive at."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from jwt_middleware.sign_on import PATH, Account, Arrival, Visit
from jwt_middleware.testing import FORMS, SigningKey
from jwt_middleware.testing.minting import compact

NOW = 1_700_000_000.0
HOST = "app.example.edu"
KEY = SigningKey("HS256")
OTHER_KEY = SigningKey("HS256")
EMAIL = "ana@example.edu"


def token(key: SigningKey = KEY, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token made now, for Ana; a claim of None is left out, and nothing is added."""
    body = {"iat": NOW, "email": EMAIL, **claims}
    return signed({name: value for name, value in body.items() if value is not None}, key, header)


def signed(
    body: dict[str, Any], key: SigningKey = KEY, header: dict[str, Any] | None = None
) -> str:
    """A token of exactly these claims: no ``exp`` is added, as ``mint`` would."""
    head: dict[str, Any] = {"typ": "JWT", "alg": key.algorithm}
    if key.key_id is not None:
        head["kid"] = key.key_id
    parts = [json.dumps(each).encode() for each in (head | (header or {}), body)]
    return compact(key, *parts, FORMS["standard"])


def visit(token: str | None, go: str | None = None, **changes: Any) -> Visit:
    pairs = [("token", token), ("go", go)]
    query = urlencode([(n, v) for n, v in pairs if v is not None], errors="surrogatepass")
    return Visit("GET", PATH, query, HOST, "")._replace(**changes)


class Session:
    """The session of one browser, as the frameworks' faces begin it."""

    def __init__(self) -> None:
        self.began: list[tuple[Account, Arrival]] = []

    def __call__(self, account: Account, arrival: Arrival) -> list[tuple[str, str]]:
        self.began.append((account, arrival))
        return [("Set-Cookie", f"session={len(self.began)}")]
