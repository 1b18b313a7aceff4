"""One client as data: the entry that says what it is, and which claims hold what it has.

A registry's TOML describes it by ``clients_toml``, code by these classes.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from ..errors import ConfigurationError
from ..options import checks as check
from ..principal import ClaimName, ListClaim, ReadOnlyDict
from .predicate import NamedPolicy, Predicate

T = TypeVar("T")

TYPES: Final = ("string", "integer", "list")


@dataclass(frozen=True)
class Attribute:
    """One typed attribute: which claim (or path into objects) holds it, and what it must be.

    Attributes:
        claim: the claim's name, or its path into objects.
        type: ``"string"``, ``"integer"`` or ``"list"`` (of texts).
        levels: makes a text an ordered level, lowest first.
        namespaced: True: a value must carry the client's namespace.

    """

    claim: ClaimName
    type: str = "string"
    levels: tuple[str, ...] = ()
    namespaced: bool = False

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where a field is wrong."""
        object.__setattr__(self, "levels", check.texts("levels", self.levels or None))
        check.claim_name("claim", self.claim)
        check.flag("namespaced", self.namespaced)
        if self.type not in TYPES:
            raise ConfigurationError(f"type: one of {', '.join(TYPES)}")
        if self.levels and self.type != "string":
            raise ConfigurationError("levels: they are texts; leave 'type' out")
        if len(set(self.levels)) != len(self.levels):
            raise ConfigurationError("levels: a level stands in the order once")
        if self.namespaced and self.type == "integer":
            raise ConfigurationError("namespaced: an integer carries no namespace")


class ClientTrust(NamedTuple):
    """What a client is bound to: a token that names it verifies under nothing else.

    None means: as for every other client.

    Attributes:
        keys: the client's own keys, as the option ``keys``.
        issuer: the issuer that speaks for it, or several; ``ANY`` lets every issuer do so.
        audience: the ``aud`` that its tokens must have, or several; ``ANY`` takes any.
        algorithms: the allow-list of its tokens.

    """

    keys: Any = None
    issuer: str | tuple[str, ...] | check.AnyAudience | None = None
    audience: str | tuple[str, ...] | check.AnyAudience | None = None
    algorithms: tuple[str, ...] | None = None

    @property
    def is_of_any_issuer(self) -> bool:
        """Whether every issuer may speak for the client, on purpose."""
        return isinstance(self.issuer, check.AnyAudience)

    @property
    def binds(self) -> bool:
        """Whether it binds the client to anything at all."""
        others = (self.keys, self.audience, self.algorithms)
        return not self.is_of_any_issuer or others != (None, None, None)

    def __repr__(self) -> str:
        # Without the keys, which may be a secret.
        return (
            f"ClientTrust(issuer={self.issuer!r}, audience={self.audience!r}, "
            f"algorithms={self.algorithms!r})"
        )


class _Making(threading.local):
    """What finds a known client, for a thread that makes clients anew."""

    find: Callable[[str], Client | None] | None = None


_making = _Making()


@contextmanager
def making_anew(find: Callable[[str], Client | None] | None) -> Generator[None]:
    """Have ``Client(...)`` return the known client that the new one equals, on this thread.

    A function that is asked again makes thousands of clients anew. Were they all kept until it
    returns, the garbage collector would go through the whole process, and stop every thread.
    """
    before, _making.find = _making.find, find
    try:
        yield
    finally:
        _making.find = before


def same(known: Client | None, given: Client) -> Client:
    """Return the known client where the given one is equal, so that its tokens stay known."""
    if known is None or known is given:
        return given
    try:
        return known if known == given else given
    except Exception:  # noqa: BLE001 - a condition of the app's own that cannot be compared
        return given


class _Known(type):
    """Makes a client, or finds the equal one that is known; see ``making_anew``."""

    def __call__(cls: type[T], *args: Any, **given: Any) -> T:
        made: Any = super().__call__(*args, **given)  # type: ignore[misc]
        find = _making.find
        return made if find is None else same(find(made.client_id), made)  # type: ignore[return-value]

    @property
    def __signature__(cls) -> inspect.Signature:
        return inspect.signature(cls.__init__.__get__(cls))  # type: ignore[misc]


