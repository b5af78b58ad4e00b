"""The way from author code to the engine, over a process's control channel."""

import threading
from typing import Any

from tradewind.sdk.execution.runtime import RuntimeRequestError
from tradewind.wire.messages import Message, Request, Response
from tradewind.worker.channel import ChannelClosed, Sender


class ChannelRuntime:
    """Sends requests and waits for their answers. Threads of a task take turns.

    A signal handler (`on_kill`) may ask in the middle of another question of the same thread: the lock is reentrant,
    and an answer that belongs to the outer question is kept for it.
    """

    def __init__(self, channel: Sender, attempt: str = "") -> None:
        self._channel = channel
        self._attempt = attempt
        self._next = 0
        self._asked: set[tuple[str, str]] = set()
        self._answers: dict[int, Response] = {}
        self._lock = threading.RLock()

    def request(self, method: str, **args: Any) -> Any:
        """The engine's answer. Raises RuntimeRequestError when it refuses or cannot be reached."""
        with self._lock:
            if method.endswith(".get"):
                self._asked.add((method.partition(".")[0], str(args.get("key") or args.get("conn_id") or "")))
            self._next += 1
            number = self._next
            try:
                self._channel.send(Request(id=number, method=method, args=args, attempt=self._attempt))
                while number not in self._answers:
                    answer = self._channel.receive()
                    if isinstance(answer, Response):
                        self._answers[answer.id] = answer
            except ChannelClosed:
                raise RuntimeRequestError("Unreachable", f"The engine is gone; {method} was not answered.") from None
            mine = self._answers.pop(number)
        if mine.error:
            raise RuntimeRequestError(mine.kind, mine.error)
        return mine.value

    def asked(self, noun: str) -> list[str]:
        """Names of the variables or connections that were asked for."""
        return sorted(name for kind, name in self._asked if kind == noun)

    def send(self, message: Message) -> None:
        """One way; lost when the engine is gone."""
        with self._lock:
            try:
                self._channel.send(message)
            except ChannelClosed:
                pass
