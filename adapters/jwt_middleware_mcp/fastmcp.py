"""MCP servers of the ``fastmcp`` package: ``FastMCP("tools", auth=JWTTokenVerifier(...))``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from fastmcp.server.auth import AccessToken, TokenVerificationError, TokenVerifier
from fastmcp.server.dependencies import get_access_token
from mcp.server.auth.routes import create_protected_resource_routes
from pydantic import AnyHttpUrl, ConfigDict, Field, PrivateAttr, TypeAdapter

from jwt_middleware.errors import ConfigurationError, Unavailable
from jwt_middleware.middleware.resource import ResourceMetadata
from jwt_middleware.options.resource import ProtectedResource
from jwt_middleware.principal import Principal

from .verifying import TokenVerifierOptions, Verifying, principal_of, principal_or_none

if TYPE_CHECKING:
    from starlette.routing import Route

__all__ = ["JWTTokenVerifier", "VerifiedToken", "current_principal", "current_principal_or_none"]


class VerifiedToken(AccessToken):
    """What ``get_access_token()`` of the package returns in a tool, with the principal."""

    token: str = Field(repr=False)
    claims: dict[str, Any] = Field(default_factory=dict, repr=False)
    _principal: Principal = PrivateAttr()

    @classmethod
    def of(cls, token: str, principal: Principal, members: Mapping[str, Any]) -> VerifiedToken:
        """Make the access token of a principal."""
        verified = cls(token=token, **members)
        verified._principal = principal
        return verified

    @property
    def principal(self) -> Principal:
        """Whose token it is."""
        return self._principal


class JWTTokenVerifier(TokenVerifier):
    """Verifies access tokens, as an auth provider of the package.

    Args:
        base_url: the URL below which the server has its path ``/mcp``. If it is set, the server
            serves the metadata of a protected resource (RFC 9728), and its challenges name it.
        required_scopes: scopes that every request needs; 403 without them.
        resource_base_url: the public ``base_url``, where it is another one.
        options: those of a ``Verifier``, with ``gateway="bearer"`` unless another one is named, or
            ``verifier=``, a ready one.

    Raises:
        ConfigurationError: an option is unknown or wrong.

    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        required_scopes: list[str] | None = None,
        resource_base_url: str | None = None,
        **options: Unpack[TokenVerifierOptions],
    ) -> None:
        super().__init__(base_url, required_scopes, resource_base_url)
        self._verifying = Verifying(options)
        self.verifier = self._verifying.verifier
        """Verifies the tokens: for ``health()`` and ``close()``."""

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """Return the route of the metadata, with the issuers of the verifier as they are written.

        Raises:
            ConfigurationError: no issuer is configured, or one is no URL.

        """
        routes = super().get_routes(mcp_path)
        self.set_mcp_path(mcp_path)
        url = self._get_resource_url(mcp_path)
        if url is None:
            return routes
        metadata = ResourceMetadata(ProtectedResource(str(url)), self.verifier)
        servers = metadata.document.get("authorization_servers")
        if servers is None:
            raise ConfigurationError("base_url: the metadata names the issuer, so set issuer=")
        # AnyHttpUrl(...) adds a slash to a bare host, and clients compare issuers exactly.
        exact = TypeAdapter(list[AnyHttpUrl], config=ConfigDict(url_preserve_empty_path=True))
        return [
            *routes,
            *create_protected_resource_routes(
                url, exact.validate_python(servers), self.scopes_supported or None
            ),
        ]

    async def verify_token(self, token: str) -> VerifiedToken | None:
        """Return the access token with its principal; None for a token that is refused.

        Raises:
            TokenVerificationError: there are no keys now, or no store of revocations. The package
                answers 500, so that its clients keep their tokens.

        """
        try:
            principal = await self._verifying.principal_of(token)
        except Unavailable as error:
            raise TokenVerificationError(f"{error.code}: {error}") from error
        if principal is None:
            return None
        return VerifiedToken.of(token, principal, self._verifying.members_of(principal))


def current_principal() -> Principal:
    """Return the principal of the message that is served now, in a tool, resource or prompt.

    Raises:
        MissingToken: there is none.

    """
    return principal_of(get_access_token())


def current_principal_or_none() -> Principal | None:
    """Return the principal of the message that is served now, or None."""
    return principal_or_none(get_access_token())
