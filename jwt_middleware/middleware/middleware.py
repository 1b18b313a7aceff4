"""What both doors and every adapter do with a request.

A door passes the header lines and a view of the request; it gets a principal, None, or an error,
for which ``refusal`` makes the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from ..authorization.guards import Guard
from ..authorization.refuse_hook import shaped
from ..authorization.request import RequestView, request_id_of
from ..background.forks import ForkLock
from ..background.once import Once
from ..background.waiting import Steps, drive, drive_async
from ..errors import ConfigurationError, MissingToken, RequestError
from ..events.kinds import ChecksWeakened, ConfigurationWarning
from ..events.record import (
    RECORD_KEY,
    RequestRecord,
    fields_of_caller,
    open_record,
    records_requests,
)
from ..keys.absence import may_be_absent
from ..principal import PRINCIPAL_KEY, Principal
from ..responses import Challenge, Refusal, refusal_for
from ..verification.verifier import Verifier
from .caching import CacheHeaders
from .headers import TokenHeaders
from .live import register
from .originals import Originals
from .settings import Settings, weakenings_of

if TYPE_CHECKING:
    from ..authorization.routes import Route

MIDDLEWARE_KEY = "jwt_middleware.middleware"
"""The request's key for the middleware that it came through, for the guards of its route."""


BeginLine = Callable[[bytes | str, Any, Callable[[Any], RequestView]], Principal | Steps[Principal]]


