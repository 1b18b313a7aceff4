"""Integrations as data: who may send people here, and how their tokens are verified."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import ConfigurationError
from ..keys.algorithms import ALGORITHMS
from ..keys.sources import KeySource, SharedSecret
from ..options import checks as check
from .addresses import host_name

MOST_SECRETS: Final = 2
"""The one that is in use, and the one that takes its place or has left it."""

OWN: Final = "own"
BY_EMAIL: Final = "by_email"
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET_ALGORITHMS = tuple(
    name for name, algorithm in ALGORITHMS.items() if algorithm.key_type == "oct"
)


class SecretPlace(NamedTuple):
    """Where a secret is: in a file, or in an environment variable.

    ``key_id`` is the ``kid`` by which tokens choose it; one without a ``kid`` is tried.
    """

    file: Path | None = None
    variable: str | None = None
    key_id: str | None = None

    def open(self) -> KeySource:
        """Return the secret as a key source; a file is watched.

        Raises:
            ConfigurationError: it is missing, or is no secret.

        """
        if self.file is not None:
            return SharedSecret.from_file(self.file, key_id=self.key_id)
        return SharedSecret.from_env(self.variable or "", key_id=self.key_id)


Secret = str | bytes | SecretPlace | KeySource


@dataclass(frozen=True)
class Integration:
    """One partner that signs tokens for people. Its repr shows neither secrets nor keys.

    Attributes:
        id: its name here, in events and in the directory: 1 to 64 of ``A-Za-z0-9._-``.
        hosts: only requests to one of these hosts, on any port, belong to it; empty: those to hosts
            that no other integration has.
        issuer: the ``iss`` that its tokens must have (RFC 7519, 4.1.1).
        secret: one secret, or two during a rotation: a text, ``SharedSecret`` or ``SecretPlace``,
            of 32 bytes at least (RFC 7518, 3.2).
        keys: instead of secrets, keys of another kind, as the option ``keys`` of a verifier.
        algorithms: the allow-list; by default those of HS256, HS384 and HS512 for which the secrets
            are long enough when they are first read; with ``keys`` RS256, PS256, ES256 and EdDSA.
        audience: the ``aud`` that its tokens must have; without it a token with ``aud`` is refused.
        max_age: seconds since ``iat``, which is then required. Without it a token that has an
            ``iat`` lives 300 s from there, and one that has none until its ``exp``.
        accounts: ``"own"``: the integration's people are users of its own, found by integration and
            address. ``"by_email"``: they are found by address alone, so that every such
            integration, and in Django the site itself, means the same users. Only for partners who
            are trusted to speak for every address.
        enabled: False refuses every token of it.

    Raises:
        ConfigurationError: with every fault; a secret is not echoed.

    """

    id: str
    hosts: Sequence[str] = ()
    issuer: str | None = None
    secret: Secret | Sequence[Secret] | None = field(default=None, repr=False)
    keys: Any = field(default=None, repr=False)
    algorithms: Sequence[str] | None = None
    audience: str | Sequence[str] | None = None
    max_age: float | None = None
    accounts: str = OWN
    enabled: bool = True

    def __post_init__(self) -> None:
        faults = [f"{name}: {what}" for name, what in integration_faults(vars(self))]
        if faults:
            named = self.id if _is_id(self.id) else "?"
            raise ConfigurationError(f"integrations.{named}: {'; '.join(faults)}")
        object.__setattr__(self, "hosts", tuple(str(host_name(host)) for host in self.hosts))

    def key_sources(self) -> Any:
        """Return what verifies its tokens, as the option ``keys`` takes it.

        Raises ``ConfigurationError`` where a secret is missing, or is none.
        """
        return self.keys if self.secret is None else [_opened(s) for s in _listed(self.secret)]


def _listed(secret: Any) -> Sequence[Any]:
    # A SecretPlace is a tuple, but a single secret.
    several = isinstance(secret, list | tuple) and not isinstance(secret, SecretPlace)
    return secret if several else [secret]


def _opened(secret: Secret) -> KeySource:
    if isinstance(secret, SecretPlace):
        return secret.open()
    return secret if isinstance(secret, KeySource) else SharedSecret(secret)


def default_algorithms(sources: Any) -> tuple[str, ...] | None:
    """Return the algorithms that secrets are long enough for; None for keys of other kinds."""
    several = sources if isinstance(sources, list | tuple) else [sources]
    sets = [source.snapshot() for source in several if isinstance(source, KeySource)]
    keys = [key for known in sets if known is not None for key in known.keys]
    if not keys or any(key.key_type != "oct" for key in keys):
        return None
    fitting = [n for n in _SECRET_ALGORITHMS if any(key.fits(ALGORITHMS[n]) for key in keys)]
    return tuple(fitting) or _SECRET_ALGORITHMS[:1]  # which are then refused as too short


def integration_faults(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field of an integration that is wrong, and what is wrong with it."""
    if not _is_id(values["id"]):
        yield "id", "1 to 64 of the characters A-Z, a-z, 0-9, '.', '_' and '-'"
    hosts = values["hosts"]
    if not isinstance(hosts, list | tuple):
        yield "hosts", "a list of host names"
        hosts = ()
    for number, host in enumerate(hosts):
        if not isinstance(host, str) or host_name(host) != host.lower().removesuffix("."):
            yield f"hosts[{number}]", "a host name without scheme, port and path"
    if values["accounts"] not in (OWN, BY_EMAIL):
        yield "accounts", f"{OWN!r} or {BY_EMAIL!r}"
    yield from _key_faults(values["secret"], values["keys"])
    for name, read in (
        ("issuer", check.text),
        ("audience", check.texts),
        ("algorithms", check.texts),
        ("max_age", lambda name, value: value is None or check.number(name, value, above=0)),
    ):
        try:
            read(name, values[name])
        except ConfigurationError as error:
            yield name, str(error).removeprefix(f"{name}: ")
    if not isinstance(values["enabled"], bool):
        yield "enabled", "true or false"


