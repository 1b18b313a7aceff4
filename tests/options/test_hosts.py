"""Which URLs lead to a host that an option names, and how such an option is written."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_middleware import ConfigurationError
from jwt_middleware.options.hosts import HostList, is_loopback

NAME = "orders.example.edu"

# For each option, URLs that lead to its host, and URLs that do not or that clients read in
# different ways.
URLS: dict[str, tuple[list[str], list[str]]] = {
    NAME: (
        [
            "https://orders.example.edu",
            "https://orders.example.edu/",
            "https://orders.example.edu/a/b?c=d#e",
            "https://orders.example.edu?next=https://evil.example/",
            "https://orders.example.edu#@evil.example",
            "https://orders.example.edu/caf\u00e9",
            "https://orders.example.edu/@evil.example",
            "https://orders.example.edu:443/",
            "https://ORDERS.Example.EDU/",
            "HTTPS://orders.example.edu/",
        ],
        [
            # another host
            "https://evil.example/",
            "https://orders.example.edu.evil.example/",
            "https://evil-orders.example.edu/",
            "https://a.orders.example.edu/",
            "https://example.edu/",
            "https://evil.example/orders.example.edu",
            "https://evil.example/?https://orders.example.edu/",
            "https://evil.example#orders.example.edu",
            # another port or scheme
            "https://orders.example.edu:8443/",
            "https://orders.example.edu:80/",
            "http://orders.example.edu/",
            "http://orders.example.edu:443/",
            "wss://orders.example.edu/",
            "ftp://orders.example.edu/",
            "javascript:https://orders.example.edu/",
            "http\u017f://orders.example.edu/",
            # user information
            "https://orders.example.edu@evil.example/",
            "https://user@orders.example.edu/",
            "https://user:password@orders.example.edu/",
            "https://@orders.example.edu/",
            "https://orders.example.edu:443@evil.example/",
            "https://orders.example.edu%40evil.example/",
            # other spellings, which clients read differently
            "https://orders.example.edu./",
            "https://orders..example.edu/",
            "https://.orders.example.edu/",
            "https://orders%2eexample.edu/",
            "https://orders\u3002example.edu/",
            "https://\uff4frders.example.edu/",
            "https://orders.example.edu\\@evil.example/",
            "https://orders.example.edu\\.evil.example/",
            "https:\\\\orders.example.edu/",
            "https:/orders.example.edu/",
            "https:///orders.example.edu/",
            "https:orders.example.edu",
            "//orders.example.edu/",
            "/orders",
            "orders.example.edu",
            " https://orders.example.edu/",
            "https://orders.example.edu /",
            "https://orders.exam\nple.edu/",
            "https://orders.example.edu\t.evil.example/",
            "https://orders.example.edu\x00.evil.example/",
            "https://[orders.example.edu]/",
            "https://orders.example.edu:/",
            "https://orders.example.edu:0443/",
            "https://orders.example.edu:+443/",
            "https://orders.example.edu:44\u0663/",
            "https://orders.example.edu:65979/",  # 443 in 16 bits
            "https://orders.example.edu:443:443/",
            "",
            "https://",
        ],
    ),
    "orders.example.edu:8443": (
        ["https://orders.example.edu:8443/", "https://Orders.example.edu:8443"],
        [
            "https://orders.example.edu/",
            "https://orders.example.edu:443/",
            "https://orders.example.edu:84430/",
            "http://orders.example.edu:8443/",
        ],
    ),
    "Orders.Example.EDU": (["https://orders.example.edu/"], ["http://orders.example.edu/"]),
    "xn--mnchen-3ya.example": (
        ["https://xn--mnchen-3ya.example/", "https://XN--Mnchen-3ya.example/"],
        ["https://m\u00fcnchen.example/"],
    ),
    "10.0.0.5": (
        ["https://10.0.0.5/"],
        [
            "http://10.0.0.5/",
            "https://10.0.0.05/",
            "https://10.5/",
            "https://167772165/",
            "https://0xa.0.0.5/",
            "https://10.0.0.5./",
            "https://[::ffff:10.0.0.5]/",
        ],
    ),
    "[2001:db8::1]": (
        ["https://[2001:db8::1]/", "https://[2001:DB8:0:0:0:0:0:1]:443/"],
        [
            "http://[2001:db8::1]/",
            "https://[2001:db8::1]:8443/",
            "https://[2001:db8::2]/",
            "https://[2001:db8::1%25eth0]/",
            "https://2001:db8::1/",
            "https://[2001:db8::1/",
            "https://[2001:db8::1]evil.example/",
        ],
    ),
    "127.0.0.1": (
        [
            "http://127.0.0.1/",
            "http://127.0.0.1:8000/",
            "https://127.0.0.1:8443/",
            "https://127.0.0.1/",
        ],
        [
            "http://localhost/",
            "http://[::1]/",
            "http://127.0.0.2/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://127.0.0.1.evil.example/",
            "ws://127.0.0.1/",
        ],
    ),
    "127.0.0.1:8000": (
        ["http://127.0.0.1:8000/", "https://127.0.0.1:8000/"],
        ["http://127.0.0.1/", "http://127.0.0.1:8001/", "https://127.0.0.1/"],
    ),
    "localhost": (
        ["http://localhost:8000/", "http://LOCALHOST/", "https://localhost/"],
        ["http://127.0.0.1:8000/", "http://localhost./", "http://a.localhost/"],
    ),
    "[::1]:8000": (["http://[::1]:8000/", "http://[0:0:0:0:0:0:0:1]:8000"], ["http://[::1]/"]),
}


@pytest.mark.parametrize(
    "host, url", [(host, url) for host, (allowed, _) in URLS.items() for url in allowed]
)
def test_a_url_of_the_host_is_allowed(host: str, url: str) -> None:
    assert url in HostList("hosts", ["other.example.edu", host])


@pytest.mark.parametrize(
    "host, url", [(host, url) for host, (_, others) in URLS.items() for url in others]
)
def test_any_other_url_is_not(host: str, url: str) -> None:
    assert url not in HostList("hosts", ["other.example.edu", host])


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_any_list_of_hosts_will_do(kind: Any) -> None:
    assert list(HostList("hosts", kind([NAME]))) == [NAME]


@pytest.mark.parametrize(
    "value, way_out",
    [
        (NAME, r"hosts: a list of hosts, such as \['orders.example.edu'\], not one text"),
        (None, "not a NoneType"),
        ({NAME: 443}, "not a dict"),
        ([], "hosts: empty; name each host"),
        ((), "hosts: empty"),
        ([NAME, 443], "hosts, entry 2: a host as text, not an int"),
        (["*"], "entry 1: there is no wildcard"),
        (["*.example.edu"], "no wildcard; name each host"),
        ([".example.edu"], "no wildcard; name each host"),
        (["https://orders.example.edu"], "a URL is no host; write 'orders.example.edu'"),
        (["//orders.example.edu"], "a URL is no host"),
        (["orders.example.edu/api"], "a URL is no host"),
        (["orders.example.edu?a"], "a URL is no host"),
        (["user@orders.example.edu"], "a URL is no host"),
        (["m\u00fcnchen.example"], "'xn--...'"),
        (["2001:db8::1"], "in brackets"),
        (["::1"], "in brackets"),
        (["orders.example.edu."], "without the dot at the end"),
        (["orders.example.edu:"], "no host"),
        (["orders.example.edu:0"], "no host"),
        (["orders.example.edu:https"], "no host"),
        (["orders.example.edu:65536"], "no host"),
        (["orders..example.edu"], "no host"),
        (["127.1"], "no host"),
        (["10.0.0.256"], "no host"),
        (["0x7f000001"], "no host"),
        (["[2001:db8::g]"], "no host"),
        (["[fe80::1%eth0]"], "no host"),
        ([" orders.example.edu"], "no host"),
        ([""], "no host"),
    ],
)
def test_what_names_no_host_is_refused_with_the_way_out(value: Any, way_out: str) -> None:
    with pytest.raises(ConfigurationError, match=way_out):
        HostList("hosts", value)


def test_a_refused_entry_is_not_echoed() -> None:
    with pytest.raises(ConfigurationError) as caught:
        HostList("hosts", ["https://user:swordfish@orders.example.edu"])

    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    "host, expected",
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("169.254.169.254", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
