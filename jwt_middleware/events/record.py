"""What is decided of a request: noted on its way, and emitted once, as one ``Decided``.

A door starts a record where there are listeners, and keeps it in the request's scope or environ.
The audit notes in it what is decided, and the door emits it as the answer begins. Without a record,
as where nobody listens or a ``Verifier`` is used alone, the audit emits at once.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from logging import WARNING
from typing import Any, Protocol, TypeVar

from ..background.forks import ForkLock
from ..background.living import Living
from ..errors import Decision, InvalidClaim, PermissionDenied, RequestError
from .kinds import Decided, ValuesDropped
from .log import Announcer

RECORD_KEY = "jwt_middleware.record"
"""Where a request carries its record, while somebody listens."""

PERSON = "person"
CALLER_FIELDS = ("subject", "client_id", "application", "issuer", "token_id", "key_id")
PLACE_FIELDS = ("request_id", "method", "route", "path")


class Recorder(Protocol):
    """What records requests."""

    def note_listeners(self) -> None:
        """Find out again whether to record requests."""


_recorders: Living[Recorder] = Living()
_keeps_records = False


def keep_records() -> None:
    """Have every middleware record its requests, also where there are no listeners.

    For whoever asks for the current request's record in another way.
    """
    global _keeps_records
    if not _keeps_records:
        _keeps_records = True
        for middleware in _recorders:
            middleware.note_listeners()


def records_requests(middleware: Recorder) -> bool:
    """Whether a middleware without listeners is to record its requests all the same.

    If that changes later, its ``note_listeners`` is called.
    """
    _recorders.add(middleware)
    return _keeps_records


Error = TypeVar("Error", bound=RequestError)


class Caller(Protocol):
    """What events say of a principal."""

    @property
    def subject(self) -> str | None: ...
    @property
    def client_id(self) -> str | None: ...
    @property
    def application(self) -> str | None: ...
    @property
    def issuer(self) -> str | None: ...
    @property
    def token_id(self) -> str | None: ...
    @property
    def key_id(self) -> str | None: ...
    @property
    def kind(self) -> str: ...


class Request(Protocol):
    """What events say of a request, and where they find its record."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def route(self) -> str | None: ...
    def carried(self, key: str) -> Any: ...


