"""A gateway for tests: it signs assertions, and serves its keys on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from typing import Any, Never, Self

from ..authorization.client import Client
from ..authorization.registry import ClientRegistry
from ..gateways.forms import FORMS, TokenForm
from ..options.checks import AnyAudience
from ..verification.options import registry_of
from .minting import SigningKey, mint
from .outside import refuse_others, unset_outside_code
from .own_keys import with_keys_of
from .placing import claims_by_entry, put_claim, put_list
from .publishing import Answer, Published, answer_at

FAULTS = ("down", "slow", "garbage")
SOMEBODY = "someone@carbon.super"
"""Who calls where neither a test nor the form says."""
ISSUER = "wso2.org/products/am"
"""Who issues tokens whose form has no ``iss``."""
LOCAL_API = "/local/1.0.0"
"""The API of tokens where ``api`` names none."""
_CLAIM_OF_OPTION = {"issuer": "iss", "audience": "aud", "signer": "signer"}


class LocalGateway:
    """Signs as a gateway does, with a key of its own, and publishes that key as the vendor does.

    Use it in a ``with`` block: the endpoint starts on first use, and ends with the block.

    Args:
        form: a name in ``FORMS``, or a form of your own.
        header: the header that ``headers`` names; None for the gateway's own.
        api: the API context that tokens are for, and that ``options`` require.
        clients: the registry, or the path of its TOML: a client's entry then names its claims.
        key: signs first, instead of a new one.
        issuer: the ``iss`` of its tokens; None for the form's, or for the endpoint's own URL where
            the gateway's keys follow from the issuer.
        audience: their ``aud``; None for the form's.
        signer: their ``signer``; None for the form's.

    Raises:
        TypeError: an option is none of these, but perhaps one of the app's.

    """

    def __init__(
        self,
        form: str | TokenForm = "wso2-4.2",
        header: str | None = None,
        api: str | None = None,
        clients: ClientRegistry | str | PathLike[str] | None = None,
        key: SigningKey | None = None,
        *,
        issuer: str | None = None,
        audience: str | None = None,
        signer: str | None = None,
        **others: Never,
    ) -> None:
        refuse_others(others)
        self.form = FORMS[form] if isinstance(form, str) else form
        self.gateway = self.form.gateway
        self.header = header or self.gateway.headers[0]
        self.api = api
        self.clients = registry_of(clients)
        self._given = {"iss": issuer, "aud": audience, "signer": signer}
        self._keys = [self._named(key or SigningKey(self.form.algorithm))]
        self._origin: str | None = None
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
    def origin(self) -> str:
        """Scheme and authority of the key endpoint; asking for it starts the endpoint."""
        with self._lock:
            if self._origin is not None:
                return self._origin
            if self._server is None:
                self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Exchange, self))
                serve = self._server.serve_forever
                threading.Thread(target=serve, args=(0.01,), daemon=True).start()
            return f"http://127.0.0.1:{self._server.server_port}"

    def with_key(self, key: SigningKey) -> LocalGateway:
        """Return a gateway like this one that signs with another key, and publishes it nowhere."""
        given: dict[str, Any] = {"audience": self._given["aud"], "signer": self._given["signer"]}
        place = self.form, self.header, self.api, self.clients
        return LocalGateway(*place, key, issuer=self.issuer, **given)

    def publish_at(self, origin: str) -> None:
        """Let another server, at this origin, serve what ``answer`` returns."""
        self._origin = origin

    @property
    def keys_url(self) -> str:
        """What ``keys=`` takes: the URL of the keys, or its template with ``{kid}``."""
        return self.origin + next(iter(self.form.publishes))

    jwks_url = keys_url

    @property
    def issuer(self) -> str:
        """The ``iss`` of its tokens."""
        if self._keys_follow_from_issuer and self._given["iss"] is None:
            return self.origin
        return str(self._given["iss"] or self.form.claims.get("iss", ISSUER))

    @property
    def _keys_follow_from_issuer(self) -> bool:
        """Whether the gateway's own default finds the keys, at an issuer that is a URL."""
        return "{issuer}" in (self.gateway.keys or "")

    @property
    def options(self) -> dict[str, Any]:
        """The options with which any ``JWTMiddleware`` accepts this gateway's tokens.

        What variables such as ``JWT_MIDDLEWARE_API`` say of the tokens does not count beside them.
        """
        return unset_outside_code() | self.app_options

    @property
    def app_options(self) -> dict[str, Any]:
        """The same for a person to copy, who knows what the variables say."""
        is_presets = self.header in self.gateway.headers
        return self.verifier_options | ({} if is_presets else {"header": self.header})

    @property
    def verifier_options(self) -> dict[str, Any]:
        """The same for ``Verifier``, which reads no header."""
        claims = self._standard_claims()
        needed = {option: _sole(claims.get(name)) for option, name in _CLAIM_OF_OPTION.items()}
        options = {
            "gateway": self.form.preset,
            "keys": None if self._finds_keys else self.keys_url,
            "api": self.api,
            "clients": with_keys_of(self.clients, self.keys_url),
        } | {
            option: value
            for option, value in needed.items()
            if option in self.gateway.needs
            or self._given[_CLAIM_OF_OPTION[option]] is not None
            or (option == "issuer" and self._finds_keys)
        }
        return {name: value for name, value in options.items() if value is not None}

    @property
    def _finds_keys(self) -> bool:
        return self._keys_follow_from_issuer and self.issuer == self.origin

    def assertion(
        self,
        client: str | None = None,
        user: str | None = None,
        roles: Iterable[str] = (),
        permissions: Iterable[str] = (),
        lifetime: float = 900,
        *,
        service: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a signed assertion.

        Args:
            client: the client id; with a registry, its entry says which claims hold the rest.
            user: the end user.
            roles: the roles to carry; ``permissions`` likewise.
            lifetime: seconds until it expires; negative makes an expired one.
            service: an application or a service account that calls for itself, by its client id
                or name, instead of client and user.
            attributes: attributes by the registry's names.
            claims: claims as they are, which replace the others; None removes one.

        Raises:
            ValueError: no claim holds what is given, so the app could never see it.

        """
        names = self.gateway.names
        body = {**self.form.call, **self._standard_claims()}
        if self.gateway.context_claim is not None:
            body[self.gateway.context_claim] = self.api or LOCAL_API
        if service is None:
            body |= self.form.person_claims(user or self._somebody)
        elif client is not None or user is not None:
            raise ValueError("service: it calls for itself; leave out client and user")
        else:
            body |= self.form.service_claims(service)
        if client is not None:
            if not self.form.client:
                raise ValueError(
                    f"client: tokens of the gateway {self.gateway.name!r} name none beside a "
                    "person; for one that calls for itself write service="
                )
            put_claim(body, names.client_id[0], client)
        called_by = names.first(names.client_id, body) if service is not None else client
        entry = None
        if called_by is not None and self.clients is not None:
            entry = self.clients.clients.get(called_by)
        if entry is not None:
            body |= _bound(entry) | claims_by_entry(entry, roles, permissions, attributes or {})
        elif attributes:
            raise ValueError("attributes: only a client of the registry (clients=) has them")
        else:
            put_list(body, names.roles, "roles", roles)
            put_list(body, names.permissions, "permissions", permissions)
        absent = [name for name, value in claims.items() if value is None]
        body = {name: value for name, value in (body | claims).items() if value is not None}
        # Only gateways that make a kid of their own write one, and those that follow the RFC.
        is_named = self.form.kid is not None or not self.form.names_certificate
        header = None if is_named else {"kid": None}
        return mint(
            self.key, body, form=self.form, lifetime=lifetime, header=header, without=absent
        )

    def _standard_claims(self) -> dict[str, Any]:
        """Return the claims of the form, with the values that were given instead."""
        given = {name: value for name, value in self._given.items() if value is not None}
        claims = {**self.form.claims, **given, "iss": self.issuer}
        if "aud" in given and isinstance(self.form.claims.get("aud"), list):
            claims["aud"] = [given["aud"]]
        return claims

    @property
    def _somebody(self) -> str:
        return SOMEBODY if self.form.person is None else "someone"

    def headers(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        """Return the header of an ``assertion``, which takes the same arguments."""
        return {self.header: self.written(self.assertion(*args, **kwargs))}

    def written(self, token: str) -> str:
        """Return the header's value for a token, which may begin with a scheme."""
        gateway = self.gateway
        return f"{gateway.scheme} {token}" if gateway.writes_scheme else token

    def rotate(self) -> None:
        """Sign with a new key from now on; the old ones stay published."""
        self._keys = [*self._keys, self._named(SigningKey(self.key.algorithm))]

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

    def answer(self, path: str | None = None) -> Answer:
        """Return what the endpoint answers at a path, or its first one; waits while ``slow``."""
        if self._fault == "slow":
            self._recovered.wait(30)
        if self._fault == "down":
            return Answer(503)
        if self._fault == "garbage":
            return Answer(200, b"<!doctype html><title>Sign in</title>", "text/html")
        published = Published(self.form, self._keys, self.origin, self.issuer)
        return answer_at(path or next(iter(self.form.publishes)), published)

    def _named(self, key: SigningKey) -> SigningKey:
        if key.key_id is None and self.form.names_keys:
            # Derived from the key, so that after a restart an app asks for the new key.
            digest = hashlib.sha256(key.public_pem.encode()).hexdigest()
            key.key_id = self.form.key_id_of(key.certificate) or f"local-{digest[:12]}"
        return key


def _sole(value: Any) -> Any:
    """Return the entry of a list of one, as a person would write it."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


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
        status, body, media_type = self._gateway.answer(self.path)
        try:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client has hung up, as it should while the endpoint is slow

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a test's output is its own."""