def _key_faults(secret: Any, keys: Any) -> Iterator[tuple[str, str]]:
    if secret is None:
        if keys is None:
            yield "secret", "missing: name a secret, or keys of another kind"
        return
    if keys is not None:
        yield "keys", "keys beside a secret; an integration signs with one or the other"
    if not 1 <= len(_listed(secret)) <= MOST_SECRETS:
        yield "secret", f"one secret, or {MOST_SECRETS} while one takes the other's place"
    if not all(isinstance(s, str | bytes | SecretPlace | KeySource) for s in _listed(secret)):
        yield "secret", "a text, a SharedSecret or a SecretPlace"


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def faults_together(integrations: Sequence[Integration]) -> Iterator[str]:
    """Yield what is wrong with the integrations together: a token must mean exactly one."""
    ids = [integration.id for integration in integrations]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"integrations.{name}: listed twice"
    hosts = sorted({host for integration in integrations for host in integration.hosts})
    groups = [(f"host {host}", [i for i in integrations if host in i.hosts]) for host in hosts]
    groups.append(("no hosts", [i for i in integrations if not i.hosts]))
    for what, members in groups:
        names = f"integrations: {', '.join(member.id for member in members)} ({what})"
        issuers = [member.issuer for member in members]
        if len(members) > 1 and None in issuers:
            yield f"{names}: each needs an issuer, which tells them apart"
        elif len(set(issuers)) < len(issuers):
            yield f"{names}: two of them have the same issuer"


def listed(source: Any) -> tuple[Integration, ...]:
    """Return integrations that were made in code.

    Raises ``ConfigurationError`` where something else is among them, or a token could mean two.
    """
    if not isinstance(source, list | tuple) or not all(isinstance(i, Integration) for i in source):
        raise ConfigurationError(
            "integrations: the path of a TOML file, or Integration(...)s in a list"
        )
    faults = list(faults_together(source))
    if faults:
        raise ConfigurationError("; ".join(faults))
    return tuple(source)
