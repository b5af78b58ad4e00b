"""A blocking channel: frames over a unix socket, with file descriptors where a message carries one."""

import array
import select
import socket
from collections import deque
from typing import Protocol

from tradewind.wire.frames import Frames, pack
from tradewind.wire.messages import AnyMessage, Message

_CHUNK = 65536
"""Bytes taken in at once: small enough for malloc to keep, where a larger buffer is mapped and unmapped each time."""


class ChannelClosed(Exception):
    """The other end is gone."""


class Sender(Protocol):
    """Takes messages; all that a running attempt needs of its channel."""

    def send(self, message: Message, fd: int | None = None) -> None: ...

    def receive(self) -> AnyMessage: ...


class Channel:
    """One end of a socket pair. Not for several threads."""

    __slots__ = ("_fds", "_frames", "_messages", "_with_fds", "socket")

    def __init__(self, sock: socket.socket, *, with_fds: bool = False) -> None:
        """`with_fds`: descriptors may come with messages; without it they are not asked for."""
        self.socket = sock
        self._with_fds = with_fds
        self._frames = Frames()
        self._messages: deque[AnyMessage] = deque()
        self._fds: deque[int] = deque()

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: Message, fd: int | None = None) -> None:
        """Send a message, and a descriptor with it. Raises ChannelClosed."""
        try:
            data = pack(message)
            if fd is None:
                self.socket.sendall(data)
                return
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            sent = self.socket.sendmsg([data], ancillary)
            if sent < len(data):
                self.socket.sendall(data[sent:])
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    def receive(self) -> AnyMessage:
        """The next message; waits for it. Raises ChannelClosed at the end of the stream."""
        while not self._messages:
            self.read()
        return self._messages.popleft()

    def read(self) -> None:
        """Take in what has arrived; waits if nothing has. Raises ChannelClosed, or BlockingIOError without waiting."""
        try:
            data, fds = self._receive()
        except BlockingIOError:
            raise
        except OSError as error:
            raise ChannelClosed(str(error)) from None
        self._fds.extend(fds)
        if not data:
            raise ChannelClosed("end of stream")
        self._messages.extend(self._frames.feed(data))

    def _receive(self) -> tuple[bytes, list[int]]:
        if not self._with_fds:
            return self.socket.recv(_CHUNK), []
        data, fds, _, _ = socket.recv_fds(self.socket, _CHUNK, 16)
        return data, fds

    def has_news(self, within_seconds: float = 0.0) -> bool:
        """Whether something has arrived that was not received yet, or arrives in this time."""
        return bool(self._messages) or bool(select.select([self.socket], [], [], within_seconds)[0])

    def pending(self) -> AnyMessage | None:
        """A message that has arrived already, or None."""
        return self._messages.popleft() if self._messages else None

    def take_fd(self) -> int:
        """The descriptor that came with the message just received."""
        return self._fds.popleft()

    def close(self) -> None:
        self.socket.close()
