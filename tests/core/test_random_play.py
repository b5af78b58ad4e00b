"""Random Dags under random events, held against the rules said once more in their simplest form."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.states import FINISHED, TriggerRule
from tradewind.testing.builders import dag, expand
from tradewind.testing.world import Play

RULES = [str(rule) for rule in TriggerRule if rule != "all_done_setup_success"]
S, F, K, U = "success", "failed", "skipped", "upstream_failed"


class Story:
    """A random Dag, and how each of its tasks is going to end. All of it follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        names = [f"t{n}" for n in range(random.randint(2, 9))]
        chains = [f"{random.choice(names[:n])} >> {name}" for n, name in enumerate(names) if n for _ in range(2)]
        own: dict[str, dict[str, Any]] = {}
        for n, name in enumerate(names):
            own[name] = {"trigger_rule": random.choice(RULES) if random.random() < 0.5 else "all_success"}
            own[name]["effective_weight"] = random.randint(1, 5)
            own[name]["pool_slots"] = random.choice([1, 1, 2])
            own[name]["never_sent"] = random.random() < 0.15
            above = {c.split(" >> ")[0] for c in chains if c.endswith(f">> {name}")}
            sources = sorted(a for a in above if "map" not in own[a] and not own[a]["never_sent"])
            if n and sources and random.random() < 0.35:
                own[name]["map"] = expand(x=random.choice([*sources, 2]))
        self.lengths = {name: random.choice([0, 1, 2, 3, None]) for name in names}
        limits = {"max_active_tasks": random.choice([1, 2, 16]), "max_active_runs": random.choice([1, 2, 16])}
        edges = "; ".join([*names, *chains])
        self.spec: DagSpec = dag(edges, tasks=own, retries=50, retry_delay_seconds=10, pool="p", **limits)
        self.ends = {
            (name, index): random.choices(["success", "failed_for_good", "skipped"], [8, 1, 1])[0]
            for name in names
            for index in range(-1, 4)
        }

    def end(self, task_id: str, map_index: int) -> str:
        if self.spec.tasks[task_id].never_sent:
            return S
        return {"success": S, "failed_for_good": F, "skipped": K}[self.ends[task_id, map_index]]


def verdicts(rule: str, states: list[str]) -> set[str]:
    """What the published table allows, once all of the upstream has ended."""
    s, k, f, u = (states.count(x) for x in (S, K, F, U))
    bad, n = f + u, len(states)
    if not n or rule in ("always", "all_done"):
        return {"run"}
    match rule:
        case "all_success":  # whichever of a skip and a failure came first decided
            return {U, K} if bad and k else {U} if bad else {K} if k else {"run"}
        case "all_failed":
            return {K} if s or k else {"run"}
        case "all_done_min_one_success":
            return {K} if k else {"run"} if s else {U}
        case "one_success":
            return {"run"} if s else {K} if k == n else {U}
        case "one_failed":
            return {"run"} if bad else {K}
        case "one_done":
            return {"run"} if s + f else {K}
        case "none_failed":
            return {U} if bad else {"run"}
        case "none_failed_min_one_success":
            return {U} if bad else {"run"} if s else {K}
        case "none_skipped":
            return {K} if k else {"run"}
        case "all_skipped":
            return {K} if s or bad else {"run"}
    raise AssertionError(rule)


