"""How each gateway writes its tokens, as data: header, wire form, algorithms and claim names.

Sources for WSO2: wso2/carbon-apimgt and wso2/product-apim at their release tags (the JWT generators
and APIConstants); for the rest, RFC 7515, RFC 7519, RFC 8693 and RFC 9068.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from ..principal import ClaimNames, ListClaim
from .views import WSO2_DIALECT


class WireFormat(NamedTuple):
    """How a gateway writes a token. Only encodings and units differ, never a check.

    ``relaxed_base64``: each segment in the standard or the url-safe alphabet, padded exactly or not
    at all (WSO2 versions differ in both); otherwise RFC 7515's base64url without padding.
    ``milliseconds``: times of 1e11 and more are milliseconds; otherwise they are implausible.
    ``text_exp``: ``exp`` may be a string of digits (WSO2 3.1.0, carbon-apimgt 6.6.163).
    """

    relaxed_base64: bool = False
    milliseconds: bool = False
    text_exp: bool = False


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One gateway's way of writing an assertion. Gateways differ by this data only.

    Attributes:
        name: how a person knows it.
        header: the request header that holds the token, with no prefix before it.
        wire: encodings and units.
        algorithms: the default allow-list.
        algorithm_aliases: names that mean an algorithm of the list.
        names: which claims hold the subject, the client, roles, permissions and the application.
        context_claim: which claim holds the API context, for ``api=``.
        scheme: the authentication scheme of the challenge (RFC 9110, 11.6.1).
        realm: the realm of the challenge.

    """

    name: str
    header: str = "X-JWT-Assertion"
    wire: WireFormat = field(default_factory=WireFormat)
    algorithms: tuple[str, ...] = ("RS256",)
    algorithm_aliases: Mapping[str, str] = field(default_factory=dict)
    names: ClaimNames = field(default_factory=ClaimNames)
    context_claim: str | None = None
    scheme: str = "Bearer"
    realm: str = "api"


_WSO2 = Gateway(
    name="wso2",
    # Standard alphabet padded (1.9 to 2.6), base64url padded (3.x, 4.0, 4.1), standard unpadded
    # (4.2 and later), base64url unpadded (the url-safe generators); milliseconds up to 1.10.
    wire=WireFormat(relaxed_base64=True, milliseconds=True),
    names=ClaimNames(
        subject=("sub", WSO2_DIALECT + "enduser"),
        client_id=("client_id", WSO2_DIALECT + "client_id"),
        roles=(ListClaim(WSO2_DIALECT + "role", ","),),
        application=(WSO2_DIALECT + "applicationname",),
    ),
    context_claim=WSO2_DIALECT + "apicontext",
)

_STANDARD = Gateway(
    name="standard",
    algorithms=("RS256", "PS256", "ES256", "EdDSA"),
    names=ClaimNames(
        client_id=("client_id", "azp"),
        roles=(ListClaim("roles"),),
        permissions=(ListClaim("permissions"), ListClaim("scope", " ")),
    ),
)

PRESETS: Mapping[str, Gateway] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _WSO2,
            # WSO2 up to 1.4 and the older Carbon gateway write the JCA name into alg.
            replace(_WSO2, name="wso2-1.4", algorithm_aliases={"SHA256withRSA": "RS256"}),
            # WSO2 3.1.0 with JWT access tokens writes exp as a string of milliseconds.
            replace(_WSO2, name="wso2-3.1", wire=_WSO2.wire._replace(text_exp=True)),
            _STANDARD,
        )
    }
)
"""The presets by name, as ``gateway=`` takes them."""
