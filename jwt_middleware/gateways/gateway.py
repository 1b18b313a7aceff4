"""What is said of a gateway: header, wire form, algorithms and claim names. Each has a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..principal import ClaimNames


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
