"""Connections to the scheduler's private socket: frames in, frames out."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from tradewind.scheduler.peers import Peer
from tradewind.wire.frames import BrokenFrame, Frames, pack_all
from tradewind.wire.messages import AnyMessage, Message, Refused

log = structlog.get_logger("scheduler")


class Connection(Peer, asyncio.Protocol):
    """A peer on the private socket."""

    def __init__(self, on_message: Callable[[Peer, AnyMessage], None], on_gone: Callable[[Peer], None]) -> None:
        super().__init__()
        self._frames = Frames()
        self._on_message = on_message
        self._on_gone = on_gone
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                try:
                    self._on_message(self, message)
                except Exception:
                    # One message that cannot be handled must not cost its sender the connection.
                    log.exception("a message could not be handled", kind=type(message).__name__)
        except BrokenFrame as broken:
            log.warning("a peer was cut off: it does not speak our protocol", worker=self.name, error=str(broken))
            self.send(Refused(reason=f"What you sent is no message of ours: {broken}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_gone(self)

    def send_all(self, messages: Iterable[Message]) -> None:
        if self._transport is not None:
            self._transport.write(pack_all(messages))

    @property
    def backlog(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
