"""Who speaks with the scheduler."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from tradewind.wire.messages import Message


class Peer(ABC):
    """Another process that speaks with the scheduler. `name` is the worker's once an agent has said Hello."""

    def __init__(self) -> None:
        self.role = ""
        self.name = ""
        self.instance = ""
        self.epoch = 0
        self.pid = 0
        self.subscription: tuple[str, str] | None = None

    @abstractmethod
    def send_all(self, messages: Iterable[Message]) -> None:
        """Send; messages to a peer that is gone are dropped (every message is a hint)."""

    @property
    @abstractmethod
    def backlog(self) -> int:
        """Bytes that the peer has not taken yet."""

    @abstractmethod
    def close(self) -> None: ...

    def send(self, message: Message) -> None:
        """Send one message."""
        self.send_all((message,))
