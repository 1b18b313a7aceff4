"""Audit events as a file: one JSON object a line.

A line is one ``write`` to a file opened with O_APPEND, so that lines of several threads and
processes never mix (on a local file system; NFS does not promise it). It takes some twenty
microseconds on the request's own thread or loop, and reaches the page cache. There is no queue:
what is queued is lost when the process is killed, and what is written is not.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from typing import IO, Any

from ..errors import ConfigurationError
from .fields import EVENT_NAME, fields_of, named, plain
from .kinds import Event
from .record import PLACE_FIELDS, Caller, current_record, fields_of_caller

logger = logging.getLogger("jwt_middleware")

MODE = 0o640
"""The mode of a new file: its owner writes, its group reads, nobody else sees who calls what."""


class JSONLines:
    """A listener that writes each event as one line of JSON: to a file, or to a stream.

    Args:
        target: a path, opened at once, and again after it was moved (logrotate's ``create``); or a
            stream of text or bytes, such as ``sys.stdout``, which is flushed after each line.
        clock: seconds since the epoch.

    A line that cannot be written is counted in ``lost``. The log says so once an outage, and the
    next line that is written says how many were lost.

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
        self._unreported = 0
        self._handler: _File | _Stream
        if isinstance(target, str | os.PathLike):
            path = os.fspath(target)
            try:
                self._handler = _File(path)
            except OSError as error:
                raise ConfigurationError(
                    f"JSONLines: {path} cannot be opened for writing ({error.strerror}): name a "
                    "file in a folder that exists, which this process may read and write"
                ) from None
        elif hasattr(target, "write"):
            self._handler = _Stream(target)
        else:
            raise ConfigurationError(
                f"JSONLines: a path or a stream, not a {type(target).__name__}"
            )

    def __call__(self, event: Event, /) -> None:
        """Write one event."""
        fields = fields_of(event)
        record = current_record()
        if record is not None and "http.request.method" in fields:
            # Sign-on, for one, emits without the request's record.
            fields.setdefault("http.request.id", plain(record.request_id))
        self._line(fields)

    def write(self, name: str, by: Caller | None = None, **values: Any) -> None:
        """Write a line of the app's own, such as who deleted what.

        ``by`` is who did it. ``values`` are texts, numbers, booleans, None or lists of texts, each
        under ``app.NAME``. The line has the id, method and route of the current request, where this
        listener gets its events.

        Raises:
            TypeError: a value is of another type; nothing was written.

        """
        record = current_record()
        place = {} if record is None else {name: getattr(record, name) for name in PLACE_FIELDS}
        fields = {EVENT_NAME: plain(name), **named(place), **named(fields_of_caller(by))}
        own = {f"app.{key}": _own(key, value) for key, value in values.items() if value is not None}
        self._line(fields | own)

    def close(self) -> None:
        """Close the file, which a later line opens again; a stream stays open."""
        self._handler.close()

    def _line(self, fields: dict[str, Any]) -> None:
        moment = datetime.fromtimestamp(self._clock(), UTC)
        stamp = {"@timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z")}
        failure: str | None = None
        self._handler.acquire()  # logging renews its locks in a forked child
        try:
            if self._unreported:
                lost = {EVENT_NAME: "lines_lost", "jwt.lines": self._unreported}
                self._handler.write(_encoded(stamp | lost))
                self._unreported = 0
            self._handler.write(_encoded(stamp | fields))
        except (OSError, ValueError) as error:  # a closed stream is a ValueError
            self.lost += 1
            self._unreported += 1
            if self._unreported == 1:
                failure = getattr(error, "strerror", None) or type(error).__name__
        finally:
            self._handler.release()
        if failure is not None:
            logger.error(
                "JSONLines: a line of the audit trail could not be written (%s); it and any others "
                "are counted until one can",
                failure,
            )


_JSON = json.JSONEncoder(separators=(",", ":"))


def _encoded(fields: Mapping[str, Any]) -> bytes:
    # ASCII alone: no control character, and nothing that any reader takes for a line end.
    return _JSON.encode(fields).encode("ascii") + b"\n"


class _File(WatchedFileHandler):
    """A file that is appended to, and opened again after it was moved."""

    stream: Any

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._is_torn = _ends_torn(path)

    def _open(self) -> Any:
        return open(self.baseFilename, "ab", buffering=0, opener=_open_to_append)

    def __del__(self) -> None:
        if getattr(self, "stream", None) is not None:
            self.close()

    def write(self, line: bytes) -> None:
        """Write a whole line in one ``write``; raise ``OSError`` where that fails."""
        before = self.dev, self.ino
        self.reopenIfNeeded()
        if self.stream is None:  # it was closed, or its folder was gone
            self.stream = self._open()
            self._statstream()
        if (self.dev, self.ino) != before:
            self._is_torn = False
        # A torn line must not make the next one unreadable too.
        whole = b"\n" + line if self._is_torn else line
        self._is_torn = os.write(self.stream.fileno(), whole) != len(whole)
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Stream(logging.StreamHandler[Any]):
    """A stream of text or bytes, which the app closes."""

    def write(self, line: bytes) -> None:
        """Write and flush a line."""
        takes_text = hasattr(self.stream, "encoding")  # only streams of text have one
        self.stream.write(line.decode("ascii") if takes_text else line)
        self.flush()


def _open_to_append(path: str, flags: int) -> int:
    # A slow reader of a pipe costs lines, and does not block the event loop. Files ignore it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), MODE)


def _ends_torn(path: str) -> bool:
    """Whether a file ends with a torn line, as after a full disk or a power cut."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return False
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _own(name: str, value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else ()
    if not isinstance(value, bool | int | float | str | list | tuple) or not all(
        isinstance(item, str) for item in items
    ):
        raise TypeError(
            f"JSONLines.write: {name} is a {type(value).__name__}; a text, a number, a boolean or "
            "a list of texts can be written"
        )
    return plain(value)
