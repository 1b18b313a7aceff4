"""What every door answers: one table, run against all of them by ``test_conformance``.

Every row runs cold, as the first request of its app, and warm: after tokens of the same caller.

In headers, queries and options, ``{good}`` stands for a token of ``Tokens``, and ``{endpoint}`` for
a JWKS URL where nobody listens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwt_middleware import Refusal, Revocations, has_role
from jwt_middleware.gateways.wso2 import WSO2_DIALECT
from jwt_middleware.revocation import Denial
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.testing import SigningKey, mint, ucsd_claims

NOW = 1_479_409_651.0
LIFETIME = 900
EXPIRY = NOW + LIFETIME
JWT = "X-JWT-Assertion"
EVERYONE = "Internal/everyone"
DENIED = "insufficient_permission"
WARMING = NOW - 120
"""When a warm row's app gets its first tokens: before those that are expired now were."""


class Tokens(dict[str, str]):
    """The tokens of the table, each minted when it is first asked for."""

    def __init__(self, key: SigningKey, other: SigningKey) -> None:
        later = int((NOW + 3600) * 1000)
        self._recipes: dict[str, Callable[[], str]] = {
            "good": lambda: self._mint(key),
            "guest": lambda: self._mint(key, role="Internal/guest"),
            "of_x": lambda: self._mint(key, client_id="x"),
            "of_y": lambda: self._mint(key, client_id="y"),
            "wrong_key": lambda: self._mint(other, x5t=None),
            "unknown_key": lambda: self._mint(other),
            "expired": lambda: self._mint(key, lifetime=-60),
            "immature": lambda: mint(key, ucsd_claims() | {"nbf": later}, now=NOW),
            "alg_none": lambda: self._mint(key, alg="none"),
            "for_orders": lambda: mint(key, ucsd_claims() | {"aud": "orders"}, now=NOW),
            "tampered": lambda: _tampered(self["good"]),
        }
        super().__init__()

    def __missing__(self, name: str) -> str:
        self[name] = self._recipes[name]()
        return self[name]

    def _mint(self, key: SigningKey, *, lifetime: float = LIFETIME, **changes: str | None) -> str:
        header = {name: changes.pop(name) for name in ("alg", "x5t") if name in changes}
        return mint(key, ucsd_claims(**changes), lifetime=lifetime, now=NOW, header=header)


def _tampered(token: str) -> str:
    header, payload, signature = token.split(".")
    return (
        f"{header}.{payload}.{signature[:40]}{'A' if signature[40] != 'A' else 'B'}{signature[41:]}"
    )


@dataclass(frozen=True, kw_only=True)
class Row:
    """One request, and what it gets.

    ``tells`` is what the app's own answer must be. A ``one_time`` row's token counts once, so that
    only other tokens of the caller can come before it.
    """

    name: str
    sent: tuple[str, ...] = ()
    """The values of the assertion header, one a line."""
    status: int = 200
    code: str | None = None
    tells: Any = None
    method: str = "GET"
    path: str = "/who"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    now: float = NOW
    needs: frozenset[str] = frozenset()
    stale: bool = False
    one_time: bool = False

    @property
    def warming(self) -> list[str]:
        """The tokens that come before it when it is warm: its own too, valid or not."""
        if self.one_time:
            return ["guest"]
        texts = (*self.sent, self.query, *(value for _, value in self.headers))
        return list(dict.fromkeys(["good", *re.findall(r"\{(\w+)\}", " ".join(texts))]))

    @property
    def warming_path(self) -> str:
        """A path where the header is read, whatever is exempt."""
        return "/files/a" if "/who" in self.options.get("exempt", ()) else "/who"

    @property
    def has_principal(self) -> bool:
        """Whether its token is verified, whatever is then decided."""
        return self.code in (None, DENIED) and self.tells is not NOBODY

    @property
    def challenge(self) -> str | None:
        """What ``WWW-Authenticate`` begins with (RFC 6750, 3 and 3.1)."""
        if self.code == "missing_token":
            return 'Bearer realm="api"'
        error = {401: "invalid_token", 403: "insufficient_scope"}.get(self.status)
        return error and f'Bearer realm="api", error="{error}", error_description="'


NOBODY: Any = "null"
SERVED = {"served": True}
JROE = {
    "subject": "jroe@carbon.super",
    "client_id": None,
    "roles": sorted(ucsd_claims()[WSO2_DIALECT + "role"].split(",")),
}
GUARDS = frozenset({"guards"})
ABOVE = frozenset({"above"})
ASGI = frozenset({"asgi"})
WSGI = frozenset({"wsgi"})


