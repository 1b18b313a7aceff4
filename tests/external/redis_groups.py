"""Groups of Redis servers on loopback: a master with replicas and Sentinels, and a cluster."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.sentinel import Sentinel

from ..revocation.redis_server import RedisServer
from ..servers.running import free_port

SERVICE = "denials"
LIMIT = 60.0
_PROMPT = ("--shutdown-timeout", "0", "--repl-diskless-sync-delay", "0")
_SENTINEL = f"""
bind 127.0.0.1
port {{port}}
sentinel monitor {SERVICE} 127.0.0.1 {{master}} 2
sentinel down-after-milliseconds {SERVICE} 2000
sentinel failover-timeout {SERVICE} 5000
sentinel parallel-syncs {SERVICE} 2
"""


def eventually(holds: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + LIMIT
    while time.monotonic() < ends:
        try:
            if holds():
                return
        except (redis.RedisError, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError(what)


def _folder(folder: Path, name: str) -> Path:
    found = folder / name
    found.mkdir()
    return found


class Trio:
    """A master, two replicas, and three Sentinels that watch them."""

    def __init__(self, servers: list[RedisServer], sentinels: list[int]) -> None:
        self.servers = servers
        self.sentinels = [("127.0.0.1", port) for port in sentinels]
        self._asked = Sentinel(self.sentinels, socket_timeout=0.5)

    def client(self, **options: Any) -> Any:
        """Return a client as an app makes one."""
        timeouts = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
        return Sentinel(self.sentinels, socket_timeout=0.5).master_for(
            SERVICE, **timeouts | options
        )

    def master(self) -> int:
        """Return the port of the master, as the Sentinels say."""
        return int(self._asked.discover_master(SERVICE)[1])

    def accepts_writes(self, port: int) -> bool:
        with redis.Redis("127.0.0.1", port, socket_timeout=0.5) as client:
            return client.info("replication")["role"] == "master"

    def kill_master(self) -> int:
        """Have the master fail; return its port."""
        port = self.master()
        next(each for each in self.servers if each.port == port).kill()
        return port


@contextmanager
def trio(folder: Path) -> Iterator[Trio]:
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer(_folder(folder, "0"), *_PROMPT))
        servers = [master]
        for number in (1, 2):
            options = ("--replicaof", "127.0.0.1", str(master.port), *_PROMPT)
            replica = RedisServer(_folder(folder, str(number)), *options)
            servers.append(stack.enter_context(replica))
        with redis.Redis("127.0.0.1", master.port) as client:
            eventually(lambda: client.set("x", 1) and client.wait(2, 100) == 2, "no replicas")
        ports = [_sentinel(stack, folder, master.port) for _ in range(3)]
        for port in ports:
            asked = redis.Redis("127.0.0.1", port)
            stack.callback(asked.close)
            eventually(lambda asked=asked: _knows_all(asked), "the Sentinels do not know all")
        for server in servers:
            stack.callback(server.kill)
        yield Trio(servers, ports)


def _knows_all(sentinel: Any) -> bool:
    known = sentinel.sentinel_master(SERVICE)
    return bool(known["num-slaves"] == 2 and known["num-other-sentinels"] == 2)


def _sentinel(stack: ExitStack, folder: Path, master: int) -> int:
    port = free_port()
    own = _folder(folder, f"sentinel-{port}")
    settings = own / "sentinel.conf"
    settings.write_text(_SENTINEL.format(port=port, master=master))
    process = subprocess.Popen(
        ["redis-server", settings, "--sentinel"], cwd=own, stdout=subprocess.DEVNULL
    )
    stack.callback(process.wait, LIMIT)
    stack.callback(process.terminate)
    return port


@contextmanager
def cluster(folder: Path) -> Iterator[list[RedisServer]]:
    """Run three masters that share the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port")
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                RedisServer(_folder(folder, str(number)), *options, str(free_port()))
            )
            for number in range(3)
        ]
        addresses = [f"127.0.0.1:{node.port}" for node in nodes]
        create = ["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"]
        subprocess.run(create, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT)

        def is_whole() -> bool:
            asked = [redis.Redis("127.0.0.1", node.port) for node in nodes]
            told = [each.execute_command("CLUSTER", "INFO") for each in asked]
            return all(b"cluster_state:ok" in each for each in told)

        eventually(is_whole, "the cluster is not whole")
        yield nodes


def cluster_client(nodes: list[RedisServer], **options: Any) -> Any:
    """Return a client as an app makes one."""
    found = [ClusterNode("127.0.0.1", node.port) for node in nodes]
    return RedisCluster(startup_nodes=found, **options)
