"""The options of a middleware, apart from those of its verifier, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ..authorization.predicate import Predicate
from ..authorization.refuse_hook import Refuse, refuse_option
from ..authorization.request import is_plain
from ..authorization.terms import terms_of
from ..errors import ConfigurationError
from ..options import checks as check
from ..options.catalogue import Preflight, Unguarded, value_of
from ..options.checks import AnyAudience
from ..options.resource import ProtectedResource
from ..options.sources import merged_options
from ..verification.options import VerifierOptions
from ..verification.original import Original
from ..verification.verifier import Verifier
from .resource import ResourceMetadata


class Options(VerifierOptions, total=False):
    """The options of every middleware; ``OPTIONS`` says what each means."""

    header: str | Sequence[str] | None
    original: Original | None
    authorize: Predicate | None
    optional: bool | tuple[str, ...] | list[str]
    exempt: tuple[str, ...] | list[str]
    quiet: tuple[str, ...] | list[str]
    cors_preflight: Preflight
    unguarded: Unguarded
    fail_fast: bool
    end_streams: bool
    refuse: Refuse | None
    resource: ProtectedResource | Mapping[str, Any] | str | None
    vary: bool
    verifier: Verifier | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The checked options of a middleware."""

    verifier: Verifier
    headers: tuple[str, ...]
    original: Original | None
    authorize: Predicate | None
    optional: bool | PathList
    exempt: PathList
    quiet: PathList
    passes_preflight: bool
    unguarded: Unguarded
    fail_fast: bool
    ends_streams: bool
    refuse: Refuse | None
    resource: ResourceMetadata | None
    varies: bool

    @property
    def headers_read(self) -> tuple[str, ...]:
        """The names of all headers that an answer depends on."""
        return self.headers if self.original is None else (*self.headers, self.original.header)

    def held_by_nobody(self, predicate: Predicate) -> list[str]:
        """Return which conditions on roles and permissions no caller can meet."""
        if self.verifier.clients is not None:
            return []  # the registry says which claims hold them, and its names are checked
        from ..authorization.name_checks import held_by_nobody

        gateways = (issuer.gateway for issuer in self.verifier.issuers)
        return held_by_nobody(predicate, {each.name: each.names for each in gateways})

    @classmethod
    def read(cls, code: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
        """Merge the three sources and check every option.

        Raises:
            ConfigurationError: an option is unknown, wrong, or not allowed in its source.

        """
        # A ready verifier has its options already, wherever they came from.
        own = VerifierOptions.__annotations__ if code.get("verifier") is not None else ()
        merged = merged_options(code, environ, only_in_code=own)
        verifier = _verifier(merged)
        headers = check.header_names("header", merged.get("header")) or verifier.headers
        preflight: Preflight = check.one_of(
            "cors_preflight", value_of(merged, "cors_preflight"), get_args(Preflight)
        )
        return cls(
            verifier=verifier,
            headers=headers,
            original=_original(merged.get("original"), verifier, headers),
            authorize=_authorize(merged.get("authorize"), verifier),
            optional=_optional(value_of(merged, "optional")),
            exempt=path_list("exempt", value_of(merged, "exempt")),
            quiet=path_list("quiet", value_of(merged, "quiet")),
            passes_preflight=preflight == "pass",
            unguarded=check.one_of("unguarded", value_of(merged, "unguarded"), get_args(Unguarded)),
            fail_fast=check.flag("fail_fast", value_of(merged, "fail_fast")),
            ends_streams=check.flag("end_streams", value_of(merged, "end_streams")),
            refuse=refuse_option(merged.get("refuse")),
            resource=_resource(merged.get("resource"), verifier),
            varies=check.flag("vary", value_of(merged, "vary")),
        )


def _verifier(merged: Mapping[str, Any]) -> Verifier:
    given = {name: merged[name] for name in VerifierOptions.__annotations__ if name in merged}
    ready = merged.get("verifier")
    if ready is None:
        return Verifier(**given)
    if not isinstance(ready, Verifier):
        raise ConfigurationError(f"verifier: a Verifier, not {type(ready).__name__}")
    if given:
        raise ConfigurationError(
            f"verifier: {', '.join(sorted(given))} beside it; a ready verifier has its own"
        )
    return ready


def _original(value: Any, verifier: Verifier, headers: tuple[str, ...]) -> Original | None:
    if value is None:
        return None
    if not isinstance(value, Original):
        raise ConfigurationError(f"original: an Original(...), not {check.kind(value)}")
    if value.header.lower() in {name.lower() for name in headers}:
        raise ConfigurationError(
            f"original: header: {value.header} holds the caller's own assertion; the original one "
            "comes in another header, such as X-JWT-Assertion-Original"
        )
    faults = verifier.unknown_names(value.forwarders)
    if faults:
        raise ConfigurationError(f"original: forwarders: {faults[0]}")
    return value


def _authorize(predicate: Any, verifier: Verifier) -> Predicate | None:
    if predicate is None:
        return None
    if not isinstance(predicate, Predicate):
        raise ConfigurationError(
            f"authorize: a predicate, such as has_role('staff'), not {check.kind(predicate)}"
        )
    for term in terms_of(predicate):
        if term.of_request == "route":
            raise ConfigurationError(
                f"authorize: {term.written} is not known before the app has routed; use it in "
                "requires(...) on the route"
            )
    faults = verifier.unknown_names(predicate)
    if faults:
        raise ConfigurationError(f"authorize: {faults[0]}")
    return predicate


def _optional(value: Any) -> bool | PathList:
    return value if isinstance(value, bool) else path_list("optional", value)


def _resource(value: Any, verifier: Verifier) -> ResourceMetadata | None:
    return None if value is None else ResourceMetadata(ProtectedResource.of(value), verifier)


_MOST_CLIENTS = 20


def weakenings_of(settings: Settings) -> tuple[str, ...]:
    """Return each option in use that weakens the check, with its value, such as ``exempt=/a``."""
    verifier = settings.verifier
    rules = verifier.issuers[0].keys.rules  # the same for all issuers
    trusts = [(each.client_id, each.trust) for each in verifier.clients or () if each.trust]
    store = verifier.revocations
    found = {
        "optional": str(settings.optional or ""),
        "exempt": str(settings.exempt),
        "audience": _any_audience(verifier),
        "original.audience": _any_audience_of(settings.original),
        "clients.trust.issuer": _any_for(name for name, own in trusts if own.is_of_any_issuer),
        "clients.trust.audience": _any_for(
            name for name, own in trusts if isinstance(own.audience, AnyAudience)
        ),
        "cors_preflight": "pass" if settings.passes_preflight else "",
        "vary": "" if settings.varies else "False",
        "revocations.fail": "open" if store is not None and store.fails_open else "",
        "revocations.replicas": "0" if store is not None and store.forgets_uses else "",
        "minimum_rsa_bits": str(rules.minimum_rsa_bits) if rules.minimum_rsa_bits < 2048 else "",
        "allow_wso2_default_keys": "True" if rules.allow_wso2_default_keys else "",
    }
    of_keys = {pair for keys in verifier.trusted_keys for pair in keys.weakenings()}
    named = [*found.items(), *((f"keys.{name}", value) for name, value in sorted(of_keys))]
    return tuple(f"{name}={value}" for name, value in named if value)


def _any_audience(verifier: Verifier) -> str:
    policies = [issuer.policy for issuer in verifier.issuers]
    loose = [each for each in policies if isinstance(each.audiences, AnyAudience)]
    if not loose or len(loose) == len(policies):
        return "ANY" if loose else ""
    return f"ANY (of {', '.join(name for each in loose for name in each.issuers)})"


def _any_audience_of(original: Original | None) -> str:
    is_any = original is not None and isinstance(original.audience, AnyAudience)
    return "ANY" if is_any else ""


def _any_for(client_ids: Iterable[str]) -> str:
    ids = list(client_ids)
    left = len(ids) - _MOST_CLIENTS
    more = f" and {left} more" if left > 0 else ""
    return f"ANY (for {', '.join(ids[:_MOST_CLIENTS])}{more})" if ids else ""


class PathList:
    """Exact paths, or ``/p/*`` for ``/p/`` and all below it, not ``/p``.

    They are compared with the path that the app routes by. A path that two programs might read
    differently matches nothing, so that no encoded, doubled or dotted form gets past: then the
    header is required.
    """

    __slots__ = ("_below", "_exact")

    def __init__(self, paths: Iterable[str]) -> None:
        listed = tuple(paths)
        self._exact = frozenset(path for path in listed if not path.endswith("/*"))
        self._below = tuple(path[:-1] for path in listed if path.endswith("/*"))

    def __contains__(self, path: str) -> bool:
        if path not in self._exact and not path.startswith(self._below):
            return False
        # A percent sign that is left was encoded twice, and somebody may decode it again.
        return "%" not in path and is_plain(path)

    def __str__(self) -> str:
        return ", ".join(sorted((*self._exact, *(f"{prefix}*" for prefix in self._below))))

    def __bool__(self) -> bool:
        return bool(self._exact or self._below)


def path_list(name: str, value: Any) -> PathList:
    """Read the option; raise ``ConfigurationError`` for anything that is no list of paths."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        raise ConfigurationError(f"{name}: a tuple of paths, such as ('/health',), not {value!r}")
    for path in value:
        if isinstance(path, str) and "%" in path:
            raise ConfigurationError(
                f"{name}: {path!r}: write it decoded, as the app routes by it ('/caf\u00e9', not "
                "'/caf%C3%A9'); a path that holds a percent sign after decoding matches nothing"
            )
        if not isinstance(path, str) or not is_plain(path.removesuffix("*")) or "*" in path[:-1]:
            raise ConfigurationError(
                f"{name}: {path!r} is no path; write '/health', or '/static/*' for all below it"
            )
        if path.endswith("*") and not path.endswith("/*"):
            raise ConfigurationError(f"{name}: {path!r}: the only wildcard is '/*' at the end")
        if path == "/*":
            raise ConfigurationError(
                f"{name}: '/*' is every path; leave the middleware out instead"
            )
    return PathList(value)
