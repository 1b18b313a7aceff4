"""What both doors and every adapter do with a request.

A door brings the header lines and a view of the request; it gets a principal, None, or an error
that ``refusal`` makes into an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from ..authorization.guards import Guard
from ..authorization.request import RequestView, request_id_of
from ..background.waiting import Steps, drive, drive_async
from ..errors import ConfigurationError, MissingToken, RequestError
from ..events.kinds import ChecksWeakened, ConfigurationWarning
from ..events.log import log_bounded
from ..events.record import RECORD_KEY, RequestRecord, open_record
from ..principal import PRINCIPAL_KEY, Principal
from ..responses import Challenge, Refusal, refusal_for
from ..verification.verifier import Verifier
from .caching import CacheHeaders
from .live import join
from .settings import Settings, weakenings_of

if TYPE_CHECKING:
    from ..authorization.routes import Route

MIDDLEWARE_KEY = "jwt_middleware.middleware"
"""Where a request carries the middleware that it came through, for the guards of its route."""


class Middleware:
    """The decisions of one middleware, by its settings."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        settings = Settings.read(options)
        self.settings = settings
        self.verifier = settings.verifier
        self.header = settings.header
        self.raw_header = settings.header.lower().encode("ascii")
        """The header's name as ASGI has it."""
        self.environ_key = "HTTP_" + settings.header.upper().replace("-", "_")
        """The header's name as WSGI has it."""
        self._exempt = settings.exempt
        self._optional = settings.optional
        self._passes_preflight = settings.passes_preflight
        self.fail_fast = settings.fail_fast
        self._refuse = settings.refuse
        self._authorize = None if settings.authorize is None else Guard(settings.authorize)
        self.may_exempt = bool(settings.exempt) or settings.passes_preflight
        """Whether ``is_open`` may be true of any request at all."""
        self.cache_headers = CacheHeaders(settings.header) if settings.varies else None
        """What the answer to a request whose header is read gets; None with ``vary=False``."""
        self.audits = self.verifier.announce.has_listeners
        """Whether somebody listens, so that requests are recorded until they are decided."""
        join(self)
        self._routes: list[Route] = []
        self._warned: set[str] = set()
        gateway = settings.verifier.gateway
        self._challenge = Challenge(gateway.scheme, gateway.realm)
        weakenings = weakenings_of(settings)
        if weakenings:
            self.verifier.announce(ChecksWeakened(weakenings))

    def is_open(self, request: RequestView) -> bool:
        """Whether the header is not read: an exempt path, or a CORS preflight that may pass."""
        if self._exempt and request.path in self._exempt:
            return True
        return self.is_passed_preflight(request)

    def is_passed_preflight(self, request: RequestView) -> bool:
        """Whether it is a CORS preflight that passes: its guards are asked where code would run."""
        return (
            self._passes_preflight
            and request.method == "OPTIONS"
            and len(request.header_values("Origin")) == 1
            and len(request.header_values("Access-Control-Request-Method")) == 1
        )

    def begin(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> Principal | Steps[Principal] | None:
        """Return who calls where that is known at once, else the steps to verify the token.

        None: there is no token, and none is needed. Whatever comes of it passes ``let_in``.

        Args:
            lines: every line of the header.
            carrier: the request's scope, environ or META.
            view: makes a view of the carrier; most requests that repeat a token need none.

        Raises:
            DuplicateHeader, MissingToken: this was announced.

        """
        if len(lines) == 1:  # as ``begin_lines`` does, without the price of a call
            return self.verifier.begin(lines[0], carrier, view)
        known = self.verifier.begin_lines(lines, carrier, view)
        if known is not None:
            return known
        request, optional = view(carrier), self._optional
        if optional is True or (optional is not False and request.path in optional):
            return None
        raise self.verifier.audit.refused(
            MissingToken("the request carries no assertion header"), request
        )

    def let_in(
        self, principal: Principal, carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Ask ``authorize``, and put the principal on the request: the one way in for it.

        Raises:
            RequestError: ``authorize`` does not hold; this was announced.

        """
        if self._authorize is not None:
            self.check(self._authorize, principal, view(carrier))
        carrier[PRINCIPAL_KEY] = principal

    def admit(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Verify the header and let the request in, with or without a principal.

        Raises:
            RequestError: the request is refused; this was announced.

        """
        known = self.begin(lines, carrier, view)
        if known is not None:
            self.let_in(known if isinstance(known, Principal) else drive(known), carrier, view)

    async def admit_async(
        self, lines: Sequence[bytes | str], carrier: Any, view: Callable[[Any], RequestView]
    ) -> None:
        """Do as ``admit``, without blocking the event loop."""
        known = self.begin(lines, carrier, view)
        if known is not None:
            principal = known if isinstance(known, Principal) else await drive_async(known)
            self.let_in(principal, carrier, view)

    def prefetch(self) -> None:
        """Get keys at start-up, where no lifespan does it; only with ``fail_fast``.

        Raises:
            ConfigurationError: there are none.

        """
        if self.fail_fast and not self.verifier.prefetch():
            raise self.no_keys()

    async def prefetch_async(self) -> None:
        """Get keys at start-up; without ``fail_fast``, an app may start before its gateway.

        Raises:
            ConfigurationError: there are none, with ``fail_fast``.

        """
        if not await self.verifier.prefetch_async() and self.fail_fast:
            raise self.no_keys()

    def no_keys(self) -> ConfigurationError:
        """Say which source gave no keys, and why."""
        sources = [
            f"{each['source']} ({each.get('last_error') or 'no answer in time'})"
            for each in self.verifier.health()["sources"]
            if not each["keys"]
        ]
        return ConfigurationError(f"fail_fast: no keys at start-up from {', '.join(sources)}")

    def use(self, verifier: Verifier) -> None:
        """Ask this verifier from now on, instead of the one that the options made: for tests."""
        self.verifier = verifier
        self.audits = verifier.announce.has_listeners

    def start_record(
        self, carrier: MutableMapping[str, Any], request: RequestView, protocol: str = "http"
    ) -> RequestRecord | None:
        """Begin to note what is decided of a request; to be asked only where ``audits``.

        None where a door around this one does so for the same listeners.
        """
        if self.record_of(carrier) is not None:
            return None
        asked = carrier, request, request_id_of(request)
        return RequestRecord(self.verifier.announce, *asked, PRINCIPAL_KEY, protocol)

    def record_of(self, carrier: Mapping[str, Any]) -> RequestRecord | None:
        """Return the record of a request that is not decided yet, where somebody listens."""
        return open_record(carrier.get(RECORD_KEY), self.verifier.announce)

    @property
    def inspects(self) -> bool:
        """Whether an option asks something of the routes, so that they must be seen."""
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
        # By the app's own registry, whatever verifier a test has put in.
        faults = faults_of(found, self.settings.verifier.unknown_names)
        if faults:
            raise ConfigurationError("; ".join(faults))
        if not self._routes:
            self.settings.verifier.when_clients_change(self._inspect_again)
        self._routes = found
        self.complain(fault_of_unused(unused))
        self.check_guarded(found)

    def check_guarded(self, routes: Iterable[Route]) -> None:
        """Do as ``unguarded`` says with the routes that have neither ``requires`` nor ``public``.

        Raises:
            ConfigurationError: there are some, and it is ``"refuse"``.

        """
        if self.settings.unguarded != "allow":
            from ..authorization.routes import fault_of_unguarded

            self.complain(fault_of_unguarded(routes))

    def complain(self, fault: str | None) -> None:
        """Warn once of what is served unasked, if there is anything.

        Raises:
            ConfigurationError: ``unguarded`` is ``"refuse"``.

        """
        if fault is None or fault in self._warned:
            return
        if self.settings.unguarded == "refuse":
            raise ConfigurationError(fault)
        self._warned.add(fault)
        self.verifier.announce(ConfigurationWarning(fault))

    def _inspect_again(self) -> None:
        """Warn where the app would not start with the registry that is now in use."""
        from ..authorization.routes import faults_of

        faults = faults_of(self._routes, self.settings.verifier.unknown_names)
        if faults:
            self.verifier.announce(
                ConfigurationWarning(
                    f"with these clients the app would not start: {'; '.join(faults)}"
                )
            )

    def check(self, guard: Guard, principal: Principal | None, request: RequestView) -> None:
        """Check a guard; raise, and announce, the refusal where it does not hold."""
        try:
            decision = guard.check(principal, request)
        except RequestError as error:
            self.verifier.audit.refused(error, request, principal, guard.written)
            raise
        if decision is not None and principal is not None:
            self.verifier.audit.would_refuse(decision, principal, request, guard.written)

    def refusal(self, error: RequestError, request: RequestView) -> Refusal:
        """Return the answer to a refused request, in the app's own shape where it has one.

        An error that the app's own code raised is announced here; the others were before.
        """
        self.verifier.audit.refused(error, request)
        accept = ",".join(request.header_values("Accept"))
        refusal = refusal_for(error, self._challenge, accept=accept, method=request.method)
        if self._refuse is None:
            return refusal
        try:
            own: Any = self._refuse(refusal, request)
        except Exception as failure:  # noqa: BLE001 - the app's own code; a refusal must not fail
            log_bounded(
                logging.ERROR,
                "refuse= failed with %s; the plain answer is sent",
                type(failure).__name__,
            )
            return refusal
        if isinstance(own, Refusal) and own.can_be_sent():
            return own
        log_bounded(
            logging.ERROR, "refuse= returned no Refusal that can be sent; the plain answer is"
        )
        return refusal


ASKED_KEY = "jwt_middleware.asked"
"""Where a request carries the guards that let it pass before its handler was called."""


def enforce_first(
    guards: Sequence[Guard], carrier: MutableMapping[str, Any], request: RequestView
) -> None:
    """Check the guards of a route before its handler; ``enforce`` does not ask them again."""
    for guard in guards:
        enforce(guard, carrier, request)
    carrier[ASKED_KEY] = tuple(guards)


def enforce(guard: Guard, carrier: Mapping[str, Any], request: RequestView) -> None:
    """Check a guard for the request whose scope, environ or META is the carrier.

    Raises:
        RequestError: the guard does not hold, or no middleware has verified this request.

    """
    middleware: Middleware | None = carrier.get(MIDDLEWARE_KEY)
    if middleware is None:
        log_bounded(
            logging.ERROR,
            "%r: JWTMiddleware is not installed, or its request has ended: nobody is let in",
            guard,
        )
        raise MissingToken("the middleware is not installed")
    if any(asked is guard for asked in carrier.get(ASKED_KEY, ())):
        return
    record: RequestRecord | None = carrier.get(RECORD_KEY)
    if record is not None and record.announce is middleware.verifier.announce:
        record.guarded = True
    middleware.check(guard, carrier.get(PRINCIPAL_KEY), request)


def refusal_of(error: RequestError, carrier: Mapping[str, Any], request: RequestView) -> Refusal:
    """Return the answer to a refused request, by the middleware that it came through."""
    middleware: Middleware | None = carrier.get(MIDDLEWARE_KEY)
    return (
        refusal_for(error, Challenge())
        if middleware is None
        else middleware.refusal(error, request)
    )


def principal_of(carrier: Mapping[str, Any]) -> Principal:
    """Return the request's principal; raise ``MissingToken`` where it has none."""
    principal: Principal | None = carrier.get(PRINCIPAL_KEY)
    if principal is None:
        raise MissingToken("the request has no principal")
    return principal
