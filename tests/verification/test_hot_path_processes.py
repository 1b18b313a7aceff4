"""The hot path under threads and forks, and the thread that looks at files."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from jwt_middleware import Verifier
from jwt_middleware.background.watched_files import WatchedFile
from jwt_middleware.errors import BadSignature
from jwt_middleware.testing import SigningKey, mint

KEY = SigningKey("ES256")


def test_threads_get_their_own_callers_principal_or_none() -> None:
    """Good tokens, forged ones and a table that is too small, all at a time."""
    verifier = Verifier(keys=KEY.public_pem, algorithms="ES256", cache_size=3)
    good = {name: mint(KEY, {"sub": name}) for name in "abcdefgh"}
    signature = mint(KEY, {"sub": "z"}).rpartition(".")[2]
    forged = [f"{text.rpartition('.')[0]}.{signature}" for text in good.values()]
    wrong: list[Any] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(400):
            name = chance.choice(list(good))
            if verifier.verify(good[name]).claims["sub"] != name:
                wrong.append(name)
            try:
                wrong.append(verifier.verify(chance.choice(forged)))
            except BadSignature:
                continue

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(verifier._cache) <= 3


def run(program: str, *arguments: object) -> None:
    """Run a program of its own; it must end well, and say nothing."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_file_that_nobody_holds_is_not_watched_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("one")
    file: Any = WatchedFile(path, bytes.decode, lambda _: None)
    gone = weakref.ref(file)
    time.sleep(1.2)  # the thread has looked at it once
    del file

    ends = time.monotonic() + 3
    while gone() is not None and time.monotonic() < ends:
        time.sleep(0.05)
        gc.collect()
    assert gone() is None


START = """
import os, signal, sys, threading, time
from pathlib import Path
from jwt_middleware.background import watched_files as files
from jwt_middleware.background.watched_files import WatchedFile
path = Path(sys.argv[1])
path.write_text("one")
"""


def test_a_forked_process_sees_a_replaced_file_though_no_request_has_come(tmp_path: Path) -> None:
    """A worker that idles from its fork on would serve a removed key to the first request."""
    run(
        START
        + """
files.LOOK_EVERY = 0.1
def read(content):
    time.sleep(0.1)
    return content.decode()
file = WatchedFile(path, read, lambda _: None)
child = os.fork()
if child == 0:
    signal.alarm(10)
    time.sleep(1)
    os._exit(0 if file.current() == "two" else 1)
path.write_text("two")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        tmp_path / "keys",
    )


def test_a_file_is_read_where_no_thread_can_be_started(tmp_path: Path) -> None:
    """At the limit of threads, or while the interpreter shuts down, the good reading serves."""
    run(
        START
        + """
threading.stack_size(1 << 47)  # more than there is
file = WatchedFile(path, bytes.decode, lambda _: None)
file._next_look = 0
assert file.current() == "one"
threading.stack_size(0)
files.LOOK_EVERY = 0.1
path.write_text("two")
file._next_look = 0
file.current()
ends = time.monotonic() + 5
while file.reading != "two" and time.monotonic() < ends:
    time.sleep(0.02)
assert file.reading == "two"
assert "jwt_middleware-watch" in [each.name for each in threading.enumerate()]
""",
        tmp_path / "keys",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_forked_while_a_token_is_put_in_the_table_can_put_its_own() -> None:
    run(
        """
import os, signal, sys, threading
from jwt_middleware.principal import Principal
from jwt_middleware.keys.key_set import KeySet
from jwt_middleware.verification.cache import TokenCache, VerifiedToken
cache, keys, principal = TokenCache(16), KeySet(()), Principal({})
def put(name):
    cache.keep(VerifiedToken(name, {}, 0, 0, None, keys, None, principal))
def work(number):
    while True:
        for turn in range(1000):
            put(b"%d-%d" % (number, turn))
for number in range(3):
    threading.Thread(target=work, args=(number,), daemon=True).start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        signal.alarm(2)
        put(b"child")
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        os._exit(1)
os._exit(0)
"""
    )


def test_the_package_is_imported_where_there_is_no_fork() -> None:
    run(
        "import os\ndel os.fork, os.register_at_fork\n"
        "import jwt_middleware.background.watched_files"
    )
