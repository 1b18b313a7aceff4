"""What happens when somebody arrives with a token, for every framework.

In this order: verify the token; refuse a denied one; validate its claims; use it, once; update the
directory, in one transaction; begin the session; redirect. Nothing is written before the token is
proven, and nobody is signed in before it is used. Where the server fails after the use, the token
may be used again; where the process dies there, it stays used, and the person needs a new link.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, NamedTuple, TypedDict, Unpack, cast
from urllib.parse import parse_qsl

from ..authorization.refuse_hook import Refuse, refuse_option, shaped
from ..authorization.request import RequestView, is_plain
from ..errors import (
    ConfigurationError,
    MalformedToken,
    MissingToken,
    RequestError,
    SignOnFailed,
    Unavailable,
)
from ..events.kinds import ConfigurationWarning, Decided, Listener
from ..events.log import Announcer
from ..events.sign_on_kinds import AccountCreated, AccountUpdated, GoRefused, SignedOn
from ..options import checks as check
from ..options.checks import MOST_LEEWAY
from ..responses import Refusal
from ..revocation import open_store
from ..revocation.store import Store
from ..verification.compact import MAX_TOKEN_SIZE
from ..verification.options import clock_of, listeners_of
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
    refuse: Refuse | None


class Visit(NamedTuple):
    """One request to the callback. ``path`` is the browser's, decoded: with a mount's root."""

    method: str
    path: str
    query_string: str
    host: str
    accept: str
    is_ahead: bool = False
    """Whether a browser fetches the link before anybody follows it."""
    request: RequestView | None = None
    """What ``refuse=`` may see of the request: its query, with the token, is removed."""

    def __repr__(self) -> str:
        return f"<Visit {self.method} {self.path}>"


PURPOSES = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers by which browsers announce that they fetch a link ahead of time."""


def is_ahead(purposes: Iterable[str]) -> bool:
    """Whether a browser fetches a link ahead of time, by the values of ``PURPOSES``."""
    purpose = " ".join(purposes).lower()
    return any(word in purpose for word in ("prefetch", "prerender", "preview"))


Header = tuple[str, str]
BeginSession = Callable[[Account, Profile], Iterable[Header]]
"""Signs the user in, in the framework's own session; returns headers to send, if any."""


def fill_session(
    session: MutableMapping[str, Any],
    account: Account,
    profile: Profile,
    sign_in: Callable[[], object] | None,
) -> tuple[()]:
    """Fill a framework's session by ``sign_in``, else with ``user_id`` and ``integration``.

    It is emptied first: somebody else may have planted it in this browser.
    """
    session.clear()
    if sign_in is None:
        session.update(integration=profile.integration, user_id=account.user_id)
        return ()
    try:
        sign_in()
    except BaseException:
        session.clear()  # it may have signed the user in before it failed
        raise
    return ()


class Callback:
    """Signs people in. It may block, so an event loop calls it on a worker thread.

    Raises ``ConfigurationError`` where an option is missing, unknown or wrong.
    """

    def __init__(self, **options: Unpack[SignOnOptions]) -> None:
        check.known(options, SignOnOptions.__annotations__)
        self.announce = Announcer(listeners_of(options.get("listeners", ())))
        self._clock = clock = clock_of(options.get("clock", time.time))
        self.path = _path("path", options.get("path", PATH))
        self._refuse = refuse_option(options.get("refuse"))
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
                    "store: process-memory belongs to one process, so each worker would accept a "
                    "token once. Use 'sqlite:///sign-on.sqlite' where there are several"
                )
            )

    def answer(self, visit: Visit, begin_session: BeginSession) -> Refusal:
        """Sign a person in and redirect them, or answer why not. Never raises."""
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
        tokens, goes_to = _query(visit.query_string)
        if not tokens:
            raise MissingToken("the query has no token")
        if len(tokens) > 1:
            raise MalformedToken("the query has more than one token")
        host = host_name(visit.host)
        integration, segments, issuer = self._tokens.choose(tokens[0], host)
        progress.integration = integration.id
        progress.token = verified = self._tokens.verify(integration, segments, issuer)
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
                raise  # the directory has refused the person
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
        destination = self._destination(goes_to, visit, integration.id)
        if profile.onboard and is_new:
            destination = self._onboarding
        return redirect_to(destination, headers)

    def _destination(self, goes_to: list[str], visit: Visit, integration: str) -> str:
        if not goes_to:
            return HOME
        path = local_path(goes_to[0]) if len(goes_to) == 1 else None
        if path is not None and not leads_to(path, visit.path):
            return path
        reason = "no path of this site" if len(goes_to) == 1 else "named more than once"
        self.announce(GoRefused(integration, reason, visit.method, visit.path))
        return HOME

    def _refused(self, error: RequestError, visit: Visit, progress: _Progress) -> Refusal:
        claims = {} if progress.token is None else progress.token.claims
        subject, token_id = claims.get("sub"), claims.get("jti")
        request = visit.request or RequestView(visit.method, visit.path)
        page = shaped(page_for(error, visit.accept), request, self._refuse)
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
    """What is known of a token so far, for the event of a refusal."""

    integration: str | None = None
    token: SignOnToken | None = None


def _query(query_string: str) -> tuple[list[str], list[str]]:
    """Return the values of ``token`` and of ``go``."""
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise MalformedToken("the query has more than 100 fields") from None
    tokens, goes_to = ([v for key, v in pairs if key == name] for name in ("token", "go"))
    return tokens, goes_to


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