def _accepted(name: str, *sent: str, tells: Any = JROE, **more: Any) -> Row:
    return Row(name=name, sent=sent, tells=tells, **more)


def _refused(name: str, code: str, *sent: str, status: int = 401, **more: Any) -> Row:
    return Row(name=name, sent=sent, status=status, code=code, **more)


HEADER = (
    _accepted("a good token in UCSD's form", "{good}"),
    _accepted("SP and HTAB at the ends", " \t{good}\t "),
    _accepted("another header by option", options={"header": "X-Gateway"},
              headers=(("X-Gateway", "{good}"), (JWT, "{tampered}"))),
    _accepted("an underscore twin is not read", "{good}", needs=ASGI,
              headers=(("X_JWT_Assertion", "{tampered}"),)),
    _refused("only an underscore twin", "missing_token", needs=ASGI,
             headers=(("X_JWT_Assertion", "{good}"),)),
    _refused("an underscore twin that a server has joined", "duplicate_header", "{good}",
             needs=WSGI, headers=(("X_JWT_Assertion", "{good}"),)),
    _refused("no header", "missing_token"),
    _refused("two identical lines", "duplicate_header", "{good}", "{good}"),
    _refused("two different lines", "duplicate_header", "{good}", "{guest}"),
    _refused("a good line and an empty one", "duplicate_header", "{good}", ""),
    _refused("two tokens joined by a comma", "duplicate_header", "{good}, {good}"),
    _refused("two tokens joined by a blank", "malformed_token", "{good} {good}"),
    _refused("a comma at the end", "duplicate_header", "{good},"),
    _refused("an inner blank", "malformed_token", "{good} x"),
    _refused("empty", "malformed_token", ""),
    _refused("only blanks", "malformed_token", " \t "),
    _refused("NBSP is not stripped", "malformed_token", "{good}\xa0"),
    _refused("VT is not stripped", "malformed_token", "{good}\x0b"),
    _refused("a Bearer prefix", "malformed_token", "Bearer {good}"),
    _refused("a JWT prefix", "malformed_token", "JWT {good}"),
    _refused("oversized", "token_too_large", "x" * 20_000),
    _refused("oversized by blanks only", "token_too_large", "{good}" + " " * 20_000),
    _refused("no token at all", "malformed_token", "not-a-token"),
    _refused("non-ASCII", "malformed_token", "jürgen"),
    _refused("in the query", "missing_token", query="X-JWT-Assertion={good}&access_token={good}"),
    _refused("in a cookie", "missing_token", headers=(("Cookie", "X-JWT-Assertion={good}"),)),
    _refused("in Authorization", "missing_token", headers=(("Authorization", "Bearer {good}"),)),
)  # fmt: skip

TOKEN = (
    _accepted("a minute before its end", "{good}", now=EXPIRY - 60),
    _accepted("within the leeway", "{good}", now=EXPIRY + 29),
    _refused("at the leeway's end", "token_expired", "{good}", now=EXPIRY + 30),
    _refused("a second after its end, no leeway", "token_expired", "{good}", now=EXPIRY + 1,
             options={"leeway": 0}),
    _refused("expired", "token_expired", "{expired}"),
    _refused("immature", "token_immature", "{immature}"),
    _refused("signed by another key", "bad_signature", "{wrong_key}"),
    _refused("naming another key", "unknown_key", "{unknown_key}"),
    _refused("a changed signature", "bad_signature", "{tampered}"),
    _refused("alg none", "unacceptable_algorithm", "{alg_none}"),
    _accepted("the audience asked for", "{for_orders}", options={"audience": "orders"}),
    _refused("another audience", "invalid_claim", "{for_orders}", options={"audience": "x"}),
    _refused("an audience and none is configured", "invalid_claim", "{for_orders}"),
    _refused("no audience where one is asked for", "invalid_claim", "{good}",
             options={"audience": "orders"}),
    _accepted("this API", "{good}", options={"api": "/echo/1.0.0"}),
    _accepted("an API above it, by whole segments", "{good}", options={"api": "/echo"}),
    _refused("another API", "invalid_claim", "{good}", options={"api": "/orders/1.0"}),
    _refused("an API that is a part of a segment", "invalid_claim", "{good}",
             options={"api": "/ech"}),
    _refused("no keys can be had", "keys_unavailable", "{good}", status=503,
             options={"keys": "{endpoint}"}),
)  # fmt: skip

SUBJECT = JROE["subject"]
DOWN = "redis://127.0.0.1:9/0"


