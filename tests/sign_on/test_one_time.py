"""Each token signs in once, and a fault of the server eats nobody's link."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware.errors import AccountRefused, StoreUnavailable
from jwt_middleware.events.kinds import Decided
from jwt_middleware.events.sign_on_kinds import SignedOn
from jwt_middleware.revocation.store import MemoryStore
from jwt_middleware.sign_on import Account, Integration, Profile
from jwt_middleware.sign_on.one_time import MOST_ATTEMPTS

from ..conftest import Clock
from .kit import EMAIL, JSON, KEY, NOW, OTHER_KEY, Site, code, header, token, visit

# --- once ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims", [{}, {"jti": "t-1"}, {"jti": ""}], ids=["digest", "jti", "empty"]
)
def test_a_token_signs_in_once(site: Site, claims: dict[str, Any]) -> None:
    raw = token(**claims)

    assert site.arrive(raw).status == 303
    again = site.arrive(raw, accept=JSON)
    assert (again.status, code(again)) == (401, "token_reused")
    assert len(site.session.began) == 1


def test_a_use_is_remembered_a_minute_longer_than_the_token_could_be_taken_here(
    site_with: Any,
) -> None:
    """The clock of another machine that shares the store may be late."""
    until: list[float] = []

    class Watched(MemoryStore):
        def use_once(self, key: str, ends: float) -> bool:
            until.append(ends)
            return super().use_once(key, ends)

    site = site_with(store=Watched(clock=Clock(NOW)))
    assert site.arrive(token(exp=NOW + 120, iat=NOW)).status == 303

    assert until == [NOW + 120 + 30 + 60]


def test_a_jti_counts_once_whatever_else_the_token_says(site: Site) -> None:
    site.arrive(token(jti="t-1"))

    assert site.arrive(token(jti="t-1", email="eve@example.edu")).status == 401
    assert site.arrive(token(jti="t-2", email="eve@example.edu")).status == 303


def test_two_integrations_may_use_one_jti(site_with: Any) -> None:
    beta = Integration("beta", secret=OTHER_KEY.secret, hosts=["beta.example.edu"])
    site = site_with(integrations=[Integration("acme", secret=KEY.secret), beta])

    assert site.arrive(token(jti="1")).status == 303
    assert site.arrive(token(OTHER_KEY, jti="1"), host="beta.example.edu").status == 303


def test_another_signature_of_the_same_message_is_the_same_token(
    site_with: Any, key_for: Any
) -> None:
    key = key_for("ES256")
    site = site_with(integrations=[Integration("acme", keys=key.public_pem)])
    first, second = token(key), token(key)

    assert first != second
    assert [site.arrive(first).status, site.arrive(second).status] == [303, 401]


def test_a_used_token_writes_nothing_into_the_directory(site: Site) -> None:
    old = token(jti="1", groups=["old"])
    site.arrive(old)
    site.arrive(token(jti="2", groups=["new"]))

    site.arrive(old)

    found = site.directory.find("acme", EMAIL)
    assert found is not None
    assert found.groups == ("new",)


def test_a_claim_outlives_the_token_and_then_is_forgotten(site: Site) -> None:
    raw = token(jti="t-1")
    site.arrive(raw)

    site.clock.now = NOW + 329
    assert code(site.arrive(raw, accept=JSON)) == "token_reused"
    site.clock.now = NOW + 331
    assert code(site.arrive(raw, accept=JSON)) == "token_expired"


def test_of_100_arrivals_at_once_one_signs_in(site: Site) -> None:
    raw, start = token(), threading.Barrier(20)

    def arrive(number: int) -> int:
        if number < 20:
            start.wait(10)
        return site.arrive(raw).status

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(arrive, range(100)))

    assert statuses == [303] + [401] * 99
    assert len(site.session.began) == 1


def test_a_token_is_used_once_by_all_who_share_a_store(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'sign-on.sqlite'}"
    first, second = (Site(tmp_path, store=store) for _ in range(2))
    raw = token()

    assert [first.arrive(raw).status, second.arrive(raw).status] == [303, 401]


DYING = """
import os, signal, sys
from jwt_middleware.sign_on import Callback, Integration, Visit
secret, folder, query, now = sys.argv[1:]
class Dies:
    def sync(self, profile):
        os.kill(os.getpid(), signal.SIGKILL)