def act(play: Play, story: Story) -> None:
    """One random event."""
    random = story.random
    active = list(play.world.attempts.values())
    dice = random.random()
    if dice < 0.55 and active:
        attempt = random.choice(active)
        end = story.ends[attempt.key.task_id, attempt.key.map_index]
        run = play.runs[attempt.key.run]
        where = (attempt.key.task_id, attempt.key.map_index)
        if attempt.cancel:
            play.report(attempt, random.choice(["cancelled", "success", "lost"]))
        elif random.random() < 0.15:
            play.end(where[0], random.choice(["failed", "lost", "not_started"]), where[1], run=run)
        elif end == "success":
            length = story.lengths[where[0]]
            play.succeed(*where, run=run, value=None if length is None else list(range(length)))
        else:
            play.end(where[0], end, where[1], run=run)
    elif dice < 0.62 and active:
        play.begin(*active[0].key[1:], run=play.runs[active[0].key.run])
    elif dice < 0.66:
        play.lose_worker()
    elif dice < 0.70 and active:
        play.join_worker(holds=[a.id for a in active if random.random() < 0.7], fresh=False)
    elif dice < 0.74:
        play.pause()
    elif dice < 0.80:
        play.unpause()
    elif dice < 0.86:
        play.set_pool("p", random.randint(1, 4))
    elif dice < 0.90:
        everything = sorted(play.tasks)
        run = play.runs[random.choice(everything).run]
        wanted = {k.task_id for k in everything if k.run == run.number and random.random() < 0.4}
        plan = play.world.plans["etl"]
        play.clear(wanted.union(*(plan.descendants(task_id) for task_id in wanted)), run=run)
    elif dice < 0.92 and len(play.runs) < 4:
        play.start("etl")
    else:
        play.advance(seconds=random.randint(0, 15))


def come_to_rest(play: Play, story: Story) -> None:
    """Nothing disturbs any more: every run must end."""
    play.unpause()
    play.set_pool("p", 4)
    for _ in range(2000):
        active = list(play.world.attempts.values())
        if not active:
            play.advance(seconds=20)
            if not play.world.runs:
                return
            continue
        attempt = active[0]
        if attempt.cancel:
            play.report(attempt, "cancelled")
            continue
        length = story.lengths[attempt.key.task_id]
        if story.ends[attempt.key.task_id, attempt.key.map_index] == "success":
            play.succeed(
                *attempt.key[1:], run=play.runs[attempt.key.run], value=None if length is None else list(range(length))
            )
        else:
            end = story.ends[attempt.key.task_id, attempt.key.map_index]
            play.end(attempt.key.task_id, end, attempt.key.map_index, run=play.runs[attempt.key.run])
    raise AssertionError(f"it never ends: {[play.states(run=live.run) for live in play.world.runs.values()]}")


def check_end(play: Play, story: Story) -> None:
    """Each task's final state is one that its upstream's final states allow."""
    for run in play.runs.values():
        by_task: dict[str, list[tuple[int, str]]] = {}
        for key, task in play.tasks.items():
            if key.run == run.number:
                by_task.setdefault(key.task_id, []).append((key.map_index, task.state.value))
        for spec in story.spec.tasks.values():
            above = [state for name in spec.upstream for _, state in by_task[name]]
            allowed = verdicts(str(spec.trigger_rule), above)
            for index, state in by_task[spec.task_id]:
                where = f"{run.run_id} {spec.task_id}[{index}] {spec.trigger_rule} over {above}"
                assert state in ends_allowed(story, spec, index, allowed, by_task), where
        leaves = [state for t, found in by_task.items() if not play.world.plans["etl"].down[t] for _, state in found]
        assert run.state.value == ("failed" if {F, U} & set(leaves) else "success")


def ends_allowed(
    story: Story, spec: TaskSpec, index: int, allowed: set[str], by_task: dict[str, list[tuple[int, str]]]
) -> set[str]:
    if "run" not in allowed:
        return allowed
    if spec.map is None or index >= 0:
        return allowed - {"run"} | {story.end(spec.task_id, index)}
    source = spec.map.inputs[0][1].task_id
    length = story.lengths[source] if by_task[source][0][1] == S else None
    assert not length, "a length that is known expands"
    return allowed - {"run"} | {U if length is None else K}


@pytest.mark.parametrize("seeds", [range(n, n + 15) for n in range(0, 90, 15)], ids=str)
def test_whatever_happens_every_run_ends_as_its_rules_say(seeds: range) -> None:
    for seed in seeds:
        story, play = Story(seed), Play(capacity=3)
        play.set_pool("p", 3)
        try:
            play.start(story.spec)
            for _ in range(60):
                act(play, story)
            come_to_rest(play, story)
            check_end(play, story)
            assert all(task.state in FINISHED for task in play.tasks.values())
            assert play.world.total_active == 0
            assert not any(play.world.pool_used.values())
        except BaseException:
            print(f"seed {seed}")
            raise
