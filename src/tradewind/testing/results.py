"""What a play came to: runs, their tasks, and everything that a test may ask about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tradewind.core.errors import TaskNotFound
from tradewind.core.explain import explain
from tradewind.core.records import DagRun, Question, TaskInstance, TaskKey
from tradewind.core.states import RUN_FINISHED
from tradewind.sdk.execution import xcom_codec
from tradewind.testing.attempts import PlayedAttempt
from tradewind.testing.engine import Engine
from tradewind.wire.logs import LogLine


class IsMapped(LookupError):
    """One instance was asked for where there are several."""

    def __init__(self, task_id: str, indexes: list[int]) -> None:
        super().__init__(f"Task {task_id!r} is mapped; name one of its instances {indexes}, or ask instances().")


class Played:
    """An installation after a play: its runs in the order in which they were made."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def runs(self) -> list[PlayedRun]:
        return [PlayedRun(self.engine, number) for number in sorted(self.engine.play.runs)]

    @property
    def now(self) -> datetime:
        """The moment of virtual time at which it ended."""
        return self.engine.play.now

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables as the tasks left them, those of the environment left out."""
        return dict(self.engine.answers.variables)

    @property
    def order(self) -> list[str]:
        """Every start, in order: `run_id/task_id`."""
        runs = self.engine.play.runs
        return [f"{runs[key.run].run_id}/{name_of(key)}" for key in self.engine.starts]

    def story(self) -> str:
        """Every run, a line for each task, and the logs of what failed."""
        return "\n".join(run.story() for run in self.runs)

    def __iter__(self) -> Iterator[PlayedRun]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.engine.play.runs)

    def __getitem__(self, place: int | str) -> PlayedRun:
        """The run at this place, or of this run id."""
        if isinstance(place, int):
            return self.runs[place]
        for run in self.runs:
            if run.run_id == place:
                return run
        raise KeyError(place)

    def __repr__(self) -> str:
        return f"<Played until {self.now.isoformat()}: {len(self)} runs>"


class PlayedRun:
    """One run after a play."""

    def __init__(self, engine: Engine, number: int) -> None:
        self.engine, self._number = engine, number

    @property
    def record(self) -> DagRun:
        """The run as the scheduler has it."""
        return self.engine.play.runs[self._number]

    @property
    def state(self) -> str:
        """`success` or `failed`; `running` or `queued` when it waits for what cannot come, which `why(task)` names."""
        return self.record.state.value

    @property
    def dag_id(self) -> str:
        return self.record.dag_id

    @property
    def run_id(self) -> str:
        return self.record.run_id

    @property
    def run_type(self) -> str:
        return self.record.run_type.value

    @property
    def conf(self) -> dict[str, Any]:
        return dict(self.record.conf)

    @property
    def logical_date(self) -> datetime | None:
        return self.record.logical_date

    @property
    def data_interval_start(self) -> datetime | None:
        return self.record.data_interval_start

    @property
    def data_interval_end(self) -> datetime | None:
        return self.record.data_interval_end

    @property
    def run_after(self) -> datetime:
        return self.record.run_after

    @property
    def start_date(self) -> datetime | None:
        return self.record.start_date

    @property
    def end_date(self) -> datetime | None:
        return self.record.end_date

    @property
    def duration(self) -> timedelta | None:
        """In virtual time."""
        return _between(self.start_date, self.end_date)

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return self.record.reason

    @property
    def played(self) -> Played:
        """The whole play, with runs that tasks created."""
        return Played(self.engine)

    # --- tasks ---

    @property
    def tasks(self) -> list[PlayedTask]:
        """Every task instance, in the order of the Dag's file."""
        order = {task_id: place for place, task_id in enumerate(self.engine.bag.bagged[self.dag_id].spec.tasks)}
        keys = [key for key in self.engine.play.tasks if key.run == self._number]
        keys.sort(key=lambda key: (order.get(key.task_id, len(order)), key.map_index))
        return [PlayedTask(self, key) for key in keys]

    @property
    def states(self) -> dict[str, str]:
        """State by task id; of mapped tasks by `task_id[map_index]`."""
        return {name_of(task.key): task.state for task in self.tasks}

    @property
    def order(self) -> list[str]:
        """Every start, in order; a task that was tried twice is there twice."""
        return [name_of(key) for key in self.engine.starts if key.run == self._number]

    @property
    def callbacks(self) -> list[PlayedAttempt]:
        """The callbacks of the Dag that were called, each with its log."""
        return [each for each in self.engine.callbacks if each.offer.run.run_id == self.run_id]

    def task(self, task_id: str, map_index: int | None = None) -> PlayedTask:
        """A task of this run; of a mapped one the instance with this index."""
        found = self.instances(task_id)
        if map_index is None and len(found) == 1:
            return found[0]
        for task in found:
            if task.map_index == (-1 if map_index is None else map_index):
                return task
        raise IsMapped(task_id, [task.map_index for task in found])

    def instances(self, task_id: str) -> list[PlayedTask]:
        """Every instance of a task, by map index. Raises TaskNotFound when the run has no such task."""
        found = [task for task in self.tasks if task.task_id == task_id]
        if not found:
            raise TaskNotFound(self.dag_id, task_id)
        return found

    def xcom(self, task_id: str, key: str = "return_value", map_index: int | None = None) -> Any:
        """What a task left; of a mapped task the list of what its instances left, or that of one. None for nothing."""
        indexes = None if map_index is None else [map_index]
        self.instances(task_id)
        rows = self.engine.answers.xcoms(self._number, [task_id], key, indexes)
        values = [xcom_codec.decode(row[3]) for row in rows]
        if map_index is None and any(row[1] >= 0 for row in rows):
            return values
        return values[0] if values else None

    def why(self, task_id: str, map_index: int | None = None) -> str:
        """Why the task has not ended, or ended as it did: what `tradewind why` says."""
        task, play = self.task(task_id, map_index), self.engine.play
        live = play.world.runs.get(self._number) or play.stored_run(self._number)
        return " ".join(reason.sentence for reason in explain(play.world, live, task.record, play.now))

    def story(self) -> str:
        """A line for each task, why those that wait do so, and the logs of those that failed."""
        text = [f"{self.dag_id} {self.run_id}: {self.state}{f' ({self.reason})' if self.reason else ''}"]
        for task in self.tasks:
            tries = f", try {task.try_number}" if task.try_number > 1 else ""
            text.append(f"  {name_of(task.key)}: {task.state}{tries}{f' ({task.reason})' if task.reason else ''}")
            if self.state not in [str(state) for state in RUN_FINISHED] and not task.is_over:
                text.append(f"    {self.why(task.task_id, task.map_index)}")
        for task in self.tasks:
            if task.state == "failed" and task.log:
                text += [f"--- log of {name_of(task.key)}, try {task.try_number} ---", task.log]
        return "\n".join(text)

    def __repr__(self) -> str:
        states = ", ".join(f"{name} {state}" for name, state in self.states.items())
        return f"<run {self.run_id} of {self.dag_id}: {self.state} ({states})>"


