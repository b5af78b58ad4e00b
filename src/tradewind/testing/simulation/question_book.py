"""Questions of the play: who answers them, and that each has one outcome, which its task goes on with."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from tradewind.core.ids import attempt_id
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.ledger import key_of
from tradewind.wire.messages import Offer

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

Said = tuple[str, bool]
"""What was chosen, and whether nobody had answered."""

ANSWERS = {"answer": "yes", "other": "no"}
"""What each of two people answers, by the first word of the key of its command."""

LATEST = 1.3
"""The last moment at which somebody answers, as a part of the time that there is."""
CLOSE_SECONDS = 0.05
"""How close to the end of the time that there is the second person answers."""


class QuestionBook:
    """Has people answer. Raises Broken for I15 the moment it does not hold."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._told: dict[str, Said] = {}
        """What tasks went on with, by the question's id."""
        self.last_told: dict[tuple[str, str, str, int], str] = {}
        """What a task instance was told last."""

    def asks(self, offer: Offer, seconds: float) -> None:
        """Somebody answers most questions, at times when it is too late; now and then somebody else says otherwise,
        in the moment in which the default is taken."""
        rng = Random(f"{self._sim.seed}/{offer.attempt}")
        if rng.random() < 0.7:
            self._answers(offer, "answer", LATEST * seconds * rng.random())
        if rng.random() < 0.3:
            self._answers(offer, "other", max(0.0, seconds + CLOSE_SECONDS * rng.uniform(-1, 1)))

    def _answers(self, offer: Offer, who: str, seconds: float) -> None:
        person, key = self._sim.person, f"{who} {offer.attempt}"
        names = {"dag_id": offer.run.dag_id, "run_id": offer.run.run_id, "task_id": offer.task_id}
        question = f"{offer.attempt}.question"
        body = {**names, "map_index": offer.map_index, "question": question, "chosen_options": [ANSWERS[who]]}
        self._sim.timeline.after(seconds, person.actor, key, lambda: person.wish(key, "hitl.respond", **body))

    def goes_on(self, offer: Offer) -> None:
        """A task goes on, perhaps with an answer: it is the one that is stored, and no other than before."""
        if not offer.leg or offer.resume_error or not self._asks_people(offer):
            return
        question = self._newest_question(offer)
        if not offer.event or not offer.resume_question:
            if question:
                raise Broken(f"I15: attempt {offer.attempt} goes on and is not told what {question} was answered")
            return
        if not question:
            raise Broken(f"I15: attempt {offer.attempt} goes on with {offer.event!r}, and its try has asked nothing")
        event = json.loads(offer.event)
        said = json.dumps(event["chosen_options"]), event["timedout"]
        if self._told.setdefault(question, said) != said:
            raise Broken(f"I15: {question} was answered {self._told[question]}, and its task goes on with {said}")
        self._check_told(question, said)
        self.last_told[offer.run.dag_id, offer.run.run_id, offer.task_id, offer.map_index] = event["chosen_options"][0]

    def _asks_people(self, offer: Offer) -> bool:
        spec = self._sim.specs[offer.run.dag_id].tasks.get(offer.task_id)
        return bool(offer.resume_question) or (spec is not None and spec.extra.get("mode") == "ask")

    def _newest_question(self, offer: Offer) -> str:
        """What the try asked last: not always in the leg before, which may have been lost before it began. Empty where
        it has asked nothing."""
        for leg in range(offer.leg - 1, -1, -1):
            question = f"{attempt_id(key_of(offer), offer.try_number, leg)}.question"
            if self._sim.database.rows("SELECT 1 FROM question WHERE id = ?", question):
                return question
        return ""

    def _check_told(self, question: str, said: Said) -> None:
        rows = self._sim.database.rows(
            "SELECT chosen, answered_by FROM question WHERE id = ? AND answered_at IS NOT NULL", question
        )
        if [(chosen, by is None) for chosen, by in rows] != [said]:
            raise Broken(f"I15: a task went on with {said}, and {question} has {[tuple(row) for row in rows]}")

    def _kept_from(self, question: str) -> str:
        """The question of an earlier try that was lost with its answer: that answers this one in the moment in which
        it is asked. Empty where there is none."""
        found = self._sim.database.rows(
            "SELECT e.id FROM question q JOIN question e ON e.run = q.run AND e.task_id = q.task_id AND "
            "e.map_index = q.map_index AND e.try_number < q.try_number AND e.answered_at = q.answered_at AND "
            "e.answered_by = q.answered_by WHERE q.id = ? ORDER BY e.try_number",
            question,
        )
        return str(found[0][0]) if found else ""

    def check_end(self) -> None:
        """A question has the answer that was taken, or its default; what was refused has changed nothing."""
        taken: dict[str, str] = {}
        for key in self._sim.person.taken("hitl.respond"):
            who, _, attempt = key.partition(" ")
            if (question := f"{attempt}.question") in taken:
                raise Broken(f"I15: two answers to {question} were taken")
            taken[question] = ANSWERS[who]
        said = {
            id: (chosen, answered_by is not None)
            for id, chosen, answered_by in self._sim.database.rows(
                "SELECT id, chosen, answered_by FROM question WHERE answered_at IS NOT NULL ORDER BY asked_at"
            )
        }
        for id in said:
            if id not in taken and (earlier := self._kept_from(id)) in taken:
                taken[id] = taken[earlier]
        for id, (chosen, by_somebody) in said.items():
            if by_somebody is not (id in taken) or chosen != json.dumps([taken.get(id, "no")]):
                raise Broken(f"I15: {id} was answered {chosen}, and {'was' if id in taken else 'was not'} told so")
        if missing := taken.keys() - said.keys():
            raise Broken(f"I15: the answer to {min(missing)} is gone")
        for question, told_as in self._told.items():
            self._check_told(question, told_as)
