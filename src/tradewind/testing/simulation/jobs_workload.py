"""Jobs in a workload: Dags of their own that are backfilled, have deadlines, keep state and ask people.

They are drawn from a seed of their own, for some workloads, and take the place of some of their other Dags; all other
workloads stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.timetables import CronSpec, TimetableSpec
from tradewind.testing.builders import NEVER, dag, every, expand
from tradewind.testing.simulation.backfill_reference import dates_between
from tradewind.testing.simulation.job_actions import CancelBackfill, CleanStates, PauseBackfill, StartBackfill
from tradewind.testing.simulation.workload import (
    BEGIN,
    LAST_LEG,
    PERIOD,
    RULES,
    SECOND,
    Action,
    Clear,
    Edit,
    Item,
    Mark,
    Outcome,
    Pause,
    RunKey,
    Trigger,
    Workload,
    looks_back,
)

SHARE = 0.25
"""How many of the workloads have jobs."""

ASKS = {"mode": "ask", "obeys": True}
"""A task that asks people, and ends as skipped when the last answer is no."""

PLACES = ("task", "task", "asset a", "asset b", "task asset a")
"""Where a task keeps something in each of its tries: beside itself, beside an asset, or both."""


def jobs_of(seed: int) -> Random:
    """What the jobs of a seed are drawn from."""
    return Random(f"{seed}/jobs")


def have_jobs(rng: Random) -> bool:
    """Whether the workload of this seed has jobs: the first thing that is drawn."""
    return rng.random() < SHARE


def with_jobs(workload: Workload, rng: Random, *, always: bool = False) -> Workload:
    """The workload, some of them with a Dag or two for jobs in place of others, and with what people do about these."""
    if not (have_jobs(rng) or always):
        return workload
    for spec in workload.dags[rng.choice([0, 1, 1, 2]) :]:
        workload = workload.without(Item(dag_id=spec.dag_id))
    dags = tuple(_draw_dag(rng, f"job{n}", workload.pools) for n in range(rng.choice([1, 1, 2])))
    actions = [action for spec in dags for action in _draw_actions(rng, spec)]
    everything = sorted([*workload.actions, *actions], key=lambda action: action.at)
    return replace(workload, dags=(*workload.dags, *dags), actions=tuple(everything))


def backfilled(workload: Workload) -> frozenset[str]:
    """Dags of which somebody asks for a backfill."""
    return frozenset(action.dag_id for action in workload.actions if isinstance(action, StartBackfill))


def asked_for(workload: Workload) -> Iterator[RunKey]:
    """The runs that backfills may make, were all their dates due."""
    specs = {spec.dag_id: spec for spec in workload.dags}
    for action in workload.actions:
        if isinstance(action, StartBackfill):
            for date in dates_between(specs[action.dag_id], action.first, action.last):
                due = datetime.fromtimestamp(date.due // 1_000_000, BEGIN.tzinfo)
                yield RunKey(action.dag_id, f"backfill__{due.isoformat()}")


def run_again(workload: Workload) -> list[RunKey]:
    """The runs that backfills may clear; one for each backfill that may."""
    found = []
    specs = {spec.dag_id: spec for spec in workload.dags}
    for action in workload.actions:
        if isinstance(action, StartBackfill) and action.reprocess != "none":
            for date in dates_between(specs[action.dag_id], action.first, action.last):
                due = datetime.fromtimestamp(date.due // 1_000_000, BEGIN.tzinfo)
                found += [RunKey(action.dag_id, f"{kind}__{due.isoformat()}") for kind in ("scheduled", "backfill")]
    return found


# --- what people have said ---------------------------------------------------------------------------------------


def obeys(spec: DagSpec, task_id: str) -> bool:
    """Whether the task ends as skipped when the last answer to it is no."""
    return task_id in spec.tasks and bool(spec.tasks[task_id].extra.get("obeys"))


def refused(outcome: Outcome) -> Outcome:
    """How the last leg of a try ends when people say no."""
    return Outcome(end="skipped", lasts=outcome.lasts)


@dataclass(frozen=True, kw_only=True)
class Answered(Workload):
    """The workload as it ends when people say this: the task instances to which the last answer was no."""

    refused: frozenset[tuple[str, str, str, int]] = frozenset()

    def outcome(
        self, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, leg: int = LAST_LEG
    ) -> Outcome:
        found = super().outcome(dag_id, run_id, task_id, map_index, try_number, leg)
        return refused(found) if (dag_id, run_id, task_id, map_index) in self.refused else found


def answered(workload: Workload, no: Iterable[tuple[str, str, str, int]]) -> Answered:
    """The workload with what people have said."""
    return Answered(**{each.name: getattr(workload, each.name) for each in fields(Workload)}, refused=frozenset(no))


# --- drawing -----------------------------------------------------------------------------------------------------


def _draw_dag(rng: Random, dag_id: str, pools: tuple[tuple[str, int], ...]) -> DagSpec:
    names = [f"t{n}" for n in range(rng.choice([1, 2, 2, 3, 4]))]
    edges = [f"{rng.choice(names[:n])} >> {name}" for n, name in enumerate(names) if n and rng.random() < 0.8]
    given: dict[str, Any] = {
        "retries": rng.choice([0, 1, 2, 3]),
        "retry_delay_seconds": rng.choice([0.5, 5.0]),
        "max_active_runs": rng.choice([1, 2, 16]),
        **_draw_schedule(rng),
    }
    if rng.random() < 0.3:
        given["max_active_tasks"] = rng.choice([1, 2, 4])
    if rng.random() < 0.1:
        given["dagrun_timeout_seconds"] = rng.choice([20.0, 120.0])
    if rng.random() < 0.6:
        given["deadlines"] = tuple(_draw_deadline(rng) for _ in range(rng.randint(1, 3)))
    own = {name: _draw_task(rng, pools) for name in names}
    if rng.random() < 0.25:
        given["callbacks"] = ("sla_miss",)
        own[rng.choice(names)]["sla_seconds"] = _draw_seconds(rng)
    return dag("; ".join([*names, *edges]), dag_id=dag_id, tasks=own, **given)


def _draw_schedule(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.2:
        return {"timetable": NEVER}
    intervals = rng.random() < 0.5
    timetable = every(minutes=5, data_interval=intervals) if rng.random() < 0.5 else _every_five_minutes(intervals)
    before, after = rng.randint(0, 3), rng.randint(0, 1)
    dates = {"start_date": BEGIN - before * PERIOD, "end_date": BEGIN + after * PERIOD}
    return {"timetable": timetable, "catchup": True, **dates}


def _every_five_minutes(intervals: bool) -> TimetableSpec:
    always = CronSpec(
        expression="*/5 * * * *", minutes=tuple(range(0, 60, 5)), hours=tuple(range(24)), days=tuple(range(1, 32)),
        months=tuple(range(1, 13)), weekdays=tuple(range(7)), any_day=True, any_weekday=True,
    )  # fmt: skip
    return TimetableSpec(kind="cron", summary="*/5 * * * *", crons=(always,), data_interval=intervals)


def _draw_seconds(rng: Random) -> float:
    return round(rng.choice([0.1, 1, 10, 100]) * rng.uniform(0.5, 3), 3)


def _draw_deadline(rng: Random) -> DeadlineSpec:
    seconds = _draw_seconds(rng)
    match rng.choice(["queued_at", "queued_at", "logical_date", "fixed", "average_runtime"]):
        case "fixed":
            return DeadlineSpec(reference="fixed", interval_seconds=0.0, at=BEGIN + timedelta(seconds=seconds))
        case "average_runtime":
            least = rng.choice([1, 1, 2])
            average = {"max_runs": least + rng.randint(0, 2), "min_runs": least}
            return DeadlineSpec(reference="average_runtime", interval_seconds=seconds, **average)
        case "logical_date":
            return DeadlineSpec(reference="logical_date", interval_seconds=300 * rng.randint(0, 3) + seconds)
        case reference:
            return DeadlineSpec(reference=reference, interval_seconds=seconds)


def _draw_task(rng: Random, pools: tuple[tuple[str, int], ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    dice = rng.random()
    if dice < 0.25:
        given["extra"] = ASKS
    elif dice < 0.65:
        given["extra"] = {"keeps": rng.choice(PLACES)}
    if rng.random() < 0.2:
        given["map"] = expand(x=rng.choice([1, 2, 3]))
    if rng.random() < 0.25:
        given["trigger_rule"] = rng.choice(RULES)
    if pools and rng.random() < 0.25:
        given["pool"] = rng.choice(pools)[0]
    if rng.random() < 0.15:
        given["execution_timeout_seconds"] = rng.choice([1.0, 10.0])
    if rng.random() < 0.12:
        given[rng.choice(["depends_on_past", "depends_on_past", "wait_for_downstream"])] = True
    if rng.random() < 0.3:
        given["lost_policy"] = rng.choice(["retry", "fail"])
    return given


def _draw_actions(rng: Random, spec: DagSpec) -> Iterator[Action]:
    scheduled = spec.timetable != NEVER
    for n in range(rng.randint(0 if scheduled else 1, 3)):
        yield Trigger(at=_draw_moment(rng), dag_id=spec.dag_id, run_id=f"r{n}")
    touched = [f"r{n}" for n in range(3)]
    if scheduled:
        asked = [_draw_backfill(rng, spec) for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.4:
            asked.append(_draw_repeat(rng, asked[0]))
        yield from asked
        for backfill in asked:
            touched += [
                date.run_id for date in asked_for(Workload(key="", trouble=1, dags=(spec,), actions=(backfill,)))
            ]
            yield from _draw_changes_of_mind(rng, backfill)
        touched += [run_id.replace("backfill", "scheduled") for run_id in touched[3:]]
    if any("asset" in str(each.extra.get("keeps", "")) for each in spec.tasks.values()) and rng.random() < 0.4:
        yield CleanStates(at=_draw_moment(rng), dag_id=spec.dag_id)
    for _ in range(rng.choice([0, 0, 1, 2, 3])):
        yield _draw_action(rng, spec, rng.choice(touched))


def _draw_moment(rng: Random) -> timedelta:
    return SECOND * round(rng.uniform(0, rng.choice([1, 10, 60])), 3)


def _draw_backfill(rng: Random, spec: DagSpec) -> StartBackfill:
    length = rng.choice([1, 3, 6, 10])
    first = BEGIN - PERIOD * rng.randint(1, 10)
    if rng.random() < 0.2:
        first += SECOND * 60 * rng.randint(-4, 4)  # between two ticks
    return StartBackfill(
        at=_draw_moment(rng),
        dag_id=spec.dag_id,
        first=first,
        last=first + PERIOD * length,
        reprocess=rng.choice(["none", "failed", "completed"]),
        max_active=rng.choice([1, 1, 2, 3, 10]),
        backwards=rng.random() < 0.3 and not looks_back(spec),
    )


def _draw_repeat(rng: Random, backfill: StartBackfill) -> StartBackfill:
    """The same range once more, a while later, when some of its runs are over."""
    later = backfill.at + SECOND * round(rng.choice([5, 30, 90]) * rng.uniform(0.5, 1.5), 3)
    return replace(backfill, at=later, reprocess=rng.choice(["failed", "completed", "completed"]))


def _draw_changes_of_mind(rng: Random, backfill: StartBackfill) -> Iterator[Action]:
    at = backfill.at
    for _ in range(rng.choice([0, 1, 1, 2])):
        at += SECOND * round(0.05 + rng.choice([1, 10]) * rng.random() ** 2, 3)
        until = at + SECOND * round(rng.uniform(0.2, 30), 3)
        match rng.randrange(3):
            case 0:
                yield PauseBackfill(at=at, until=until, dag_id=backfill.dag_id)
            case 1:
                yield CancelBackfill(at=at, dag_id=backfill.dag_id)
            case _:
                yield Pause(at=at, until=until, dag_id=backfill.dag_id)


def _draw_action(rng: Random, spec: DagSpec, run_id: str) -> Action:
    where: dict[str, Any] = {"at": _draw_moment(rng), "dag_id": spec.dag_id}
    names = list(spec.tasks)
    dice = rng.random()
    if dice < 0.5:
        chosen = tuple(sorted(rng.sample(names, rng.randint(1, len(names)))))
        return Clear(**where, run_id=run_id, tasks=chosen, downstream=rng.random() < 0.5)
    if dice < 0.85:
        name = rng.choice(names) if rng.random() < 0.6 else ""
        return Mark(**where, run_id=run_id, state=rng.choice(["success", "failed"]), task_id=name)
    return Edit(**where, retries=rng.randint(0, 4))
