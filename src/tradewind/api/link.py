"""The API's connection to the scheduler: commands, questions and events over its private socket.

One connection carries everything, opened at the first use and again after it broke. Whatever is asked has an end: an
answer, a refusal, or SchedulerAway within the time that was given.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from tradewind.config.sockets import reachable
from tradewind.core.errors import TradewindError
from tradewind.wire.frames import BrokenFrame, Frames, pack, pack_all
from tradewind.wire.messages import (
    AnyMessage,
    Command,
    CommandResult,
    Event,
    Hello,
    Message,
    Refused,
    Request,
    Response,
    Subscribe,
    Welcome,
    Withdraw,
)

COMMAND_SECONDS = 10.0
WITHDRAW_SECONDS = 1.0
"""How long the answer to a withdrawal is waited for."""
QUESTION_SECONDS = 2.0


class SchedulerAway(TradewindError):
    """The scheduler did not answer in time, or nobody listens. `command` may be asked about later."""

    def __init__(self, why: str, command: str = "") -> None:
        super().__init__(why)
        self.command = command


class Refusal(TradewindError):
    """The scheduler said no. `kind` is the name of the error there, the text its sentence."""

    def __init__(self, sentence: str, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Link(Protocol):
    """What the API asks of a scheduler."""

    async def command(self, command: Command) -> Any:
        """What it gave once it was applied. Raises Refusal or SchedulerAway."""

    async def request(self, method: str, *, within_seconds: float = QUESTION_SECONDS, **args: Any) -> Any:
        """The scheduler's answer. Raises Refusal or SchedulerAway."""

    def events(self, dag_id: str = "", run_id: str = "") -> Any:
        """An asynchronous context that gives an iterator over every event from now on, or over those of a Dag or run.

        Raises SchedulerAway where nobody listens; the iterator ends when the scheduler goes.
        """


class SchedulerLink:
    """A Link over the unix socket of one installation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: _Connection | None = None
        self._opening = asyncio.Lock()
        self._numbers = count(1)

    async def command(self, command: Command) -> Any:
        try:
            result = await self._asked(command, command.key, COMMAND_SECONDS)
        except TimeoutError:
            result = await self._withdrawn(command)
        if result.state != "applied":
            raise Refusal(result.error or f"The command {command.kind} was not applied.", result.kind)
        return result.value

    async def _withdrawn(self, command: Command) -> CommandResult:
        """It has taken too long: it is applied by now, or never will be."""
        result: CommandResult
        try:
            result = await self._asked(Withdraw(key=command.key), command.key, WITHDRAW_SECONDS)
        except (TimeoutError, SchedulerAway):
            raise SchedulerAway(
                f"The scheduler did not answer within {COMMAND_SECONDS:.0f} s; command {command.key} may still be "
                "applied, so look before you repeat it.",
                command.key,
            ) from None
        if result.state == "withdrawn":
            raise SchedulerAway(
                f"The scheduler did not come to command {command.key} within {COMMAND_SECONDS:.0f} s; it was withdrawn "
                "and changed nothing. Try again.",
                command.key,
            )
        return result

    async def request(self, method: str, *, within_seconds: float = QUESTION_SECONDS, **args: Any) -> Any:
        number = next(self._numbers)
        try:
            response = await self._asked(Request(id=number, method=method, args=args), number, within_seconds)
        except TimeoutError:
            raise SchedulerAway(f"The scheduler did not answer within {within_seconds:g} s.") from None
        if response.error:
            raise Refusal(response.error, response.kind)
        return response.value

    @asynccontextmanager
    async def events(self, dag_id: str = "", run_id: str = "") -> AsyncIterator[AsyncIterator[Event]]:
        connection = await _open(self._path)
        try:
            connection.send(Subscribe(dag_id=dag_id, run_id=run_id))
            yield connection.events()
        finally:
            connection.close()

    async def close(self) -> None:
        """End the connection; what waits is answered with SchedulerAway."""
        if self._connection is not None:
            self._connection.close()

    async def _asked(self, message: Message, key: str | int, seconds: float) -> Any:
        async with asyncio.timeout(seconds):
            if self._connection is None or self._connection.is_closed:
                async with self._opening:
                    if self._connection is None or self._connection.is_closed:
                        self._connection = await _open(self._path)
            return await self._connection.ask(message, key)


class _Connection:
    """A greeted connection, and who waits for what on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Frames()
        self._waiting: dict[str | int, list[asyncio.Future[Any]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self.is_closed = False

    def send(self, message: Message) -> None:
        self._writer.write(pack(message))

    async def ask(self, message: Message, key: str | int) -> Any:
        """The message that answers `key`. Raises SchedulerAway when the connection ends first."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        try:
            self.send(message)
            return await answer
        finally:
            waiting = self._waiting.get(key, [])
            if answer in waiting:
                waiting.remove(answer)
            if not waiting:
                self._waiting.pop(key, None)

    async def next(self) -> list[AnyMessage]:
        """What the scheduler says next; empty when the connection has ended."""
        while not self.is_closed:
            try:
                data = await self._reader.read(1 << 16)
                messages = list(self._frames.feed(data))
            except (OSError, BrokenFrame):
                return []
            if messages or not data:
                return messages
        return []

    async def events(self) -> AsyncIterator[Event]:
        while messages := await self.next():
            for message in messages:
                if isinstance(message, Event):
                    yield message

    async def _read(self) -> None:
        try:
            while messages := await self.next():
                for message in messages:
                    if isinstance(message, CommandResult):
                        self._answer(message.key, message)
                    elif isinstance(message, Response):
                        self._answer(message.id, message)
        finally:
            self.close()

    def _answer(self, key: str | int, message: Message) -> None:
        for answer in self._waiting.pop(key, ()):
            if not answer.done():
                answer.set_result(message)

    def close(self) -> None:
        self.is_closed = True
        self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
        for answers in self._waiting.values():
            for answer in answers:
                if not answer.done():
                    answer.set_exception(SchedulerAway("The scheduler went away before it answered; try again."))


async def _open(path: Path) -> _Connection:
    try:
        with reachable(path) as address:
            reader, writer = await asyncio.open_unix_connection(address)
    except OSError as error:
        raise SchedulerAway(f"No scheduler listens ({error.strerror or error}); start one, or wait for it.") from None
    connection = _Connection(reader, writer)
    writer.write(pack_all([Hello(role="client", pid=os.getpid())]))
    try:
        greeting = await connection.next()
    except asyncio.CancelledError:  # nobody waits for it any longer
        connection.close()
        raise
    if greeting and isinstance(greeting[0], Welcome):
        return connection
    connection.close()
    if greeting and isinstance(greeting[0], Refused):
        raise SchedulerAway(f"The scheduler refused the connection: {greeting[0].reason}")
    raise SchedulerAway("The scheduler closed the connection; it is stopping, or stands by.")
