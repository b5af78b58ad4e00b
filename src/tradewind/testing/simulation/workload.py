"""Workload: what a simulated installation is given to do, drawn from a seed.

Dags and their runs, what people do meanwhile, and how every try of every task is going to end. How a try ends follows
from the names involved alone, never from what happened before it. So one workload can be played under any faults and
in any order, and parts of it can be left out without changing what the rest does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.states import TriggerRule
from tradewind.core.timetables import TimetableSpec
from tradewind.testing.builders import NEVER, dag, every, expand, mapped_group, task
from tradewind.testing.simulation.asset_parts import Announce, Updated, updates_of
from tradewind.testing.simulation.job_actions import JobAction

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
"""Virtual time zero: `at` of every action counts from here."""

SECOND = timedelta(seconds=1)
PERIOD = timedelta(minutes=5)
RULES = tuple(sorted(TriggerRule))
LENGTHS = (0, 1, 1, 2, 3, 4)
LONG_MAP = 1000
LAST_LEG = 10**6
MANY_LOOKS = 24
LONGEST_LOOK_SECONDS = 8.2


class RunKey(NamedTuple):
    """Names a run before it exists."""

    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one try ends, `lasts` after it began.

    end: `success`, `skipped`, `failed` (tried again where retries are left), `failed_for_good`, `never` (it is still at
    work when its execution timeout, or else its run's, comes), `rescheduled` (it looks `again` so much later),
    `deferred` (it goes on `again` so much later; with `triggers` a trigger says when, else the scheduler's own clock),
    `awaiting_input` (it asks people, and takes its default `again` so much later unless somebody answers). `length` is
    that of the value it leaves, None for no value; `skip` names the downstream tasks that it decides to skip.
    """

    end: str
    lasts: timedelta
    length: int | None = None
    skip: tuple[str, ...] = ()
    again: timedelta = timedelta(0)
    triggers: bool = False
    updates: tuple[Updated, ...] = ()
    """The assets that it updates; where it does not succeed, those that it tells of in vain."""


# --- what people do ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Create a manual run with this run id."""

    at: timedelta
    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Clear tasks of a run, with what is upstream or downstream of them; nothing when there is no such run."""

    at: timedelta
    dag_id: str
    run_id: str
    tasks: tuple[str, ...]
    upstream: bool = False
    downstream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Mark a task `success` or `failed`, or the whole run when `task_id` is empty."""

    at: timedelta
    dag_id: str
    run_id: str
    state: str
    task_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Pause a Dag, and let it go on at `until`."""

    at: timedelta
    until: timedelta
    dag_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Give a pool another size, and its old one back at `until`."""

    at: timedelta
    until: timedelta
    pool: str
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The Dag file changes: a task goes, or one comes, or all have other retries, or other assets start the Dag. A new
    version in any case."""

    at: timedelta
    dag_id: str
    drop: str = ""
    add: TaskSpec | None = None
    retries: int | None = None
    consumes: Mapping[str, Any] | None = None
    """Other values for fields of the DagSpec that say which runs assets make."""


Action = Trigger | Clear | Mark | Pause | Resize | Edit | Announce | JobAction


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A part of a workload that can be left out: a Dag, an action, a task, or one setting that is not the default."""

    dag_id: str = ""
    task_id: str = ""
    setting: str = ""
    action: Action | None = None

    def __repr__(self) -> str:
        where = ".".join(filter(None, (self.dag_id, self.task_id)))
        return f"<{_action_words(self.action) if self.action else where}{self.setting and ' ' + self.setting}>"


