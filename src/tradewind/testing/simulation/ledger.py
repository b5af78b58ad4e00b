"""What the tasks themselves know: which attempt began and ended, when and how. The engine never sees it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tradewind.core.records import TaskKey
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.timeline import Actor
from tradewind.wire.messages import Offer

FREE_LOSSES = 2
"""How often a try that was lost with its worker may be made up for."""

Allowance = Callable[[Offer], int]
"""How many tries the task of an offer may have had in vain, and none was lost: one more than its retries, and as many
again for every time that somebody may have cleared it."""


class Ledger:
    """Raises Broken for I3, I4, I5, I6 and I14 the moment they do not hold."""

    def __init__(self, allowance: Allowance) -> None:
        self.starts: dict[str, int] = {}
        self.ends: dict[str, str] = {}
        self.promised: set[str] = set()
        """Attempts whose success was acknowledged."""
        self.called_back: Counter[tuple[tuple[str, str], str, str]] = Counter()
        """How often each callback was carried out, by run, kind and id."""
        self.given_up: set[tuple[str, str]] = set()
        """Runs of which a callback has ended otherwise: its process died after it began, or three times before."""
        self.triggers_failed: set[str] = set()
        """Attempts whose trigger gave up: it was killed with its process, twice."""
        self.mailed: set[str] = set()
        """Callbacks whose mail was handed in."""
        self._running: dict[TaskKey, tuple[str, Actor]] = {}
        self._superseded: dict[str, Actor] = {}
        """Attempts that were frozen with their machine when another one began: they may not go on."""
        self._failures: Counter[TaskKey] = Counter()
        self._counted: set[str] = set()
        self._succeeded: dict[TaskKey, int] = {}
        self._allowance = allowance

    def mails(self, callback: str) -> None:
        """A mail is handed in."""
        if callback in self.mailed:
            raise Broken(f"I14: the mail of callback {callback} was sent twice")
        self.mailed.add(callback)

    def began(self, offer: Offer, actor: Actor, now: int, clears: int) -> None:
        """`execute` begins; `clears` is how often somebody may have cleared the task."""
        key = key_of(offer)
        if offer.attempt in self.starts:
            raise Broken(f"I3: attempt {offer.attempt} of {key} began twice")
        self._begins_alone(key, offer.attempt)
        allowed = self._allowance(offer)
        if self._failures[key] >= allowed * (1 + clears):
            raise Broken(f"I4: {key} begins again after {self._failures[key]} failures that were acknowledged")
        if offer.try_number > (allowed + FREE_LOSSES) * (1 + clears):
            raise Broken(f"I4: {key} begins try {offer.try_number} with {allowed - 1} retries")
        if key in self._succeeded and not clears:
            raise Broken(f"I6: {key} begins again after its success was acknowledged")
        self.starts[offer.attempt] = now
        self._running[key] = offer.attempt, actor

    def _begins_alone(self, key: TaskKey, attempt: str) -> None:
        other, actor = self._running.get(key, ("", None))
        if actor is None:
            return
        if not actor.frozen:
            raise Broken(f"I5: {key} began as {attempt} while {other} was at work")
        self._superseded[other] = actor

    def ended(self, offer: Offer, how: str) -> None:
        """It is over: an outcome, or `killed`."""
        if offer.attempt not in self.starts:
            raise Broken(f"I3: attempt {offer.attempt} ended and never began")
        if self._superseded.pop(offer.attempt, None) is not None and how != "killed":
            raise Broken(f"I5: attempt {offer.attempt} thawed and went on to its end, {how}, beside its successor")
        key = key_of(offer)
        if self._running.get(key, ("", None))[0] == offer.attempt:
            del self._running[key]
        self.ends[offer.attempt] = how

    def acknowledged(self, key: TaskKey, attempt: str, state: str, now: int) -> None:
        """Its agent was told that the report is durable, and the database says this state."""
        if state == "success" and attempt not in self.promised:
            self.promised.add(attempt)
            self._succeeded[key] = now
        if state == "failed" and self.ends.get(attempt) == "failed" and attempt not in self._counted:
            self._counted.add(attempt)
            self._failures[key] += 1

    def check_superseded(self) -> None:
        """I5: half a second after a machine has thawed, nothing of what was given up on it is at work."""
        for attempt, actor in self._superseded.items():
            if actor.alive and not actor.frozen:
                raise Broken(f"I5: attempt {attempt} thawed and is still at work beside its successor")

    @property
    def at_work(self) -> list[str]:
        """Attempts that have begun and not ended."""
        return [attempt for attempt, _ in self._running.values()]


def key_of(offer: Offer) -> TaskKey:
    """The task instance that an offer is for."""
    return TaskKey(offer.run.number, offer.task_id, offer.map_index)
