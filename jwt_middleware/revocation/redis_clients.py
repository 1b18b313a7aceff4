"""The clients of redis-py that a store may use: one made of a URL, or an app's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from ..errors import ConfigurationError

DEADLINE = 1.0
"""Seconds for one answer, and for one connection, unless the URL says otherwise."""


def is_client(value: object) -> bool:
    """Whether it is a client of redis-py: ``Redis``, ``RedisCluster``, or a Sentinel's master."""
    return callable(getattr(value, "execute_command", None)) and hasattr(value, "hscan")


def check_client(client: Any) -> None:
    """Raise ``ConfigurationError`` where a client cannot be used by threads."""
    if iscoroutinefunction(client.execute_command) or ".asyncio" in type(client).__module__:
        raise ConfigurationError(
            "revocations: a client of redis, not of redis.asyncio; the store is asked by threads, "
            "never by an event loop"
        )


def is_cluster(client: Any) -> bool:
    """Whether a client speaks to a Redis Cluster."""
    return hasattr(client, "nodes_manager")


def is_of_sentinel(client: Any) -> bool:
    """Whether a client asks a Sentinel which server is the master."""
    return hasattr(getattr(client, "connection_pool", None), "sentinel_manager")


def may_fail_over(client: Any) -> bool:
    """Whether another server may take over, as the client's own kind says."""
    return is_cluster(client) or is_of_sentinel(client)


def client_name(client: Any) -> str:
    """Return where a client connects to, without user and password."""
    if is_cluster(client):
        node = next(iter(client.nodes_manager.startup_nodes.values()))
        return f"redis-cluster://{node.host}:{node.port}"
    pool = client.connection_pool
    given = pool.connection_kwargs
    database = given.get("db") or 0
    if is_of_sentinel(client):
        return f"redis-sentinel://{pool.service_name}/{database}"
    if "path" in given:
        return f"unix://{given['path']}?db={database}"
    host = given.get("host", "localhost")
    host = f"[{host}]" if ":" in host else host
    scheme = "rediss" if "SSL" in pool.connection_class.__name__ else "redis"
    return f"{scheme}://{host}:{given.get('port', 6379)}/{database}"


def connector(name: str, url: str) -> Callable[[], Any]:
    """Return what makes a client of a URL; ``name`` is the URL without its password.

    Raises ``ConfigurationError`` where redis-py is missing.
    """
    try:
        import redis  # an extra
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ModuleNotFoundError:
        raise ConfigurationError(
            f"the store {name} needs redis; install jwt-assertion-middleware[redis]"
        ) from None
    return partial(
        redis.Redis.from_url,
        url,
        decode_responses=True,
        socket_timeout=DEADLINE,
        socket_connect_timeout=DEADLINE,
        retry=Retry(NoBackoff(), 0),
    )


def client_of(client: Any, key: str) -> Any:
    """Return the client of the one server that keeps a key, as of what the client knows now."""
    if not is_cluster(client):
        return client
    return client.get_redis_connection(client.get_node_from_key(key))
