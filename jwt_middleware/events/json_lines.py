"""The audit trail as a file: one JSON object a line.

A line is one ``write`` to a file opened with O_APPEND, so that lines of several threads and
processes never mix (on a local file system; NFS has no such promise). It goes to the page cache, in
some twenty microseconds with all that is before, on the request's own thread or loop: no queue, for
what is queued is lost when a process is killed, and what is written is not.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from ..background.forks import ForkLock
from ..errors import ConfigurationError
from .fields import EVENT_NAME, fields_of, named, plain
from .kinds import Event, Refused, Verified, WouldRefuse
from .record import Caller, current_trail, identity_of

logger = logging.getLogger("jwt_middleware")

MODE = 0o640
"""Of a new file: its owner writes, its group reads. Who calls what is nobody else's matter."""

_APPENDING = (
    os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    # A pipe whose reader is slow must cost its lines, not the event loop. Files do not mind.
    | getattr(os, "O_NONBLOCK", 0)
)


class JSONLines:
    """A listener that writes each event as one line of JSON: to a file, or to a stream.

    Args:
        target: a path, opened at once and again after it was moved (logrotate's ``create``); or a
            stream of text or bytes, such as ``sys.stdout``, which is flushed after each line.
        clock: seconds since the epoch.

    What ``Decided`` sums up is written once, as that. A line that could not be written is counted
    in ``lost``; the log tells so once an outage, and the next line that succeeds says how many.

    Raises:
        ConfigurationError: the file cannot be opened, or the target is neither.

    """

    def __init__(
        self,
        target: str | os.PathLike[str] | IO[str] | IO[bytes],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lost = 0
        """How many lines could not be written since the start."""
        self._clock = clock
        self._lock = ForkLock()
        self._untold = 0
        self._write: Callable[[bytes], None]
        self._file: _AppendedFile | None = None
        if isinstance(target, str | os.PathLike):
            path = os.fspath(target)
            try:
                self._file = _AppendedFile(path)
            except OSError as error:
                raise ConfigurationError(
                    f"JSONLines: {path} cannot be opened for writing ({error.strerror}): name a "
                    "file in a folder that exists, which this process may read and write"
                ) from None
            self._write = self._file.write
        elif hasattr(target, "write"):
            self._write = _stream_writer(target)
        else:
            raise ConfigurationError(
                f"JSONLines: a path or a stream, not a {type(target).__name__}"
            )

    def __call__(self, event: Event, /) -> None:
        """Write one event, unless a ``Decided`` will tell it."""
        if isinstance(event, Verified | Refused | WouldRefuse) and event.request_id is not None:
            return
        fields = fields_of(event)
        trail = current_trail()
        if trail is not None and "http.request.method" in fields:
            # What is decided when the answer has begun is no part of its ``Decided``.
            fields.setdefault("http.request.id", plain(trail.request_id))
        self._line(fields)

    def write(self, name: str, by: Caller | None = None, **values: Any) -> None:
        """Write a line of the app's own, such as who deleted what.

        ``by`` is who did it; ``values`` are texts, numbers, booleans, None, or lists of texts, and
        stand in the line as ``app.NAME``. The id, method and route of the current request are put
        in where this listener follows it.

        Raises:
            TypeError: a value is of another type; nothing was written.

        """
        self._line({EVENT_NAME: plain(name), **dict(_own_fields(by, values))})

    def close(self) -> None:
        """Close the file; a later line opens it again. A stream stays open."""
        if self._file is not None:
            with self._lock:
                self._file.close()

    def _line(self, fields: dict[str, Any]) -> None:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        stamp = {"@timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z")}
        # Only ASCII leaves: no control character, and no line end that some reader takes for one.
        line = _JSON.encode(stamp | fields).encode("ascii") + b"\n"
        failure: str | None = None
        with self._lock:
            try:
                if self._untold:
                    told = stamp | {EVENT_NAME: "lines_lost", "jwt.lines": self._untold}
                    self._write(_JSON.encode(told).encode("ascii") + b"\n")
                    self._untold = 0
                self._write(line)
            except (OSError, ValueError) as error:  # a closed stream is a ValueError
                self.lost += 1
                self._untold += 1
                if self._untold == 1:
                    failure = getattr(error, "strerror", None) or type(error).__name__
        if failure is not None:
            logger.error(
                "JSONLines: a line of the audit trail could not be written (%s); it and any others "
                "are counted until one can",
                failure,
            )


_JSON = json.JSONEncoder(separators=(",", ":"))


class _AppendedFile:
    """A file that is only added to, and found again after it was moved."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._identity = (0, 0)
        self._is_regular = True
        self._torn = False
        self._open()

    def write(self, line: bytes) -> None:
        """Write a line whole; raise OSError where that fails, whatever of it is there already."""
        descriptor, size = self._current()
        if self._is_regular:
            self._torn = _ends_torn(descriptor, size)
        whole = b"\n" + line if self._torn else line
        written = os.write(descriptor, whole)
        self._torn = written != len(whole)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _current(self) -> tuple[int, int]:
        """Return the descriptor of the file that the path names now, and the file's size."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return self._open()
        if self._descriptor is None or (found.st_dev, found.st_ino) != self._identity:
            return self._open()
        return self._descriptor, found.st_size

    def _open(self) -> tuple[int, int]:
        try:
            self._is_regular = stat.S_ISREG(os.stat(self._path).st_mode)
        except FileNotFoundError:
            self._is_regular = True
        way = os.O_RDWR if self._is_regular else os.O_WRONLY
        opened = os.open(self._path, _APPENDING | way, MODE)
        self.close()
        found = os.fstat(opened)
        self._descriptor = opened
        self._identity = (found.st_dev, found.st_ino)
        return opened, found.st_size


_LOOKS = 20
"""Before what is at a file's end is taken for a torn line: ten at once, ten a millisecond apart."""


def _ends_torn(descriptor: int, size: int) -> bool:
    """Whether a file ends with a part of a line.

    A full disk, or a machine that went down, may have left one, of this process or another; it must
    not make the next line unreadable too. Another process that writes just now shows the same for a
    moment, so what counts is a part that stays as it is for some milliseconds.
    """
    if not hasattr(os, "pread"):  # Windows
        return False
    for look in range(_LOOKS):
        if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
            return False
        if look >= _LOOKS // 2:
            time.sleep(0.001)
        now = os.fstat(descriptor).st_size
        if now != size:
            return False  # somebody writes, and will end the line
    return True


def _stream_writer(stream: Any) -> Callable[[bytes], None]:
    takes_text = hasattr(stream, "encoding")  # as every stream of text, and none of bytes

    def write(line: bytes) -> None:
        stream.write(line.decode("ascii") if takes_text else line)
        stream.flush()

    return write


def _own_fields(by: Caller | None, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    trail = current_trail()
    if trail is not None:
        route = trail.route
        where = {"request_id": trail.request_id, "method": trail.method, "route": route}
        yield from named(where if route is not None else where | {"path": trail.path}).items()
    if by is not None:
        yield from named({**identity_of(by), "issuer": by.issuer, "key_id": by.key_id}).items()
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, bool | int | float | str) and not (
            isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        ):
            raise TypeError(
                f"JSONLines.write: {name} is a {type(value).__name__}; a text, a number, a boolean "
                "or a list of texts can be written"
            )
        yield f"app.{name}", plain(value)
