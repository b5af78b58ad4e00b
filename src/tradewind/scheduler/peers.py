"""Who speaks with the scheduler."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import NamedTuple

from tradewind.core.world import World
from tradewind.wire.messages import SAY_AGAIN_SECONDS, Message


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


class Order(NamedTuple):
    """What an agent was told to do, and when."""

    agent: str
    told_at: float

    def is_overdue(self, now: float) -> bool:
        """An agent that shows nothing of it by now has not heard of it."""
        return now - self.told_at >= SAY_AGAIN_SECONDS


def able(agents: Mapping[str, Peer], world: World) -> Iterator[str]:
    """The agents that take something new."""
    workers = world.workers
    return (name for name in agents if name in workers and not workers[name].draining)


class Waiting:
    """Who waits for the commit of what they have sent. A repeat of it is not taken in again, but waits as well."""

    def __init__(self) -> None:
        self._peers: dict[str, list[Peer]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._peers

    def keys(self) -> KeysView[str]:
        """What is waited for."""
        return self._peers.keys()

    def add(self, key: str, peer: Peer) -> bool:
        """One more waits for `key`; whether it is the first."""
        peers = self._peers.setdefault(key, [])
        peers.append(peer)
        return len(peers) == 1

    def tell(self, key: str, message: Message) -> None:
        """It is committed: everybody who waits for it is told."""
        for peer in self._peers.pop(key, ()):
            peer.send(message)
