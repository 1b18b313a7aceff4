"""The backend's half of an API gateway's JWT assertion: verify it, and say who may do what.

``JWTMiddleware`` is in the package of your framework (``jwt_middleware_starlette``,
``jwt_middleware_flask``, ``jwt_middleware_django``), or in ``jwt_middleware.asgi`` and
``jwt_middleware.wsgi`` for any other app.
"""

from .authorization.clients import Client
from .authorization.policies import policy
from .authorization.predicate import Predicate, all_of, any_of
from .authorization.predicates import authenticated, client, has_permission, has_role, predicate
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
from .gateways import BYU, UCSD, WSO2, Gateway
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
