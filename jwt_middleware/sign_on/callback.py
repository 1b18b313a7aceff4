"""What happens when somebody arrives with a token, written once for every framework.

In this order: verify the token; look whether it is denied; validate its claims; use it, once; bring
the directory up to it, in one transaction; begin the session; send the person on. Nothing is
written before the token is proven, and nobody is signed in before it is used. Where the server
fails after the use, the token may be used again; where the process dies there, it stays used, and
the partner's next link serves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, NamedTuple, TypedDict, Unpack, cast
from urllib.parse import parse_qsl

from ..authorization.paths import is_plain
from ..errors import (
    ConfigurationError,
    MalformedToken,
    MissingToken,
    RequestError,
    SignOnFailed,
    Unavailable,
)
from ..events.kinds import (
    AccountCreated,
    AccountUpdated,
    ConfigurationWarning,
    Decided,
    GoRefused,
    Listener,
    SignedOn,
)
from ..events.log import Announcer
from ..options import checks as check
from ..responses import Refusal
from ..revocation import open_store
from ..revocation.store import Store
from ..verification.compact import MAX_TOKEN_SIZE
from ..verification.options import MOST_LEEWAY, clock_of, listeners_of
from .accounts import Account, Directory
from .addresses import host_name
from .claims import Profile, read_profile
from .destinations import HOME, leads_to, local_path
from .one_time import Denied, use
from .pages import not_yet, only_get, page_for, redirect_to
from .tokens import SignOnToken, TokenVerifier

PATH = "/auth/callback/jwt-auth"
"""Where partners send people to, unless ``path`` names another place."""


class SignOnOptions(TypedDict, total=False):
    """The options of every ``SignOn``; the README's table says what each means."""

    integrations: Any
    directory: Directory
    store: str | Store
    path: str
    onboarding: str
    leeway: float
    max_token_size: int
    listeners: Iterable[Listener]
    clock: Callable[[], float]


class Visit(NamedTuple):
    """One request to the callback. ``path`` is the browser's, decoded: with a mount's root."""

    method: str
    path: str
    query_string: str
    host: str
    accept: str
    is_ahead: bool = False
    """Nobody has followed the link yet: a browser fetches it in case somebody will."""

    def __repr__(self) -> str:
        return f"<Visit {self.method} {self.path}>"


PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers by which browsers say that they fetch something nobody has asked for yet."""


def is_ahead(purposes: Iterable[str]) -> bool:
    """Whether a request is a browser's guess, by the values of ``PURPOSES``."""
    named = " ".join(purposes).lower()
    return any(word in named for word in ("prefetch", "prerender", "preview"))


Header = tuple[str, str]
BeginSession = Callable[[Account, Profile], Iterable[Header]]
"""Signs the user in, in the framework's own session; returns headers to send, if any."""


def fill_session(
    session: MutableMapping[str, Any],
    account: Account,
    profile: Profile,
    sign_in: Callable[[], object] | None,
) -> tuple[()]:
    """Begin a framework's session: emptied first, as whoever planted it in this browser knows it.

    Then ``sign_in`` fills it, or it gets ``user_id`` and ``integration``.
    """
    session.clear()
    if sign_in is None:
        session["integration"] = profile.integration
        session["user_id"] = account.user_id
        return ()
    try:
        sign_in()
    except BaseException:
        session.clear()  # it may have signed the user in before it failed
        raise
    return ()


