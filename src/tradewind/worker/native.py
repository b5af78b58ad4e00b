"""Bytes that native code and commands write to descriptors 1 and 2 of a task child: they become lines of its log.

The parent (code host, or agent for a spawned child) reads two pipes. In a file without a name that both share, the
child notes which log its attempt has, and every secret that it comes to know; the first byte is the parent's and says
whether it holds what is not in the log yet: a line without its end, or bytes that it has just read. So nobody is woken
for a child that writes nothing, lines are masked before they are written, and the child needs no thread.
"""

import ctypes
import fcntl
import os
import sys
import termios
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from tradewind.sdk.execution.masking import Masker, masker
from tradewind.wire.logs import LogLine, encode_line

MOST_BYTES = 8 * 1024 * 1024
"""Of one attempt; the rest is read and forgotten, so that the writer never waits."""

LONGEST_LINE = 64 * 1024
_CHUNK = 1 << 16
_LOOKS_EVERY_SECONDS = 0.005
_MOST_LOOKS = 400
"""A parent that is stopped does not keep its child for ever."""

_MOST_CHUNKS = 16
"""At a time, so that one chatty child does not keep the others waiting."""

_IDLE, _HOLDS_A_LINE, _READING = b"0", b"1", b"2"
"""What the first byte says. `_READING` stands there before anything is read and until it is in the log."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, bytes]).decode
_LEVELS = {"stdout": "info", "stderr": "warning"}


class NativeOutput:
    """The parent's side, one for each child. Made before the fork."""

    def __init__(self, held: set[int] | None = None) -> None:
        """`held`: kept up to date with what this side holds open after the fork, for its siblings to close."""
        self._held = set() if held is None else held
        self.note = os.memfd_create("tw-native")
        self._masker: Masker | None = None
        """What the child says must not be seen; most say nothing."""
        self._noted = os.write(self.note, _IDLE)
        self._path = ""
        self._left = MOST_BYTES
        self.write_ends: list[int] = []
        self._names: dict[int, str] = {}
        self._partial: dict[int, bytes] = {}
        for name in _LEVELS:
            ours, theirs = os.pipe()
            os.set_blocking(ours, False)
            self.write_ends.append(theirs)
            self._names[ours] = name

    @property
    def read_ends(self) -> list[int]:
        """Descriptors to wait for; fewer once they are at their end."""
        return list(self._names)

    def forked(self) -> None:
        """In the parent, after the fork."""
        self._held.update((self.note, *self._names))
        self._close_write_ends()

    def in_child(self) -> "Announcer":
        """In the child, after the fork: descriptors 1 and 2 are the pipes from now on."""
        for target, end in zip((1, 2), self.write_ends, strict=True):
            os.dup2(end, target)
        for end in (*self.write_ends, *self._names):
            os.close(end)
        return Announcer(self.note)

    def read(self, end: int) -> bool:
        """Take in what has arrived. False when nothing more will come; the descriptor is closed then."""
        os.pwrite(self.note, _READING, 0)
        try:
            for _ in range(_MOST_CHUNKS):
                try:
                    data = os.read(end, _CHUNK)
                except BlockingIOError:
                    return True
                if not data:
                    self._close(end)
                    return False
                self._take(end, data)
            return True
        finally:
            os.pwrite(self.note, _HOLDS_A_LINE if self._partial else _IDLE, 0)

    def finish(self) -> None:
        """The child is gone: take in what is left, and close everything."""
        self._close_write_ends()
        for end in self.read_ends:
            if self.read(end):
                self._close(end)
        self._held.discard(self.note)
        os.close(self.note)

    def _close_write_ends(self) -> None:
        for end in self.write_ends:
            os.close(end)
        self.write_ends.clear()

    def _close(self, end: int) -> None:
        if rest := self._partial.pop(end, b""):
            self._write(self._names[end], [rest])
        del self._names[end]
        self._held.discard(end)
        os.close(end)

    def _take(self, end: int, data: bytes) -> None:
        *lines, rest = (self._partial.pop(end, b"") + data).split(b"\n")
        while len(rest) >= LONGEST_LINE:
            lines.append(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        if rest:
            self._partial[end] = rest
        if lines:
            self._write(self._names[end], lines)

    def _write(self, name: str, lines: list[bytes]) -> None:
        self._read_note()
        if not self._path:
            os.write(2, b"\n".join((*lines, b"")))  # nobody's attempt: it is about the engine itself
            return
        if self._left <= 0:
            return
        moment = datetime.now(UTC).isoformat(timespec="microseconds")
        out = bytearray()
        for line in lines:
            text = line.decode("utf-8", "backslashreplace").rstrip("\r").rpartition("\r")[2]
            if text:
                text = masker().mask(self._masker.mask(text) if self._masker is not None else text)
                out += encode_line(LogLine(t=moment, l=_LEVELS[name], m=text, n=name))
        self._left -= len(out)
        if self._left <= 0:
            text = f"… native output beyond {MOST_BYTES >> 20} MiB is left out …"
            out += encode_line(LogLine(t=moment, l="warning", m=text, n=name))
        _append(self._path, bytes(out))

    def _read_note(self) -> None:
        text = os.pread(self.note, os.fstat(self.note).st_size, 0)[self._noted :]
        whole = text[: text.rfind(b"\n") + 1]
        self._noted += len(whole)
        for line in whole.splitlines():
            what, data = _decode(line)
            value = data.decode("utf-8", "surrogatepass")
            if what == "secret":
                self._masker = self._masker or Masker()
                self._masker.add(value)
            else:
                self._path, self._left = value, MOST_BYTES


class Announcer:
    """The child's side: says whose lines they are, and what must not be in them."""

    def __init__(self, note: int) -> None:
        self._note = note
        self._at = os.fstat(note).st_size
        masker().on_new = self._tell_secret

    def begin(self, path: str) -> None:
        """An attempt begins, with this log."""
        self._say("path", path)

    def settle(self) -> None:
        """Have everything that was written so far taken in: what follows in the log comes after it."""
        if _flush is not None:
            _flush(None)
        if self._wait_until_taken_in() == _HOLDS_A_LINE:
            for descriptor in (1, 2):
                os.write(descriptor, b"\n")
            self._wait_until_taken_in()

    def _wait_until_taken_in(self) -> bytes:
        """What the first byte says then. It is looked at after the pipes: what is not in them any more is announced."""
        for _ in range(_MOST_LOOKS):
            if not _unread() and (said := os.pread(self._note, 1, 0)) != _READING:
                return said
            time.sleep(_LOOKS_EVERY_SECONDS)
        return _IDLE

    def _tell_secret(self, secret: str) -> None:
        self._say("secret", secret)

    def _say(self, what: str, value: str) -> None:
        self._at += os.pwrite(self._note, _encode((what, value.encode("utf-8", "surrogatepass"))) + b"\n", self._at)


def _append(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return  # the log that cannot be opened says so itself, where it can be read
    try:
        os.write(descriptor, data)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _unread() -> bool:
    for descriptor in (1, 2):
        try:
            waiting = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
        except OSError:
            continue
        if int.from_bytes(waiting, sys.byteorder):
            return True
    return False


_flush: Any = None
try:
    _flush = ctypes.CDLL(None).fflush
except (OSError, AttributeError):
    pass  # a platform whose C library cannot be asked
