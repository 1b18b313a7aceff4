"""Whose token is it, and is it genuine? Chosen by host, then issuer; no secret is tried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..background.forks import ForkLock
from ..background.waiting import MustWait, WaitBudget
from ..background.watched_files import WatchedFile
from ..errors import (
    ConfigurationError,
    IntegrationDisabled,
    InvalidClaim,
    InvalidClaims,
    SignOnFailed,
    UnknownIntegration,
)
from ..events.kinds import Event, IntegrationsKept, IntegrationsLoaded
from ..gateways import PRESETS, WireFormat
from ..keys.key import KeyRules
from ..principal import ClaimNames
from ..verification.compact import Segments, decode_claims, decode_header, raw_token, split
from ..verification.issuer import Common, Proven, Trust
from .claims import read_profile
from .integrations import Integration, clashes, default_algorithms, is_path, listed
from .integrations_toml import Entries, FaultyEntry, read_entries
from .registered_claims import registered_faults

DEFAULT_MAX_AGE = 300.0
"""Seconds since ``iat`` that a token lives, where its integration sets no ``max_age``."""

# Strict RFC 7515 and 7519. Of its claims only what signing on reads has a form to keep.
_GATEWAY = replace(PRESETS["standard"], name="sign-on", names=ClaimNames(client_id=()))
_STRICT = WireFormat()


class Genuine(NamedTuple):
    """A token whose signature holds, and whose times, issuer and audience are good.

    ``refused_from`` is when its life ends, leeway included, in seconds since 1970. ``key_id`` is
    the ``kid`` of the key, ``signed_key_id`` that of the token's header. ``signed`` is what was
    signed: not the signature, of which one message may have several (ECDSA).
    """

    integration: Integration
    claims: Mapping[str, Any]
    refused_from: float
    key_id: str | None
    signed_key_id: str | None
    signed: bytes

    def __repr__(self) -> str:
        return f"<Genuine token of {self.integration.id}>"


class Known:
    """One reading of the integrations: those of each host, and how their tokens are verified.

    Attributes:
        faulty: what can be read of the entries in which something is wrong, by their names.

    """

    def __init__(
        self,
        integrations: Sequence[Integration],
        trusts: Mapping[str, Trust],
        source: str,
        faulty: Mapping[str, FaultyEntry],
    ) -> None:
        self.integrations = tuple(integrations)
        self.trusts = trusts
        self.source = source
        self.faulty = faulty
        self._hosts_of_faulty = {host for each in faulty.values() for host in each.hosts}

    def choose(self, host: str | None, segments: Segments) -> Integration:
        """Return the integration that a token says it is of.

        Those that name the request's host, else those that name none; of several, the one whose
        issuer is the token's ``iss``.

        Raises:
            UnknownIntegration: there is none.
            IntegrationDisabled: it is switched off, or its entry is wrong.
            MalformedToken: the token's claims cannot be read.

        """
        is_of_faulty = host in self._hosts_of_faulty
        found = [each for each in self.integrations if host in each.hosts]
        if not found and not is_of_faulty:
            found = [each for each in self.integrations if not each.hosts]
        if len(found) > 1 or (found and is_of_faulty):
            issuer = decode_claims(segments[1], _STRICT).get("iss")
            found = [each for each in found if type(issuer) is str and each.issuer == issuer]
        if not found and (is_of_faulty or any(each.is_off for each in self.faulty.values())):
            raise IntegrationDisabled(f"an entry is wrong: {', '.join(self.faulty)}")
        if not found:
            raise UnknownIntegration("no integration has this host and this issuer")
        if not found[0].enabled:
            raise IntegrationDisabled(f"{found[0].id} is switched off, or its entry is wrong")
        return found[0]


class _PartlyWrong(ConfigurationError):
    """Something is wrong in a file of integrations; ``known`` is what counts of it."""

    def __init__(self, known: Known, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.known = known


class Recognizer:
    """Verifies tokens by the integrations as they are now.

    Several workers read one file, and share nothing else. So each goes by what the file says at the
    sign-on and by nothing that it said before: else a partner whom one worker has refused as
    removed would come back in another that had not seen the removal before the file broke. What is
    wrong in the file is refused until it is right: one entry, or all where it cannot be read.

    Args:
        source: the path of a TOML file; integrations in a list; or a function that returns such a
            list, asked at each sign-on.
        leeway: seconds.
        max_token_size: bytes.

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
    ) -> None:
        self._common = Common(
            rules=KeyRules(),
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
        self._announce = announce
        self._clock = clock
        self._making = ForkLock()
        self._known = Known((), {}, "", {})
        self.current = self._reader(source)
        """Returns the integrations as they are now; reads a file, so it may block for a moment."""
        announce(IntegrationsLoaded(self._known.source, len(self._known.integrations)))

    def recognize(self, raw: str, host: str | None) -> tuple[Integration, Segments, Trust]:
        """Return whose token it says it is, and what would verify it.

        Raises:
            SignOnFailed: the file of integrations cannot be read now.
            RequestError: it is no token, or of no integration that is switched on.

        """
        segments = split(raw_token(raw, self._max_token_size))
        known = self.current()
        integration = known.choose(host, segments)
        return integration, segments, known.trusts[integration.id]

    def prove(self, integration: Integration, segments: Segments, trust: Trust) -> Genuine:
        """Verify a token under the keys of its integration alone; may wait for them a while.

        Raises:
            RequestError: why it is refused.

        """
        try:
            claims, ends, _, key, _ = self._verify(integration, segments, trust)
        except InvalidClaim as error:
            # Its signature holds: claims are read only after that.
            raise InvalidClaims(self._faults(error, integration, segments, trust)) from None
        refused_from = ends + trust.policy.leeway
        signed_key_id = decode_header(segments[0], _STRICT).get("kid")
        return Genuine(integration, claims, refused_from, key.key_id, signed_key_id, segments[3])

    def _faults(
        self, error: InvalidClaim, integration: Integration, segments: Segments, trust: Trust
    ) -> list[str]:
        claims = decode_claims(segments[1], _STRICT)
        faults, mended = registered_faults(error, claims, trust, self._clock())
        try:
            read_profile(integration, mended)
        except InvalidClaims as others:
            faults += others.faults
        return faults

    def _verify(self, integration: Integration, segments: Segments, trust: Trust) -> Proven:
        patience: WaitBudget | None = None
        while True:
            try:
                proven = trust.verify(segments, self._clock(), patience)
            except MustWait as pause:
                patience = patience or WaitBudget()
                seconds = patience.begin(pause.pending)
                patience.answered = pause.pending.work.wait(seconds)
            else:
                if patience is not None and integration.id not in self.current().trusts:
                    told = f"{integration.id} was removed while its keys were fetched"
                    raise UnknownIntegration(told)
                return proven

    def _reader(self, source: Any) -> Callable[[], Known]:
        if callable(source):
            self._make(listed(source()), "integrations")
            return lambda: self._make(listed(source()), "integrations")
        if not is_path(source):
            known = self._make(listed(source), "integrations")
            return lambda: known
        path = Path(source)

        def read(content: bytes) -> Known:
            return self._make_of(read_entries(content, path), str(path))

        def current() -> Known:
            try:
                return file.fresh()
            except _PartlyWrong as error:
                return error.known
            except (OSError, ConfigurationError):
                raise SignOnFailed(f"{path} cannot be read now") from None

        try:
            file = WatchedFile(path, read, self._heard)
            return current
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no file can have this name"
            where = "" if path.is_absolute() else f" (from {Path.cwd()})"
            raise ConfigurationError(
                f"integrations: {path} cannot be read: {reason}{where}"
            ) from None

    def _heard(self, outcome: Known | Exception) -> None:
        if isinstance(outcome, Known):
            self._announce(IntegrationsLoaded(outcome.source, len(outcome.integrations)))
        else:
            known = isinstance(outcome, ConfigurationError)
            reason = str(outcome) if known else f"cannot be read ({type(outcome).__name__})"
            self._announce(IntegrationsKept(self._known.source, reason))

    def _make(self, integrations: Sequence[Integration], source: str) -> Known:
        """Return a reading; what verifies an integration that has not changed goes on.

        Raises:
            ConfigurationError: the keys of one cannot be opened.

        """
        with self._making:
            before = self._known
            if before.source == source and before.integrations == tuple(integrations):
                return before
            trusts, faults = self._trusts(integrations)
            if faults:
                raise ConfigurationError(f"{source}: {'; '.join(faults)}")
            self._known = known = Known(integrations, trusts, source, {})
        _close(before, known)
        return known

    def _make_of(self, entries: Entries, source: str) -> Known:
        """Return the reading of a file, of which all must be right at first.

        Raises:
            _PartlyWrong: what is wrong is refused; the rest counts already.
            ConfigurationError: something is wrong at the first reading.

        """
        if not self._known.source:
            if entries.fault is not None:
                raise entries.fault
            return self._make(entries.integrations, source)
        unclear = {each.id for members, _ in clashes(entries.integrations) for each in members}
        with self._making:
            before = self._known
            clear = [each for each in entries.integrations if each.id not in unclear]
            trusts, faults = self._trusts(clear)
            known = Known(
                [replace(each, enabled=each.id in trusts) for each in entries.integrations],
                trusts,
                source,
                entries.faulty,
            )
            self._known = known
        _close(before, known)
        told = [] if entries.fault is None else [str(entries.fault)]
        told += [f"{source}: {'; '.join(faults)}"] if faults else []
        if told:
            raise _PartlyWrong(known, told)
        return known

    def _trusts(self, integrations: Iterable[Integration]) -> tuple[dict[str, Trust], list[str]]:
        """Return what verifies those that are switched on, and what is wrong with their keys."""
        before = self._known
        old = {each.id: each for each in before.integrations}
        trusts: dict[str, Trust] = {}
        faults: list[str] = []
        for each in integrations:
            if not each.enabled:
                continue  # it needs no secret any more
            try:
                is_old = each == old.get(each.id)
                trusts[each.id] = before.trusts[each.id] if is_old else self._trust(each)
            except ConfigurationError as error:
                faults.append(f"integrations.{each.id}: {error}")
        return trusts, faults

    def _trust(self, integration: Integration) -> Trust:
        sources = integration.key_sources()
        algorithms = integration.algorithms or default_algorithms(sources)
        return Trust(
            self._common._replace(max_age=integration.max_age),
            keys=sources,
            gateway=_GATEWAY,
            algorithms=algorithms,
            issuer=integration.issuer,
            audience=integration.audience,
        )


def _close(before: Known, now: Known) -> None:
    """Close the keys that verify nothing any more."""
    for name, trust in before.trusts.items():
        if now.trusts.get(name) is not trust:
            trust.keys.close()