class Callback:
    """Signs people on. It may block, so an event loop calls it on a worker thread.

    Raises:
        ConfigurationError: an option is missing, unknown or wrong.

    """

    def __init__(self, **options: Unpack[SignOnOptions]) -> None:
        check.known(options, SignOnOptions.__annotations__)
        self.announce = Announcer(listeners_of(options.get("listeners", ())))
        self._clock = clock = clock_of(options.get("clock", time.time))
        self.path = _path("path", options.get("path", PATH))
        self._onboarding = _path("onboarding", options.get("onboarding", "/onboarding"))
        self._directory: Directory = _object(
            "directory",
            options.get("directory"),
            "an object with sync(profile)",
            ("sync",),
            "an object with sync(profile), such as "
            "jwt_middleware.sign_on.sql.SQLDirectory('sqlite:///accounts.sqlite')",
        )
        self._store = _store(options.get("store"), clock)
        self._denied = Denied(self._store)
        if options.get("integrations") is None:
            raise ConfigurationError(
                "integrations: missing; name their file, such as integrations='integrations.toml'"
            )
        self._tokens = TokenVerifier(
            options.get("integrations"),
            leeway=check.number("leeway", options.get("leeway", 30), most=MOST_LEEWAY),
            max_token_size=check.whole(
                "max_token_size", options.get("max_token_size", MAX_TOKEN_SIZE), least=64
            ),
            announce=self.announce,
            clock=clock,
            store=self._store,
        )
        if not self._store.is_shared:
            self.announce(
                ConfigurationWarning(
                    "store: process-memory is one process's own, so each worker would let a token "
                    "in once. Use 'sqlite:///sign-on.sqlite' where there are several"
                )
            )

    def answer(self, visit: Visit, begin_session: BeginSession) -> Refusal:
        """Sign a person on and send them on their way, or say why not. Never raises."""
        if visit.method != "GET":
            return only_get()
        if visit.is_ahead:
            return not_yet()
        progress = _Progress()
        try:
            return self._sign_on(visit, begin_session, progress)
        except RequestError as error:
            return self._refused(error, visit, progress)
        except Exception as error:  # noqa: BLE001 - a person is waiting; the operator gets the event
            failure = SignOnFailed(f"{type(error).__name__} before the token was used")
            return self._refused(failure, visit, progress)

    def _sign_on(self, visit: Visit, begin_session: BeginSession, progress: _Progress) -> Refusal:
        values = _query(visit.query_string)
        token = _one_token(values.get("token", []))
        integration, segments, trust = self._tokens.choose(token, host_name(visit.host))
        progress.integration = integration.id
        progress.token = verified = self._tokens.verify(integration, segments, trust)
        self._denied.check(verified, self._clock())
        profile = read_profile(integration, verified.claims)
        attempt = use(self._store, verified)
        is_new = False
        try:
            is_new = attempt.has_made_account()
            account = self._directory.sync(profile)
            if not isinstance(account, Account):
                raise TypeError(f"sync() returned {check.kind(account)}")
            is_new = is_new or account.created
            kind = AccountCreated if account.created else AccountUpdated
            self.announce(kind(integration.id, account.user_id))
            headers = tuple(begin_session(account, profile))
        except Exception as error:
            if isinstance(error, RequestError) and not isinstance(error, Unavailable):
                raise  # the directory has decided so
            raise attempt.failure(error, account_made=is_new) from None
        self.announce(
            SignedOn(
                integration.id,
                account.user_id,
                account.created,
                profile.subject,
                profile.token_id,
                verified.key_id,
                visit.method,
                visit.path,
            )
        )
        goes = self._destination(values.get("go", []), visit, integration.id)
        if profile.onboard and is_new:
            goes = self._onboarding
        return redirect_to(goes, headers)

    def _destination(self, named: list[str], visit: Visit, integration: str) -> str:
        if not named:
            return HOME
        path = local_path(named[0]) if len(named) == 1 else None
        if path is not None and not leads_to(path, visit.path):
            return path
        reason = "no path of this site" if len(named) == 1 else "named more than once"
        self.announce(GoRefused(integration, reason, visit.method, visit.path))
        return HOME

    def _refused(self, error: RequestError, visit: Visit, progress: _Progress) -> Refusal:
        claims = {} if progress.token is None else progress.token.claims
        subject, token_id = claims.get("sub"), claims.get("jti")
        page = page_for(error, visit.accept)
        self.announce(
            Decided(
                False,
                method=visit.method,
                path=visit.path,
                status=page.status,
                subject=subject if type(subject) is str else None,
                client_id=progress.integration,
                token_id=token_id if type(token_id) is str else None,
                key_id=error.key_id if progress.token is None else progress.token.key_id,
                code=error.code,
                reason=str(error),
                reference=error.reference,
            )
        )
        return page


class _Progress:
    """What is known of a token so far, for the audit event of a refusal."""

    integration: str | None = None
    token: SignOnToken | None = None


def _query(query_string: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise MalformedToken("the query has more than 100 fields") from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _one_token(values: list[str]) -> str:
    if not values:
        raise MissingToken("the query has no token")
    if len(values) > 1:
        raise MalformedToken("the query has more than one token")
    return values[0]


def _path(name: str, value: Any) -> str:
    if not isinstance(value, str) or not is_plain(value) or local_path(value) != value:
        raise ConfigurationError(f"{name}: a path of this site, such as '/welcome'")
    return value


def _store(value: Any, clock: Callable[[], float]) -> Store:
    if isinstance(value, str):
        return open_store(value, clock=clock)
    hint = (
        "'sqlite:///sign-on.sqlite' for the workers of one machine, 'redis://host:6379/0' for "
        "several machines, 'process-memory' for one process"
    )
    methods = ("use_once", "was_used", "denials", "revision")
    return cast("Store", _object("store", value, "a store's URL, or a Store", methods, hint))


def _object(name: str, value: Any, what: str, methods: tuple[str, ...], hint: str) -> Any:
    """Return an object that has these methods."""
    if value is None:
        raise ConfigurationError(f"{name}: missing; {hint}")
    has_all = all(callable(getattr(value, method, None)) for method in methods)
    if isinstance(value, type) or not has_all:
        raise ConfigurationError(f"{name}: {what}, not {check.kind(value)}")
    return value
