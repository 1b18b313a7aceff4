"""Tokens of a partner, and the callback that they arrive at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jwt_middleware.authorization.request import RequestView
from jwt_middleware.responses import Refusal
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.sign_on import PATH, Account, Callback, Integration, Profile, Visit
from jwt_middleware.sign_on.sql import SQLDirectory
from jwt_middleware.sign_on.tokens import SignOnToken, TokenVerifier
from jwt_middleware.testing import FORMS, SigningKey
from jwt_middleware.testing.minting import compact

from ..conftest import Clock
from ..kit import Events

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


def verifier_of(source: Any, events: Events | None = None, now: float = NOW) -> TokenVerifier:
    return TokenVerifier(
        source,
        leeway=30,
        max_token_size=16_384,
        announce=events if events is not None else Events(),
        clock=Clock(now),
    )


def prove(source: Any, raw: str, host: str | None = HOST, now: float = NOW) -> SignOnToken:
    verifier = source if isinstance(source, TokenVerifier) else verifier_of(source, now=now)
    return verifier.verify(*verifier.choose(raw, host))


def acme(**values: Any) -> Integration:
    return Integration("acme", **{"secret": KEY.secret, **values})


class Session:
    """The session of one browser, as the frameworks' faces begin it."""

    def __init__(self) -> None:
        self.began: list[tuple[Account, Profile]] = []

    def __call__(self, account: Account, profile: Profile) -> list[tuple[str, str]]:
        self.began.append((account, profile))
        return [("Set-Cookie", f"session={len(self.began)}")]


class Site:
    """A callback on real parts, with what it told and whom it signed in."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.events = Events()
        self.clock = Clock(NOW)
        self.directory = SQLDirectory(f"sqlite:///{folder / 'accounts.sqlite'}")
        self.session = Session()
        self.store = MemoryStore(clock=self.clock)
        self.callback = Callback(
            **{
                "integrations": [Integration("acme", secret=KEY.secret)],
                "directory": self.directory,
                "store": self.store,
                "clock": self.clock,
                "listeners": [self.events],
                **options,
            }
        )

    def arrive(self, raw: str | None, go: str | None = None, **changes: Any) -> Refusal:
        return self.callback.answer(visit(raw, go, **changes), self.session)

    def told(self, kind: type) -> list[Any]:
        return self.events.of(kind)


def header(answer: Refusal, name: str) -> str | None:
    [found] = [v for n, v in answer.headers if n == name] or [None]
    return found


def code(answer: Refusal) -> str:
    return str(json.loads(answer.body)["code"])


def translated(refusal: Refusal, request: RequestView) -> Refusal:
    """A ``refuse=`` in the reader's language, which would repeat a token if it saw one."""
    language = request.header_values("Accept-Language")[0]
    body = f"{language} {request.method} {refusal.code} {request.query_values('token')}".encode()
    headers = (("Content-Type", "text/html"), ("Content-Length", str(len(body))))
    return replace(refusal, headers=headers, body=body)


TRANSLATED = b"de GET malformed_token []"
"""What ``translated`` makes of a token that is none, for a German."""
JSON = "application/json"
