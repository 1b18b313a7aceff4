"""Which URLs keys may come from, and which addresses their hosts may have."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigurationError

# RFC 1918, RFC 6598 (clusters use it) and RFC 4193; never link-local, where clouds keep metadata.
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def checked_url(url: str, *, allow_http: bool = False, has_own_fetch: bool = False) -> SplitResult:
    """Return the parts of a URL that keys may come from.

    Args:
        url: https, or http to this machine.
        allow_http: http to private addresses too. What a name resolves to is checked by
            ``is_allowed_address`` when it is connected to.
        has_own_fetch: the caller fetches the document by rules of their own.

    Raises:
        ConfigurationError: keys must not come from there. No part of the URL is repeated: any of
            them may be a secret.

    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, TypeError, AttributeError):
        raise ConfigurationError(
            "keys: the URL cannot be read; write https://host:port/path"
        ) from None
    if parts.scheme == "file" and not has_own_fetch:
        raise ConfigurationError(
            "keys: a file is named by its path, not by a URL, such as keys='/etc/keys/gateway.pem'"
        )
    if not host or any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise ConfigurationError("keys: the URL names no host; write https://host:port/path")
    if not _is_name(host):
        raise ConfigurationError(
            "keys: the URL's host cannot be a name; between its dots stand 1 to 63 characters"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "keys: a key URL must not hold a user name or a password; send them by headers="
        )
    if has_own_fetch or parts.scheme == "https":
        return parts
    if parts.scheme == "http" and (_is_local_name(host) or (allow_http and _may_be_private(host))):
        return parts
    if parts.scheme == "http" and allow_http:
        raise ConfigurationError(
            "keys: allow_http=True allows http to private addresses only, and this one is public; "
            "use https"
        )
    way_out = "; inside a private network set allow_http=True" if parts.scheme == "http" else ""
    raise ConfigurationError(
        "keys: the URL is not https, and http is for loopback only; keys that came any other way "
        f"could be anybody's{way_out}"
    )


def is_allowed_address(address: str, *, is_tls: bool, allow_http: bool) -> bool:
    """Whether keys may be fetched from this IP address: over plain http not from everywhere."""
    if is_tls:
        return True
    ip = _ip(address)
    return ip is not None and (ip.is_loopback or (allow_http and _is_private(ip)))


def origin_of(parts: SplitResult) -> tuple[str, str, int | None]:
    """Return scheme, host and port (RFC 6454), so that two spellings of one origin are equal."""
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_name(host: str) -> bool:
    """Whether each label of a name has a length that DNS allows (RFC 1035, 2.3.4)."""
    return all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))


def _is_local_name(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3
        return True
    ip = _ip(host)
    return ip is not None and ip.is_loopback


def _may_be_private(host: str) -> bool:
    ip = _ip(host)
    return ip is None or _is_private(ip)


def _is_private(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in network for network in _PRIVATE if network.version == ip.version)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a text is, an IPv4-mapped one as IPv4; None for a name."""
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
