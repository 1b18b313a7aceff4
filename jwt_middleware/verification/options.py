"""The options of a verifier, each checked and read into the form that verifying needs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ..errors import ConfigurationError
from ..events.kinds import Event, Listener
from ..gateways import Gateway, Preset
from ..keys.algorithms import ALGORITHMS, Algorithm
from ..keys.option import Keys
from ..keys.sources import KeySource
from ..options import checks as check
from ..options.catalogue import OPTIONS
from ..options.checks import ANY, AnyAudience, in_file
from ..options.looking import is_only_looking
from ..options.shapes import TEXT, Shape
from ..options.shapes import Keys as TableKeys

if TYPE_CHECKING:
    from ..authorization.registry import ClientRegistry, Entries
    from ..revocation.check import RevocationCheck
    from ..revocation.option import Revocations


@dataclass(frozen=True, eq=False)
class Issuer:
    """An issuer and its options: a token of this issuer verifies with these and no others.

    Attributes:
        issuer: the ``iss`` claim, compared whole.
        keys: as the option ``keys``.
        audience: as the option ``audience``.
        algorithms: as the option ``algorithms``.
        gateway: as the option ``gateway``; None for the verifier's own.
        signer: as the option ``signer``.
        tenants: as the option ``tenants``, where ``issuer`` has ``{tid}``.

    """

    issuer: str
    keys: Keys | None = None
    audience: str | Sequence[str] | AnyAudience | None = None
    algorithms: Sequence[str] | str | None = None
    gateway: Preset | Gateway | None = None
    signer: str | Sequence[str] | None = None
    tenants: Sequence[str] | None = None

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Issuer:
        """Make an issuer from a table, as in TOML and settings."""
        with in_file(table):
            check.known(table, ISSUER, "option of an issuer:")
            if "issuer" not in table:
                raise ConfigurationError("issuers: a table names no issuer")
            return cls(**table)

    def __repr__(self) -> str:
        return f"Issuer({self.issuer!r})"


def _issuer_key(name: str) -> Shape:
    option = OPTIONS[name]
    return {**(option.shape or {}), "description": option.about}


ISSUER: TableKeys = {
    "issuer": TEXT,
    **{
        name: _issuer_key(name)
        for name in ("keys", "audience", "algorithms", "gateway", "signer", "tenants")
    },
}
"""The keys of an issuer's table."""


class VerifierOptions(TypedDict, total=False):
    """The options of ``Verifier``; ``OPTIONS`` says what each means."""

    keys: Keys
    gateway: Preset | Gateway
    algorithms: Sequence[str] | str | None
    issuer: str | Sequence[str] | None
    audience: str | Sequence[str] | AnyAudience | None
    issuers: Sequence[Issuer | Mapping[str, Any]] | None
    api: str | Sequence[str] | None
    typ: str | None
    leeway: float
    max_age: float | None
    client_claim: str | None
    claim_dialect: str | None
    signer: str | Sequence[str] | None
    tenants: Sequence[str] | None
    clients: ClientRegistry | str | os.PathLike[str] | Callable[[], Entries] | None
    revocations: Revocations | Mapping[str, Any] | str | None
    cache_size: int
    max_token_size: int
    minimum_rsa_bits: int
    allow_wso2_default_keys: bool
    check_certificate_dates: bool
    listeners: Iterable[Listener]
    clock: Callable[[], float]


def registry_of(clients: Any) -> ClientRegistry | None:
    """Return the registry that the option names; None if it is not set."""
    if clients is None:
        return None
    from ..authorization.registry import ClientRegistry  # imported here: few services have clients

    if isinstance(clients, ClientRegistry):
        return clients
    if not _names_clients(clients):
        raise ConfigurationError(
            "clients: the path of a TOML file, a function that returns the clients, or a "
            f"ClientRegistry, not {check.kind(clients)}"
        )
    return ClientRegistry(clients)


def _names_clients(value: Any) -> bool:
    is_path = isinstance(value, str | os.PathLike) and bool(os.fspath(value))
    return is_path or callable(value)


def revocations_of(
    revocations: Any,
    announce: Callable[[Event], None],
    clock: Callable[[], float],
) -> RevocationCheck | None:
    """Return the check against the store that the option names; None if it is not set."""
    if revocations is None:
        return None
    # Imported here: few services have a store.
    from ..revocation.check import RevocationCheck
    from ..revocation.option import Revocations

    return RevocationCheck(Revocations.of(revocations), announce, clock)


