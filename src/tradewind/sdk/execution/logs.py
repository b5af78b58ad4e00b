"""One attempt's log: JSON lines, masked before they are written, written while the attempt runs, capped.

The first `head` bytes go to the file as they come. Of what follows, the last `tail` bytes are kept in memory and
written at the end behind a line that says how much is missing. A file that cannot be written never fails a task.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tradewind.sdk.execution.capture import Capture
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.notes import listen
from tradewind.wire.logs import LogLine, encode_line

HEAD_BYTES = TAIL_BYTES = 8 * 1024 * 1024
LINE_LIMIT = 64 * 1024


# --- writing -----------------------------------------------------------------------------------------------------


class AttemptLog:
    """The log of one attempt. `install` sends the root logger, stdout and stderr here; `close` writes the end."""

    def __init__(
        self, path: str | Path, *, mask: Callable[[str], str] | None = None, head: int = HEAD_BYTES,
        tail: int = TAIL_BYTES, line_limit: int = LINE_LIMIT, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.path = str(path)
        self.problem = ""
        """Why lines are missing, in one sentence; empty while all is well."""
        self._mask = mask or masker().mask
        self.line_limit, self._clock = line_limit, clock
        self._tail_limit, self._tail, self._tail_bytes = tail, deque[bytes](), 0
        self._cut_lines = self._cut_bytes = 0
        self._closed = False
        self._installed: Capture | None = None
        self._fd = self._open()
        self._head_left = head - self._size()

    def line(
        self, level: str, text: str, *, logger: str = "", where: str = "", trace: str = "", event: str = "",
        reason: str = "",
    ) -> None:  # fmt: skip
        """Write one line. Any text will do: what is not valid Unicode is written escaped."""
        if self._closed:
            return
        fields = {"m": self._fit(text), "n": logger, "f": where, "x": self._fit(trace), "reason": self._fit(reason)}
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="microseconds")
        try:
            data = encode_line(LogLine(t=moment, l=level, event=event, **fields))
        except UnicodeEncodeError:
            fields = {name: value.encode("utf-8", "backslashreplace").decode() for name, value in fields.items()}
            data = encode_line(LogLine(t=moment, l=level, event=event, **fields))
        if event == "exit":
            self._write(data)
        elif self._head_left > 0:
            self._head_left -= len(data)
            self._write(data)
        else:
            self._keep(data)

    def install(self, level: int = logging.INFO) -> None:
        """Send logging, `print` and stderr of this process here."""
        if self._installed is None:
            self._installed = _capture
            _capture.begin(self, level)
            listen(self._note if level <= logging.INFO else None)

    def close(self, reason: str = "") -> None:
        """Write what the tail kept, then the exit line, and give logging and streams back."""
        if self._closed:
            return
        if self._installed is not None:
            listen(None)
            self._installed.end()
            self._installed = None
        self._write_tail()
        text = self.problem or reason
        self.line("warning" if self.problem else "info", text, event="exit", reason=reason)
        self._closed = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _note(self, level: str, text: str, logger: str) -> None:
        self.line(level, text, logger=logger)

    def _fit(self, text: str) -> str:
        if not text:
            return text
        text = self._mask(text)
        if len(text) <= self.line_limit:
            return text
        return f"{text[: self.line_limit]} … [{len(text) - self.line_limit} more characters cut]"

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            try:
                return os.open(self.path, flags, 0o600)
            except FileNotFoundError:
                _make_folder(self.path.rpartition("/")[0])
                return os.open(self.path, flags, 0o600)
        except OSError as error:
            self.problem = f"The log {self.path} could not be opened ({error.strerror}); lines are missing."
            return -1

    def _size(self) -> int:
        return os.fstat(self._fd).st_size if self._fd >= 0 else 0

    def _write(self, data: bytes) -> None:
        try:
            while data and self._fd >= 0:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            self.problem = f"The log {self.path} could not be written ({error.strerror}); lines are missing."

    def _keep(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes > self._tail_limit:
            dropped = len(self._tail.popleft())
            self._tail_bytes -= dropped
            self._cut_lines += 1
            self._cut_bytes += dropped

    def _write_tail(self) -> None:
        kept, self._tail = self._tail, deque()
        if self._cut_lines:
            self._head_left = 1
            self.line("warning", f"… {self._cut_lines} lines ({self._cut_bytes} bytes) left out: the log is too long …")
        if kept:
            self._write(b"".join(kept))


_capture = Capture()
"""Of this process: made before it is needed, so that an attempt only has to point it at its log."""


def _make_folder(folder: str) -> None:
    """As `mkdir -p`, with every new folder private; one made by someone else meanwhile is fine. Without pathlib, which
    would have each child copy some forty pages."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        above = folder.rpartition("/")[0]
        if not above:
            raise
        _make_folder(above)
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            return
