"""Keys by an issuer's metadata: OpenID Connect Discovery 1.0 and RFC 8414.

The metadata must name the very issuer that it was asked for, or one that is configured by name, and
its ``jwks_uri`` must be of the same origin or of a named one: otherwise somebody else would decide
about our keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ..events.fields import printable
from ..options import checks as check
from .encoding import decode_object, json_fault
from .fetch_faults import FetchError
from .http_fetch import Document
from .jwks import JWKSEndpoint
from .key_urls import checked_url, origin_of

OPENID = "/.well-known/openid-configuration"
RFC8414 = "/.well-known/oauth-authorization-server"


class Discovery(JWKSEndpoint):
    """The keys of an issuer, found by its metadata.

    Args:
        issuer: the issuer, or the URL of its metadata. Tokens must name it in ``iss``.
        url: of the metadata, where it is not the one that follows from the issuer.
        jwks_origin: the origin that the keys may come from beside the metadata's own, such as
            ``https://www.googleapis.com`` for Google.
        options: those of ``JWKSEndpoint``. ``headers`` go to the metadata's origin only; ``fetch``
            gets the metadata, then the keys, whose origin must be one of these all the same.

    Raises:
        ConfigurationError: keys may not come from this URL, or an option is wrong.

    """

    def __init__(
        self,
        issuer: str,
        *,
        url: str | None = None,
        jwks_origin: str | None = None,
        **options: Any,
    ) -> None:
        self._rules = {
            "allow_http": check.flag("allow_http", options.get("allow_http", False)),
            "has_own_fetch": options.get("fetch") is not None,
        }
        if url is None:
            name, self._metadata_url = issuer_and_metadata(issuer, **self._rules)
        else:
            name, self._metadata_url = check.text("issuer", issuer) or "", url
        super().__init__(self._metadata_url, **options)
        self._made_of = (self._made_of, issuer, url, jwks_origin)
        self.issuer: str | None = name
        # A metadata URL does not say all about the issuer: whether it ends in a slash (OpenID
        # Connect Discovery, 4.1), or whether it is another one of that host, as with WSO2 and Azure
        # B2C. The metadata says so, and until then there are no keys.
        self._is_open = url is None and is_metadata_url(issuer)
        self._is_known = not self._is_open
        is_openid = OPENID in urlsplit(self._metadata_url).path
        self.spellings = (name, f"{name}/") if self._is_open and is_openid else (name,)
        self._expected = frozenset(self.spellings)
        self._here = origin_of(urlsplit(self._metadata_url))
        self._jwks_origin = _checked_origin(jwks_origin, **self._rules)
        if jwks_origin is not None:
            self.weakenings = {**self.weakenings, "jwks_origin": jwks_origin}

    def expect_issuers(self, names: Iterable[str]) -> None:
        """Accept metadata that names one of these issuers exactly, where a URL left that open."""
        if self._is_open:
            with self._flight.lock:
                self._expected |= {name for name in names if self._is_of_same_origin(name)}

    def is_of_issuer(self, name: str) -> bool:
        """Whether the keys are this issuer's, or may be while the metadata is not known."""
        return name == self.issuer if self._is_known else name in self._expected

    def _is_of_same_origin(self, name: str) -> bool:
        try:
            return origin_of(urlsplit(name)) == self._here
        except ValueError:
            return False

    def _get(self) -> Document:
        ends = self._clock() + self.deadline
        metadata = self._document(self._metadata_url)
        jwks_uri = self._jwks_uri(metadata.body or b"")
        left = max(0.01, ends - self._clock())
        if origin_of(urlsplit(jwks_uri)) != self._here:
            return self._document(jwks_uri, deadline=left, etag=self._etag, headers=None)
        return self._document(jwks_uri, deadline=left, etag=self._etag)

    def _jwks_uri(self, body: bytes) -> str:
        try:
            metadata = decode_object(body)
        except ValueError:
            reason = f"metadata that is no strict JSON object: {json_fault(body)}"
            raise FetchError(reason) from None
        name = metadata.get("issuer")
        if not isinstance(name, str) or name not in self._expected:
            raise FetchError(self._other_issuer(name))
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise FetchError("metadata without a jwks_uri")
        try:
            there = checked_url(jwks_uri, **self._rules)
        except ConfigurationError as error:
            raise FetchError(f"metadata whose jwks_uri is not acceptable: {error}") from None
        if origin_of(there) not in (self._here, self._jwks_origin):
            origin = printable(f"{there.scheme}://{there.netloc}")
            raise FetchError(
                f"metadata whose jwks_uri is of another origin; if its keys may come from there, "
                f"set jwks_origin='{origin}'"
            )
        self.issuer, self._is_known = name, True
        return jwks_uri

    def _other_issuer(self, name: object) -> str:
        text = "metadata of another issuer than the one that was asked for"
        if not isinstance(name, str) or not name:
            return f"{text}: it names none"
        text += f": it names {printable(name)}"
        if not self._is_open:
            return text
        if self._is_of_same_origin(name):
            return f"{text}; if that is right, set issuer= to it"
        return f"{text}; if that is right, name both: Discovery(issuer, url=...)"


def _checked_origin(text: str | None, **rules: bool) -> tuple[str, str, int | None] | None:
    if check.text("jwks_origin", text) is None:
        return None
    parts = checked_url(text or "", **rules)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigurationError(
            "jwks_origin: an origin has no path; write it as 'https://keys.example.com'"
        )
    return origin_of(parts)


def is_metadata_url(url: str) -> bool:
    """Whether a URL is that of an issuer's metadata; a query or a slash at its end do not count."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return False
    return path.rstrip("/").endswith(OPENID) or path.startswith(RFC8414)


def issuer_and_metadata(url: str, **rules: bool) -> tuple[str, str]:
    """Return an issuer and the URL of its metadata, from either; ``rules`` as for ``checked_url``.

    OpenID Connect appends the well-known path to the issuer; RFC 8414, section 3, puts its own
    between the host and the issuer's path.
    """
    parts = checked_url(url, **rules)
    origin = f"{parts.scheme}://{parts.netloc}"
    path = parts.path.rstrip("/")
    if path.endswith(OPENID):
        return origin + path.removesuffix(OPENID), url
    if parts.path.startswith(RFC8414):
        return origin + parts.path.removeprefix(RFC8414), url
    return url, url.rstrip("/") + OPENID
