"""Talks to the scheduler over its unix socket; without a scheduler, commands are applied on the spot."""

import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from tradewind.config import Settings
from tradewind.config.sockets import reachable
from tradewind.core.errors import AnotherOwner, TradewindError
from tradewind.wire.frames import BrokenFrame, Frames, pack
from tradewind.wire.messages import (
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
)

ANSWER_WITHIN = timedelta(seconds=10)
OWNER_APPEARS_SECONDS = 5.0
"""How long a command waits for a scheduler that holds the lease to listen, or for a dead one's lease to end."""

M = TypeVar("M", bound=Message)


class NoScheduler(TradewindError):
    """No scheduler listens on this installation's socket."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"No scheduler runs for {home}; start one with `tradewind standalone`.")


class NoAnswer(TradewindError):
    """The scheduler took a message and did not answer in time."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(
            f"The scheduler did not answer within {seconds:.0f} s; {what} may still be applied, so look before you "
            "repeat it."
        )


class CommandRefused(TradewindError):
    """The scheduler says no; the text is its sentence."""


class Client:
    """One installation's scheduler. A connection is opened at the first use and kept."""

    def __init__(self, settings: Settings, answer_within: timedelta = ANSWER_WITHIN) -> None:
        self._settings = settings
        self._seconds = answer_within.total_seconds()
        self._connection: _Connection | None = None
        self._requests = 0

    def command(self, kind: str, **body: Any) -> Any:
        """What the command gives; applied without a scheduler where none runs. Raises CommandRefused."""
        command = Command(key=uuid4().hex, kind=kind, body=body, actor=user_name())
        result = self._applied(command)
        if result.state != "applied":
            raise CommandRefused(result.error or f"The command {kind} was not applied ({result.state}).")
        return result.value

    def _applied(self, command: Command) -> CommandResult:
        deadline = time.monotonic() + OWNER_APPEARS_SECONDS
        while True:
            try:
                connection = self._connect()
            except NoScheduler:
                from tradewind.standalone import apply_offline

                try:
                    return apply_offline(self._settings, command)  # type: ignore[no-any-return]
                except AnotherOwner:
                    # It has just become the owner and will listen in a moment, or has died and its lease runs out.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            else:
                connection.send(command)
                what = f"command {command.key}"
                return connection.receive(CommandResult, self._seconds, what, key=command.key)

    def request(self, method: str, **args: Any) -> Any:
        """The answer of a running scheduler. Raises NoScheduler, or CommandRefused with its sentence."""
        connection = self._connect()
        self._requests += 1
        connection.send(Request(id=self._requests, method=method, args=args))
        response = connection.receive(Response, self._seconds, f"request {method}", id=self._requests)
        if response.error:
            raise CommandRefused(response.error)
        return response.value

    def subscribe(self, dag_id: str = "", run_id: str = "", every: float | None = None) -> "Events":
        """Events from now on, over a connection of their own; None after each `every` seconds of silence."""
        connection = _Connection(self._settings, self._seconds)
        connection.send(Subscribe(dag_id=dag_id, run_id=run_id))
        return Events(connection, every)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> "_Connection":
        if self._connection is None:
            self._connection = _Connection(self._settings, self._seconds)
        return self._connection


def is_scheduler_running(settings: Settings) -> bool:
    """Whether something answers on the scheduler's socket."""
    try:
        _Connection(settings, 2.0).close()
    except NoScheduler:
        return False
    except TradewindError:
        return True
    return True


class _Connection:
    """A greeted connection. Messages that nobody waits for are dropped: they are hints."""

    def __init__(self, settings: Settings, seconds: float) -> None:
        self._frames = Frames()
        self._ready: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        try:
            with reachable(settings.scheduler_socket) as address:
                self._socket.connect(address)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            self._socket.close()
            raise NoScheduler(settings.home) from None
        except PermissionError:
            self._socket.close()
            raise CommandRefused(
                f"The scheduler's socket {settings.scheduler_socket} belongs to another user; run this as that user."
            ) from None
        try:
            self._greet(seconds)
        except BaseException:
            self.close()
            raise

    def _greet(self, seconds: float) -> None:
        self.send(Hello(role="client", pid=os.getpid()))
        answer = self.next(seconds, "the greeting")
        if isinstance(answer, Refused):
            raise CommandRefused(f"The scheduler refused the connection: {answer.reason}")
        if not isinstance(answer, Welcome):
            raise CommandRefused("What listens on the scheduler's socket is not a Tradewind scheduler of this version.")

    def send(self, message: Message) -> None:
        try:
            self._socket.sendall(pack(message))
        except OSError as error:
            raise _lost("a message", error) from None

    def receive(self, kind: type[M], seconds: float, what: str, **wanted: Any) -> M:
        deadline = time.monotonic() + seconds
        while True:
            message = self.next(max(deadline - time.monotonic(), 0.001), what, seconds)
            if isinstance(message, kind) and all(getattr(message, name) == value for name, value in wanted.items()):
                return message

    def close(self) -> None:
        self._socket.close()

    def next(self, seconds: float | None, what: str, said: float | None = None) -> Message:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._ready:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise NoAnswer(what, said or seconds or 0)
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise ConnectionResetError("it closed the connection")
                self._ready.extend(self._frames.feed(data))
            except TimeoutError:
                continue
            except (OSError, BrokenFrame) as error:
                raise _lost(what, error) from None
        return self._ready.pop(0)


class Events:
    """An iterator over events, to be closed; unlike a generator also before its first event."""

    def __init__(self, connection: _Connection, every: float | None) -> None:
        self._connection, self._every = connection, every

    def __iter__(self) -> Iterator[Event | None]:
        return self

    def __next__(self) -> Event | None:
        while True:
            try:
                message = self._connection.next(self._every, "events")
            except NoAnswer:
                return None
            except BaseException:
                self.close()
                raise
            if isinstance(message, Event):
                return message

    def close(self) -> None:
        self._connection.close()


def _lost(what: str, error: Exception) -> CommandRefused:
    return CommandRefused(f"The scheduler went away before {what} was answered ({error}); look before you repeat it.")


def user_name() -> str:
    """Who types; the number where the system has no name for it."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
