"""The backend's half of an API gateway's JWT assertion: verify it, and say who may do what.

``JWTMiddleware`` is in the package of your framework (``jwt_middleware_starlette``,
``jwt_middleware_flask``, ``jwt_middleware_django``), or in ``jwt_middleware.asgi`` and
``jwt_middleware.wsgi`` for any other app.
"""

from .authorization import (
    Predicate,
    all_of,
    any_of,
    attribute,
    authenticated,
    claim,
    client,
    has_permission,
    has_role,
    header,
    path_param,
    predicate,
    query_param,
)
from .decision import Decision
from .errors import (
    AuthenticationError,
    BadSignature,
    ConfigurationError,
    DuplicateHeader,
    InvalidClaim,
    JWTMiddlewareError,
    KeysUnavailable,
    MalformedToken,
    MissingToken,
    PermissionDenied,
    RequestError,
    TokenExpired,
    TokenImmature,
    TokenTooLarge,
    UnacceptableAlgorithm,
    UnknownKey,
)
from .gateways import BYU, UCSD, WSO2, Gateway
from .principal import Principal, Vocabulary
from .request_view import RequestView
from .responses import Refusal
from .trust import Issuer
from .verification import (
    ANY,
    PEM,
    Discovery,
    JWKSEndpoint,
    KeyFile,
    KeySet,
    KeySource,
    SharedSecret,
)
from .verifier import Verifier

__all__ = [
    "ANY",
    "BYU",
    "PEM",
    "UCSD",
    "WSO2",
    "AuthenticationError",
    "BadSignature",
    "ConfigurationError",
    "Decision",
    "Discovery",
    "DuplicateHeader",
    "Gateway",
    "InvalidClaim",
    "Issuer",
    "JWKSEndpoint",
    "JWTMiddlewareError",
    "KeyFile",
    "KeySet",
    "KeySource",
    "KeysUnavailable",
    "MalformedToken",
    "MissingToken",
    "PermissionDenied",
    "Predicate",
    "Principal",
    "Refusal",
    "RequestError",
    "RequestView",
    "SharedSecret",
    "TokenExpired",
    "TokenImmature",
    "TokenTooLarge",
    "UnacceptableAlgorithm",
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
    "predicate",
    "query_param",
]