class RequestRecord:
    """The decisions on one request, for the listeners of ``announce``.

    It holds texts: neither the request's scope or environ (``carrier``), nor its principal. The
    ``route`` is the template, None where nobody knows it; whoever has routed the request sets it.
    ``principal_key``: where the carrier has a principal that was put in by other means.
    ``is_quiet``: only a refusal is emitted.
    """

    def __init__(
        self,
        announce: Announcer,
        carrier: MutableMapping[str, Any],
        request: Request,
        request_id: str,
        principal_key: str,
        protocol: str = "http",
        is_quiet: bool = False,
    ) -> None:
        self.announce = announce
        self._is_quiet = is_quiet
        self._outer: RequestRecord | None = carrier.get(RECORD_KEY)
        self.method = request.method
        # As it is now: a mount takes its part away, and gives it back to nobody.
        self.path = request.path
        self.request_id = request_id if self._outer is None else self._outer.request_id
        self.protocol = protocol
        self.route: str | None = None
        self.guarded = False
        self.is_emitted = False
        self.has_ended = False
        self._principal_key = principal_key
        self._facts: dict[str, Any] = {"allowed": True}
        self._before = _current.get()
        carrier[RECORD_KEY] = self
        _current.set(self)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of the caller and the decisions, by the fields of ``Decided``."""
        return self._facts

    def note(self, facts: Mapping[str, Any]) -> None:
        """Note fields of ``Decided``; the first refusal counts, as others may follow from it."""
        known = self._facts
        would_refuse = known.get("would_refuse", ()) + facts.get("would_refuse", ())
        if "code" not in known:
            facts = {name: value for name, value in facts.items() if value is not None}
            known = known | facts if "code" in facts else facts | known
        self._facts = known | {"would_refuse": would_refuse}

    def emit(self, status: int | None, carrier: Mapping[str, Any]) -> None:
        """Emit what was decided, once, as the answer begins with this status."""
        if self.is_emitted:
            return
        self.is_emitted = True
        facts = self._facts
        if self._is_quiet and facts["allowed"] and not facts.get("would_refuse"):
            return
        principal = carrier.get(self._principal_key)
        if "cached" not in facts:
            facts = fields_of_caller(principal) | facts
        original = getattr(principal, "original", None)
        if original is not None:
            facts = {**facts, "original": original.subject or original.client_id}
        place = {name: getattr(self, name) for name in (*PLACE_FIELDS, "guarded", "protocol")}
        self.announce(Decided(**place, status=status, **facts))

    def finish(self, carrier: MutableMapping[str, Any]) -> None:
        """End with the request; emit it now where no answer was seen."""
        self.emit(None, carrier)
        self.has_ended = True
        _current.set(self._before)
        if self._outer is not None:
            carrier[RECORD_KEY] = self._outer


_current: ContextVar[RequestRecord | None] = ContextVar("jwt_middleware_record", default=None)


def current_record() -> RequestRecord | None:
    """Return the record of the request that is served now; None where nobody listens.

    A task that was begun in a request, and outlives it, has none.
    """
    record = _current.get()
    return None if record is None or record.has_ended else record


def open_record(record: RequestRecord | None, announce: Announcer) -> RequestRecord | None:
    """Return the record that a request carries, where these listeners will get it."""
    is_open = record is not None and record.announce is announce and not record.is_emitted
    return record if is_open else None


class Audit:
    """Notes or emits what is decided. ``would_have_refused`` counts what shadow mode let in."""

    def __init__(self, announce: Announcer) -> None:
        self._announce = announce
        self._counting = ForkLock()
        self.would_have_refused = 0

    def refused(
        self,
        error: Error,
        request: Request | None = None,
        principal: Caller | None = None,
        guard: str | None = None,
    ) -> Error:
        """Announce a refusal, once, with the reference that the caller gets; return it.

        Raised as ``raise audit.refused(MissingToken(...))`` it is in no variable of the frame that
        raises it, which the error holds: that would be a cycle.
        """
        if self._announce.wants(WARNING):
            facts = {
                "allowed": False,
                "key_id": error.key_id,
                **fields_of_caller(principal or error.principal),
                "code": error.code,
                "reason": str(error) if isinstance(error, InvalidClaim) else error.reason,
                "reference": error.reference,
                "guard": guard,
                "decision": error.decision if isinstance(error, PermissionDenied) else None,
            }
            self._decided(facts, request, is_new=not error.announced)
            error.announced = True
        return error

    def would_refuse(
        self, decision: Decision, principal: Caller, request: Request | None, guard: str
    ) -> None:
        """Announce and count what a rule in shadow mode would have refused."""
        with self._counting:
            self.would_have_refused += 1
        facts = {"would_refuse": (decision.code,), "guard": guard, "decision": decision}
        self._decided({"allowed": True, **fields_of_caller(principal), **facts}, request)

    def verified(
        self, principal: Caller, request: Request | None, cached: bool, seconds: float | None = None
    ) -> None:
        """Announce that a token was verified, or recalled."""
        facts = {"allowed": True, **fields_of_caller(principal), "cached": cached}
        self._decided({**facts, "seconds": seconds}, request)

    def dropped(
        self, principal: Caller, claim: str, values: int, reason: str, request: Request | None
    ) -> None:
        """Announce that values of a claim are not granted: how many, and why."""
        what = (principal.client_id or "", claim, values, reason)
        who = (principal.subject, principal.token_id)
        self._announce(ValuesDropped(*what, *who, **_place_of(request)))

    def _decided(self, facts: dict[str, Any], request: Request | None, is_new: bool = True) -> None:
        record = open_record(_carried_by(request), self._announce)
        if record is not None:
            record.note(facts)
        elif is_new:
            self._announce(Decided(**facts, **_place_of(request)))


def _carried_by(request: Request | None) -> RequestRecord | None:
    return None if request is None else request.carried(RECORD_KEY)


def _place_of(request: Request | None) -> dict[str, Any]:
    if request is None:
        return {}
    record = _carried_by(request)
    place = {"method": request.method, "path": request.path, "route": request.route}
    return {**place, "request_id": None if record is None else record.request_id}


def fields_of_caller(caller: Caller | None) -> dict[str, Any]:
    """Return what an event says of a caller."""
    if caller is None:
        return {}
    fields = {name: getattr(caller, name) for name in CALLER_FIELDS}
    # Most callers are persons, which needs no words.
    return fields if caller.kind == PERSON else {**fields, "kind": caller.kind}
