"""Sends what a process says (logging, `print`, stderr) to an attempt's log, line by line."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradewind.sdk.execution.tracebacks import author_traceback

if TYPE_CHECKING:
    from tradewind.sdk.execution.logs import AttemptLog

_OVERLAP = 4096
"""Kept behind the limit of an unfinished line, so that a secret across the cut is still seen whole and masked."""


class Capture:
    """Points logging and the streams at one log after the other; remembers what they were, and puts it back."""

    def __init__(self) -> None:
        self._root, self._handler = logging.getLogger(), LogHandler()
        self._out, self._err = LineStream("stdout", "info", 1), LineStream("stderr", "warning", 2)
        self._before: tuple[list[logging.Handler], int, Any, Any] | None = None

    def begin(self, log: AttemptLog, level: int) -> None:
        """From now on everything goes to this log."""
        root = self._root
        for end in (self._handler, self._out, self._err):
            end.log = log
        self._before = root.handlers, root.level, sys.stdout, sys.stderr
        root.handlers = [self._handler]
        if root.level != level:  # setting it empties a cache of every logger
            root.setLevel(level)
        sys.stdout, sys.stderr = self._out, self._err

    def end(self) -> None:
        """Write lines without an end, and put everything back."""
        self._out.finish()
        self._err.finish()
        assert self._before is not None
        root = self._root
        root.handlers, level, sys.stdout, sys.stderr = self._before
        if root.level != level:
            root.setLevel(level)
        self._before = None


class LogHandler(logging.Handler):
    """Writes records of the logging module to an attempt's log."""

    log: AttemptLog

    def emit(self, record: logging.LogRecord) -> None:
        text, trace = text_and_trace(record)
        self.log.line(
            record.levelname.lower(), text, logger=record.name, where=f"{record.filename}:{record.lineno}", trace=trace
        )


def text_and_trace(record: logging.LogRecord) -> tuple[str, str]:
    """What a record of the logging module says, and the traceback that belongs to it or nothing."""
    try:
        text = record.getMessage()
    except Exception as error:
        text = f"{record.msg} [its arguments do not fit: {error}]"
    trace = getattr(record, "author_trace", "")
    if record.exc_info and record.exc_info[1] is not None:
        trace = author_traceback(record.exc_info[1])
    return text, trace


class LineStream(io.TextIOBase):
    """A stand-in for stdout or stderr that makes a log line of each line."""

    encoding = "utf-8"
    errors = "replace"

    log: AttemptLog

    def __init__(self, name: str, level: str, fd: int) -> None:
        self._name, self._level, self._fd = name, level, fd
        self._pending: list[str] = []
        self._pending_size = self._dropped = 0
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        if "\n" not in text:
            self._hold(text)
            return len(text)
        first, *whole, rest = text.split("\n")
        self._hold(first)
        self.finish(blank=True)
        for line in whole:
            self._emit(line)
        self._hold(rest)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def finish(self, *, blank: bool = False) -> None:
        """Write the line that has no newline yet."""
        if self._pending or blank:
            text = "".join(self._pending)
            if self._dropped:
                text += f" … [{self._dropped} more characters cut]"
            self._pending.clear()
            self._pending_size = self._dropped = 0
            self._emit(text)

    def _hold(self, text: str) -> None:
        room = self.log.line_limit + _OVERLAP - self._pending_size
        self._dropped += max(0, len(text) - room)
        if kept := text[: max(0, room)]:
            self._pending.append(kept)
            self._pending_size += len(kept)

    def _emit(self, line: str) -> None:
        # A progress bar draws over its own line; what it showed last is what counts.
        line = line.rstrip("\r").rpartition("\r")[2]
        if line:
            self.log.line(self._level, line, logger=self._name)

    def flush(self) -> None:
        """Lines are written as they are complete."""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` is."""

    def __init__(self, stream: LineStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)