# --- the whole ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Everything that happens to an installation but its faults. `key`, `trouble` and `pace` decide how tries end."""

    key: str
    trouble: float
    """About how many of the task instances do something else than succeed at once."""
    pace: float = 1.0
    """How many times longer than usual tries last."""
    dags: tuple[DagSpec, ...]
    pools: tuple[tuple[str, int], ...] = ()
    """Name and slots."""
    actions: tuple[Action, ...] = ()
    """By time."""

    def versions(self, dag_id: str) -> list[tuple[timedelta, DagSpec]]:
        """The Dag as it is from each moment on; the first at zero, one more for each edit."""
        return self._versions[dag_id]

    def outcome(
        self, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, leg: int = LAST_LEG
    ) -> Outcome:
        """How this leg of a try ends; by itself its last one. The fate of an instance is the same on every try, but for
        how often it fails before."""
        dag_spec = next(s for _, s in reversed(self.versions(dag_id)) if task_id in s.tasks)
        spec = dag_spec.tasks[task_id]
        me = (self.key, dag_id, run_id, task_id, map_index)
        if leg < _looks(spec, me):
            wait = 0.2 + (LONGEST_LOOK_SECONDS - 0.2) * _roll(*me, "again", leg) ** 3
            end = "awaiting_input" if spec.extra["mode"] == "ask" else "rescheduled"
            return Outcome(end=end, lasts=0.05 * SECOND, again=timedelta(seconds=round(wait, 3)))
        if leg < _deferrals(spec, me):
            wait = timedelta(seconds=round(0.1 + 20 * _roll(*me, "waits", try_number, leg) ** 3, 3))
            triggers = spec.extra["defers"] == "trigger"
            return Outcome(end="deferred", lasts=0.05 * SECOND, again=wait, triggers=triggers)
        lasts = 0.05 + 3 * self.pace * _roll(*me, "lasts", try_number) ** 3
        if _roll(*me, "long", try_number) < 0.03:
            lasts *= 40
        limit = spec.execution_timeout_seconds
        took = timedelta(seconds=round(min(lasts, limit / 2) if limit else lasts, 3))
        fate = _roll(*me, "fate") / self.trouble
        failures = int(_roll(*me, "failures") * (spec.retries + 1)) if fate < 1 else 0
        if fate < 0.35 or try_number <= failures:  # the former fails in every try
            # Where only its run's timeout ends it, it hangs in every try: a lost one must not change the run's end.
            hangs = _roll(*me, "hangs", try_number) < 0.3 if limit else fate < 0.1 and dag_spec.dagrun_timeout_seconds
            return Outcome(end="never" if hangs else "failed", lasts=took, updates=self._updates(me, try_number))
        if fate < 0.65:
            return Outcome(end="failed_for_good" if fate < 0.45 else "skipped", lasts=took)
        length, updates = self._length(me), self._updates(me, try_number)
        skip = _decision(dag_spec, spec, me)
        return Outcome(end="success", lasts=took, length=length, skip=skip, updates=updates)

    def _updates(self, me: tuple[Any, ...], try_number: int) -> tuple[Updated, ...]:
        """What a try updates: by the outlets that the task had at first, so that no edit changes how a try ends."""
        first = next(s for _, s in self.versions(me[1]) if me[3] in s.tasks).tasks[me[3]]
        return updates_of(first, me[4], lambda *names: _roll(*me, "updates", try_number, *names))

    def _length(self, me: tuple[Any, ...]) -> int | None:
        if (me[1], me[3]) not in self._mapped_over:
            return None
        roll = _roll(*me, "length")
        if roll < self.trouble * 0.1:
            return None
        return LONG_MAP if roll > 0.995 else LENGTHS[int(roll * 1e6) % len(LENGTHS)]

    @cached_property
    def _mapped_over(self) -> frozenset[tuple[str, str]]:
        every_spec = [spec for versions in self._versions.values() for _, spec in versions]
        return frozenset((d.dag_id, source) for d in every_spec for t in d.tasks.values() for source in sources(t))

    @cached_property
    def _versions(self) -> dict[str, list[tuple[timedelta, DagSpec]]]:
        found = {spec.dag_id: [(timedelta(0), spec)] for spec in self.dags}
        for action in self.actions:
            if isinstance(action, Edit) and action.dag_id in found:
                known = found[action.dag_id]
                known.append((action.at, _edited(known[-1][1], action, len(known))))
        return found

    # --- smaller workloads ---

    def items(self) -> list[Item]:
        """What can be left out, the largest parts first."""
        found = [Item(dag_id=spec.dag_id) for spec in self.dags]
        found += [Item(action=action) for action in self.actions]
        for spec in self.dags:
            names = list(spec.tasks) if len(spec.tasks) > 1 else []
            found += [Item(dag_id=spec.dag_id, task_id=name) for name in reversed(names)]
        for spec in self.dags:
            found += [Item(dag_id=spec.dag_id, setting=name) for name in _settings(spec, _DAG_SETTINGS)]
            for each in spec.tasks.values():
                own = _settings(each, _TASK_SETTINGS)
                found += [Item(dag_id=spec.dag_id, task_id=each.task_id, setting=name) for name in own]
        return found

    def without(self, item: Item) -> Workload:
        """The same workload with this part left out, and with it what makes no sense alone."""
        if item.action is not None:
            return replace(self, actions=tuple(a for a in self.actions if a != item.action))
        if not item.task_id and not item.setting:
            left = tuple(a for a in self.actions if getattr(a, "dag_id", "") != item.dag_id)
            return replace(self, dags=tuple(d for d in self.dags if d.dag_id != item.dag_id), actions=left)
        dags = tuple(_spec_without(spec, item) if spec.dag_id == item.dag_id else spec for spec in self.dags)
        if item.setting:
            return replace(self, dags=dags)
        actions = (_action_without(a, item) if getattr(a, "dag_id", "") == item.dag_id else a for a in self.actions)
        return replace(self, dags=dags, actions=tuple(a for a in actions if a is not None))

    def __repr__(self) -> str:
        lines = [f"Workload(key={self.key}, trouble={self.trouble})"]
        lines += [f"  pool {name}: {slots} slots" for name, slots in self.pools]
        for spec in self.dags:
            lines.append(f"  dag {spec.dag_id}: {_words(spec, skip=('dag_id', 'file', 'tasks'))}")
            lines += [f"    {_task_words(each)}" for each in spec.tasks.values()]
        lines += [f"  {_action_words(action)}" for action in self.actions]
        return "\n".join(lines)