class Middleware:
    """What one middleware decides about a request, by its settings."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Settings.read(options)
        self.settings = settings
        self.headers = TokenHeaders(settings.headers)
        self.raw_header = self.headers.raw_names[0]
        """The name of the first header as ASGI has it."""
        self.has_other_headers = len(settings.headers) > 1
        self._exempt = settings.exempt
        self._optional = settings.optional
        self._passes_preflight = settings.passes_preflight
        self._refuse = settings.refuse
        self._authorize = None if settings.authorize is None else Guard(settings.authorize)
        self.resource = settings.resource
        """The metadata of the API, which is served without a token; None unless it is set."""
        self.ends_streams = settings.ends_streams
        self.may_exempt = (
            bool(settings.exempt) or settings.passes_preflight or self.resource is not None
        )
        """Whether ``skips_verification`` can be true for any request."""
        self.cache_headers = CacheHeaders(settings.headers_read) if settings.varies else None
        """Headers added to answers whose request header was read; None with ``vary=False``."""
        self.use(settings.verifier)
        register(self)
        self._routes: list[Route] = []
        self._inspecting = ForkLock()
        self._warned = Once()
        gateway = settings.verifier.gateway
        metadata = None if self.resource is None else self.resource.url
        self._challenge = Challenge(gateway.scheme, gateway.realm, gateway.writes_scheme, metadata)
        weakenings = weakenings_of(settings)
        if weakenings:
            self.verifier.announce(ChecksWeakened(weakenings))

    def skips_verification(self, request: RequestView) -> bool:
        """Whether the header is not read.

        So for an exempt path, the metadata of the API, and a CORS preflight that may pass.
        """
        if self._exempt and request.path in self._exempt:
            return True
        if self.resource is not None and self.resource.is_at(request):
            return True
        return self.is_passed_preflight(request)

    def metadata_answer(self, request: RequestView) -> Refusal | None:
        """Return the answer to a request for the metadata of the API; None for any other one."""
        resource = self.resource
        if resource is None or not resource.is_at(request):
            return None
        return resource.answer(request)

    def is_passed_preflight(self, request: RequestView) -> bool:
        """Whether a CORS preflight may pass; guards still apply if a handler would run."""
        return (
            self._passes_preflight
            and request.method == "OPTIONS"
            and len(request.header_values("Origin")) == 1
            and len(request.header_values("Access-Control-Request-Method")) == 1
        )

    def begin(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> Principal | Steps[Principal] | None:
        """Return the principal if it is cached, else the steps that verify the token.

        None if no token is sent and none is required. Pass any principal to ``let_in``.

        Args:
            lines: every line of the header.
            carrier: the request's scope, environ or META.
            view: makes a RequestView of the carrier; most requests with a cached token need none.

        Raises:
            DuplicateHeader, MissingToken: already announced.

        """
        if len(lines) == 1:
            return self.begin_line(lines[0], carrier, view)
        outcome = self.verifier.begin_lines(lines, carrier, view)
        if outcome is not None:
            return outcome
        request, optional = view(carrier), self._optional
        if self._originals is not None:
            self._originals.refuse_alone(request)
        if optional is True or (optional is not False and request.path in optional):
            return None
        raise self.verifier.audit.refused(
            MissingToken("the request carries no assertion header"), request
        )

    def let_in(
        self, principal: Principal, carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Check ``authorize``, and put the principal on the request, which happens nowhere else.

        Raises:
            RequestError: ``authorize`` does not hold; already announced.

        """
        if self._notes_callers:
            record = self.record_of(carrier)
            if record is not None:
                record.note(fields_of_caller(principal))
        if self._authorize is not None:
            self.check(self._authorize, principal, view(carrier))
        carrier[PRINCIPAL_KEY] = principal

    def admit(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Verify the header and let the request in, with or without a principal.

        Raises:
            RequestError: the request is refused; already announced.

        """
        outcome = self.begin(lines, carrier, view)
        if outcome is not None:
            principal = outcome if isinstance(outcome, Principal) else drive(outcome)
            self.let_in(principal, carrier, view)

    async def admit_async(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Do as ``admit``, without blocking the event loop."""
        outcome = self.begin(lines, carrier, view)
        if outcome is not None:
            principal = outcome if isinstance(outcome, Principal) else await drive_async(outcome)
            self.let_in(principal, carrier, view)

    def prefetch(self) -> None:
        """Fetch keys at the start of a door without a lifespan; only with ``fail_fast``.

        Raises:
            ConfigurationError: there are no keys; or ``end_streams`` is set, which takes ASGI.

        """
        if self.ends_streams:
            raise ConfigurationError(
                "end_streams: this door cannot end an answer that has begun; serve the app by ASGI "
                "(Starlette, FastAPI, or jwt_middleware.asgi.JWTMiddleware), or leave it out"
            )
        if self._must_have_keys and not self.verifier.prefetch():
            raise self.no_keys()

    async def prefetch_async(self) -> None:
        """Fetch keys at start-up; without ``fail_fast``, an app may start before its gateway.

        Then keys of several issuers are each fetched when a token first names theirs.

        Raises:
            ConfigurationError: there are no keys, with ``fail_fast``.

        """
        must_have = self._must_have_keys
        if not await self.verifier.prefetch_async(every_issuer=must_have) and must_have:
            raise self.no_keys()

    @property
    def _must_have_keys(self) -> bool:
        is_excused = self.verifier is self.settings.verifier and may_be_absent()
        return self.settings.fail_fast and not is_excused

    def no_keys(self) -> ConfigurationError:
        """Return an error that names each source without keys, and why."""
        sources = [
            f"{each['source']} ({each.get('last_error') or 'no answer in time'})"
            for each in self.verifier.health()["sources"]
            if not each["keys"]
        ]
        return ConfigurationError(f"fail_fast: no keys at start-up from {', '.join(sources)}")

    def use(self, verifier: Verifier) -> None:
        """Use this verifier from now on; tests substitute one for the configured verifier."""
        self.verifier = verifier
        self.note_listeners()
        self.begin_line: BeginLine = verifier.begin_line
        """Does as ``begin`` for exactly one line."""
        self._originals: Originals | None = None
        if self.settings.original is not None:
            self._originals = Originals(self.settings.original, verifier)
            self.begin_line = self._originals.begin_line

    def note_listeners(self) -> None:
        """Find out whether requests are recorded until they are decided."""
        is_heard = self.verifier.announce.has_listeners
        self._notes_callers = records_requests(self) and not is_heard
        """Whether the audit, which has no listeners, leaves it to us to note who calls."""
        self.has_listeners = is_heard or self._notes_callers
        """Whether requests are recorded, since somebody listens or asks for the records."""

    def start_record(
        self, carrier: MutableMapping[str, Any], request: RequestView, protocol: str = "http"
    ) -> RequestRecord | None:
        """Start the request's audit record; call only if ``has_listeners``.

        None if an outer middleware already records for the same listeners.
        """
        if self.record_of(carrier) is not None:
            return None
        of_request = carrier, request, request_id_of(request)
        is_quiet = request.path in self.settings.quiet
        return RequestRecord(self.verifier.announce, *of_request, PRINCIPAL_KEY, protocol, is_quiet)

    def record_of(self, carrier: Mapping[str, Any]) -> RequestRecord | None:
        """Return the request's audit record, unless it is emitted or for other listeners."""
        return open_record(carrier.get(RECORD_KEY), self.verifier.announce)

    @property
    def needs_routes(self) -> bool:
        """Whether any option needs the app's route list."""
        return self.settings.unguarded != "allow" or self.settings.verifier.clients is not None

    def inspect(self, routes: Iterable[Route], unused: Sequence[str] = ()) -> None:
        """Check an app's routes against the registry, and for guards as ``unguarded`` says.

        ``unused`` are the guards that no route uses, each with its place.

        Raises:
            ConfigurationError: a guard uses a name that no client could carry; or ``unguarded`` is
                ``"refuse"``, and a route has neither ``requires`` nor ``public``, or a guard is
                unused.

        """
        from ..authorization.routes import fault_of_unused, faults_of

        found = list(routes)
        # By the app's own registry, even if a test has substituted the verifier.
        faults = faults_of(found, self.settings.verifier.unknown_names)
        if faults:
            raise ConfigurationError("; ".join(faults))
        with self._inspecting:
            is_first, self._routes = not self._routes, found
        if is_first:
            self.settings.verifier.when_clients_change(self._inspect_again)
        self.report_fault(fault_of_unused(unused))
        self.check_guarded(found)

    def check_guarded(self, routes: Iterable[Route]) -> None:
        """Apply ``unguarded`` to the routes that have neither ``requires`` nor ``public``.

        Raises:
            ConfigurationError: there are such routes, and ``unguarded`` is ``"refuse"``.

        """
        if self.settings.unguarded != "allow":
            from ..authorization.routes import fault_of_unguarded

            self.report_fault(fault_of_unguarded(routes))

    def report_fault(self, fault: str | None) -> None:
        """Warn once about unguarded routes or unused guards.

        Raises:
            ConfigurationError: ``unguarded`` is ``"refuse"``.

        """
        if fault is None:
            return
        if self.settings.unguarded == "refuse":
            raise ConfigurationError(fault)
        if self._warned.is_new(fault):
            self.verifier.announce(ConfigurationWarning(fault))

    def _inspect_again(self) -> None:
        """Warn if the app would not start with the registry that is now in use."""
        from ..authorization.routes import faults_of

        faults = faults_of(self._routes, self.settings.verifier.unknown_names)
        if faults:
            self.verifier.announce(
                ConfigurationWarning(
                    f"with these clients the app would not start: {'; '.join(faults)}"
                )
            )

    def check(self, guard: Guard, principal: Principal | None, request: RequestView) -> None:
        """Check a guard; announce and raise the refusal if it does not hold."""
        try:
            decision = guard.check(principal, request)
        except RequestError as error:
            self.verifier.audit.refused(error, request, principal, guard.written)
            raise
        if decision is not None and principal is not None:
            self.verifier.audit.would_refuse(decision, principal, request, guard.written)

    def refusal(self, error: RequestError, request: RequestView) -> Refusal:
        """Return the answer to a refused request, as ``refuse`` shapes it if it is set.

        Announces an error that the app's own code raised; others are already announced.
        """
        self.verifier.audit.refused(error, request)
        accept = ",".join(request.header_values("Accept"))
        refusal = refusal_for(error, self._challenge, accept=accept, method=request.method)
        return shaped(refusal, request, self._refuse)
