"""A gateway for tests: it signs assertions, and serves its keys on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from typing import Any, Self

from ..authorization.clients import Client
from ..authorization.registry import ClientRegistry
from ..gateways import PRESETS
from ..gateways.forms import FORMS, TokenForm
from ..options.checks import AnyAudience
from ..verification.options import registry_of
from .minting import SigningKey, mint
from .placing import claims_by_entry, put_claim, put_list

FAULTS = ("down", "slow", "garbage")
SOMEBODY = "someone@carbon.super"
"""Who calls where a test does not say."""


class LocalGateway:
    """Signs as a gateway does, with a key of its own, and publishes that key at ``jwks_url``.

    Use it in a ``with`` block: the endpoint starts on first use, and ends with the block.

    Args:
        form: a name in ``FORMS``, or a form of your own.
        header: the header that ``headers`` names.
        api: the API context that tokens are for, and that ``options`` require.
        clients: the registry, or the path of its TOML: a client's entry then names its claims.
        key: signs first, instead of a new one.

    """

    def __init__(
        self,
        form: str | TokenForm = "wso2-4.2",
        header: str = "X-JWT-Assertion",
        api: str | None = None,
        clients: ClientRegistry | str | PathLike[str] | None = None,
        key: SigningKey | None = None,
    ) -> None:
        self.form = FORMS[form] if isinstance(form, str) else form
        self.header = header
        self.api = api
        self.clients = registry_of(clients)
        self._keys = [self._named(key or SigningKey())]
        self._server: ThreadingHTTPServer | None = None
        self._fault: str | None = None
        self._recovered = threading.Event()
        self._lock = threading.Lock()

    @property
    def key(self) -> SigningKey:
        """The key that signs now."""
        return self._keys[-1]

    @property
    def keys(self) -> list[SigningKey]:
        """The keys that are published, oldest first."""
        return list(self._keys)

    @property
    def jwks_url(self) -> str:
        """Where the keys are published; asking for it starts the endpoint."""
        with self._lock:
            if self._server is None:
                self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Exchange, self))
                serve = self._server.serve_forever
                threading.Thread(target=serve, args=(0.01,), daemon=True).start()
            return f"http://127.0.0.1:{self._server.server_port}/jwks"

    @property
    def options(self) -> dict[str, Any]:
        """The options with which any ``JWTMiddleware`` accepts this gateway's tokens."""
        is_presets = self.header == PRESETS[self.form.preset].header
        return self.verifier_options | ({} if is_presets else {"header": self.header})

    @property
    def verifier_options(self) -> dict[str, Any]:
        """The same for ``Verifier``, which reads no header."""
        options = {"gateway": self.form.preset, "api": self.api, "clients": self.clients}
        given = {name: value for name, value in options.items() if value is not None}
        return {"keys": self.jwks_url, **given}

    def assertion(
        self,
        client: str | None = None,
        user: str | None = None,
        roles: Iterable[str] = (),
        permissions: Iterable[str] = (),
        lifetime: float = 900,
        *,
        attributes: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed assertion.

        Args:
            client: the client id; with a registry, its entry says which claims hold the rest.
            user: the end user.
            roles: the roles to carry; ``permissions`` likewise.
            lifetime: seconds until it expires; negative makes an expired one.
            attributes: attributes by the registry's names.
            claims: claims as they are, which replace the others; None removes one.

        Raises:
            ValueError: no claim holds what is given, so the app could never see it.

        """
        preset = PRESETS[self.form.preset]
        names = preset.names
        body: dict[str, Any] = {"iss": "wso2.org/products/am"}
        if preset.context_claim is not None:
            body[preset.context_claim] = self.api or "/local/1.0.0"
        # The last name is the gateway's own, which all its generations write.
        put_claim(body, names.subject[-1], user or SOMEBODY)
        entry = None
        if client is not None:
            put_claim(body, names.client_id[0], client)
            entry = None if self.clients is None else self.clients.clients.get(client)
        if entry is not None:
            body |= _bound(entry) | claims_by_entry(entry, roles, permissions, attributes or {})
        elif attributes:
            raise ValueError("attributes: only a client of the registry (clients=) has them")
        else:
            put_list(body, names.roles, "roles", roles)
            put_list(body, names.permissions, "permissions", permissions)
        body = {name: value for name, value in (body | claims).items() if value is not None}
        # Only gateways that make a kid of their own write one, and those that follow the RFC.
        is_named = self.form.kid is not None or not self.form.names_certificate
        header = None if is_named else {"kid": None}
        return mint(self.key, body, form=self.form, lifetime=lifetime, header=header)

    def headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Return the header of an ``assertion``, which takes the same arguments."""
        return {self.header: self.assertion(*args, **kwargs)}

    def rotate(self) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        self._keys = [*self._keys, self._named(SigningKey())]

    def retire(self) -> None:
        """Publish the newest key alone; an app learns of it with its next fetch."""
        self._keys = self._keys[-1:]

    def fail(self, fault: str) -> None:
        """Make the endpoint ``down`` (503), ``slow`` (no answer), or answer ``garbage``."""
        if fault not in FAULTS:
            raise ValueError(f"fault: one of {', '.join(FAULTS)}")
        self.recover()
        self._recovered = threading.Event()
        self._fault = fault

    def recover(self) -> None:
        """Make the endpoint answer again, waiting requests too."""
        self._fault = None
        self._recovered.set()

    def reset(self, keys: list[SigningKey]) -> None:
        """Publish these keys, and answer again: for a gateway that several tests share."""
        self.recover()
        self._keys = list(keys)

    def close(self) -> None:
        """Stop the endpoint."""
        self.recover()
        with self._lock:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self) -> tuple[int, bytes]:
        """Return status and body of the endpoint's answer; waits while it is ``slow``."""
        if self._fault == "slow":
            self._recovered.wait(30)
        if self._fault == "down":
            return 503, b""
        if self._fault == "garbage":
            return 200, b"<!doctype html><title>Sign in</title>"
        return 200, json.dumps({"keys": [self._jwk(key) for key in self._keys]}).encode()

    def _named(self, key: SigningKey) -> SigningKey:
        if key.key_id is None:
            # Derived from the key, so that after a restart an app asks for the new key.
            digest = hashlib.sha256(key.public_pem.encode()).hexdigest()
            key.key_id = self.form.key_id_of(key.certificate) or f"local-{digest[:12]}"
        return key

    def _jwk(self, key: SigningKey) -> dict[str, Any]:
        thumbprint = self.form.x5t_of(key.certificate)
        return key.jwk() if thumbprint is None else key.jwk(x5t=thumbprint)


def _bound(client: Client) -> dict[str, Any]:
    """Return the claims that the client's entry binds its tokens to."""
    trust = client.trust
    bound = {} if trust is None else {"iss": trust.issuer, "aud": trust.audience}
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in bound.items()
        if value is not None and not isinstance(value, AnyAudience)
    }


class _Exchange(BaseHTTPRequestHandler):
    def __init__(self, gateway: LocalGateway, *args: Any) -> None:
        self._gateway = gateway
        super().__init__(*args)

    def do_GET(self) -> None:
        status, body = (404, b"") if self.path != "/jwks" else self._gateway.answer()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client has hung up, as it should while the endpoint is slow

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a test's output is its own."""
