"""What is said of a gateway: where its token stands, how it is written, and what it must say.

Each gateway has a file with one or more ``Gateway`` objects; a site may write one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..principal import ClaimName, ClaimNames, Mark


class WireFormat(NamedTuple):
    """How a gateway writes a token. Only encodings and units differ, never a check.

    ``relaxed_base64``: each segment in the standard or the url-safe alphabet, padded exactly or not
    at all (WSO2 versions differ in both, and AWS pads); otherwise RFC 7515's base64url without
    padding.
    ``milliseconds``: times of 1e11 and more are milliseconds; otherwise they are implausible.
    ``text_exp``: ``exp`` may be a string of digits (WSO2 3.1.0, carbon-apimgt 6.6.163).
    """

    relaxed_base64: bool = False
    milliseconds: bool = False
    text_exp: bool = False


class SignerForm(NamedTuple):
    """How a gateway names itself in the JOSE header's ``signer``, by an ARN of AWS.

    Attributes:
        pattern: a regular expression for the whole ARN, with the groups ``partition`` and
            ``region``.
        keys: the URL template of the keys for each partition, with ``{region}`` and ``{kid}``.
        example: an ARN, for errors.

    """

    pattern: str
    keys: Mapping[str, str]
    example: str


METADATA = "{issuer}"
"""``Gateway.keys`` of an issuer whose keys its own metadata names (OpenID Connect Discovery)."""


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One gateway's way of writing an assertion. Gateways differ by this data only.

    Attributes:
        name: what ``gateway=`` calls it.
        header: the request header that holds the token, or several of which one is sent.
        writes_scheme: the header holds ``scheme`` before the token, as RFC 6750 has it; otherwise
            the bare token.
        wire: encodings and units.
        algorithms: the default allow-list.
        algorithm_aliases: names that mean an algorithm of the list.
        names: which claims hold the subject, the client, roles, permissions and the application.
        context_claim: which claim holds the API context, for ``api=``.
        header_claims: the claims that stand in the JOSE header; they count instead of members of
            the payload with the same name.
        required: claims that a token must have, each with its only value, or None for any that is
            not empty.
        issuer: the ``iss`` of all its tokens, where it is the same at every site.
        keys: where its keys are if ``keys=`` is not set: a URL with ``{issuer}`` or, for an issuer
            that is a host name, ``{host}``; or ``METADATA``.
        signer: the form of the ``signer`` in the JOSE header, where it has one.
        needs: the options that must be set, each with the place where a person finds the value.
        terms: how the vendor speaks of a claim or option, for explanations of a refusal.
        marks: how a token of this gateway is recognised, over its payload and its JOSE header.
        title: what its vendor calls it; ``name`` where it is empty.
        view: the typed view of its claims, whose words explain them; None for those of WSO2.
        dialect: the prefix of the gateway's own claims, which ``claim_dialect=`` replaces.
        scheme: the authentication scheme of the challenge (RFC 9110, 11.6.1).
        realm: the realm of the challenge.

    """

    name: str
    header: str | tuple[str, ...] = "X-JWT-Assertion"
    writes_scheme: bool = False
    wire: WireFormat = field(default_factory=WireFormat)
    algorithms: tuple[str, ...] = ("RS256",)
    algorithm_aliases: Mapping[str, str] = field(default_factory=dict)
    names: ClaimNames = field(default_factory=ClaimNames)
    context_claim: str | None = None
    header_claims: tuple[str, ...] = ()
    required: Mapping[ClaimName, str | None] = field(default_factory=dict)
    issuer: str | None = None
    keys: str | None = None
    signer: SignerForm | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    title: str = ""
    view: type | None = None
    dialect: str | None = None
    scheme: str = "Bearer"
    realm: str = "api"

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of the header, the first of which is the usual one."""
        return (self.header,) if isinstance(self.header, str) else tuple(self.header)
