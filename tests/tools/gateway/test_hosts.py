"""The gateway knows only names of loopback: no page from elsewhere gets in by another."""

from __future__ import annotations

import httpx2
import pytest

from .conftest import Site


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:8280", "[::1]"])
def test_loopbacks_names_are_served(open_site: Site, client: httpx2.Client, host: str) -> None:
    assert client.get(open_site.url + "/x", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8280", "evil:80", ""]
)
@pytest.mark.parametrize("path", ["/x", "/jwks", "/token"])
def test_another_name_is_refused_with_the_remedy(
    open_site: Site, client: httpx2.Client, host: str, path: str
) -> None:
    answer = client.get(open_site.url + path, headers={"Host": host})

    assert answer.status_code == 421
    assert "http://127.0.0.1" in answer.text
    assert open_site.upstream.asked == []