def _denying(**names: Any) -> dict[str, Any]:
    store = MemoryStore(clock=lambda: NOW)
    store.deny(Denial(**names))
    return {"revocations": Revocations(store)}


REVOKED = (
    _refused("its subject is denied", "token_revoked", "{good}",
             options=_denying(subject=SUBJECT)),
    _refused("its subject is denied, for its issuer", "token_revoked", "{good}",
             options=_denying(subject=SUBJECT, issuer="wso2.org/products/am")),
    _refused("older tokens are denied, and it has no iat", "token_revoked", "{good}",
             options=_denying(issuer="wso2.org/products/am", issued_before=NOW - 900)),
    _refused("its client is denied", "token_revoked", "{of_x}", options=_denying(client_id="x")),
    _accepted("another client is denied", "{good}", options=_denying(client_id="x")),
    _accepted("the subject of another issuer is denied", "{good}",
              options=_denying(subject=SUBJECT, issuer="wso2.org")),
    _refused("denied and expired", "token_expired", "{expired}",
             options=_denying(subject=SUBJECT)),
    _refused("denied and forged", "bad_signature", "{tampered}",
             options=_denying(subject=SUBJECT)),
    _refused("the store is out", "store_unavailable", "{good}", status=503,
             options={"revocations": DOWN}),
    _refused("the store is out and the token forged", "bad_signature", "{tampered}",
             options={"revocations": DOWN}),
    _refused("the store is out, and one asks what was used", "store_unavailable", "{good}",
             status=503, one_time=True,
             options={"revocations": Revocations(DOWN, one_time=True)}),
    _accepted("the store is out, and it fails open", "{good}",
              options={"revocations": Revocations(DOWN, fail="open")}),
    _accepted("taken once, for the first time", "{good}", one_time=True,
              options={"revocations": Revocations("process-memory", one_time=True)}),
    _accepted("the header is not read, so nothing is denied", "{good}", tells=NOBODY,
              options={"exempt": ("/who",), **_denying(subject=SUBJECT)}),
)  # fmt: skip

OPEN = ("/who",)
PREFLIGHT = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
PASS = {"cors_preflight": "pass"}
MAYBE = {"optional": True}


def _not_exempt(name: str, path: str, exempt: tuple[str, ...] = OPEN) -> Row:
    return _refused(f"not exempt: {name}", "missing_token", path=path, options={"exempt": exempt})


OPENINGS = (
    _accepted("optional and none", tells=NOBODY, options=MAYBE),
    _accepted("optional and good", "{good}", options=MAYBE),
    _refused("optional and bad", "bad_signature", "{tampered}", options=MAYBE),
    _refused("optional and empty", "malformed_token", "", options=MAYBE),
    _accepted("optional here", tells=NOBODY, options={"optional": OPEN}),
    _refused("optional here and bad", "bad_signature", "{tampered}", options={"optional": OPEN}),
    _refused("optional elsewhere", "missing_token", path="/files/a", options={"optional": OPEN}),
    _refused("optional, in a form that two programs read differently", "missing_token",
             path="//who", options={"optional": OPEN}),
    _accepted("exempt and none", tells=NOBODY, options={"exempt": OPEN}),
    _accepted("exempt and good", "{good}", tells=NOBODY, options={"exempt": OPEN}),
    _accepted("exempt and bad", "{tampered}", tells=NOBODY, options={"exempt": OPEN}),
    _accepted("exempt below", tells=NOBODY, path="/files/a", options={"exempt": ("/files/*",)}),
    _not_exempt("a list's own root", "/files", ("/files/*",)),
    _not_exempt("a doubled slash at a list's own root", "/files//", ("/files/*",)),
    _not_exempt("up from below", "/files/../who", ("/files/*",)),
    _not_exempt("up from below by a semicolon", "/files/..;/who", ("/files/*",)),
    _not_exempt("a doubled slash below", "/files//a", ("/files/*",)),
    _not_exempt("a doubled slash", "//who"),
    _not_exempt("a dot segment", "/./who"),
    _not_exempt("a double dot segment", "/x/../who"),
    _not_exempt("a slash at the end", "/who/"),
    _not_exempt("still encoded after one decoding", "/%77ho"),
    _not_exempt("a path parameter", "/who;x"),
    _not_exempt("a backslash", "\\who"),
    _not_exempt("a backslash below", "/files/a\\b", ("/files/*",)),
    _not_exempt("NUL", "/who\0"),
    _not_exempt("a line end", "/files/a\n", ("/files/*",)),
    _not_exempt("capitals", "/WHO"),
    _refused("a preflight", "missing_token", method="OPTIONS", headers=PREFLIGHT),
    _accepted("a preflight may pass", method="OPTIONS", headers=PREFLIGHT, tells=NOBODY,
              options=PASS),
    _accepted("a preflight's header is not read", "{good}", method="OPTIONS", headers=PREFLIGHT,
              tells=NOBODY, options=PASS),
    _refused("a preflight without its method", "missing_token", method="OPTIONS",
             headers=PREFLIGHT[:1], options=PASS),
    _refused("a preflight without its origin", "missing_token", method="OPTIONS",
             headers=PREFLIGHT[1:], options=PASS),
    _refused("a preflight with two origins", "missing_token", method="OPTIONS",
             headers=(*PREFLIGHT, PREFLIGHT[0]), options=PASS),
    _refused("a GET with a preflight's headers", "missing_token", headers=PREFLIGHT, options=PASS),
    _accepted("a stale principal, optional", tells=NOBODY, options=MAYBE, stale=True),
    _accepted("a stale principal, exempt", tells=NOBODY, options={"exempt": OPEN}, stale=True),
    _accepted("a stale principal, preflight", method="OPTIONS", headers=PREFLIGHT, tells=NOBODY,
              options=PASS, stale=True),
    _accepted("a stale principal and a good token", "{good}", stale=True),
    _refused("a stale principal at a guard", "missing_token", path="/needs-role", options=MAYBE,
             stale=True, needs=GUARDS),
)  # fmt: skip

