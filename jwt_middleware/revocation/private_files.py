"""Files of a database that nobody but their owner may read, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path

from ..background.forks import ForkLock

_one = ForkLock()


def make_private(path: Path) -> None:
    """Make an empty file of mode 0600 for SQLite; one that is there already stays as it is.

    SQLite gives its ``-wal``, ``-shm`` and ``-journal`` the mode of the file. Where none can be
    made, SQLite says why when it opens it.
    """
    # One at a time: to close the file would take away the locks that another thread has on it.
    with _one:
        try:
            # The target of a symlink, which O_EXCL does not follow.
            os.close(os.open(os.path.realpath(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except (OSError, ValueError):
            pass
