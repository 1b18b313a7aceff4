"""The assertion of the request that is served, sent on to the services that it calls.

Whoever holds an assertion can act as its caller, so it goes to the hosts that the app names, and
nowhere else: over https, or within the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..authorization.request import RequestView
from ..errors import MissingToken
from ..options import checks as check
from ..options.hosts import HostList
from ..principal import PRINCIPAL_KEY, Principal
from .live import header_names
from .middleware import MIDDLEWARE_KEY, Middleware


@dataclass(frozen=True, slots=True)
class Incoming:
    """The verified assertion of a request.

    Attributes:
        header: the name of the header that it came in.
        value: that header's value, without blanks at the ends.
        scheme: the authentication scheme before the token (RFC 9110, 11.1); empty where none is.

    """

    header: str
    value: str = field(repr=False)
    scheme: str = ""

    @property
    def token(self) -> str:
        """The token alone."""
        return self.value[len(self.scheme) :].lstrip(" ")

    def value_under(self, header: str) -> str:
        """Return the value that a header sends on: as it came, under another name the token."""
        return self.value if header.lower() == self.header.lower() else self.token


def incoming_of(
    carrier: Mapping[str, Any], request: RequestView, header: str | None = None
) -> Incoming:
    """Return the assertion that the request whose scope, environ or META is the carrier sends on.

    That is the caller's own; under the header of the ``original`` option, the original one where it
    came along, so that services in a row all see the first caller.

    Args:
        carrier: where the middleware has put the principal.
        request: a view of the same request.
        header: the header that it is sent on under; None for the one that it came in.

    Raises:
        MissingToken: the header was not verified, as on an exempt path, or the request no longer
            has exactly one. It has none in a test that overrides the principal.

    """
    middleware: Middleware | None = carrier.get(MIDDLEWARE_KEY)
    principal: Principal | None = carrier.get(PRINCIPAL_KEY)
    if middleware is None or principal is None:
        raise MissingToken("the request has no principal, so there is no assertion to send on")
    option = middleware.settings.original
    names, gateway = middleware.headers.names, middleware.verifier.gateway
    scheme = gateway.scheme if gateway.writes_scheme else ""
    if option is not None and principal.original is not None and _is_same(option.header, header):
        names, scheme = (option.header,), ""  # that header holds the bare token
    lines = [(name, line) for name in names for line in request.header_values(name)]
    if len(lines) != 1:
        raise MissingToken("the request no longer has exactly one assertion header to send on")
    name, line = lines[0]
    return Incoming(name, line.strip(" \t"), scheme)


def _is_same(name: str, other: str | None) -> bool:
    return other is not None and name.lower() == other.lower()


class ClientURL(Protocol):
    """A URL of httpx or httpx2, which is read as text."""

    @property
    def raw_host(self) -> bytes:
        """The host, as it is looked up."""
        ...


class OutgoingRequest(Protocol):
    """What is needed of a request of httpx or httpx2."""

    @property
    def url(self) -> ClientURL:
        """The URL of this hop."""
        ...

    @property
    def headers(self) -> MutableMapping[str, str]:
        """The headers of this hop."""
        ...


class _Done:
    """What an async client awaits: it is done already."""

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


_DONE: Final = _Done()


class Forwarding:
    """Sends the assertion of the current request on; ``forward_assertion`` of an adapter makes it.

    It is a request event hook of httpx and httpx2, the same for sync and async clients:
    ``httpx.AsyncClient(event_hooks={"request": [forward]})``. The clients call a hook before each
    hop, so a redirect to another host loses the header, which they would carry along.

    Put it last, if another hook changes a request's URL. A proxy that the client is configured to
    use sees what is sent to loopback over http.

    Args:
        incoming: returns the assertion of the current request for ``header``, or raises
            ``MissingToken``.
        hosts: ``"host"`` or ``"host:port"`` each. Without a port, a host is reached at 443 only,
            and a loopback host at any port. A name is compared as a whole, without regard to case.
        header: the name to send it under, such as ``X-JWT-Assertion-Original``, with the bare token
            as value; of a request that has an original caller (``original=``) under this name, that
            caller's assertion. None: the header that it came in, with its value as it came.

    Raises:
        ConfigurationError: ``hosts`` or ``header`` is wrong.

    """

    def __init__(
        self,
        incoming: Callable[[str | None], Incoming],
        hosts: Sequence[str],
        header: str | None = None,
    ) -> None:
        self._incoming = incoming
        self._hosts = HostList("hosts", hosts)
        self._header = check.header_name("header", header)

    def headers(self, url: str | ClientURL) -> dict[str, str]:
        """Return the header to send with a request for a URL; empty for any other host.

        Only for a client that follows no redirects: one that does would carry the header along,
        to whichever host. Use the event hook there.

        Args:
            url: the whole URL that is asked for, as text or as httpx's.

        Raises:
            MissingToken: the URL is allowed, but no request is being served, or it has no verified
                assertion. Nothing is called in nobody's name by accident.

        """
        if str(url) not in self._hosts:
            return {}
        incoming = self._incoming(self._header)
        header = self._header or incoming.header
        return {header: incoming.value_under(header)}

    def __call__(self, request: OutgoingRequest) -> _Done:
        """Set the header on a hop to an allowed host; remove it, whoever has set it, elsewhere.

        Raises:
            MissingToken: as ``headers``. The request is not sent.

        """
        headers = self.headers(request.url)
        if not headers:
            # Which header the app receives is known without a request, too.
            for name in header_names() if self._header is None else (self._header,):
                request.headers.pop(name, None)
        request.headers.update(headers)
        return _DONE

    def __repr__(self) -> str:
        header = "" if self._header is None else f", header={self._header!r}"
        return f"forward_assertion(hosts={list(self._hosts)!r}{header})"
