"""Clients that are bound to keys of their own, in tests: the gateway signs for them too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..authorization.client import Client
from ..authorization.registry import ClientRegistry


def with_keys_of(registry: ClientRegistry | None, keys: Any) -> ClientRegistry | None:
    """Return the registry, with these keys for the clients that are bound to keys of their own.

    Nobody has the private half of those in a test. The registry itself, which is watched, where
    none is bound so.
    """
    if registry is None or not any(_has_own_keys(client) for client in registry.clients):
        return registry
    clients = [_with_keys(client, keys) for client in registry.clients]
    return ClientRegistry(clients)


def _has_own_keys(client: Client) -> bool:
    return client.trust is not None and client.trust.keys is not None


def _with_keys(client: Client, keys: Any) -> Client:
    if client.trust is None or client.trust.keys is None:
        return client
    # Their algorithms may be those of another kind of key.
    return replace(client, trust=client.trust._replace(keys=keys, algorithms=None))
