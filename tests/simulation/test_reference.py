"""The reference model against known answers, and against the scheduler's core playing the same workloads."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

import pytest

from tradewind.core import inputs as i
from tradewind.core.dag import DagSpec
from tradewind.core.errors import TradewindError
from tradewind.core.records import Attempt
from tradewind.core.states import RunType, TriggerRule
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.simulation import expected, reference
from tradewind.testing.simulation.judge import Actual, differences
from tradewind.testing.simulation.reference import Ending, final_states, verdicts
from tradewind.testing.simulation.workload import (
    BEGIN,
    Clear,
    Edit,
    Mark,
    Outcome,
    Pause,
    Resize,
    RunKey,
    Trigger,
    Workload,
    draw_workload,
    related,
)
from tradewind.testing.world import Play

NOW, HOUR = timedelta(0), timedelta(hours=1)
S, F, K, U = "success", "failed", "skipped", "upstream_failed"
R = S
"""It runs, and succeeds."""


class Player:
    """Plays a workload without faults: every attempt begins and ends as its script says, a little late at times."""

    def __init__(self, workload: Workload, random: Random) -> None:
        self.workload, self.random = workload, random
        self.play = play = Play(capacity=random.choice([3, 30]), now=BEGIN, check=random.random() < 0.3)
        self.todo: list[tuple[timedelta, int, Callable[[], None]]] = []
        self.sequence = self.offered = self.stopped = 0
        for name, slots in workload.pools:
            play.set_pool(name, slots)
        for spec in workload.dags:
            play.load(spec)
        for action in workload.actions:
            self.at(action.at, lambda action=action: self.act(action))

    def at(self, when: timedelta, do: Callable[[], None]) -> None:
        self.sequence += 1
        heappush(self.todo, (when, self.sequence, do))

    @property
    def now(self) -> timedelta:
        return self.play.now - BEGIN

    def to_the_end(self) -> dict[RunKey, Actual]:
        play = self.play
        for _ in range(100_000):
            self.follow()
            timer = play.world.next_timer()
            if self.todo and (timer is None or BEGIN + self.todo[0][0] <= timer):
                at, _, do = heappop(self.todo)
                play.now = max(play.now, BEGIN + at)
                do()
            elif timer is not None:
                play.now = max(play.now, timer)
                play.advance(seconds=0)
            else:
                return self.actual()
        raise AssertionError("it never ends")

    def follow(self) -> None:
        """The worker takes what was offered and stops what was to be stopped."""
        play = self.play
        if len(play.tasks) > 300:
            play.check = False
        for attempt in play.offered[self.offered :]:
            delay = timedelta(milliseconds=self.random.choice([0, 1, 20, 3000]))
            self.at(self.now + delay, lambda attempt=attempt: self.begin(attempt))
        for attempt in play.stopped[self.stopped :]:
            self.at(self.now, lambda attempt=attempt: self.report(attempt, Outcome(end="cancelled", lasts=NOW)))
        self.offered, self.stopped = len(play.offered), len(play.stopped)

    def begin(self, attempt: Attempt) -> None:
        if attempt.id not in self.play.world.attempts:
            return
        self.play.give(i.AttemptStarted(attempt=attempt.id, start_date=self.play.now))
        run = self.play.runs[attempt.key.run]
        task_id, map_index = attempt.key[1:]
        outcome = self.workload.outcome(run.dag_id, run.run_id, task_id, map_index, attempt.try_number, attempt.leg)
        spec = self.play.world.plans[run.dag_id].spec.tasks.get(task_id)
        if outcome.end == "never":
            if spec is None or not spec.execution_timeout_seconds:
                return
            outcome = Outcome(end="failed", lasts=timedelta(seconds=spec.execution_timeout_seconds))
        self.at(self.now + outcome.lasts, lambda: self.report(attempt, outcome))

    def report(self, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.id not in self.play.world.attempts:
            return
        value = () if outcome.length is None else (i.XCom(name="return_value", value=b"[]", length=outcome.length),)
        again = self.play.now + outcome.again if outcome.end == "rescheduled" else None
        defer = i.Defer(classpath="x", method="go_on", at=self.play.now + outcome.again)
        self.play.report(
            attempt, outcome.end, xcoms=value, skip=outcome.skip, reschedule_at=again,
            defer=defer if outcome.end == "deferred" else None,
        )  # fmt: skip

    def act(self, action: Any) -> None:
        play = self.play
        run = next((r for r in play.runs.values() if (r.dag_id, r.run_id) == self.named(action)), None)
        try:
            match action:
                case Trigger(dag_id=dag_id, run_id=run_id):
                    play.give(i.CreateRun(dag_id=dag_id, run_type=RunType.MANUAL, run_id=run_id))
                case Pause(dag_id=dag_id):
                    play.pause(dag_id)
                    self.at(action.until, lambda: play.unpause(dag_id))
                case Resize(pool=pool):
                    play.set_pool(pool, action.slots)
                    self.at(action.until, lambda: play.set_pool(pool, dict(self.workload.pools)[pool]))
                case Edit(dag_id=dag_id):
                    play.load(next(s for at, s in self.workload.versions(dag_id) if at == action.at and s.description))
                case Clear() if run is not None:
                    spec = play.world.plans[run.dag_id].spec
                    play.clear(
                        related(spec, action.tasks, upstream=action.upstream, downstream=action.downstream), run=run
                    )
                case Mark(task_id="") if run is not None:
                    play.mark_run(action.state, run=run)
                case Mark() if run is not None:
                    there = [k for k in play.tasks if k.run == run.number and k.task_id == action.task_id]
                    if there:
                        play.mark(action.task_id, action.state, min(there).map_index, run=run)
        except TradewindError as refused:
            raise AssertionError(f"{action}: {refused}") from refused

    def named(self, action: Any) -> tuple[str, str]:
        return getattr(action, "dag_id", ""), getattr(action, "run_id", "")

    def actual(self) -> dict[RunKey, Actual]:
        play = self.play
        found: dict[RunKey, Actual] = {}
        for number, run in play.runs.items():
            tasks = {(k.task_id, k.map_index): t.state.value for k, t in play.tasks.items() if k.run == number}
            found[RunKey(run.dag_id, run.run_id)] = (run.state.value, tasks)
        return found


def minimal(workload: Workload, fails: Callable[[Workload], bool]) -> Workload:
    """The smallest workload that still fails."""
    for item in workload.items():
        if item in workload.items() and fails(smaller := workload.without(item)):
            return minimal(smaller, fails)
    return workload


def wrong(workload: Workload, seed: int) -> list[str]:
    """Where core, playing this workload, and the model differ; what core itself refuses is a difference too."""
    try:
        return differences(final_states(workload), Player(workload, Random(seed)).to_the_end())
    except AssertionError as broken:
        return [str(broken)]


# --- known answers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told(Workload):
    """A workload whose tries end as the test says: by `run/task`, `task[index]` or `task`; success else."""

    ends: Mapping[str, str | Outcome]

    def outcome(self, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, leg: int = 0) -> Outcome:
        names = (f"{run_id}/{task_id}", f"{task_id}[{map_index}]", task_id)
        end = next((self.ends[name] for name in names if name in self.ends), S)
        if isinstance(end, Outcome):
            return end
        count, _, then = end.partition(" x failed, then ")
        return Outcome(end=end if not then else "failed" if try_number <= int(count) else then, lasts=timedelta(0))


def told(spec: DagSpec, ends: Mapping[str, str | Outcome], runs: Iterable[str] = ("r0",)) -> Told:
    triggers = tuple(Trigger(at=timedelta(seconds=n), dag_id=spec.dag_id, run_id=run) for n, run in enumerate(runs))
    return Told(key="", trouble=1.0, dags=(spec,), actions=triggers, ends=ends)


def value(length: int | None = None, skip: tuple[str, ...] = ()) -> Outcome:
    return Outcome(end=S, lasts=timedelta(0), length=length, skip=skip)


def of_run(workload: Workload, run: str = "r0") -> dict[str, str]:
    """The model's answer for one run as text; `/` separates what is permitted, "" is the run itself."""
    ending = final_states(workload)[RunKey("etl", run)]
    assert ending is not None
    name = "{0[0]}[{0[1]}]".format
    tasks = {t[0] if t[1] < 0 else name(t): "/".join(sorted(v)) for t, v in sorted(ending.tasks.items())}
    return {"": "/".join(sorted(ending.run)), **tasks}


