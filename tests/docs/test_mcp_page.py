"""The servers of the page on MCP run, and the clients of both packages call them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth

from jwt_middleware.testing import SigningKey

from ..adapters.mcp_servers import running, running_issuer
from ..adapters.test_mcp import CALLS, post

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"
SERVERS = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```$", PAGE.read_text(), re.S | re.M))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_of_the_page_lets_in_and_refuses(name: str) -> None:
    names: dict[str, Any] = {}
    calls = CALLS.values() if name == "server" else ()  # the others show no tool

    def build(url: str, options: dict[str, Any]) -> Any:
        code = SERVERS[name].replace("https://mcp.example.com", url.removesuffix("/mcp"))
        exec(code.replace("https://login.example.com", options["issuer"]), names)
        return names["app"]

    with (
        running_issuer(SigningKey("RS256", key_id="k1")) as issuer,
        running(build, issuer) as server,
    ):
        refused = post(server)
        assert refused.status_code == 401
        assert extract_resource_metadata_from_www_auth(refused) == server.metadata_url
        assert post(server, f"Bearer {server.token(scope='x')}").status_code == 403
        callers = [asyncio.run(call(server, server.token(), "who_am_i")) for call in calls]
        assert callers == [{"subject": "ana"}] * len(calls)
