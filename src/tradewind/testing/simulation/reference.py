"""The reference model: how every run of a workload has to end, worked out by brute force.

It shares no code with the scheduler's decisions. States are plain text, every rule is said once more in its simplest
form, and all tasks of a run are looked at again and again until nothing changes. It knows no time: where an end depends
on what came first, it says every state that is permitted; the fewer these are, the sharper the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.testing.simulation.expected import runs_of
from tradewind.testing.simulation.workload import Clear, Edit, Mark, RunKey, Workload, related, sources

S, K, F, U, NONE, RUNNING, ABSENT = "success", "skipped", "failed", "upstream_failed", "none", "running", "absent"
BAD, OPEN, PASSED = frozenset({F, U}), frozenset({NONE, RUNNING}), frozenset({S, K, ABSENT})
Permitted = frozenset[str]  # the states that something may have in the end; `absent`: there may be no such instance
NOTHING: Permitted = frozenset()
Ends = dict[int, Permitted]  # of one task, by map index


class Ending(NamedTuple):
    """How a run may end: its own permitted states, and those of its instances by (task_id, map_index)."""

    run: Permitted
    tasks: Mapping[tuple[str, int], Permitted]


def final_states(
    workload: Workload, *, lost: Collection[tuple[str, str, str, int]] = (), order: Sequence[RunKey] = ()
) -> dict[RunKey, Ending | None]:
    """The permitted end of every run that there must be; None for those that clear, mark or edit have touched.

    `lost` instances may have failed because their workers went; `order` is that in which the runs were created.
    """
    touched = {RunKey(a.dag_id, a.run_id) for a in workload.actions if isinstance(a, Clear | Mark)}
    edited = {a.dag_id for a in workload.actions if isinstance(a, Edit)}
    found: dict[RunKey, Ending | None] = {}
    for spec in workload.dags:
        looks_back = any(t.depends_on_past or t.wait_for_downstream for t in spec.tasks.values())
        before: Ending | None = None
        stuck = maybe_stuck = 0
        runs = runs_of(workload, spec)
        for n, key in enumerate(sorted(runs, key=order.index) if order else runs):
            unknown = spec.dag_id in edited or key in touched or any(t.mapped_group for t in spec.tasks.values())
            if unknown or (looks_back and n and before is None):
                found[key] = before = None
                continue
            ending = _Run(workload, spec, key, before, {x[2:] for x in lost if x[:2] == key}).ending()
            if spec.timetable.kind != "never" and maybe_stuck >= spec.max_active_runs:
                # The timetable makes no further run while as many as may be active are.
                made = NOTHING if stuck >= spec.max_active_runs else ending.run
                ending = Ending(made | {ABSENT}, ending.tasks)
            found[key] = before = ending
            stuck, maybe_stuck = stuck + (ending.run == {RUNNING}), maybe_stuck + (RUNNING in ending.run)
    return found


def verdicts(rule: str, seen: Permitted, setups: Permitted = NOTHING) -> set[str]:
    """What becomes of a task with upstream in these states, however many: `run`, `none` (it waits), or a state."""
    return _RULES[rule](seen, setups) if seen else {"run"}


def _last(seen: Permitted) -> set[str]:
    return {NONE} if seen & OPEN else {"run"}


_RULES: dict[str, Callable[[Permitted, Permitted], set[str]]] = {
    "always": lambda s, _: {"run"},
    # Whichever of a failure and a skip came first has decided.
    "all_success": lambda s, _: ({U} if s & BAD else set()) | ({K} if K in s else set()) or _last(s),
    "all_failed": lambda s, _: {K} if s & {S, K} else _last(s),
    "all_done": lambda s, _: _last(s),
    "all_done_min_one_success": lambda s, _: {K} if K in s else _last(s) if s & (OPEN | {S}) else {U},
    "all_done_setup_success": lambda s, up: _last(s) if s & OPEN or not up or S in up else {K} if up == {K} else {U},
    "one_success": lambda s, _: {"run"} if S in s else {NONE} if s & OPEN else {K} if s == {K} else {U},
    "one_failed": lambda s, _: {"run"} if s & BAD else {NONE} if s & OPEN else {K},
    "one_done": lambda s, _: {"run"} if s & {S, F} else {NONE} if s & OPEN else {K},
    "none_failed": lambda s, _: {U} if s & BAD else _last(s),
    "none_failed_min_one_success": lambda s, _: {U} if s & BAD else _last(s) if s & (OPEN | {S}) else {K},
    "none_skipped": lambda s, _: {K} if K in s else _last(s),
    "all_skipped": lambda s, _: {K} if s & (BAD | {S}) else _last(s),
}


class _Run:
    """One run, worked out. `before` is the one before it, `lost` its instances that may have failed."""

    def __init__(self, workload: Workload, spec: DagSpec, key: RunKey, before: Ending | None, lost: set[Any]) -> None:
        self.workload, self.spec, self.key, self.before, self.lost = workload, spec, key, before, lost
        self.tasks, self.down = spec.tasks, spec.downstream()
        self.worlds: dict[frozenset[str], dict[str, Ends]] = {}
        self.known: dict[tuple[str, int], tuple[Permitted, int | None, tuple[str, ...]]] = {}

    def ending(self) -> Ending:
        ends = self.failing_fast(self.world(NOTHING)) if self.spec.fail_fast else self.world(NOTHING)
        quiet = {t for t, spec in self.tasks.items() if spec.is_teardown and not spec.on_failure_fail_dagrun}
        leaves = [v for t in ends if t not in quiet and quiet.issuperset(self.down[t]) for v in ends[t].values()]
        everything = [v for of_task in ends.values() for v in of_task.values()]
        run = {F for v in leaves if v & BAD} | ({S} if not any(v <= BAD for v in leaves) else set())
        if any(v & OPEN for v in everything):
            run = {RUNNING} | (set() if any(v <= OPEN for v in everything) else run)
        if self.spec.dagrun_timeout_seconds:
            run = {F} | (run - {RUNNING})
            ends = {t: {i: v - OPEN | {K} for i, v in self.or_unexpanded(t, of).items()} for t, of in ends.items()}
        return Ending(frozenset(run), {(t, i): v for t, of_task in ends.items() for i, v in of_task.items()})

    def world(self, held: frozenset[str]) -> dict[str, Ends]:
        """Every task's permitted ends, were the `held` ones never to begin."""
        if held not in self.worlds:
            ends = {t: self.unexpanded(t, NONE) for t in self.tasks}
            while (new := {t: self.task(t, ends, held) for t in self.tasks}) != ends:
                ends = new
            self.worlds[held] = ends
        return self.worlds[held]

    def task(self, t: str, ends: dict[str, Ends], held: frozenset[str]) -> Ends:
        if t in held:
            return self.unexpanded(t, NONE)
        found: Ends = {}
        for verdict in self.rule(self.tasks[t], ends):
            found = _either(found, self.started(t, ends) if verdict == "run" else self.unexpanded(t, verdict))
        for b, decider in self.tasks.items():
            if decider.skips_downstream and S in ends[b][-1] and t in self.end(b, -1)[2]:
                # It is skipped when that branch ends, unless it was over before.
                early = {i: v - OPEN | {K} for i, v in self.world(held | {b})[t].items()}
                decided = _either(early, self.unexpanded(t, K))
                found = decided if ends[b][-1] == {S} else _either(found, decided)
        return found

    def rule(self, spec: TaskSpec, ends: dict[str, Ends]) -> set[str]:
        seen = {(NOTHING, NOTHING)}
        for above in spec.upstream:
            setup = self.tasks[above].is_setup
            together = _together(ends[above].values())
            seen = {(some | more, setups | (more if setup else NOTHING)) for some, setups in seen for more in together}
        return {verdict for states, setups in seen for verdict in verdicts(str(spec.trigger_rule), states, setups)}

    def started(self, t: str, ends: dict[str, Ends]) -> Ends:
        """Its trigger rule says yes: its past, its expansion, and its own tries."""
        past = self.past(t)
        found = self.unexpanded(t, NONE) if False in past else {}
        lengths = [self.lengths(name, ends) for name in sources(self.tasks[t])]
        for known in product(*lengths) if True in past else ():
            missing = NONE if "wait" in known else U if None in known else K
            count = 0 if {"wait", None} & set(known) else prod(known) * self.literal(t)
            each = {i: self.end(t, i)[0] for i in (range(count) if self.tasks[t].map else (-1,))}
            found = _either(found, each or {-1: frozenset({missing})})
        return found

    def lengths(self, source: str, ends: dict[str, Ends]) -> list[Any]:
        """How long the value may be that a task leaves: numbers, None for no value, `wait` while it is not over."""
        states = ends[source]
        found: list[Any] = ["wait"] if any(v & OPEN for v in states.values()) else []
        if self.tasks[source].map is None:
            found += [self.end(source, -1)[1]] if S in states[-1] else []
            return found + ([None] if states[-1] - OPEN - {S} else [])
        values = [v for i, v in states.items() if S in v and self.end(source, i)[1] is not None]
        never = any(v <= OPEN for v in states.values())
        return found + ([] if never else list(range(sum(v == {S} for v in values), len(values) + 1)))

    def past(self, t: str) -> set[bool]:
        """Whether depends_on_past and wait_for_downstream may be met, and whether they may not."""
        spec = self.tasks[t]
        if self.before is None or not (spec.depends_on_past or spec.wait_for_downstream):
            return {True}
        names = {t, *(self.down[t] if spec.wait_for_downstream else ())}
        seen = [v for (name, _), v in self.before.tasks.items() if name in names]
        return {False} if any(not v & PASSED for v in seen) else {True, all(v <= PASSED for v in seen)}

    def end(self, t: str, i: int) -> tuple[Permitted, int | None, tuple[str, ...]]:
        """An instance that starts: how it ends after all its tries, the length it leaves, whom it skips."""
        if (t, i) not in self.known:
            spec = self.tasks[t]
            last = self.workload.outcome(*self.key, t, i, spec.retries + 1)  # what ends sooner ends the same way
            state = last.end.removesuffix("_for_good")
            if last.end == "never":
                state = F if spec.execution_timeout_seconds else RUNNING
            ends = frozenset({state, F} if (t, i) in self.lost else {state})
            self.known[t, i] = (frozenset({S}), None, ()) if spec.never_sent else (ends, last.length, last.skip)
        return self.known[t, i]

    def failing_fast(self, ends: dict[str, Ends]) -> dict[str, Ends]:
        """The first task that fails stops all others. Which one is first may be open, and how far they came."""
        fails = {(t, i): v for t, of_task in ends.items() for i, v in of_task.items() if F in v}
        after = {t: related(self.spec, [t], downstream=True) - {t} for t in self.tasks}
        held = self.world(frozenset(name for name, _ in fails))  # what is decided before any of them fails
        found = {}
        for t, of_task in ends.items():
            early = self.unexpanded(t, U) if any(U in v for v in held[t].values()) else {}
            stopped = {i: v | {F, K} for i, v in self.or_unexpanded(t, of_task).items()}
            alone = {i: v for (name, i), v in fails.items() if name == t and v == {F} and len(fails) == 1}
            never = any(v == {F} and t in after[name] for (name, _), v in fails.items())
            before = all(name in after[t] for name, _ in fails)  # it is over before any of them begins
            found[t] = _either(self.unexpanded(t, K), early) if never else of_task if before else stopped | alone
        return found

    def or_unexpanded(self, t: str, of_task: Ends) -> Ends:
        """The same ends, or skipped before it expanded."""
        return _either(of_task, self.unexpanded(t, K)) if sources(self.tasks[t]) else of_task

    def literal(self, t: str) -> int:
        """The part of a task's number of instances that the Dag file alone says."""
        spec = self.tasks[t]
        return prod(length.length for _, length in spec.map.inputs if length.kind == "literal") if spec.map else 1

    def unexpanded(self, t: str, state: str) -> Ends:
        """All instances that the task has before its upstream is looked at, in this state."""
        count = self.literal(t) if self.tasks[t].map and not sources(self.tasks[t]) else 0
        return dict.fromkeys(range(count) or (-1,), frozenset({state}))


def _either(a: Ends, b: Ends) -> Ends:
    absent = frozenset({ABSENT})
    return {i: a.get(i, absent) | b.get(i, absent) for i in a.keys() | b.keys()} if a and b else a or b


def _together(instances: Iterable[Permitted]) -> set[Permitted]:
    """Which states may be seen together among these instances of one task."""
    seen = {NOTHING}
    for permitted, count in Counter(instances).items():
        for _ in range(min(count, len(permitted))):
            seen = {some | {state} - {ABSENT} for some in seen for state in permitted}
    return seen - {NOTHING}