@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        ("all_success", {"s": R, "ss": R, "sf": U, "u": U, "k": K, "sk": K, "fk": f"{K}/{U}", "uk": f"{K}/{U}"}),
        ("all_failed", {"ff": R, "fu": R, "fs": K, "fk": K}),
        ("all_done", {"sfku": R}),
        ("all_done_min_one_success", {"sf": R, "su": R, "ff": U, "fu": U, "sk": K, "fk": K}),
        ("all_done_setup_success", {"sf": R, "fku": R}),
        ("one_success", {"sf": R, "sk": R, "fk": U, "ff": U, "kk": K}),
        ("one_failed", {"fs": R, "us": R, "ss": K, "sk": K}),
        ("one_done", {"sk": R, "fk": R, "kk": K, "uk": K, "uu": K}),
        ("none_failed", {"sk": R, "kk": R, "sf": U, "ku": U}),
        ("none_failed_min_one_success", {"sk": R, "kk": K, "sf": U, "ku": U}),
        ("none_skipped", {"sf": R, "uf": R, "sk": K}),
        ("all_skipped", {"kk": R, "ks": K, "kf": K, "ku": K}),
        ("always", {"sfku": R}),
    ],
)
def test_a_trigger_rule_has_the_answers_of_the_table(rule: str, answers: dict[str, str]) -> None:
    found = {}
    for ends in answers:
        names = [f"t{n}" for n in range(len(ends))]
        chains = [f"boss >> {name}" for name, end in zip(names, ends, strict=True) if end == "u"]
        spec = dag("; ".join([f"[{', '.join(names)}] >> last", *chains]), tasks={"last": {"trigger_rule": rule}})
        letters = {name: {"s": S, "f": F, "k": K, "u": S}[end] for name, end in zip(names, ends, strict=True)}
        found[ends] = of_run(told(spec, {**letters, "boss": F}))["last"]
    assert found == answers


