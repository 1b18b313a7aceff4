"""Keys by an issuer's metadata: OpenID Connect Discovery 1.0 and RFC 8414.

The metadata must name the very issuer that it was asked for, and its ``jwks_uri`` must be of the
same origin: otherwise somebody else would decide about our keys.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .encoding import decode_object
from .http_fetch import Document, FetchError, checked_url, get
from .jwks import JWKSEndpoint

OPENID = "/.well-known/openid-configuration"
RFC8414 = "/.well-known/oauth-authorization-server"


class Discovery(JWKSEndpoint):
    """The keys of an issuer, found by its metadata.

    Args:
        issuer: the issuer, or the URL of its metadata. Tokens must name it in ``iss``.
        options: those of ``JWKSEndpoint``, less ``fetch``.

    Raises:
        ConfigurationError: keys may not come from this URL, or an option is wrong.

    """

    def __init__(self, issuer: str, **options: Any) -> None:
        if "fetch" in options:
            raise ConfigurationError("Discovery: fetch= is for JWKSEndpoint, which fetches once")
        name, self._metadata_url = issuer_and_metadata(issuer)
        self.issuer: str | None = name
        # A metadata URL leaves open whether the issuer ends in a slash (OpenID Connect Discovery,
        # 4.1): the metadata says so, and until then there are no keys.
        is_open = self._metadata_url == issuer and issuer.endswith(OPENID)
        self._possible = (name, f"{name}/") if is_open else (name,)
        self._spellings = self._possible
        super().__init__(self._metadata_url, **options)

    def is_of_issuer(self, name: str) -> bool:
        """Whether the keys may be this issuer's: in either spelling until the metadata says."""
        return name in self._spellings

    def _get(self) -> Document:
        ends = self._clock() + self._deadline
        metadata = get(self._metadata_url, deadline=self._deadline, context=self._context)
        jwks_uri = self._jwks_uri(metadata.body or b"")
        left = max(0.01, ends - self._clock())
        return get(jwks_uri, deadline=left, context=self._context, etag=self._etag)

    def _jwks_uri(self, body: bytes) -> str:
        try:
            metadata = decode_object(body)
        except ValueError:
            raise FetchError("metadata that is no strict JSON object") from None
        name = metadata.get("issuer")
        if not isinstance(name, str) or name not in self._possible:
            raise FetchError("metadata of another issuer than the one that was asked for")
        self.issuer, self._spellings = name, (name,)
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise FetchError("metadata without a jwks_uri")
        try:
            there, here = checked_url(jwks_uri), urlsplit(self._metadata_url)
        except ConfigurationError as error:
            raise FetchError(f"metadata whose jwks_uri is not acceptable: {error}") from None
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise FetchError("metadata whose jwks_uri is of another origin")
        return jwks_uri


def is_metadata_url(url: str) -> bool:
    """Whether a URL is that of an issuer's metadata."""
    path = urlsplit(url).path
    return path.endswith(OPENID) or path.startswith(RFC8414)


def issuer_and_metadata(url: str) -> tuple[str, str]:
    """Return an issuer and the URL of its metadata, from either.

    OpenID Connect appends the well-known path to the issuer; RFC 8414, section 3, puts its own
    between the host and the issuer's path.
    """
    parts = checked_url(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if parts.path.endswith(OPENID):
        return url.removesuffix(OPENID), url
    if parts.path.startswith(RFC8414):
        return origin + parts.path.removeprefix(RFC8414), url
    return url, url.rstrip("/") + OPENID