class PlayedTask:
    """One task instance after a play."""

    def __init__(self, run: PlayedRun, key: TaskKey) -> None:
        self.run, self.key = run, key
        self.task_id, self.map_index = key.task_id, key.map_index

    @property
    def record(self) -> TaskInstance:
        """The task instance as the scheduler has it."""
        return self.run.engine.play.tasks[self.key]

    @property
    def state(self) -> str:
        return self.record.state.value

    @property
    def is_over(self) -> bool:
        return self.record.end_date is not None and self.state not in ("up_for_retry", "up_for_reschedule")

    @property
    def try_number(self) -> int:
        return self.record.try_number

    @property
    def max_tries(self) -> int:
        return self.record.max_tries

    @property
    def start_date(self) -> datetime | None:
        return self.record.start_date

    @property
    def end_date(self) -> datetime | None:
        return self.record.end_date

    @property
    def duration(self) -> timedelta | None:
        """Of its last try, in virtual time."""
        return _between(self.start_date, self.end_date)

    @property
    def reason(self) -> str:
        """Why it is in this state, where the state alone does not say."""
        return self.record.reason

    @property
    def label(self) -> str | None:
        """The rendered map_index_template."""
        return self.record.rendered_map_index

    @property
    def attempts(self) -> list[PlayedAttempt]:
        """Every start, oldest first: tries, and the looks of a sensor that reschedules itself."""
        return self.run.engine.attempts.get(self.key, [])

    @property
    def log(self) -> str:
        """The log of its last try, as people read it."""
        return "\n".join(attempt.log for attempt in self._last_try if attempt.lines)

    @property
    def log_lines(self) -> list[LogLine]:
        """The same with level, logger, place and traceback."""
        return [line for attempt in self._last_try for line in attempt.lines]

    @property
    def error(self) -> str:
        """What its last start raised, in one line; empty when nothing."""
        return self.attempts[-1].error if self.attempts else ""

    @property
    def traceback(self) -> str:
        return self.attempts[-1].traceback if self.attempts else ""

    @property
    def rendered(self) -> dict[str, Any]:
        """Its template fields after rendering."""
        return self.attempts[-1].rendered if self.attempts else {}

    @property
    def xcom(self) -> Any:
        """What it returned."""
        return self.run.xcom(self.task_id, map_index=self.map_index)

    @property
    def questions(self) -> list[Question]:
        """What it asked people, and what they answered, oldest first."""
        return [question for question in self.run.engine.play.questions.values() if question.key == self.key]

    @property
    def why(self) -> str:
        return self.run.why(self.task_id, self.map_index)

    @property
    def _last_try(self) -> list[PlayedAttempt]:
        return [attempt for attempt in self.attempts if attempt.try_number == self.attempts[-1].try_number]

    def __repr__(self) -> str:
        return f"<task {name_of(self.key)}: {self.state}, try {self.try_number}>"


def name_of(key: TaskKey) -> str:
    """`task_id`, or `task_id[map_index]`."""
    return key.task_id if key.map_index < 0 else f"{key.task_id}[{key.map_index}]"


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return end - start if start is not None and end is not None else None
