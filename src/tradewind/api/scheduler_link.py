"""One question to the scheduler over its private socket, asked from asyncio."""

import asyncio
import os
from pathlib import Path
from typing import Any

from tradewind.config.sockets import reachable
from tradewind.wire.frames import Frames, pack_all
from tradewind.wire.messages import Hello, Request, Response


class SchedulerAway(Exception):
    """The scheduler did not answer in time, or nobody listens."""


async def ask(path: Path, method: str, *, within_seconds: float = 1.0, **args: Any) -> Any:
    """The scheduler's answer. Raises SchedulerAway."""
    try:
        async with asyncio.timeout(within_seconds):
            with reachable(path) as address:
                reader, writer = await asyncio.open_unix_connection(address)
            try:
                writer.write(pack_all([Hello(role="client", pid=os.getpid()), Request(id=1, method=method, args=args)]))
                frames = Frames()
                while data := await reader.read(65536):
                    for message in frames.feed(data):
                        if isinstance(message, Response):
                            if message.error:
                                raise SchedulerAway(message.error)
                            return message.value
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise SchedulerAway(str(error) or "no answer") from None
    raise SchedulerAway("the connection was closed")
