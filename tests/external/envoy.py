"""What Envoy is configured with: its filter ``jwt_authn`` before an answer of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = ("--concurrency", "1", "--disable-hot-restart", "--log-level", "warning")


def configuration(port: int, providers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Whoever brings a good token of a provider to a path below its name gets 200."""
    kinds = "type.googleapis.com/envoy.extensions.filters"
    answer = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    rules = [
        {"match": {"prefix": f"/{name}/"}, "requires": {"provider_name": name}}
        for name in providers
    ]
    manager = {
        "@type": f"{kinds}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "tokens",
        "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [answer]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.jwt_authn",
                "typed_config": {
                    "@type": f"{kinds}.http.jwt_authn.v3.JwtAuthentication",
                    "providers": providers,
                    "rules": rules,
                },
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{kinds}.http.router.v3.Router"},
            },
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    return {"static_resources": {"listeners": [listener]}}