Callback(
    integrations=[Integration("acme", secret=bytes.fromhex(secret))],
    directory=Dies(), store=f"sqlite:///{folder}/sign-on.sqlite", clock=lambda: float(now),
).answer(Visit("GET", "/", query, "app.example.edu", ""), lambda *_: ())
"""


def test_a_process_that_is_killed_after_the_use_has_used_the_link_and_changed_nothing(
    tmp_path: Path,
) -> None:
    raw = token(groups=["new"])
    site = Site(tmp_path, store=f"sqlite:///{tmp_path / 'sign-on.sqlite'}")
    site.arrive(token(jti="before", groups=["old"]))
    query = visit(raw).query_string
    command = [sys.executable, "-c", DYING, KEY.secret.hex(), str(tmp_path), query, str(NOW)]
    assert subprocess.run(command, check=False).returncode == -9

    assert code(site.arrive(raw, accept=JSON)) == "token_reused"
    found = site.directory.find("acme", EMAIL)
    assert found is not None
    assert found.groups == ("old",)


# --- the server's fault ----------------------------------------------------------------------


class Failing:
    """A directory that fails as long as it is told to."""

    def __init__(self, directory: Any) -> None:
        self.error: BaseException | None = OSError("disk of ana@example.edu is full")
        self._directory = directory

    def sync(self, profile: Profile, /) -> Account:
        if self.error is not None:
            raise self.error
        found: Account = self._directory.sync(profile)
        return found


@pytest.fixture
def failing(site: Site, site_with: Any) -> tuple[Site, Failing]:
    directory = Failing(site.directory)
    return site_with(directory=directory), directory


def test_a_directory_that_fails_does_not_eat_the_link(failing: tuple[Site, Failing]) -> None:
    site, directory = failing
    raw = token()
    answer = site.arrive(raw, accept=JSON)

    assert (answer.status, code(answer)) == (503, "sign_on_failed")
    assert header(answer, "Retry-After") == "5"
    assert b"disk" not in answer.body
    [event] = site.told(Decided)
    assert event.reason == "OSError after the token was used; it may be used again"
    directory.error = None
    assert site.arrive(raw).status == 303
    assert code(site.arrive(raw, accept=JSON)) == "token_reused"
    assert len(site.session.began) == 1


def test_a_server_that_always_fails_ends_by_using_up_the_link(
    failing: tuple[Site, Failing],
) -> None:
    site, directory = failing
    raw = token()

    codes = [code(site.arrive(raw, accept=JSON)) for _ in range(MOST_ATTEMPTS + 1)]

    assert codes == ["sign_on_failed"] * MOST_ATTEMPTS + ["token_reused"]
    directory.error = None
    assert site.arrive(raw).status == 401


def test_while_an_attempt_is_under_way_no_other_begins(site: Site, site_with: Any) -> None:
    """Also right after one has failed: of many that wait for it, one makes the next attempt."""
    entered, leave = threading.Semaphore(0), threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.calls = 0

        def sync(self, profile: Profile) -> Account:
            self.calls += 1
            if self.calls == 1:
                entered.release()
                leave.wait(10)
                raise OSError
            return site.directory.sync(profile)

    slow = Slow()
    shop = site_with(directory=slow)
    raw = token()
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(shop.arrive, raw)
        assert entered.acquire(timeout=10)
        assert [shop.arrive(raw).status for _ in range(3)] == [401] * 3
        leave.set()
        assert first.result().status == 503
        later = sorted(each.status for each in pool.map(shop.arrive, [raw] * 40))

    assert later == [303] + [401] * 39
    assert slow.calls == 2


def test_a_session_that_cannot_begin_signs_nobody_in_and_does_not_eat_the_link(site: Site) -> None:
    def fails(account: Account, profile: Profile) -> list[tuple[str, str]]:
        raise RuntimeError

    raw = token()

    assert site.callback.answer(visit(raw), fails).status == 503
    assert site.told(SignedOn) == []
    assert site.arrive(raw).status == 303


def test_a_directory_that_refuses_a_person_has_used_the_link(failing: tuple[Site, Failing]) -> None:
    site, directory = failing
    directory.error = AccountRefused("the user is staff")
    raw = token()
    answer = site.arrive(raw, accept=JSON)

    assert (answer.status, code(answer)) == (403, "account_refused")
    assert code(site.arrive(raw, accept=JSON)) == "token_reused"


def test_a_directory_that_returns_no_account_signs_nobody_in(site_with: Any) -> None:
    class Wrong:
        def sync(self, profile: Profile) -> Any:
            return None

    assert site_with(directory=Wrong()).arrive(token()).status == 503


class Out(MemoryStore):
    """A store that is out at some of its calls."""

    def __init__(self, *out: int, clock: Clock) -> None:
        super().__init__(clock=clock)
        self._out = out
        self._calls = 0

    def use_once(self, key: str, until: float) -> bool:
        self._calls += 1
        if self._calls in self._out:
            raise StoreUnavailable("down", retry_after=7)
        return super().use_once(key, until)


def test_while_the_store_is_out_nobody_signs_in(site_with: Any) -> None:
    site = site_with(store=Out(1, clock=Clock(NOW)))
    raw = token()
    answer = site.arrive(raw, accept=JSON)

    assert (answer.status, code(answer)) == (503, "store_unavailable")
    assert header(answer, "Retry-After") == "7"
    assert site.directory.find("acme", EMAIL) is None
    assert site.arrive(raw).status == 303


def test_where_store_and_directory_fail_together_the_link_stays_used(
    failing: tuple[Site, Failing], site_with: Any
) -> None:
    _, directory = failing
    site = site_with(directory=directory, store=Out(2, clock=Clock(NOW)))
    raw = token()

    assert site.arrive(raw).status == 503
    assert "stays used, as the store is out" in site.told(Decided)[-1].reason
    directory.error = None
    assert site.arrive(raw).status == 401