GUARDED = (
    _accepted("authorize holds", "{good}", options={"authorize": has_role(EVERYONE)}),
    _accepted("authorize asks nothing of nobody", tells=NOBODY,
              options=MAYBE | {"authorize": has_role(EVERYONE)}),
    _refused("authorize does not hold", DENIED, "{guest}", status=403,
             options={"authorize": has_role(EVERYONE)}),
    _refused("401 comes before authorize", "missing_token",
             options={"authorize": has_role(EVERYONE)}),
    _accepted("the role is held", "{good}", path="/needs-role", tells=SERVED, needs=GUARDS),
    _refused("the role is not held", DENIED, "{guest}", status=403, path="/needs-role",
             needs=GUARDS),
    _refused("a role that nobody has", DENIED, "{good}", status=403, path="/denied", needs=GUARDS),
    _refused("401 comes before 403", "missing_token", path="/not-client", options=MAYBE,
             needs=GUARDS),
    _refused("an exempt path keeps its guard", "missing_token", "{good}", path="/needs-role",
             options={"exempt": ("/needs-role",)}, needs=GUARDS),
    _accepted("another client", "{of_y}", path="/not-client", tells=SERVED, needs=GUARDS),
    _refused("that client", DENIED, "{of_x}", status=403, path="/not-client", needs=GUARDS),
    _refused("no client is not another client", DENIED, "{good}", status=403, path="/not-client",
             needs=GUARDS),
    _accepted("the caller's project", "{good}", path="/projects/A00000001", tells=SERVED,
              needs=GUARDS),
    _refused("another project", DENIED, "{good}", status=403, path="/projects/A00000002",
             needs=GUARDS),
    _accepted("requires above the route holds", "{good}", path="/above", tells=SERVED,
              needs=ABOVE),
    _refused("requires above the route does not hold", DENIED, "{guest}", status=403,
             path="/above", needs=ABOVE),
    _refused("requires above the route and nobody", "missing_token", path="/above", options=MAYBE,
             needs=ABOVE),
    _accepted("current_principal", "{good}", path="/principal", needs=GUARDS),
    _refused("current_principal and nobody", "missing_token", path="/principal", options=MAYBE,
             needs=GUARDS),
)  # fmt: skip

ROWS = HEADER + TOKEN + REVOKED + OPENINGS + GUARDED


def own_shape(refusal: Refusal, request: Any) -> Refusal:
    """A ``refuse=`` hook: the app's own body and headers, one of them twice."""
    body = json.dumps({"own": json.loads(refusal.body)["code"], "path": request.path}).encode()
    kept = [pair for pair in refusal.headers if pair[0] == "WWW-Authenticate"]
    own = (
        ("Content-Type", "application/vnd.own+json"),
        ("Content-Length", str(len(body))),
        ("Link", "</help>; rel=help"),
        ("Link", "</terms>; rel=terms-of-service"),
    )
    return Refusal(refusal.status + 20, (*own, *kept), body)
