"""The backend's half of an API gateway's JWT assertion: verify it, and say who may do what.

``JWTMiddleware`` is in the package of your framework (``jwt_middleware_starlette``,
``jwt_middleware_flask``, ``jwt_middleware_django``), or in ``jwt_middleware.asgi`` and
``jwt_middleware.wsgi`` for any other app.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .authorization.clients import Client
    from .authorization.predicate import Predicate, all_of, any_of
    from .authorization.predicates import (
        authenticated,
        client,
        has_permission,
        has_role,
        policy,
        predicate,
    )
    from .authorization.registry import ClientRegistry
    from .authorization.request import RequestView
    from .authorization.terms import attribute, claim, header, path_param, query_param
    from .errors import (
        AuthenticationError,
        BadSignature,
        ClientDisabled,
        ClientMismatch,
        ConfigurationError,
        Decision,
        DuplicateHeader,
        InvalidClaim,
        JWTMiddlewareError,
        KeysUnavailable,
        MalformedToken,
        MissingToken,
        PermissionDenied,
        RequestError,
        StoreUnavailable,
        TokenExpired,
        TokenImmature,
        TokenReused,
        TokenRevoked,
        TokenTooLarge,
        UnacceptableAlgorithm,
        Unavailable,
        UnknownClient,
        UnknownKey,
    )
    from .events.json_lines import JSONLines
    from .events.otel import OpenTelemetry
    from .gateways import BYU, UCSD, WSO2
    from .gateways.gateway import Gateway
    from .keys.discovery import Discovery
    from .keys.jwks import JWKSEndpoint
    from .keys.key_set import KeySet
    from .keys.sources import PEM, KeyFile, KeySource, SharedSecret
    from .options.checks import ANY
    from .principal import Principal, Vocabulary
    from .responses import Refusal
    from .revocation.option import Revocations
    from .verification.options import Issuer
    from .verification.verifier import Verifier

__all__ = [
    "ANY",
    "BYU",
    "PEM",
    "UCSD",
    "WSO2",
    "AuthenticationError",
    "BadSignature",
    "Client",
    "ClientDisabled",
    "ClientMismatch",
    "ClientRegistry",
    "ConfigurationError",
    "Decision",
    "Discovery",
    "DuplicateHeader",
    "Gateway",
    "InvalidClaim",
    "Issuer",
    "JSONLines",
    "JWKSEndpoint",
    "JWTMiddlewareError",
    "KeyFile",
    "KeySet",
    "KeySource",
    "KeysUnavailable",
    "MalformedToken",
    "MissingToken",
    "OpenTelemetry",
    "PermissionDenied",
    "Predicate",
    "Principal",
    "Refusal",
    "RequestError",
    "RequestView",
    "Revocations",
    "SharedSecret",
    "StoreUnavailable",
    "TokenExpired",
    "TokenImmature",
    "TokenReused",
    "TokenRevoked",
    "TokenTooLarge",
    "UnacceptableAlgorithm",
    "Unavailable",
    "UnknownClient",
    "UnknownKey",
    "Verifier",
    "Vocabulary",
    "all_of",
    "any_of",
    "attribute",
    "authenticated",
    "claim",
    "client",
    "has_permission",
    "has_role",
    "header",
    "path_param",
    "policy",
    "predicate",
    "query_param",
]

_HOMES = {
    "authorization.clients": "Client",
    "authorization.predicate": "Predicate all_of any_of",
    "authorization.predicates": "authenticated client has_permission has_role policy predicate",
    "authorization.registry": "ClientRegistry",
    "authorization.request": "RequestView",
    "authorization.terms": "attribute claim header path_param query_param",
    "events.json_lines": "JSONLines",
    "events.otel": "OpenTelemetry",
    "gateways": "BYU UCSD WSO2",
    "gateways.gateway": "Gateway",
    "keys.discovery": "Discovery",
    "keys.jwks": "JWKSEndpoint",
    "keys.key_set": "KeySet",
    "keys.sources": "KeyFile KeySource PEM SharedSecret",
    "options.checks": "ANY",
    "principal": "Principal Vocabulary",
    "responses": "Refusal",
    "revocation.option": "Revocations",
    "verification.options": "Issuer",
    "verification.verifier": "Verifier",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562): no app needs all of them."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOME_OF.get(name, "errors")
        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
