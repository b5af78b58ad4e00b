"""Front: what a code host does once its file is imported. It decides; `code_host.py` gives it the system calls."""

from typing import Protocol

from tradewind.wire.messages import AnyMessage, Child, Exited, Fork, Message


class Control(Protocol):
    """The connection to the agent."""

    def send(self, message: Message, fd: int | None = None) -> None: ...


class Ports(Protocol):
    """What the front asks of the system."""

    def fork(self, reuse: bool, rehearse: bool) -> tuple[int, int]:
        """A new child that waits for an attempt: its process id, and this side's end of its channel."""
        ...

    def handed_over(self, end: int) -> None:
        """The agent has that end now."""
        ...

    def kill_session(self, pid: int) -> int:
        """Kill what a dead child left behind. How many there were."""
        ...

    def kill_child(self, pid: int) -> None:
        """Kill a child and everything below it."""
        ...

    def kill_strays(self) -> None:
        """Kill whatever else became ours."""
        ...


class Front:
    """Forks on request, tells of every end, and takes all children with it."""

    def __init__(self, control: Control, ports: Ports) -> None:
        self.children: set[int] = set()
        self._control = control
        self._ports = ports

    def ordered(self, message: AnyMessage) -> None:
        """A message of the agent."""
        if isinstance(message, Fork):
            for _ in range(message.count):
                pid, end = self._ports.fork(message.reuse, message.rehearse)
                self.children.add(pid)
                self._control.send(Child(pid=pid, reuse=message.reuse), fd=end)
                self._ports.handed_over(end)

    def ended(self, pid: int, status: int, cpu_seconds: float, peak_bytes: int) -> None:
        """A process that this one is the parent of has ended."""
        if pid not in self.children:
            return
        self.children.discard(pid)
        orphans = self._ports.kill_session(pid)
        self._control.send(
            Exited(pid=pid, status=status, cpu_seconds=cpu_seconds, peak_bytes=peak_bytes, orphans=orphans)
        )

    def agent_gone(self) -> None:
        """Nothing of ours may outlive the agent."""
        for pid in self.children:
            self._ports.kill_child(pid)
        self._ports.kill_strays()
