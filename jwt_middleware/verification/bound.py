"""The registry as a verifier uses it: its clients, and the verifiers that some are bound to.

A snapshot is made from one reading of the registry, outside of requests, and replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..authorization.client import Client, ClientTrust
from ..authorization.clients import Clients
from ..authorization.registry import ClientRegistry
from ..errors import ClientMismatch, ConfigurationError
from ..events.kinds import ClientsKept, ClientsLoaded, ConfigurationWarning, Event
from ..keys.key_set import MAX_TRIED
from ..options.checks import AnyAudience
from .compact import Segments
from .issuer import IssuerVerifier

MOST_ASKED = 64
"""How many other verifiers may check whether their keys signed a refused token."""


class RegistrySnapshot:
    """The clients, and the verifiers of clients that are bound to their own keys or issuer.

    ``mark`` stands for it, and keeps nothing alive: a cached token remembers that alone.
    """

    def __init__(self, clients: Clients, bound: Mapping[str, IssuerVerifier]) -> None:
        self.mark = object()
        self.clients = clients
        self.bound = bound
        self._bound_ids = frozenset(map(id, bound.values()))

    def is_bound(self, issuer: IssuerVerifier) -> bool:
        """Whether clients are bound to this verifier."""
        return id(issuer) in self._bound_ids

    def check_bound(self, client_id: str | None, issuer: IssuerVerifier) -> None:
        """Raise ``ClientMismatch`` if the client, or this verifier, is bound to another."""
        expected = None if client_id is None else self.bound.get(client_id)
        if expected is None and not self.is_bound(issuer):
            return
        if expected is not issuer:
            raise ClientMismatch("the client is bound to other keys or another issuer")

    def signed_by_another(
        self, segments: Segments, others: Iterator[IssuerVerifier], now: float
    ) -> bool:
        """Whether a key of another verifier signed a refused token.

        This tells a client's misuse from a forgery. Each key costs a signature check, so few are
        tried.
        """
        left = MAX_TRIED
        for number, issuer in enumerate(others):
            if number == MOST_ASKED or not left:
                break
            keys = issuer.signers(segments, now)[:left]
            left -= len(keys)
            if keys and issuer.signed(segments, keys):
                return True
        return False


class SnapshotMaker:
    """Makes a snapshot of each reading; a client whose entry is unchanged keeps its verifier.

    The functions ``changed`` are called when a new snapshot is in use.
    """

    def __init__(
        self,
        issuers: Mapping[str | None, IssuerVerifier],
        announce: Callable[[Event], None],
        changed: Sequence[Callable[[], object]],
    ) -> None:
        self._issuers = issuers
        self._announce = announce
        self._changed = changed
        self._kept: dict[str, tuple[ClientTrust, IssuerVerifier]] = {}
        self._last: object = None

    def watch(self, registry: ClientRegistry) -> Callable[[], RegistrySnapshot]:
        """Watch a registry; return a function that returns the newest snapshot without blocking."""

        def changed(outcome: RegistrySnapshot | Exception) -> None:
            if isinstance(outcome, Exception):
                reason = str(outcome) or type(outcome).__name__
                self._announce(ClientsKept(registry.name, reason))
            else:
                self._announce_loaded(registry, outcome.clients)
                for call in self._changed:
                    call()

        current = registry.watch(self.make, changed)
        self._announce_loaded(registry, current().clients)
        return current

    def make(self, clients: Clients) -> RegistrySnapshot:
        """Make a snapshot; raise ``ConfigurationError`` if the trust of a client is wrong."""
        ids = clients.differences(self._last)
        if ids is None:
            ids = dict.fromkeys([*(client.client_id for client in clients), *self._kept])
        changed = {client_id: clients.get(client_id) for client_id in ids}
        self._check_issuers(clients.source, filter(None, changed.values()))
        kept = self._kept.copy()
        for client_id, client in changed.items():
            before = kept.pop(client_id, None)
            if client is not None and client.trust is not None and client.trust.binds:
                if before is None or before[0] != client.trust:
                    before = (client.trust, self._bound(client, client.trust))
                kept[client_id] = before
        self._close_others(kept)
        self._kept = kept
        self._last = clients.mark
        return RegistrySnapshot(
            clients, {client_id: issuer for client_id, (_, issuer) in kept.items()}
        )

    def _close_others(self, kept: Mapping[str, tuple[ClientTrust, IssuerVerifier]]) -> None:
        """Stop fetching for the verifiers that are no longer kept."""
        shared_keys = {id(issuer.keys) for issuer in self._issuers.values()}
        for client_id, own in self._kept.items():
            if kept.get(client_id) is not own and id(own[1].keys) not in shared_keys:
                own[1].keys.close()

    def _check_issuers(self, source: str, clients: Iterable[Client]) -> None:
        """Refuse clients bound to none of several issuers, unless their trust allows any issuer."""
        issuers = [name for each in self._issuers.values() for name in each.policy.issuers]
        if len(issuers) < 2:
            return
        free = [each.client_id for each in clients if each.enabled and _is_free(each.trust)]
        if free:
            more = f" and {len(free) - 20} more" if len(free) > 20 else ""
            raise ConfigurationError(
                f"{source}: {', '.join(free[:20])}{more}: bound to no issuer, so each of "
                f"{len(issuers)} issuers could speak for such a client. Name the one that does: "
                '[clients.ID.trust] issuer = "https://...", or issuer = "ANY" if every one may '
                "(in code: trust=ClientTrust(issuer=...), ClientTrust(issuer=ANY))"
            )

    def _bound(self, client: Client, own: ClientTrust) -> IssuerVerifier:
        where = f"clients.{client.client_id}.trust"
        try:
            return self._narrowed(own)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None

    def _narrowed(self, own: ClientTrust) -> IssuerVerifier:
        """Return the verifier of a client; options that its trust leaves out are inherited."""
        issuer = own.issuer
        if isinstance(issuer, AnyAudience):
            issuer = tuple(name for name in self._issuers if name) or None
        given = (own.keys, own.algorithms, issuer, own.audience)
        if None in self._issuers:
            return self._issuers[None].for_client(*given)
        names = (issuer,) if isinstance(issuer, str) else issuer or ()
        if len(names) == 1 and names[0] in self._issuers:
            return self._issuers[names[0]].for_client(*given)
        if own.keys is None or not names:
            raise ConfigurationError(
                "issuer: beside issuers=[...], name the one issuer whose keys are the client's, or "
                "the client's own keys and issuer"
            )
        # No single issuer matches, so no issuer's algorithms or audience are inherited.
        return next(iter(self._issuers.values())).with_keys(*given)

    def _announce_loaded(self, registry: ClientRegistry, clients: Clients) -> None:
        self._announce(ClientsLoaded(registry.name, len(clients)))
        for namespace, ids in clients.shared_namespaces(clients.changed).items():
            more = f" and {len(ids) - 20} more" if len(ids) > 20 else ""
            self._announce(
                ConfigurationWarning(
                    f"{registry.name}: the clients {', '.join(ids[:20])}{more} share the namespace "
                    f"{namespace!r}: each may carry the others' roles"
                )
            )


def _is_free(trust: ClientTrust | None) -> bool:
    return trust is None or (trust.keys is None and trust.issuer is None)