def sources(spec: TaskSpec) -> list[str]:
    """The tasks whose values a mapped task expands over."""
    return [length.task_id for _, length in spec.map.inputs if length.kind == "xcom"] if spec.map else []


def related(spec: DagSpec, names: Iterable[str], *, upstream: bool = False, downstream: bool = False) -> set[str]:
    """These tasks of the Dag, and at any distance what is upstream or downstream of them."""
    chosen = set(names) & spec.tasks.keys()
    up = _reach(chosen, {t.task_id: t.upstream for t in spec.tasks.values()}) if upstream else set()
    return chosen | up | (_reach(chosen, spec.downstream()) if downstream else set())


def _reach(start: set[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    todo = sorted(start)
    while todo:
        new = sorted(set(edges.get(todo.pop(), ())) - seen)
        seen.update(new)
        todo += new
    return seen


def _roll(*key: object) -> float:
    """A number in [0, 1) that follows from these names."""
    digest = blake2b("\x1f".join(str(part) for part in key).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


def _looks(spec: TaskSpec, me: tuple[Any, ...]) -> int:
    """How often a sensor looks in vain, or a task asks people, before the leg that ends its try."""
    if spec.extra.get("mode") not in ("reschedule", "ask"):
        return 0
    return MANY_LOOKS if _roll(*me, "patience") < 0.05 else int(4 * _roll(*me, "looks"))


def _deferrals(spec: TaskSpec, me: tuple[Any, ...]) -> int:
    """How often a task defers itself before the leg that ends its try."""
    return 1 + int(2 * _roll(*me, "defers")) if "defers" in spec.extra else 0


def _decision(dag_spec: DagSpec, spec: TaskSpec, me: tuple[Any, ...]) -> tuple[str, ...]:
    """What a branch or a short circuit decides to skip."""
    if not spec.skips_downstream:
        return ()
    direct = set(dag_spec.downstream()[spec.task_id])
    if spec.operator.startswith("Branch"):
        followed = {name for name in direct if _roll(*me, "follows", name) < 0.55}
        return tuple(sorted(direct - related(dag_spec, followed, downstream=True)))
    if _roll(*me, "goes on") < 0.5:
        return ()
    everything = spec.extra.get("ignore_downstream_trigger_rules", True)
    below = related(dag_spec, [spec.task_id], downstream=True) - {spec.task_id} if everything else direct
    return tuple(sorted(name for name in below if not dag_spec.tasks[name].is_teardown))


def _edited(spec: DagSpec, edit: Edit, number: int) -> DagSpec:
    if edit.drop and len(spec.tasks) > 1:
        spec = _spec_without(spec, Item(dag_id=spec.dag_id, task_id=edit.drop))
    tasks = dict(spec.tasks)
    if edit.add is not None:
        above = tuple(name for name in edit.add.upstream if name in tasks)
        tasks[edit.add.task_id] = replace(edit.add, upstream=above)
    if edit.retries is not None:
        tasks = {name: replace(each, retries=edit.retries) for name, each in tasks.items()}
    return replace(spec, tasks=tasks, description=f"edit {number}", **(edit.consumes or {}))


# --- leaving things out ------------------------------------------------------------------------------------------

_TASK_SETTINGS = (
    "trigger_rule", "retries", "retry_backoff", "max_retry_delay_seconds", "execution_timeout_seconds", "pool",
    "pool_slots", "priority_weight", "effective_weight", "depends_on_past", "wait_for_downstream",
    "max_active_tis_per_dag", "max_active_tis_per_dagrun", "never_sent", "map", "skips_downstream", "is_setup",
    "is_teardown", "callbacks", "outlets", "extra", "lost_policy", "sla_seconds",
)  # fmt: skip
_DAG_SETTINGS = (
    "max_active_tasks", "max_active_runs", "dagrun_timeout_seconds", "fail_fast", "callbacks", "deadlines",
    "partitions", "asset_policy", "assets", "watchers",
)  # fmt: skip


def _defaults(kind: type) -> dict[str, Any]:
    found = {}
    for each in fields(kind):
        factory = each.default_factory
        found[each.name] = factory() if factory is not MISSING else each.default
    return found


_DEFAULTS = {DagSpec: _defaults(DagSpec), TaskSpec: _defaults(TaskSpec)}


def _settings(spec: DagSpec | TaskSpec, names: Iterable[str]) -> list[str]:
    return [name for name in names if _setting(spec, name)]


def _setting(spec: DagSpec | TaskSpec, name: str) -> bool:
    """Whether it is not the default. Outlets are one of the facts in `extra`, and can be left out alone."""
    if name == "outlets":
        return name in spec.extra
    return bool(getattr(spec, name) != _DEFAULTS[type(spec)][name])


def _spec_without(spec: DagSpec, item: Item) -> DagSpec:
    tasks = dict(spec.tasks)
    if not item.setting:
        tasks.pop(item.task_id, None)
        tasks = {name: _task_without(each, item.task_id) for name, each in tasks.items()}
    elif item.setting == "outlets":
        each = tasks[item.task_id]
        tasks[item.task_id] = replace(each, extra={k: v for k, v in each.extra.items() if k != "outlets"})
    elif item.task_id:
        tasks[item.task_id] = replace(tasks[item.task_id], **{item.setting: _DEFAULTS[TaskSpec][item.setting]})
    else:
        return replace(spec, **{item.setting: _DEFAULTS[DagSpec][item.setting]})
    return replace(spec, tasks=tasks)


def _task_without(spec: TaskSpec, gone: str) -> TaskSpec:
    spec = replace(spec, upstream=tuple(name for name in spec.upstream if name != gone))
    return replace(spec, map=expand(x=2), reads=()) if gone in sources(spec) else spec


def _action_without(action: Action, item: Item) -> Action | None:
    match action:
        case Clear():
            left = tuple(name for name in action.tasks if name != item.task_id)
            return replace(action, tasks=left) if left else None
        case Mark(task_id=name) if name:
            return None if name == item.task_id else action
        case Edit(drop=name) if name:
            return None if name == item.task_id else action
        case _:
            return action


# --- drawing -----------------------------------------------------------------------------------------------------


def draw_workload(rng: Random, size: int = 12, *, plain: bool = False) -> Workload:
    """A workload of about `size` tasks in up to four Dags. Everything follows from `rng`; a `plain` one is the same
    without tasks that defer themselves and without mapped groups."""
    pools = tuple((f"pool{n}", rng.choice([1, 2, 3, 5])) for n in range(rng.randint(0, 2)))
    count = min(rng.choice([1, 1, 2, 2, 3, 4]), max(1, size // 2))
    dags = tuple(
        _draw_dag(rng, f"d{n}", max(1, round(size / count * rng.uniform(0.5, 1.5))), pools) for n in range(count)
    )
    triggers = [trigger for spec in dags for trigger in _draw_runs(rng, spec)]
    actions: list[Action] = [*triggers]
    if rng.random() < 0.6:
        actions += [_draw_action(rng, dags, triggers, pools) for _ in range(rng.randint(1, 4))]
    if triggers and rng.random() < 0.4:
        actions += _draw_quarrel(rng, dags, rng.choice(triggers))
    key = f"{rng.getrandbits(64):016x}"
    return Workload(
        key=key,
        trouble=rng.choice([0.05, 0.2, 0.35, 0.5]),
        pace=rng.choice([1, 1, 10]),
        dags=dags if plain else tuple(_draw_more(Random(f"{key}/{spec.dag_id}"), spec) for spec in dags),
        pools=pools,
        actions=tuple(sorted(actions, key=lambda action: action.at)),
    )


def _draw_dag(rng: Random, dag_id: str, count: int, pools: tuple[tuple[str, int], ...]) -> DagSpec:
    names = [f"t{n}" for n in range(count)]
    edges = [f"[{', '.join(_some(rng, names[:n]))}] >> {name}" for n, name in enumerate(names) if n]
    fail_fast, past = rng.random() < 0.08, rng.random() < 0.2
    own = {name: _draw_task(rng, pools, rules=not fail_fast, past=past) for name in names}
    if not fail_fast and rng.random() < 0.12:
        after = rng.choice(names)
        edges.append(f"{after} >> up >> [w0, w1] >> down; up >> down")
        own |= {name: {} for name in ("w0", "w1")}
        own |= {"up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}}
    spec = dag("; ".join([*names, *edges]), dag_id=dag_id, tasks=own, **_draw_settings(rng, past=past))
    callbacks = tuple(kind for kind in ("on_failure", "on_success") if rng.random() < 0.25)
    spec = replace(spec, fail_fast=fail_fast, callbacks=callbacks)
    for name in names:
        spec = replace(spec, tasks={**spec.tasks, name: _draw_shape(rng, spec, name)})
    return spec


def _some(rng: Random, names: list[str]) -> list[str]:
    """A few of these, rather the last ones; at times none."""
    if rng.random() < 0.12:
        return []
    near = names[-4:]
    return sorted(set(rng.choices(near, k=rng.choice([1, 1, 2, 2, 3]))))


def _draw_settings(rng: Random, *, past: bool) -> dict[str, Any]:
    given: dict[str, Any] = {
        "retries": rng.choice([0, 0, 1, 2, 3]),
        "retry_delay_seconds": rng.choice([0.5, 5.0, 20.0]),
    }
    if rng.random() < 0.3:
        given |= {"retry_backoff": rng.choice([1.5, 2.0, 3.0]), "max_retry_delay_seconds": rng.choice([20.0, 45.0])}
    if rng.random() < 0.4:
        given["max_active_tasks"] = rng.choice([1, 2, 4])
    if rng.random() < (0.6 if past else 0.4):
        given["max_active_runs"] = rng.choice([1, 1, 2])
    if rng.random() < 0.06:
        given["dagrun_timeout_seconds"] = rng.choice([20.0, 120.0])
    if rng.random() < 0.3:
        before, after = rng.randint(0, 3), rng.randint(0, 1)
        timetable = every(minutes=5, data_interval=rng.random() < 0.5)
        if rng.random() < 0.15:
            timetable = TimetableSpec(kind="once", summary="@once")
        given |= {"timetable": timetable, "catchup": True}
        given |= {"start_date": BEGIN - before * PERIOD, "end_date": BEGIN + after * PERIOD}
    return given


def _draw_task(rng: Random, pools: tuple[tuple[str, int], ...], *, rules: bool, past: bool) -> dict[str, Any]:
    """Settings of one task that do not depend on its neighbours."""
    given: dict[str, Any] = {}
    if rules and rng.random() < 0.5:
        given["trigger_rule"] = rng.choice(RULES)
    if pools and rng.random() < 0.5:
        name, slots = rng.choice(pools)
        given |= {"pool": name, "pool_slots": rng.randint(1, slots) if rng.random() < 0.4 else 1}
    if rng.random() < 0.3:
        given["priority_weight"] = given["effective_weight"] = rng.randint(1, 9)
    if rng.random() < 0.2:
        given["execution_timeout_seconds"] = rng.choice([1.0, 10.0])
    if rng.random() < 0.15:
        given["retries"] = rng.choice([0, 1, 4])
    if rng.random() < 0.1:
        given["max_active_tis_per_dag"] = rng.choice([1, 2])
    if rng.random() < 0.1:
        given["max_active_tis_per_dagrun"] = rng.choice([1, 2])
    if rng.random() < 0.2:
        given["callbacks"] = rng.choice([("on_failure",), ("on_retry",), ("on_failure", "on_retry")])
    if rng.random() < 0.3:
        given["lost_policy"] = rng.choice(["retry", "retry", "fail"])
    if past and rng.random() < 0.5:
        given["depends_on_past"] = True
    if past and rng.random() < 0.25:
        given["wait_for_downstream"] = True
    return given


def _draw_shape(rng: Random, spec: DagSpec, name: str) -> TaskSpec:
    """What a task is, given its neighbours: plain, empty, mapped, a branch, a short circuit or a sensor."""
    each, dice = spec.tasks[name], rng.random()
    feeders = [above for above in each.upstream if not spec.tasks[above].never_sent and not spec.tasks[above].is_setup]
    if dice < 0.12:
        return replace(each, never_sent=True, operator="EmptyOperator", callbacks=())
    if dice < 0.30 and feeders:
        over = {"x": rng.choice(feeders)} | ({"y": rng.choice([1, 2])} if rng.random() < 0.2 else {})
        return replace(each, map=expand(**over), reads=((over["x"], "return_value"),))
    if dice < 0.38:
        return replace(each, map=expand(x=rng.choice(LENGTHS)))
    if dice < 0.55 and spec.downstream()[name]:
        if rng.random() < 0.5:
            return replace(each, skips_downstream=True, operator="BranchPythonOperator")
        extra = {"ignore_downstream_trigger_rules": rng.random() < 0.6}
        return replace(each, skips_downstream=True, operator="ShortCircuitOperator", extra=extra)
    if dice < 0.65:
        return replace(each, operator="PythonSensor", extra={"mode": "reschedule"})
    return each


def _draw_more(rng: Random, spec: DagSpec) -> DagSpec:
    """Some Dags have tasks that defer themselves, some a mapped group. Most are as they were."""
    plain = [name for name, each in spec.tasks.items() if _is_plain(each)]
    dice = rng.random()
    if dice < 0.25:
        defers = {name: {"defers": rng.choice(["moment", "trigger"])} for name in plain if rng.random() < 0.5}
        return replace(spec, tasks={n: replace(t, extra=defers.get(n, t.extra)) for n, t in spec.tasks.items()})
    if dice < 0.4 and not spec.fail_fast:
        pairs = [(above, name) for name in plain for above in spec.tasks[name].upstream if above in plain]
        if pairs:
            first, second = rng.choice(pairs)
            feeders = [name for name in spec.tasks[first].upstream if _is_plain(spec.tasks[name])]
            over = rng.choice(feeders) if feeders and rng.random() < 0.7 else rng.choice(LENGTHS)
            spec = mapped_group(spec, "group", f"{first} {second}", expand(x=over))
            reads = ((over, "return_value"),) if isinstance(over, str) else ()
            return replace(spec, tasks={**spec.tasks, first: replace(spec.tasks[first], reads=reads)})
    return spec


def waits_for_past(each: TaskSpec) -> bool:
    """Whether the task waits for the run before."""
    return each.depends_on_past or each.wait_for_downstream


def looks_back(spec: DagSpec) -> bool:
    """Whether a task of the Dag does."""
    return any(map(waits_for_past, spec.tasks.values()))


def _is_plain(each: TaskSpec) -> bool:
    """A task with nothing that makes it special but its settings."""
    special = each.map or each.never_sent or each.skips_downstream or each.is_setup or each.is_teardown or each.extra
    return not special and each.trigger_rule is not TriggerRule.ALWAYS


def _draw_runs(rng: Random, spec: DagSpec) -> Iterator[Trigger]:
    """Manual runs. A Dag with a schedule that looks at its past has none: which run is the one before stays certain."""
    scheduled = spec.timetable != NEVER
    if scheduled and looks_back(spec):
        return
    at = timedelta(0)
    for n in range(rng.randint(0 if scheduled else 1, 3)):
        yield Trigger(at=at, dag_id=spec.dag_id, run_id=f"r{n}")
        at += SECOND * round(rng.choice([0.01, 1, 10, 100]) * rng.uniform(1, 2), 3)


def _draw_quarrel(rng: Random, dags: tuple[DagSpec, ...], run: Trigger) -> list[Action]:
    """Several wishes about one task within moments, each while what the one before wanted is still going on."""
    tasks = next(d for d in dags if d.dag_id == run.dag_id).tasks
    first = [name for name, spec in tasks.items() if not spec.upstream]
    name = rng.choice(first if rng.random() < 0.6 else [*tasks])
    at, found = run.at + SECOND * round(rng.uniform(0.2, rng.choice([1, 4, 20])), 3), list[Action]()
    clears = rng.random() < 0.3
    for _ in range(rng.randint(2, 4)):
        where: dict[str, Any] = {"at": at, "dag_id": run.dag_id, "run_id": run.run_id}
        if clears:
            found.append(Clear(**where, tasks=(name,), downstream=rng.random() < 0.3))
        else:
            found.append(Mark(**where, state=rng.choice(["success", "failed"]), task_id=name))
        clears = not clears if rng.random() < 0.8 else clears
        at += SECOND * round(0.01 + 2 * rng.random() ** 3, 3)
    return found


def _draw_action(
    rng: Random, dags: tuple[DagSpec, ...], triggers: list[Trigger], pools: tuple[tuple[str, int], ...]
) -> Action:
    at = SECOND * round(rng.uniform(0, rng.choice([2, 20, 200])), 3)
    until = at + SECOND * round(rng.uniform(0.5, 60), 3)
    spec = rng.choice(dags)
    if not triggers or rng.random() < 0.5:
        if pools and rng.random() < 0.5:
            name, slots = rng.choice(pools)
            return Resize(at=at, until=until, pool=name, slots=rng.randint(0, slots + 2))
        return Pause(at=at, until=until, dag_id=spec.dag_id)
    run = rng.choice(triggers)
    where: dict[str, Any] = {"at": at, "dag_id": run.dag_id}
    names = list(next(d for d in dags if d.dag_id == run.dag_id).tasks)
    dice = rng.random()
    if dice < 0.4:
        upstream, downstream = rng.random() < 0.3, rng.random() < 0.6
        chosen = tuple(sorted(rng.sample(names, rng.randint(1, min(2, len(names))))))
        return Clear(**where, run_id=run.run_id, tasks=chosen, upstream=upstream, downstream=downstream)
    if dice < 0.8:
        name = rng.choice(names) if rng.random() < 0.8 else ""
        return Mark(**where, run_id=run.run_id, state=rng.choice(["success", "failed"]), task_id=name)
    match rng.randrange(3):
        case 0:
            return Edit(**where, drop=rng.choice(names))
        case 1:
            return Edit(**where, add=task(f"new{rng.randint(0, 9)}", upstream=(rng.choice(names),)))
        case _:
            return Edit(**where, retries=rng.randint(0, 4))


# --- as text -----------------------------------------------------------------------------------------------------


def _words(spec: Any, skip: tuple[str, ...]) -> str:
    defaults = _DEFAULTS.get(type(spec)) or _defaults(type(spec))
    pairs = {f.name: getattr(spec, f.name) for f in fields(spec) if f.name not in skip}
    return " ".join(f"{name}={_value(value)}" for name, value in pairs.items() if value != defaults[name])


def _value(value: Any) -> str:
    match value:
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M}"
        case timedelta():
            return f"{value.total_seconds():g}s"
        case TimetableSpec():
            kind = f"{value.kind} {value.summary}" if value.crons else value.kind
            return f"{kind}({_words(value, skip=('kind', 'summary', 'crons'))})"
        case TaskSpec():
            return f"({_task_words(value)})"
        case TriggerRule():
            return str(value)
        case _:
            return re.sub(r"\s+", " ", repr(value))


def _task_words(spec: TaskSpec) -> str:
    above = f" << {', '.join(spec.upstream)}" if spec.upstream else ""
    over = (
        [str(length.length) if length.kind == "literal" else length.task_id for _, length in spec.map.inputs]
        if spec.map
        else []
    )
    mapped = f" map({' x '.join(over)})" if over else ""
    words = _words(spec, skip=("task_id", "upstream", "map"))
    return f"{spec.task_id}{above}{mapped}{': ' if words else ''}{words}"


def _action_words(action: Action) -> str:
    rest = _words(action, skip=("at",))
    return f"at {_value(action.at)} {type(action).__name__.lower()} {rest}"