def test_a_rule_that_can_say_early_says_so_while_upstream_is_open() -> None:
    early = {rule: verdicts(rule, frozenset({"none", S, F, K})) for rule in map(str, TriggerRule)}
    waits = {rule for rule, answer in early.items() if answer == {"none"}}
    assert waits == {"all_done", "all_done_setup_success"}
    assert early["one_success"] == early["one_failed"] == early["one_done"] == early["always"] == {"run"}
    only_skips = {rule for rule in early if verdicts(rule, frozenset({"none", K})) == {K}}
    assert only_skips == {"all_success", "all_failed", "all_done_min_one_success", "none_skipped"}


KNOWN = {
    "a failure before the last try is no end": (
        dag("a >> b", retries=2), {"a": f"2 x failed, then {S}"}, {"": S, "a": S, "b": S}),
    "retries run out": (dag("a >> b", retries=2), {"a": f"3 x failed, then {S}"}, {"": F, "a": F, "b": U}),
    "failing for good takes no retry": (
        dag("a >> b", retries=2), {"a": "failed_for_good"}, {"": F, "a": F, "b": U}),
    "a try that outlasts its execution timeout has failed": (
        dag("a", retries=1, execution_timeout_seconds=5), {"a": "never"}, {"": F, "a": F}),
    "a run is as its leaves are": (
        dag("a >> b", tasks={"b": {"trigger_rule": "all_done"}}), {"a": F}, {"": S, "a": F, "b": S}),
    "an empty operator is a success": (dag("a", never_sent=True), {"a": F}, {"": S, "a": S}),
    "a branch skips what it did not choose": (
        dag("a >> [b, c] >> d", tasks={"a": {"skips_downstream": True}, "d": {"trigger_rule": "none_failed"}}),
        {"a": value(skip=("c",))}, {"": S, "a": S, "b": S, "c": K, "d": S}),
    "a short circuit skips its whole subtree whatever the rules say": (
        dag("a >> b >> c", tasks={"a": {"skips_downstream": True}, "c": {"trigger_rule": "all_done"}}),
        {"a": value(skip=("b", "c"))}, {"": S, "a": S, "b": K, "c": K}),
    "what could end before the branch may have": (
        dag("[a, x] >> b", tasks={"a": {"skips_downstream": True}, "b": {"trigger_rule": "one_success"}}),
        {"a": value(skip=("b",))}, {"": S, "a": S, "b": f"{K}/{S}", "x": S}),
    "a failed branch decides nothing": (
        dag("a >> b", tasks={"a": {"skips_downstream": True}}), {"a": F}, {"": F, "a": F, "b": U}),
    "a literal map is expanded from the start": (
        dag("a >> m", tasks={"m": {"map": expand(x=2)}}), {"a": F}, {"": F, "a": F, "m[0]": U, "m[1]": U}),
    "a map is as long as the value": (
        dag("a >> m >> z", tasks={"m": {"map": expand(x="a", y=2)}}), {"a": value(1), "m[1]": F},
        {"": F, "a": S, "m[0]": S, "m[1]": F, "z": U}),
    "a map over nothing is skipped": (
        dag("a >> m >> z", tasks={"m": {"map": expand(x="a")}}), {"a": value(0)}, {"": S, "a": S, "m": K, "z": K}),
    "a literal map of nothing is skipped": (dag("m", tasks={"m": {"map": expand(x=0)}}), {}, {"": S, "m": K}),
    "a map over a missing value has failed upstream": (
        dag("a >> m", tasks={"m": {"map": expand(x="a")}}), {"a": value(None)}, {"": F, "a": S, "m": U}),
    "a map over a mapped task is as long as the values it left": (
        dag("m >> n", tasks={"m": {"map": expand(x=3)}, "n": {"map": expand(x="m"), "trigger_rule": "none_failed"}}),
        {"m": value(1), "m[1]": K}, {"": S, "m[0]": S, "m[1]": K, "m[2]": S, "n[0]": S, "n[1]": S}),
    "a map waits for its values though its rule says yes": (
        dag("a >> m", tasks={"m": {"map": expand(x="a"), "trigger_rule": "always"}}), {"a": value(2)},
        {"": S, "a": S, "m[0]": S, "m[1]": S}),
    "fail_fast skips what follows, and may stop what runs": (
        dag("o >> a >> b; o >> c", fail_fast=True), {"a": F},
        {"": f"{F}/{S}", "a": F, "b": K, "c": f"{F}/{K}/{S}", "o": S}),
    "a run that outlasts its timeout has failed": (
        dag("a >> b", dagrun_timeout_seconds=9), {"a": "never"}, {"": F, "a": K, "b": K}),
    "a teardown runs after a failure and does not count": (
        dag("up >> w >> down; up >> down", tasks={
            "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}}),
        {"w": F, "down": F}, {"": F, "down": F, "up": S, "w": F}),
    "a teardown of a failed setup does not run": (
        dag("up >> w >> down; up >> down", tasks={
            "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}}),
        {"up": F}, {"": F, "down": U, "up": F, "w": U}),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_the_model_knows_that(name: str) -> None:
    spec, ends, answer = KNOWN[name]
    assert of_run(told(spec, ends)) == answer


@pytest.mark.parametrize("name", KNOWN)
def test_core_agrees_that(name: str) -> None:
    spec, ends, _ = KNOWN[name]
    assert wrong(told(spec, ends), 0) == []


def test_a_task_waits_for_ever_for_itself_in_a_past_that_failed() -> None:
    spec = dag("a >> b", tasks={"a": {"depends_on_past": True}})
    workload = told(spec, {"r1/a": F}, ["r0", "r1", "r2", "r3"])
    assert of_run(workload, "r1") == {"": F, "a": F, "b": U}
    assert of_run(workload, "r2") == of_run(workload, "r3") == {"": "running", "a": "none", "b": "none"}
    assert wrong(workload, 0) == []


@pytest.mark.parametrize(("end", "answer"), [(K, S), (F, "none")])
def test_waiting_for_downstream_means_the_tasks_after_it_too(end: str, answer: str) -> None:
    workload = told(dag("a >> b", tasks={"a": {"wait_for_downstream": True}}), {"r0/b": end}, ["r0", "r1"])
    assert of_run(workload, "r1")["a"] == answer
    assert wrong(workload, 0) == []


def test_the_order_of_creation_decides_which_run_is_the_one_before() -> None:
    workload = told(dag("a", tasks={"a": {"depends_on_past": True}}), {"r0/a": F}, ["r0", "r1"])
    first, second = RunKey("etl", "r0"), RunKey("etl", "r1")
    turned = final_states(workload, order=[second, first])
    assert (turned[second], turned[first]) == (Ending(frozenset({S}), {("a", -1): frozenset({S})}),
                                               Ending(frozenset({F}), {("a", -1): frozenset({F})}))  # fmt: skip


def test_a_lost_task_may_have_failed_and_what_follows_with_it() -> None:
    found = final_states(told(dag("a >> b"), {}), lost=[("etl", "r0", "a", -1)])[RunKey("etl", "r0")]
    assert found == Ending(frozenset({F, S}), {("a", -1): frozenset({F, S}), ("b", -1): frozenset({U, S})})


def test_a_schedule_with_catchup_has_a_run_for_every_tick() -> None:
    hours = {"timetable": every(hours=1), "start_date": BEGIN - 2 * HOUR, "end_date": BEGIN, "catchup": True}
    workload = told(dag("a", **hours), {}, [])
    assert [key.run_id[-14:-9] for key in final_states(workload)] == ["22:00", "23:00", "00:00"]
    assert wrong(workload, 0) == []
    due_at_its_end = told(dag("a", **{**hours, "timetable": every(hours=1, data_interval=True)}), {}, [])
    assert [key.run_id[-14:-9] for key in final_states(due_at_its_end)] == ["23:00", "00:00", "01:00"]
    assert wrong(due_at_its_end, 0) == []


def test_a_schedule_makes_no_more_runs_while_as_many_as_may_be_wait_for_their_past() -> None:
    spec = dag("a", max_active_runs=2, timetable=every(hours=1), start_date=BEGIN - 3 * HOUR, end_date=BEGIN,
               catchup=True, tasks={"a": {"depends_on_past": True}})  # fmt: skip
    runs = [ending.run for ending in final_states(told(spec, {"a": F}, [])).values() if ending]
    assert runs == [{F}, {"running"}, {"running"}, {"absent"}]
    assert wrong(told(spec, {"a": F}, []), 0) == []


def test_runs_that_people_have_touched_are_left_open_and_so_is_what_looks_back_at_them() -> None:
    past = dag("a", tasks={"a": {"depends_on_past": True}})
    for spec, open_runs in ((dag("a"), ["r1"]), (past, ["r1", "r2"])):
        workload = told(spec, {}, ["r0", "r1", "r2"])
        mark = Mark(at=timedelta(seconds=5), dag_id="etl", run_id="r1", state="failed", task_id="a")
        found = final_states(replace(workload, actions=(*workload.actions, mark)))
        assert [key.run_id for key, ending in found.items() if ending is None] == open_runs


@pytest.mark.parametrize("change", ["run", "task", "more", "fewer", "unknown run"])
def test_a_difference_is_seen(change: str) -> None:
    key, tasks = RunKey("etl", "r0"), {("a", -1): S, ("b", -1): S}
    actual: dict[RunKey, Actual] = {key: (F if change == "run" else S, tasks)}
    expected = final_states(told(dag("a >> b"), {}))
    match change:
        case "task":
            tasks["b", -1] = F
        case "more":
            tasks["b", 0] = S
        case "fewer":
            del tasks["b", -1]
        case "unknown run":
            actual[RunKey("etl", "r9")] = (S, {})
    assert len(differences(expected, actual)) == 1
    assert not differences(expected, {key: (S, {("a", -1): S, ("b", -1): S})})


# --- drawn workloads ---------------------------------------------------------------------------------------------


def drawn(seed: int) -> Workload:
    random = Random(seed)
    return draw_workload(random, random.choice([6, 12, 20]))


@pytest.mark.parametrize("seeds", [range(n, n + 20) for n in range(0, 200, 20)], ids=str)
def test_core_and_model_agree_about_drawn_workloads(seeds: range) -> None:
    for seed in seeds:
        if found := wrong(drawn(seed), seed):
            small = minimal(drawn(seed), lambda workload, seed=seed: bool(wrong(workload, seed)))
            raise AssertionError("\n".join([f"seed {seed}", repr(small), *wrong(small, seed), "whole:", *found[:9]]))


def test_the_model_leaves_little_open() -> None:
    endings = [ending for seed in range(100) for ending in final_states(drawn(seed)).values()]
    states = [len(v) for ending in endings if ending for v in ending.tasks.values()]
    assert sum(ending is not None for ending in endings) > 0.6 * len(endings)
    assert states.count(1) > 0.85 * len(states)


def test_the_model_is_small_and_decides_without_the_core() -> None:
    """At most 200 lines of code, and of the core only the words in which a Dag is written down."""
    lines, imported = 0, set[str]()
    for module in (reference, expected):
        tree = ast.parse(inspect.getsource(module))
        nodes = list(ast.walk(tree))
        texts = {id(n.value) for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
        told = [n for n in nodes if isinstance(n, ast.expr | ast.stmt | ast.arg) and id(n) not in texts]
        told = [n for n in told if not (isinstance(n, ast.Expr) and id(n.value) in texts)]
        lines += len({line for n in told for line in (n.lineno, n.end_lineno)})
        imported |= {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    assert lines <= 200
    assert {name for name in imported if name.startswith("tradewind.")} == {
        "tradewind.core.dag", "tradewind.testing.simulation.expected", "tradewind.testing.simulation.workload",
    }  # fmt: skip
