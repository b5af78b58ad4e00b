"""A person: sends commands, and asks again with the same key until there is an answer."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from tradewind.testing.simulation.asset_parts import Announce
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.network import End
from tradewind.testing.simulation.timeline import Actor
from tradewind.testing.simulation.workload import Clear, Mark, Pause, Resize, Trigger
from tradewind.wire.messages import AnyMessage, Command, CommandResult, Hello, Welcome

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

PATIENCE_SECONDS = 1.0
MOST_PATIENCE_SECONDS = 16.0
"""How long it waits for an answer: longer each time."""


class Person:
    """What it wishes concerning one Dag or pool is asked one after the other; all else at once."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.actor = Actor("person")
        self.rng = Random(f"{sim.seed}/person")
        self.waiting: dict[str, Command] = {}
        self.answers: dict[str, CommandResult] = {}
        self._asked: set[str] = set()
        self._kinds: dict[str, str] = {}
        self._end: End | None = None

    def wish(self, key: str, kind: str, **body: Any) -> None:
        """Send a command until it is answered; what concerns the same Dag or pool waits for that answer."""
        self._kinds[key] = kind
        self.waiting[key] = Command(key=key, kind=kind, body=body, actor="person")
        self._next()

    def taken(self, kind: str) -> list[str]:
        """The keys of the commands of this kind that were applied. Raises Broken where somebody was told so of others.

        The other way round may be: who asks again while a refusal is on its way may be heard, and told of the refusal.
        """
        rows = self.sim.database.rows("SELECT key FROM command WHERE kind = ? AND state = 'applied' ORDER BY key", kind)
        taken = [key for (key,) in rows]
        told = {key for key, answer in self.answers.items() if answer.state == "applied" and self._kinds[key] == kind}
        if unknown := told - set(taken):
            raise Broken(f"answer: {kind} {min(unknown)} is said to have been applied, and was not")
        return taken

    def _next(self) -> None:
        subjects = {self._subject(key) for key in self._asked}
        for key in self.waiting:
            if key not in self._asked and (subject := self._subject(key)) not in subjects:
                subjects.add(subject)
                self._asked.add(key)
                self._ask(key)

    def _subject(self, key: str) -> str:
        body = self.waiting[key].body
        return str(body.get("dag_id") or body.get("name"))

    def _ask(self, key: str, patience: float = PATIENCE_SECONDS) -> None:
        if key not in self.waiting:
            return
        longer = min(2 * patience, MOST_PATIENCE_SECONDS)
        if not self._sees_it(key):
            self.sim.timeline.after(patience, self.actor, "look again", lambda: self._ask(key, longer))
            return
        if self._end is None or not self._end.open:
            listening = self.sim.listening
            if listening is not None and listening.actor.alive:
                self._end = listening.accept(self.actor, self.rng, self._answered, lambda: None)
                self._end.send(Hello(role="client"))
        if self._end is not None:
            self._end.send(self.waiting[key])
        self.sim.timeline.after(patience, self.actor, "ask again", lambda: self._ask(key, longer))

    def _sees_it(self, key: str) -> bool:
        """Nobody wishes anything of a Dag before it is in the list."""
        dag_id = self.waiting[key].body.get("dag_id")
        return dag_id is None or bool(self.sim.database.rows("SELECT 1 FROM dag WHERE dag_id = ?", dag_id))

    def _answered(self, message: AnyMessage) -> None:
        if isinstance(message, CommandResult) and message.key in self.waiting:
            del self.waiting[message.key]
            self._asked.discard(message.key)
            self.answers[message.key] = message
            self._next()
        elif not isinstance(message, (CommandResult, Welcome)):
            raise Broken(f"a client was told {type(message).__name__}")


def command_of(action: Trigger | Clear | Mark | Pause | Resize | Announce) -> tuple[str, dict[str, Any]]:
    """The kind and the body of the command that does this."""
    match action:
        case Trigger(dag_id=dag_id, run_id=run_id):
            return "run.create", {"dag_id": dag_id, "run_id": run_id}
        case Clear(dag_id=dag_id, run_id=run_id, tasks=tasks):
            ways = {"upstream": action.upstream, "downstream": action.downstream}
            return "task.clear", {"dag_id": dag_id, "run_id": run_id, "task_ids": list(tasks), **ways}
        case Mark(dag_id=dag_id, run_id=run_id, state=state, task_id=""):
            return "run.mark", {"dag_id": dag_id, "run_id": run_id, "state": state}
        case Mark(dag_id=dag_id, run_id=run_id, state=state, task_id=task_id):
            return "task.mark", {"dag_id": dag_id, "run_id": run_id, "state": state, "task_id": task_id}
        case Pause(dag_id=dag_id):
            return "dag.pause", {"dag_id": dag_id}
        case Resize(pool=pool, slots=slots):
            return "pool.set", {"name": pool, "slots": slots}
        case Announce(name=name, uri=uri, partition=partition):
            extra = {"said_at": action.said_at}
            return "asset.event", {"name": name, "uri": uri, "partition_key": partition, "extra": extra}
