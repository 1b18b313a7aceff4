"""Hosts that an option names, and the URLs that lead to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from . import checks as check

# RFC 3986, 3.2, without user information and without percent-encoding. Whatever else a client may
# make of an authority (IDNA, other spellings of IPv4, a dot at the end) does not match.
_AUTHORITY = re.compile(
    r"(?P<host>[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?:[/?#].*)?", re.IGNORECASE | re.ASCII
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# WHATWG URL, "ends in a number": clients read such a host as an IPv4 address, in any base.
_NUMBER = re.compile(r"[0-9]+|0[Xx][0-9A-Fa-f]*")


def is_loopback(host: str) -> bool:
    """Whether the host, in lower case and without brackets, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class HostList:
    """Hosts, each with the port that it may be reached at; over https only, loopback excepted.

    Args:
        name: the option's name, for errors.
        value: a list of ``"host"`` or ``"host:port"``. A name is compared as a whole and without
            regard to case; an IPv6 address stands in brackets. Without a port, a host is reached at
            443 only, and a loopback host at any port.

    Raises:
        ConfigurationError: the list is empty, or not a list of hosts.

    """

    def __init__(self, name: str, value: Any) -> None:
        if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
            given = "one text" if isinstance(value, str) else check.kind(value)
            raise ConfigurationError(
                f"{name}: a list of hosts, such as ['orders.example.edu'], not {given}"
            )
        if not value:
            raise ConfigurationError(f"{name}: empty; name each host, such as 'orders.example.edu'")
        self._written = tuple(value)
        self._allowed = frozenset(
            _entry(f"{name}, entry {number}", entry) for number, entry in enumerate(value, 1)
        )

    def __contains__(self, url: str) -> bool:
        """Whether the URL leads to one of the hosts, whichever client reads it."""
        place = _place_of(url)
        return place is not None and (
            place in self._allowed or place._replace(port=None) in self._allowed
        )

    def __iter__(self) -> Iterator[str]:
        """Iterate over the hosts as they were written."""
        return iter(self._written)


class _Place(NamedTuple):
    host: str
    port: int | None
    """None is any port."""


def _entry(name: str, text: Any) -> _Place:
    # No entry is echoed: a URL in the wrong place may hold a password.
    if not isinstance(text, str):
        raise ConfigurationError(f"{name}: a host as text, not {check.kind(text)}")
    place = _read(text)
    if place is None:
        raise ConfigurationError(f"{name}: {_way_out(text)}")
    if place.port is None and not is_loopback(place.host):
        return place._replace(port=_DEFAULT_PORTS["https"])
    return place


def _way_out(text: str) -> str:
    if "*" in text or text.startswith("."):
        return "there is no wildcard; name each host, such as 'orders.example.edu'"
    if "/" in text or "?" in text or "#" in text or "@" in text:
        return "a URL is no host; write 'orders.example.edu' or 'orders.example.edu:8443' alone"
    if not text.isascii():
        return "write the name as DNS has it, in ASCII: 'xn--...' (RFC 5891)"
    if text.count(":") > 1 and not text.startswith("["):
        return "write an IPv6 address in brackets: '[2001:db8::1]' or '[2001:db8::1]:8443'"
    if text.endswith("."):
        return "write the name without the dot at the end"
    return "no host; write 'orders.example.edu', 'orders.example.edu:8443' or '10.0.0.5'"


def _place_of(url: str) -> _Place | None:
    """Return where a URL leads; None where it must not, or clients may read it differently."""
    match = _URL.fullmatch(url)
    place = None if match is None else _read(match["authority"])
    if match is None or place is None:
        return None
    scheme = match["scheme"].lower()
    if scheme == "http" and not is_loopback(place.host):
        return None
    return place._replace(port=place.port or _DEFAULT_PORTS[scheme])


def _read(authority: str) -> _Place | None:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return None
    port = None if match["port"] is None else int(match["port"])
    if port is not None and port > 65_535:
        return None
    host = match["host"].lower()
    try:
        if host.startswith("["):
            host = str(IPv6Address(host[1:-1]))
        elif _NUMBER.fullmatch(host.rpartition(".")[2]):
            host = str(IPv4Address(host))
    except ValueError:
        return None
    return _Place(host, port)