def clock_of(clock: Any) -> Callable[[], float]:
    """Return the clock."""
    if not callable(clock):
        raise ConfigurationError(f"clock: a function, such as time.time, not {check.kind(clock)}")
    return cast("Callable[[], float]", clock)


def listeners_of(listeners: Any) -> tuple[Listener, ...]:
    """Return the listeners; a single listener needs no list. A command that looks has none."""
    found = (listeners,) if callable(listeners) else listeners
    if not isinstance(found, list | tuple | set | frozenset) or not all(map(callable, found)):
        raise ConfigurationError("listeners: callables that take an event, in a list")
    for each in found:
        if inspect.iscoroutinefunction(each):
            raise ConfigurationError(
                f"listeners: {each.__qualname__} is async, and nobody would await it; write a "
                "plain function, which may put the event into a queue"
            )
    return () if is_only_looking() else tuple(found)


def media_type(typ: str) -> str:
    """Normalize a media type: case and a leading ``application/`` are ignored (RFC 7515, 4.1.9)."""
    return typ.lower().removeprefix("application/")


def algorithms_of(given: Any, gateway: Gateway) -> dict[str, Algorithm]:
    """Return the allowed algorithms by the names that tokens may use, including gateway aliases."""
    names = gateway.algorithms if given is None else check.texts("algorithms", given)
    found: dict[str, Algorithm] = {}
    for name in names:
        if name.lower() == "none":
            raise ConfigurationError("algorithms: 'none' is no signature and is never accepted")
        check.known([name], ALGORITHMS, "algorithm")
        found[name] = ALGORITHMS[name]
    kinds = {algorithm.key_type == "oct" for algorithm in found.values()}
    if len(kinds) > 1:
        raise ConfigurationError(
            "algorithms: HS* beside asymmetric algorithms; whoever knows the public key could sign "
            "with it as a secret. Give each its own Issuer(...)"
        )
    for alias, name in gateway.algorithm_aliases.items():
        if alias.lower() == "none" or alias in ALGORITHMS or name not in ALGORITHMS:
            raise ConfigurationError(f"gateway: {alias!r} cannot be an alias of {name!r}")
        if name in found:
            found[alias] = found[name]
    return found


class DiscoveredIssuer(Sequence[str]):
    """The only issuer of discovered keys, as its metadata spells it once it is known.

    Where ``names`` are configured, and that spelling is not among them, no issuer is accepted.
    """

    def __init__(self, source: KeySource, names: tuple[str, ...]) -> None:
        self._source = source
        self._names = names

    def holds_for(self, source: KeySource) -> bool:
        """Whether keys that inherit this issuer are its own, or of nobody else."""
        return source is self._source or source.issuer is None

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return (self._source.issuer or "",)[index]

    def __contains__(self, name: object) -> bool:
        is_its_own = isinstance(name, str) and self._source.is_of_issuer(name)
        return is_its_own and (not self._names or name in self._names)


def accepted_issuers_of(issuer: Any, source: KeySource) -> Sequence[str]:
    """Return the accepted ``iss`` values; discovered keys are trusted for their own issuer only."""
    if isinstance(issuer, DiscoveredIssuer) and issuer.holds_for(source):
        return issuer
    names = check.texts("issuer", issuer)
    if source.issuer is None:
        return names
    source.expect_issuers(names)
    if names and not any(source.is_of_issuer(name) for name in names):
        raise ConfigurationError(
            f"issuer: the keys are those of {source.issuer}, which is not among {list(names)}; if "
            "the metadata there names one of these, write Discovery(issuer, url=...)"
        )
    return DiscoveredIssuer(source, names or source.spellings)


def audiences_of(audience: Any) -> tuple[str, ...] | AnyAudience:
    """Return the accepted audiences."""
    if isinstance(audience, AnyAudience):
        return ANY
    names = check.texts("audience", audience)
    if "ANY" in names:
        raise ConfigurationError("audience: 'ANY' is a text here; write jwt_middleware.ANY")
    return names


def contexts_of(api: Any, gateway: Gateway) -> tuple[str, ...]:
    """Return the API contexts that a token may be issued for."""
    contexts = check.texts("api", api)
    if contexts and gateway.context_claim is None:
        raise ConfigurationError(
            f"api: the gateway {gateway.name!r} sends no API context; use audience= instead"
        )
    for context in contexts:
        if not context.startswith("/") or not context.strip("/") or "//" in context:
            raise ConfigurationError(
                f"api: {context!r} is no API context; it looks like '/orders/1.0'"
            )
    return tuple(context.rstrip("/") for context in contexts)
