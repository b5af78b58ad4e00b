"""StatsD lines on their way: over UDP, and never waited for. What cannot be sent when its address is known is lost."""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Any

import structlog

log = structlog.get_logger("statsd")

LONGEST_PACKET = 1400
"""What fits into one packet of an ordinary network."""

MOST_WAITING = 200
"""Packets that wait for the address to be found, the newest ones."""


class Sender:
    """Packs lines into packets. `flush` when a moment is over; `look_up` asks the name service, in a thread."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._lines: list[bytes] = []
        self._size = 0
        self._packets: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._socket: socket.socket | None = None
        self._address: Any = None
        self._looking = False
        self._said = False

    def send(self, line: str) -> None:
        """One line, with the next packet."""
        data = line.encode()
        if self._size + len(data) + 1 > LONGEST_PACKET:
            self.flush()
        self._lines.append(data)
        self._size += len(data) + 1

    def flush(self) -> None:
        """What has come together goes out now."""
        lines, self._lines, self._size = self._lines, [], 0
        if lines:
            self._packets.append(b"\n".join(lines))
        if self._socket is None:
            return
        try:
            while self._packets:
                self._socket.sendto(self._packets.popleft(), self._address)
        except OSError as error:  # nobody listens, or the system has no room: numbers are not worth waiting for
            self._say("packets cannot be sent", error)

    def look_up(self) -> None:
        """Find the address, unless it is known. Returns at once."""
        if self._socket is None and not self._looking:
            self._looking = True
            threading.Thread(target=self._find, name="statsd-address", daemon=True).start()

    def close(self) -> None:
        self.flush()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _find(self) -> None:
        try:
            kind, _, _, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
            found = socket.socket(kind, socket.SOCK_DGRAM)
            found.setblocking(False)
            self._address, self._socket = address, found
        except OSError as error:
            self._say("its host is not known; it is asked for again", error)
        finally:
            self._looking = False

    def _say(self, what: str, error: OSError) -> None:
        if not self._said:
            self._said = True
            log.warning(f"StatsD: {what}", host=self._host, port=self._port, error=str(error))