@dataclass(frozen=True)
class Client(metaclass=_Known):
    """One client, as the registry's TOML describes it.

    Attributes:
        client_id: the value of the client claim.
        name: how people call it.
        namespace: a word that each role and permission carries between underscores; None grants
            every value that carries no other client's namespace.
        enabled: False refuses all its tokens.
        roles: the claims whose values are roles.
        permissions: the claims whose values are permissions.
        required: claims without which a token of this client is refused.
        attributes: attributes by the name that this service knows them by.
        trust: the client's own keys, issuer, audience or algorithms.
        policies: what the name of a policy means for this client.

    """

    client_id: str
    name: str = ""
    namespace: str | None = None
    enabled: bool = True
    roles: tuple[ListClaim, ...] = ()
    permissions: tuple[ListClaim, ...] = ()
    required: tuple[ClaimName, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    trust: ClientTrust | None = None
    policies: Mapping[str, NamedPolicy] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ``ConfigurationError`` where a field is wrong; make claims of texts."""
        if not isinstance(self.client_id, str) or not self.client_id:
            raise ConfigurationError("clients: a client id is a text that is not empty")
        try:
            self._check()
        except ConfigurationError as error:
            raise ConfigurationError(f"clients: {self.client_id}: {error}") from None

    def _check(self) -> None:
        put = object.__setattr__
        put(self, "name", check.text("name", self.name or None) or self.client_id)
        check.flag("enabled", self.enabled)
        if check.text("namespace", self.namespace) is not None:
            check_namespace(self.namespace or "")
        put(self, "roles", _list_claims("roles", self.roles))
        put(self, "permissions", _list_claims("permissions", self.permissions))
        if not isinstance(self.required, list | tuple):
            raise ConfigurationError("required: a list of claim names")
        for name in self.required:
            check.claim_name("required", name)
        put(self, "required", tuple(self.required))
        _check_values("attributes", self.attributes, Attribute)
        put(self, "attributes", _attributes(tuple(self.attributes.items())))
        if self.trust is not None and not isinstance(self.trust, ClientTrust):
            raise ConfigurationError(f"trust: a ClientTrust, not {check.kind(self.trust)}")
        trust = self.trust or ClientTrust(issuer=check.ANY)
        if not trust.is_of_any_issuer and "ANY" in check.texts("trust: issuer", trust.issuer):
            raise ConfigurationError("trust: issuer: 'ANY' is a text; write jwt_middleware.ANY")
        if isinstance(self.policies, Mapping):
            named = {
                name: NamedPolicy(policy) if isinstance(policy, Predicate) else policy
                for name, policy in self.policies.items()
            }
            put(self, "policies", ReadOnlyDict(named) if named else _NOTHING)
        _check_values("policies", self.policies, NamedPolicy)
        if not all(isinstance(policy.predicate, Predicate) for policy in self.policies.values()):
            raise ConfigurationError("policies: a NamedPolicy(...) holds no predicate")

    def __repr__(self) -> str:
        return f"Client({self.client_id!r})"


def check_namespace(namespace: str) -> str:
    """Return it; raise ``ConfigurationError`` unless it is one word."""
    if "_" in namespace or " " in namespace or not namespace.isprintable():
        raise ConfigurationError(
            "namespace: one word without '_', such as 'acme' for 'acme_buyer' and 'manage_acme_x'"
        )
    return namespace


def _list_claims(name: str, given: Any) -> tuple[ListClaim, ...]:
    is_list = isinstance(given, list | tuple) and not isinstance(given, ListClaim)
    items: list[Any] = list(given) if is_list else [None]
    if not all(isinstance(item, str | tuple) and item for item in items):
        raise ConfigurationError(f"{name}: a list of claim names, or of ListClaim(...)s")
    claims = tuple(item if isinstance(item, ListClaim) else ListClaim(item) for item in items)
    for claim in claims:
        check.list_claim(name, claim)
    shared: tuple[ListClaim, ...] = _shared(claims)
    return shared


@lru_cache(maxsize=1024)
def _shared(value: T) -> T:
    """Return the first of equal values: thousands of clients mostly name the same claims.

    The garbage collector stops every thread for as long as there are objects, so they are few.
    """
    return value


_NOTHING: Final = ReadOnlyDict()


@lru_cache(maxsize=1024)
def _attributes(items: tuple[tuple[str, Attribute], ...]) -> ReadOnlyDict:
    return ReadOnlyDict({name: _shared(attribute) for name, attribute in items})


def _check_values(name: str, given: Any, kind: type) -> None:
    if not isinstance(given, Mapping) or not all(
        isinstance(key, str) and key and isinstance(value, kind) for key, value in given.items()
    ):
        raise ConfigurationError(f"{name}: a dict of names and {kind.__name__}(...)s")
