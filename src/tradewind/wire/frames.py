"""Frames on a stream: a 4-byte length, then msgpack. The same on unix sockets, socket pairs and TCP."""

import struct
from collections.abc import Iterable, Iterator

import msgspec

from tradewind.wire.messages import AnyMessage, Message

MAX_FRAME = 256 * 1024 * 1024
"""A longer frame is a broken or hostile peer."""

encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
decode = _decoder.decode
_LENGTH = struct.Struct(">I")


class BrokenFrame(Exception):
    """The bytes on a connection are not ours; the connection is of no more use."""


def pack(message: Message) -> bytes:
    """One message as a frame."""
    body = encode(message)
    return _LENGTH.pack(len(body)) + body


def pack_all(messages: Iterable[Message]) -> bytes:
    """Several messages as one write."""
    return b"".join(map(pack, messages))


class Frames:
    """Collects bytes as they arrive and gives out the messages that are complete."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[AnyMessage]:
        """Messages completed by `data`, in order. Raises BrokenFrame on bytes that are not a frame."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= 4:
                (size,) = _LENGTH.unpack_from(buffer, start)
                if size > MAX_FRAME:
                    raise BrokenFrame(f"a frame of {size} bytes")
                end = start + 4 + size
                if len(buffer) < end:
                    break
                body = bytes(buffer[start + 4 : end])
                start = end
                try:
                    yield decode(body)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
                    raise BrokenFrame(str(error)) from None
        finally:
            del buffer[:start]
