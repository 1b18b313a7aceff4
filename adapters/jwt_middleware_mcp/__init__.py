"""MCP servers of the official ``mcp`` package, as resource servers of OAuth 2.1.

``MCPServer("tools", token_verifier=JWTTokenVerifier(issuer=..., audience=...), auth=...)``. For
``fastmcp`` there is ``jwt_middleware_mcp.fastmcp``. Where ``JWTMiddleware`` stands before the whole
app instead, tools use the ``current_principal`` of ``jwt_middleware_starlette``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from pydantic import Field, PrivateAttr

from jwt_middleware.principal import Principal

from .verifying import TokenVerifierOptions, Verifying, principal_of, principal_or_none

__all__ = ["JWTTokenVerifier", "VerifiedToken", "current_principal", "current_principal_or_none"]


class VerifiedToken(AccessToken):
    """What ``get_access_token()`` of the package returns in a tool, with the principal."""

    token: str = Field(repr=False)
    claims: dict[str, Any] | None = Field(default=None, repr=False)
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
    """Verifies access tokens, as the package asks its ``TokenVerifier``.

    It takes the options of a ``Verifier``, with ``gateway="bearer"`` unless another one is named,
    or ``verifier=``, a ready one. Set ``audience`` to the URL of the MCP server, which clients send
    as ``resource`` when they ask for a token (RFC 8707). The package hands over the first line of
    ``Authorization`` alone; ``JWTMiddleware`` refuses a request with two.

    Raises:
        ConfigurationError: an option is unknown or wrong.

    """

    def __init__(self, **options: Unpack[TokenVerifierOptions]) -> None:
        self._verifying = Verifying(options)
        self.verifier = self._verifying.verifier
        """Verifies the tokens: for ``health()`` and ``close()``."""

    async def verify_token(self, token: str) -> VerifiedToken | None:
        """Return the access token with its principal; None for a token that is refused.

        Raises:
            Unavailable: there are no keys now, or no store of revocations. The package answers 500,
                so that its clients keep their tokens; a 401 would make them ask for new ones.

        """
        principal = await self._verifying.principal_of(token)
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
