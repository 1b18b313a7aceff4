"""Whose token is it, and is it genuine? Chosen by host, then issuer; no secret is tried out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..background.forks import ForkLock
from ..background.waiting import drive
from ..background.watched_files import WatchedFile
from ..errors import (
    ConfigurationError,
    IntegrationDisabled,
    InvalidClaim,
    InvalidClaims,
    SignOnFailed,
    UnknownIntegration,
)
from ..events.kinds import Event
from ..events.sign_on_kinds import IntegrationsKept, IntegrationsLoaded
from ..gateways import PRESETS
from ..keys.encoding import json_segment
from ..keys.key import KeyRules
from ..principal import ClaimNames
from ..revocation.store import Store
from ..verification.cache import VerifiedToken
from ..verification.compact import Segments, raw_token, split
from ..verification.issuer import IssuerVerifier, SharedRules
from .claims import every_fault
from .integrations import Integration, default_algorithms, listed
from .integrations_toml import read_integrations

DEFAULT_MAX_AGE = 300.0
"""Seconds since ``iat`` that a token lives, where its integration sets no ``max_age``."""

# Strict RFC 7515 and 7519. Of its claims only what signing on reads has a form to keep.
_GATEWAY = replace(PRESETS["standard"], name="sign-on", names=ClaimNames(client_id=()))


class SignOnToken(NamedTuple):
    """A token whose signature holds, and whose times, issuer and audience are good.

    ``issued_at`` is its ``iat``, and ``refused_from`` when its life ends, leeway included, both in
    seconds since 1970. ``key_id`` is the ``kid`` of the key, ``signed_key_id`` that of the token's
    header. ``signed`` is what was signed: not the signature, of which one message may have several
    (ECDSA).
    """

    integration: Integration
    claims: Mapping[str, Any]
    issued_at: float | None
    refused_from: float
    key_id: str | None
    signed_key_id: str | None
    signed: bytes

    def __repr__(self) -> str:
        return f"<SignOnToken of {self.integration.id}>"


_REMEMBERED = 86_400.0
"""Seconds for which workers know that a version of the file counts no more."""


class IntegrationSet(NamedTuple):
    """One reading of the integrations, and by what their tokens verify, by their ids."""

    integrations: tuple[Integration, ...]
    issuers: Mapping[str, IssuerVerifier]
    source: str

    def choose(self, host: str | None, segments: Segments) -> Integration:
        """Return the integration that a token says it is of.

        Those that name the request's host, else those that name none; of several, the one whose
        issuer is the token's ``iss``.

        Raises:
            UnknownIntegration: there is none.
            IntegrationDisabled: it is switched off.
            MalformedToken: the token's claims cannot be read.

        """
        possible = [i for i in self.integrations if host in i.hosts]
        possible = possible or [i for i in self.integrations if not i.hosts]
        if len(possible) > 1:
            issuer = json_segment(segments[1], False, "payload").get("iss")
            possible = [i for i in possible if type(issuer) is str and i.issuer == issuer]
        if not possible:
            raise UnknownIntegration("no integration has this host and this issuer")
        if not possible[0].enabled:
            raise IntegrationDisabled(f"{possible[0].id} is switched off")
        return possible[0]


class TokenVerifier:
    """Verifies tokens by the integrations as they are now.

    A file is read whole at each sign-on, so that a partner who is removed from it is refused by
    every worker at once. While it is broken, the last good reading serves.

    Args:
        source: the path of a TOML file; integrations in a list; or a function that returns such a
            list, called at each sign-on.
        leeway: seconds.
        max_token_size: bytes.
        store: what all workers share, for those that a broken file leaves behind.

    Raises:
        ConfigurationError: the source is wrong; with every fault of it.

    """

    def __init__(
        self,
        source: Any,
        *,
        leeway: float,
        max_token_size: int,
        announce: Callable[[Event], None],
        clock: Callable[[], float],
        store: Store | None = None,
    ) -> None:
        self._store = store
        self._versions: list[str] = []
        """Those of the file that this worker has read: the last one serves, the others are gone."""
        self._noting = ForkLock()
        self._shared = SharedRules(
            key_rules=KeyRules(),
            api=None,
            typ=None,
            leeway=leeway,
            max_age=None,
            client_claim=None,
            announce=announce,
            clock=clock,
            presumed_max_age=DEFAULT_MAX_AGE,
        )
        self._max_token_size = max_token_size
        self._making = ForkLock()
        self._newest = IntegrationSet((), {}, "")
        self.current = self._reader(source)
        """Returns the integrations as they are now; reads a file, so it may block for a moment."""
        announce(IntegrationsLoaded(self._newest.source, len(self._newest.integrations)))

    def choose(self, raw: str, host: str | None) -> tuple[Integration, Segments, IssuerVerifier]:
        """Return whose token it says it is, and what would verify it.

        Raises:
            RequestError: it is no token, or of no integration that is switched on.

        """
        segments = split(raw_token(raw, self._max_token_size))
        known = self.current()
        integration = known.choose(host, segments)
        return integration, segments, known.issuers[integration.id]

    def verify(
        self, integration: Integration, segments: Segments, issuer: IssuerVerifier
    ) -> SignOnToken:
        """Verify a token under the keys of its integration alone; may wait for them a while.

        Raises:
            RequestError: why it is refused.

        """
        try:
            verified = self._verified(integration, segments, issuer)
        except InvalidClaim as error:
            # Its signature holds: claims are read only after that.
            claims = json_segment(segments[1], False, "payload")
            now = self._shared.clock()
            raise InvalidClaims(every_fault(error, integration, claims, issuer, now)) from None
        return SignOnToken(
            integration,
            verified.claims,
            verified.issued_at(),
            verified.refused_from,
            verified.key.key_id,
            verified.signed_key_id(),
            segments[3],
        )

    def _verified(
        self, integration: Integration, segments: Segments, issuer: IssuerVerifier
    ) -> VerifiedToken:
        token = b".".join(segments[:3])
        candidates = issuer.known(segments[0])
        if candidates is None:
            candidates = drive(issuer.candidates(segments[0], token))
            if integration.id not in self.current().issuers:
                raise UnknownIntegration(
                    f"{integration.id} was removed while its keys were fetched"
                )
        return issuer.verify(token, segments, candidates)

    def _reader(self, source: Any) -> Callable[[], IntegrationSet]:
        if isinstance(source, str | os.PathLike) and os.fspath(source):
            return self._file_reader(Path(source))
        if callable(source):
            self._make(listed(source()), "integrations")
            return lambda: self._make(listed(source()), "integrations")
        made = self._make(listed(source), "integrations")
        return lambda: made

    def _file_reader(self, path: Path) -> Callable[[], IntegrationSet]:
        def read(content: bytes) -> IntegrationSet:
            return self._make(read_integrations(content, path), str(path))

        def current() -> IntegrationSet:
            try:
                reading, is_good = file.fresh(), True
            except (OSError, ConfigurationError):  # it was reported
                reading, is_good = file.reading, False
            self._note_versions(is_good)
            return reading

        def changed(outcome: IntegrationSet | Exception) -> None:
            if isinstance(outcome, IntegrationSet):
                self._versions.append(file.version)
            self._on_change(outcome)

        try:
            file = WatchedFile(path, read, changed)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no file can have this name"
            where = "" if path.is_absolute() else f" (from {Path.cwd()})"
            raise ConfigurationError(
                f"integrations: {path} cannot be read: {reason}{where}"
            ) from None
        self._versions.append(file.version)
        return current

    def _note_versions(self, is_good: bool) -> None:
        """Note for all workers which versions of the file count no more.

        Raises:
            SignOnFailed: the file cannot be read, and another worker has read a newer version, in
                which a partner may be missing whom this worker still knows.
            StoreUnavailable: it cannot be noted now.

        """
        if self._store is None:
            return
        ends = self._shared.clock() + _REMEMBERED
        with self._noting:
            while len(self._versions) > 1:
                self._store.use_once(f"integrations {self._versions[0]}", ends)
                del self._versions[0]  # not before it is noted
        if not is_good and self._store.was_used(f"integrations {self._versions[-1]}"):
            raise SignOnFailed("the integrations cannot be read, and another worker has newer ones")

    def _on_change(self, outcome: IntegrationSet | Exception) -> None:
        if isinstance(outcome, IntegrationSet):
            event: Event = IntegrationsLoaded(outcome.source, len(outcome.integrations))
        else:
            is_ours = isinstance(outcome, ConfigurationError)
            reason = str(outcome) if is_ours else f"cannot be read ({type(outcome).__name__})"
            event = IntegrationsKept(self._newest.source, reason)
        self._shared.announce(event)

    def _make(self, integrations: tuple[Integration, ...], source: str) -> IntegrationSet:
        """Return a reading; what verifies an integration that has not changed goes on.

        Raises:
            ConfigurationError: the keys of one that is switched on cannot be opened.

        """
        with self._making:
            before = self._newest
            if (before.source, before.integrations) == (source, integrations):
                return before
            old = {integration.id: integration for integration in before.integrations}
            issuers: dict[str, IssuerVerifier] = {}
            faults: list[str] = []
            for integration in integrations:
                if not integration.enabled:
                    continue  # it needs no secret any more
                is_old = integration == old.get(integration.id)
                try:
                    issuers[integration.id] = (
                        before.issuers[integration.id] if is_old else self._verifier_of(integration)
                    )
                except ConfigurationError as error:
                    faults.append(f"integrations.{integration.id}: {error}")
            if faults:
                raise ConfigurationError(f"{source}: {'; '.join(faults)}")
            self._newest = newest = IntegrationSet(integrations, issuers, source)
        for name, issuer in before.issuers.items():
            if issuers.get(name) is not issuer:
                issuer.keys.close()  # they verify nothing any more
        return newest

    def _verifier_of(self, integration: Integration) -> IssuerVerifier:
        sources = integration.key_sources()
        algorithms = integration.algorithms or default_algorithms(sources)
        return IssuerVerifier(
            self._shared._replace(max_age=integration.max_age),
            keys=sources,
            gateway=_GATEWAY,
            algorithms=algorithms,
            issuer=integration.issuer,
            audience=integration.audience,
        )
