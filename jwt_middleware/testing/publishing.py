"""What a gateway's key endpoint answers: each shape that vendors publish keys in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ..gateways.token_form import TokenForm
from ..keys.per_kid import KID, UUID
from .minting import SigningKey


class Published(NamedTuple):
    """What a key endpoint knows.

    Attributes:
        form: says which path has which shape.
        keys: those that are published, oldest first.
        origin: the scheme and authority of the endpoint's URLs.
        issuer: who signs, for metadata.

    """

    form: TokenForm
    keys: Sequence[SigningKey]
    origin: str
    issuer: str

    def jwks(self) -> list[dict[str, Any]]:
        """Return the JWK of each key, as the form names certificates."""
        found: list[dict[str, Any]] = []
        for key in self.keys:
            thumbprint = self.form.x5t_of(key.certificate)
            found.append(key.jwk() if thumbprint is None else key.jwk(x5t=thumbprint))
        return found


def _jwks(published: Published, _: str) -> Any:
    """A JWKS (RFC 7517, section 5)."""
    return {"keys": published.jwks()}


def _jwks_and_certificates(published: Published, _: str) -> Any:
    """Cloudflare's: a JWKS, with the certificates beside it."""
    certificates = [
        {"kid": key.key_id, "cert": key.certificate_pem} for key in reversed(published.keys)
    ]
    return {
        "keys": published.jwks(),
        "public_cert": certificates[0],
        "public_certs": certificates,
    }


def _pem(published: Published, kid: str) -> Any:
    """One public key in PEM at the path that its ``kid`` makes."""
    return next((key.public_pem for key in published.keys if key.key_id == kid), None)


def _pem_map(published: Published, _: str) -> Any:
    """A map of ``kid`` to public key in PEM."""
    return {key.key_id: key.public_pem for key in published.keys}


def _metadata(published: Published, _: str) -> Any:
    """The issuer's metadata (OpenID Connect Discovery 1.0, section 4.2)."""
    path = next(path for path, shape in published.form.publishes.items() if shape == "jwks")
    return {"issuer": published.issuer, "jwks_uri": published.origin + path}


SHAPES: Mapping[str, Callable[[Published, str], Any]] = MappingProxyType(
    {
        "jwks": _jwks,
        "jwks-and-certificates": _jwks_and_certificates,
        "pem": _pem,
        "pem-map": _pem_map,
        "metadata": _metadata,
    }
)
"""What is at a path, by the names of ``TokenForm.publishes``, for its ``{kid}`` if it has one: a
JSON value, a text, or None where there is nothing."""


class Answer(NamedTuple):
    """An answer of the key endpoint."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"


def is_published(path: str, form: TokenForm) -> bool:
    """Whether a path is one of the key endpoint's. A ``{kid}`` stands for a UUID."""
    patterns = (re.escape(place).replace(re.escape(KID), UUID) for place in form.publishes)
    return any(re.fullmatch(pattern, path) for pattern in patterns)


def answer_at(path: str, published: Published) -> Answer:
    """Return what a GET of this path answers; 404 where nothing is there."""
    for place, shape in published.form.publishes.items():
        before, kid, after = place.partition(KID)
        inside = path.removeprefix(before).removesuffix(after) if kid else ""
        if path != before + inside + after:
            continue
        found = SHAPES[shape](published, inside)
        if isinstance(found, str):
            return Answer(200, found.encode(), "application/x-pem-file")
        if found is not None:
            return Answer(200, json.dumps(found).encode())
    return Answer(404)
