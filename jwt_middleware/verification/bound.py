"""The registry as a verifier uses it: what clients are granted, and what some are bound to.

A snapshot is made of one reading of the registry, off the way of any request, and replaced whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..authorization.clients import Client, Clients, ClientTrust
from ..authorization.registry import ClientRegistry
from ..errors import ClientMismatch, ConfigurationError
from ..events.kinds import ClientsKept, ClientsLoaded, ConfigurationWarning, Event
from ..keys.key_set import MAX_TRIED
from ..options.checks import AnyAudience
from .compact import Segments
from .issuer import IssuerVerifier

_MOST_ASKED = 64
"""How many other trusts are asked whether they have signed a refused token."""


class RegistrySnapshot:
    """The clients, and the trusts of those that are bound to keys or an issuer of their own."""

    def __init__(self, clients: Clients, bound: Mapping[str, IssuerVerifier]) -> None:
        self.clients = clients
        self.bound = bound
        self._trusts = frozenset(map(id, bound.values()))

    def is_bound(self, trust: IssuerVerifier) -> bool:
        """Whether clients are bound to this trust."""
        return id(trust) in self._trusts

    def check_bound(self, client_id: str | None, trust: IssuerVerifier) -> None:
        """Raise ``ClientMismatch`` unless this is the trust that the client is bound to, if any."""
        expected = None if client_id is None else self.bound.get(client_id)
        if expected is None and not self.is_bound(trust):
            return
        if expected is not trust:
            raise ClientMismatch("the client is bound to other keys or another issuer")

    def signed_by_another(
        self, segments: Segments, trusts: Iterator[IssuerVerifier], now: float
    ) -> bool:
        """Whether a key that is not the named client's has signed a refused token.

        It distinguishes a client's misuse from a forgery. Each key costs a check, so few are tried.
        """
        left = MAX_TRIED
        for number, trust in enumerate(trusts):
            if number == _MOST_ASKED or not left:
                break
            keys = trust.signers(segments, now)[:left]
            left -= len(keys)
            if keys and trust.signed(segments, keys):
                return True
        return False


class SnapshotMaker:
    """Makes a snapshot of each reading; the verifier of an unchanged entry goes on.

    ``changed`` is called when a new one is in use: what the old one granted may be forgotten.
    """

    def __init__(
        self,
        trusts: Mapping[str | None, IssuerVerifier],
        announce: Callable[[Event], None],
        changed: Callable[[], None],
    ) -> None:
        self._trusts = trusts
        self._announce = announce
        self._changed = changed
        self._kept: dict[str, tuple[ClientTrust, IssuerVerifier]] = {}

    def watch(self, registry: ClientRegistry) -> Callable[[], RegistrySnapshot]:
        """Return a function that returns the newest snapshot, at once."""

        def changed(found: RegistrySnapshot | Exception) -> None:
            if isinstance(found, Exception):
                reason = str(found) or type(found).__name__
                self._announce(ClientsKept(registry.name, reason))
            else:
                self._tell(registry, found.clients)
                self._changed()

        current = registry.watch(self.make, changed)
        self._tell(registry, current().clients)
        return current

    def make(self, clients: Clients) -> RegistrySnapshot:
        """Make a snapshot; raise ``ConfigurationError`` where what binds a client is wrong."""
        self._check_issuers(clients)
        kept: dict[str, tuple[ClientTrust, IssuerVerifier]] = {}
        for client in clients:
            if client.trust is not None and client.trust.binds:
                before = self._kept.get(client.client_id)
                if before is None or before[0] != client.trust:
                    before = (client.trust, self._bound(client, client.trust))
                kept[client.client_id] = before
        gone = [
            trust
            for client_id, (_, trust) in self._kept.items()
            if client_id not in kept or kept[client_id][1] is not trust
        ]
        self._kept = kept
        mine = {id(trust.keys) for trust in self._trusts.values()}
        for trust in gone:
            if id(trust.keys) not in mine:
                trust.keys.close()
        return RegistrySnapshot(
            clients, {client_id: trust for client_id, (_, trust) in kept.items()}
        )

    def _check_issuers(self, clients: Clients) -> None:
        """Refuse clients for whom any of several issuers could speak, and nobody has said so."""
        issuers = [name for trust in self._trusts.values() for name in trust.policy.issuers]
        if len(issuers) < 2:
            return
        free = [each.client_id for each in clients if each.enabled and _is_free(each.trust)]
        if free:
            more = f" and {len(free) - 20} more" if len(free) > 20 else ""
            raise ConfigurationError(
                f"{clients.source}: {', '.join(free[:20])}{more}: bound to no issuer, so each of "
                f"{len(issuers)} issuers could speak for such a client. Name the one that does: "
                '[clients.ID.trust] issuer = "https://...", or issuer = "ANY" where every one may '
                "(in code: trust=ClientTrust(issuer=...), ClientTrust(issuer=ANY))"
            )

    def _bound(self, client: Client, own: ClientTrust) -> IssuerVerifier:
        where = f"clients.{client.client_id}.trust"
        try:
            return self._narrowed(own)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None

    def _narrowed(self, own: ClientTrust) -> IssuerVerifier:
        """Return the trust of a client; what it leaves out is as for the others."""
        issuer = own.issuer
        if isinstance(issuer, AnyAudience):
            issuer = tuple(name for name in self._trusts if name) or None
        given = (own.keys, own.algorithms, issuer, own.audience)
        if None in self._trusts:
            return self._trusts[None].for_client(*given)
        names = (issuer,) if isinstance(issuer, str) else issuer or ()
        if len(names) == 1 and names[0] in self._trusts:
            return self._trusts[names[0]].for_client(*given)
        if own.keys is None or not names:
            raise ConfigurationError(
                "issuer: beside issuers=[...], name the one issuer whose keys are the client's, or "
                "the client's own keys and issuer"
            )
        # It belongs to none of the issuers, so nothing of theirs is its own.
        return next(iter(self._trusts.values())).with_keys(*given)

    def _tell(self, registry: ClientRegistry, clients: Clients) -> None:
        self._announce(ClientsLoaded(registry.name, len(clients)))
        for namespace, ids in clients.shared_namespaces().items():
            self._announce(
                ConfigurationWarning(
                    f"{registry.name}: the clients {', '.join(ids)} share the namespace "
                    f"{namespace!r}: each may carry the others' roles"
                )
            )


def _is_free(trust: ClientTrust | None) -> bool:
    return trust is None or (trust.keys is None and trust.issuer is None)
