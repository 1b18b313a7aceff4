"""The registry is rewritten under load: each decision is of one version, and the last one wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jwt_middleware import Verifier, attribute, has_permission, has_role, policy
from jwt_middleware.background import watched_files as files
from jwt_middleware.testing import SigningKey, mint

SECONDS = 1.0
# Version one grants roles and the first level, two grants permissions and the second. Both forbid
# to hold a role and a permission at once, the third level, and whatever is another client's.
ONE = """
[clients.a]
namespace = "acme"
roles = ["roles"]
attributes.level = { claim = "level", levels = ["acme_1"], namespaced = true }
policies."x" = { role = "acme_x" }
policies."never" = { attribute = "level", equals = "acme_1" }
[clients.gone]
namespace = "globex"
enabled = false
"""
TWO = """
# This version is longer, by this line too.
[clients.a]
namespace = "acme"
permissions = ["permissions"]
attributes.level = { claim = "level", levels = ["acme_2"], namespaced = true }
policies."x" = { permission = "acme_y" }
policies."never" = { attribute = "level", equals = "acme_2" }
"""
ROLE, PERMISSION = has_role("acme_x"), has_permission("acme_y")
LEVEL = attribute("level")
FORBIDDEN = {
    "half of either": ROLE & PERMISSION,
    "neither": ~ROLE & ~PERMISSION,
    "another client's role": has_role("globex_x"),
    "another client's permission": has_permission("globex_y"),
    "an undeclared level": LEVEL.is_present,
    "a policy of an undeclared level": policy("never"),
    "a policy that neither has": policy("other") | ~policy("other"),
}


class Load:
    """Threads that verify and decide until they are told to stop, and what they have seen."""

    def __init__(self, verifier: Verifier, tokens: list[str], gone: str) -> None:
        self.verifier = verifier
        self.tokens = tokens
        self.gone = gone
        self.stop = threading.Event()
        self.faults: list[str] = []
        self.decided = 0
        self.seen: set[str] = set()

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                for token in self.tokens:
                    self.decide(token)
                self.refuse()
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")

    def decide(self, token: str) -> None:
        principal = self.verifier.verify(token)
        for name, rule in FORBIDDEN.items():
            if rule.evaluate(principal).allowed:
                self.faults.append(f"{name}: {rule!r}")
        role, permission = ROLE.evaluate(principal), PERMISSION.evaluate(principal)
        if not policy("x").evaluate(principal).allowed or role.allowed is permission.allowed:
            self.faults.append("what either version grants was not granted")
        self.seen.add("one" if role.allowed else "two")
        self.decided += 1

    def refuse(self) -> None:
        try:
            self.verifier.verify(self.gone)
        except Exception as error:
            code = getattr(error, "code", type(error).__name__)
            if code not in ("client_disabled", "unknown_client"):
                self.faults.append(code)
        else:
            self.faults.append("a client that is off in one version and gone in the other")


@pytest.mark.parametrize("cache_size", [0, 4096], ids=["no cache", "cache"])
def test_no_version_ever_grants_what_both_forbid_and_the_last_one_holds(
    tmp_path: Path, rsa_key: SigningKey, monkeypatch: pytest.MonkeyPatch, cache_size: int
) -> None:
    monkeypatch.setattr(files, "LOOK_EVERY", 0.005)
    path = tmp_path / "clients.toml"
    path.write_text(ONE)
    verifier = Verifier(
        keys=rsa_key.public_pem, gateway="standard", clients=path, cache_size=cache_size
    )
    claims = {
        "client_id": "a",
        "roles": ["acme_x", "globex_x"],
        "permissions": ["acme_y", "globex_y"],
        "level": "acme_3",
    }
    tokens = [mint(rsa_key, claims | {"jti": str(n)}, form="standard") for n in range(3)]
    load = Load(verifier, tokens, mint(rsa_key, {"client_id": "gone"}, form="standard"))
    threads = [threading.Thread(target=load.run) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        writes = _rewrite(path, time.monotonic() + SECONDS, lambda: load.decided > 100)
        last = "two" if writes % 2 == 1 else "one"
        ends = time.monotonic() + 10
        while time.monotonic() < ends and _version(verifier, tokens[0]) != last:
            time.sleep(0.005)
        held = [_version(verifier, token) for token in tokens]
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(10)

    assert held == [last] * len(tokens)
    assert load.faults == []
    assert not any(thread.is_alive() for thread in threads)
    assert load.seen == {"one", "two"}
    assert writes > 20
    assert load.decided > 100


def _rewrite(path: Path, ends: float, enough: Callable[[], bool]) -> int:
    """Write version after version, each whole by rename, and return how many.

    At least 21, and until enough was decided: a busy machine takes longer.
    """
    writes = 0
    while time.monotonic() < ends or writes <= 20 or not enough():
        beside = path.with_suffix(f".{writes % 2}")
        beside.write_text((TWO if writes % 2 == 0 else ONE) + f"# edit {writes}\n")
        beside.replace(path)
        writes += 1
        time.sleep(0.003)
    return writes


def _version(verifier: Verifier, token: str) -> str:
    return "one" if ROLE.evaluate(verifier.verify(token)).allowed else "two"
