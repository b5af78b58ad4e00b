"""Jobs of a play: what people do about backfills, and the books of backfills, deadlines, state and questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from tradewind.core.dag import DagSpec
from tradewind.testing.builders import NEVER
from tradewind.testing.simulation.backfill_book import BackfillBook
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.deadline_book import DeadlineBook, watched
from tradewind.testing.simulation.event_log import EventRow
from tradewind.testing.simulation.expected import runs_of
from tradewind.testing.simulation.job_actions import (
    CancelBackfill,
    CleanStates,
    JobAction,
    PauseBackfill,
    StartBackfill,
)
from tradewind.testing.simulation.jobs_workload import answered, backfilled, obeys, refused
from tradewind.testing.simulation.kept_values import Cleaning, Keeping, KeptValues
from tradewind.testing.simulation.past_book import PastBook
from tradewind.testing.simulation.question_book import QuestionBook
from tradewind.testing.simulation.reference import Ending, final_states
from tradewind.testing.simulation.workload import Clear, Edit, Mark, Outcome, RunKey, Trigger, Workload, looks_back
from tradewind.wire.messages import Message, Offer

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

_ROWS = (
    'SELECT seq, "at", name, dag_id, run_id, task_id, map_index, "before", "after", reason, body FROM event '
    "WHERE seq > ? ORDER BY seq"
)


class Jobs:
    """What one simulation knows of its jobs."""

    def __init__(self, sim: Simulation) -> None:
        workload = sim.workload
        self._sim = sim
        self._last = 0
        self._cleaning: dict[str, Cleaning] = {}
        edited = {action.dag_id for action in workload.actions if isinstance(action, Edit)}
        specs = {spec.dag_id: spec for spec in workload.dags}
        self._backfilled = backfilled(workload)
        asking = {d for d, spec in specs.items() if any(obeys(spec, name) for name in spec.tasks)}
        self.past = PastBook(
            sim.database,
            (s for d, s in specs.items() if looks_back(s) and (d in self._backfilled | asking or watched(s))),
        )
        self.judged_here = self._backfilled | asking | self.past.dag_ids
        """Dags whose runs, or the ends of these, depend on what people do meanwhile."""
        self.backfills = BackfillBook(sim.database, {d: specs[d] for d in self._backfilled}, self.past)
        self.deadlines = DeadlineBook(sim.database, specs, edited | self.past.dag_ids)
        self.kept = KeptValues(sim.database, lambda: sim.timeline.now, sim.plan.double > 0)
        self.questions = QuestionBook(sim)
        self._followed = self._backfilled | self.deadlines.dag_ids | self.past.dag_ids

    # --- what people do ---

    def schedule(self, n: int, action: JobAction) -> None:
        """Have a person do this when its time comes."""
        match action:
            case StartBackfill():
                body = {
                    "dag_id": action.dag_id,
                    "from_date": action.first.isoformat(),
                    "to_date": action.last.isoformat(),
                    "reprocess_behavior": action.reprocess,
                    "max_active_runs": action.max_active,
                    "run_backwards": action.backwards,
                }
                self._at(action.at.total_seconds(), lambda: self._wish(f"backfill {n}", "backfill.create", body))
            case PauseBackfill():
                self._steers(action.at.total_seconds(), f"action{n}", "backfill.pause", action.dag_id)
                self._steers(action.until.total_seconds(), f"action{n}b", "backfill.unpause", action.dag_id)
            case CancelBackfill():
                self._steers(action.at.total_seconds(), f"action{n}", "backfill.cancel", action.dag_id)
            case CleanStates():
                self._at(action.at.total_seconds(), lambda: self._cleans(f"action{n}"))

    def _cleans(self, key: str) -> None:
        self._cleaning[key] = self.kept.cleans(key)
        self._wish(key, "state_store.clean", {})

    def _look_at_cleaning(self) -> None:
        for key in self._cleaning.keys() & self._sim.person.answers.keys():
            self.kept.cleaned(self._cleaning.pop(key), was_done=self._sim.person.answers[key].state == "applied")

    def _steers(self, seconds: float, key: str, kind: str, dag_id: str) -> None:
        """People look first which backfill the Dag has."""

        def wish() -> None:
            query = "SELECT id FROM backfill WHERE dag_id = ? AND state = 'active'"
            for (number,) in self._sim.database.rows(query, dag_id):
                self._wish(key, kind, {"dag_id": dag_id, "id": number})

        self._at(seconds, wish)

    def _at(self, seconds: float, call: Callable[[], None]) -> None:
        self._sim.nature.at(seconds + 0.1, "backfill", call)

    def _wish(self, key: str, kind: str, body: dict[str, object]) -> None:
        self._sim.person.wish(key, kind, **body)

    # --- what tasks do ---

    def began(self, offer: Offer) -> None:
        """An attempt begins."""
        self.kept.began(offer)
        self.questions.goes_on(offer)

    def keeping(self, offer: Offer, send: Callable[[Message], None]) -> Keeping | None:
        """What an attempt reads and writes while it runs."""
        spec = self._sim.specs[offer.run.dag_id].tasks.get(offer.task_id)
        places = str(spec.extra.get("keeps", "")) if spec is not None else ""
        return Keeping(self.kept, offer, _places(places), send) if places else None

    def obeyed(self, offer: Offer, outcome: Outcome) -> Outcome:
        """The outcome, or what becomes of it because people said no to the last question."""
        asks = outcome.end == "awaiting_input" or not offer.resume_question or not offer.event
        if asks or not obeys(self._sim.specs[offer.run.dag_id], offer.task_id):
            return outcome
        return refused(outcome) if json.loads(offer.event)["chosen_options"] == ["no"] else outcome

    def called_back(self, offer: Offer) -> None:
        """A callback is carried out."""
        if offer.callback.startswith(("deadline:", "dag:sla_miss")):
            self.deadlines.calls((offer.run.dag_id, offer.run.run_id), offer.callback)

    # --- looking ---

    def look(self) -> None:
        """Take in what is new: of answers about cleaning, and in the event log."""
        if self._cleaning:
            self._look_at_cleaning()
        if not self._followed:
            return
        for row in self._sim.database.rows(_ROWS, self._last):
            event = EventRow(*row[:-1], json.loads(row[-1] or "{}"))
            self._last = event.seq
            self.deadlines.take(event)
            self.past.take(event)
            self.backfills.take(event)
        self.backfills.look()

    def check_end(self) -> None:
        """Everything that jobs promise is so in the end."""
        self.look()
        self.backfills.check_end(len(self._sim.person.taken("backfill.create")))
        self.deadlines.check_end(self._sim.ledger.called_back.keys(), self._sim.ledger.given_up)
        self.kept.check_end()
        self.questions.check_end()

    # --- how runs end ---

    def endings(self, made: Collection[RunKey], lost: list[tuple[str, str, str, int]]) -> dict[RunKey, Ending | None]:
        """How each run that was made of the Dags judged here has to end. Raises Broken where one is missing."""
        found: dict[RunKey, Ending | None] = {}
        refusals = [key for key, answer in self.questions.last_told.items() if answer == "no"]
        workload = self._sim.workload
        for spec in workload.dags:
            if spec.dag_id in self.judged_here:
                runs = [key for key in made if key.dag_id == spec.dag_id]
                if spec.dag_id in self.past.dag_ids:
                    found |= dict.fromkeys(runs)
                    continue
                if missing := [key for key in runs_of(workload, spec) if not {key, _backfill_of(key)} & {*runs}]:
                    raise Broken(f"I1: nobody made {', '.join(key.run_id for key in missing)} of {spec.dag_id}")
                found |= final_states(answered(self._asking_for(spec, runs), refusals), lost=lost)
        return found

    def may_stand_still(self, key: RunKey) -> bool:
        """Whether the run may not be over in the end: it waits for one before it that is not as it wants it."""
        return self.past.holds(key)

    def _asking_for(self, spec: DagSpec, runs: Iterable[RunKey]) -> Workload:
        """The workload of one Dag alone, in which somebody asks for each of these runs by name."""
        rows = self._sim.database.rows(
            "SELECT DISTINCT r.run_id FROM backfill_run b JOIN run r ON r.number = b.run "
            "WHERE r.dag_id = ? AND b.action = 'clear' AND b.is_done", spec.dag_id
        )  # fmt: skip
        at, workload = timedelta(0), self._sim.workload
        asked = [Trigger(at=at, dag_id=spec.dag_id, run_id=key.run_id) for key in runs]
        cleared = [Clear(at=at, dag_id=spec.dag_id, run_id=run_id, tasks=()) for (run_id,) in rows]
        others = [a for a in workload.actions if isinstance(a, Clear | Mark | Edit) and a.dag_id == spec.dag_id]
        return replace(workload, dags=(replace(spec, timetable=NEVER),), actions=(*asked, *cleared, *others))


def _backfill_of(key: RunKey) -> RunKey:
    """The run that a backfill makes for the moment of a scheduled one."""
    return RunKey(key.dag_id, key.run_id.replace("scheduled__", "backfill__"))


def _places(text: str) -> Iterator[str]:
    """`task asset a` and the like, one place after the other."""
    if "task" in text:
        yield "task"
    if "asset" in text:
        yield text.rpartition(" ")[2]
