"""The backend's half of an API gateway's JWT assertion: verify it, and say who may do what.

``JWTMiddleware`` is in the package of your framework (``jwt_middleware_starlette``,
``jwt_middleware_flask``, ``jwt_middleware_django``), or in ``jwt_middleware.asgi`` and
``jwt_middleware.wsgi`` for any other app.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .authorization.client import Client as Client
    from .authorization.operands import attribute as attribute
    from .authorization.operands import claim as claim
    from .authorization.operands import header as header
    from .authorization.operands import kind as kind
    from .authorization.operands import path_param as path_param
    from .authorization.operands import query_param as query_param
    from .authorization.predicate import Predicate as Predicate
    from .authorization.predicate import all_of as all_of
    from .authorization.predicate import any_of as any_of
    from .authorization.predicates import authenticated as authenticated
    from .authorization.predicates import client as client
    from .authorization.predicates import has_permission as has_permission
    from .authorization.predicates import has_role as has_role
    from .authorization.predicates import original as original
    from .authorization.predicates import policy as policy
    from .authorization.predicates import predicate as predicate
    from .authorization.registry import ClientRegistry as ClientRegistry
    from .authorization.request import RequestView as RequestView
    from .errors import AuthenticationError as AuthenticationError
    from .errors import BadSignature as BadSignature
    from .errors import ClientDisabled as ClientDisabled
    from .errors import ClientMismatch as ClientMismatch
    from .errors import ConfigurationError as ConfigurationError
    from .errors import Decision as Decision
    from .errors import DuplicateHeader as DuplicateHeader
    from .errors import InvalidClaim as InvalidClaim
    from .errors import InvalidOriginal as InvalidOriginal
    from .errors import JWTMiddlewareError as JWTMiddlewareError
    from .errors import KeysUnavailable as KeysUnavailable
    from .errors import MalformedToken as MalformedToken
    from .errors import MissingToken as MissingToken
    from .errors import PermissionDenied as PermissionDenied
    from .errors import RequestError as RequestError
    from .errors import StoreUnavailable as StoreUnavailable
    from .errors import TokenExpired as TokenExpired
    from .errors import TokenImmature as TokenImmature
    from .errors import TokenReused as TokenReused
    from .errors import TokenRevoked as TokenRevoked
    from .errors import TokenTooLarge as TokenTooLarge
    from .errors import UnacceptableAlgorithm as UnacceptableAlgorithm
    from .errors import Unavailable as Unavailable
    from .errors import UnknownClient as UnknownClient
    from .errors import UnknownKey as UnknownKey
    from .events.json_lines import JSONLines as JSONLines
    from .events.otel import OpenTelemetry as OpenTelemetry
    from .events.request_filter import RequestFilter as RequestFilter
    from .events.request_filter import add_request as add_request
    from .gateways.aws_alb import ALB as ALB
    from .gateways.aws_verified_access import VerifiedAccess as VerifiedAccess
    from .gateways.bearer import AccessToken as AccessToken
    from .gateways.byu import BYU as BYU
    from .gateways.cloudflare_access import CloudflareAccess as CloudflareAccess
    from .gateways.gateway import Gateway as Gateway
    from .gateways.google_iap import GoogleIAP as GoogleIAP
    from .gateways.pomerium import Pomerium as Pomerium
    from .gateways.teleport import Teleport as Teleport
    from .gateways.wso2 import UCSD as UCSD
    from .gateways.wso2 import WSO2 as WSO2
    from .keys.discovery import Discovery as Discovery
    from .keys.jwks import JWKSEndpoint as JWKSEndpoint
    from .keys.key_set import KeySet as KeySet
    from .keys.per_kid import PEMPerKid as PEMPerKid
    from .keys.sources import PEM as PEM
    from .keys.sources import KeyFile as KeyFile
    from .keys.sources import KeySource as KeySource
    from .keys.sources import SharedSecret as SharedSecret
    from .options.checks import ANY as ANY
    from .options.resource import ProtectedResource as ProtectedResource
    from .principal import Principal as Principal
    from .principal import Vocabulary as Vocabulary
    from .principal import acting_caller as acting_caller
    from .responses import Refusal as Refusal
    from .revocation.option import Revocations as Revocations
    from .verification.options import Issuer as Issuer
    from .verification.original import Original as Original
    from .verification.verifier import Verifier as Verifier

if not TYPE_CHECKING:
    _NAMES = {
        "authorization.client": "Client",
        "authorization.predicate": "Predicate all_of any_of",
        "authorization.predicates": (
            "authenticated client has_permission has_role original policy predicate"
        ),
        "authorization.registry": "ClientRegistry",
        "authorization.request": "RequestView",
        "authorization.operands": "attribute claim header kind path_param query_param",
        "errors": (
            "AuthenticationError BadSignature ClientDisabled ClientMismatch ConfigurationError "
            "Decision DuplicateHeader InvalidClaim InvalidOriginal JWTMiddlewareError "
            "KeysUnavailable MalformedToken MissingToken PermissionDenied RequestError "
            "StoreUnavailable TokenExpired TokenImmature TokenReused TokenRevoked TokenTooLarge "
            "UnacceptableAlgorithm Unavailable UnknownClient UnknownKey"
        ),
        "events.json_lines": "JSONLines",
        "events.otel": "OpenTelemetry",
        "events.request_filter": "RequestFilter add_request",
        "gateways.aws_alb": "ALB",
        "gateways.aws_verified_access": "VerifiedAccess",
        "gateways.bearer": "AccessToken",
        "gateways.byu": "BYU",
        "gateways.cloudflare_access": "CloudflareAccess",
        "gateways.gateway": "Gateway",
        "gateways.google_iap": "GoogleIAP",
        "gateways.pomerium": "Pomerium",
        "gateways.teleport": "Teleport",
        "gateways.wso2": "UCSD WSO2",
        "keys.discovery": "Discovery",
        "keys.jwks": "JWKSEndpoint",
        "keys.key_set": "KeySet",
        "keys.per_kid": "PEMPerKid",
        "keys.sources": "PEM KeyFile KeySource SharedSecret",
        "options.checks": "ANY",
        "options.resource": "ProtectedResource",
        "principal": "Principal Vocabulary acting_caller",
        "responses": "Refusal",
        "revocation.option": "Revocations",
        "verification.options": "Issuer",
        "verification.original": "Original",
        "verification.verifier": "Verifier",
    }
    _HOME_OF = {name: home for home, names in _NAMES.items() for name in names.split()}
    __all__ = sorted(_HOME_OF)

    def __getattr__(name: str) -> object:
        """Import a public name on first use (PEP 562): no app needs all of them."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = import_module(f".{_HOME_OF[name]}", __name__)
        value = globals()[name] = getattr(home, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
