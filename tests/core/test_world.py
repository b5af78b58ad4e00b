"""What the World costs: a run comes and goes without a look at the others of its Dag."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tradewind.core.past import as_previous
from tradewind.core.plan import Plan
from tradewind.core.records import DagRun
from tradewind.core.states import RunState, RunType
from tradewind.core.world import LiveRun, World
from tradewind.testing.builders import dag
from tradewind.testing.world import START


class Counting(dict[Any, Any]):
    """Counts what is looked up in it, one by one or by going through it."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        self.looks += 1
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)

    def __iter__(self) -> Any:
        for key in super().__iter__():
            self.looks += 1
            yield key


def run(number: int, plan: Plan, before: LiveRun | None = None) -> LiveRun:
    at = START + timedelta(minutes=number)
    live = LiveRun(DagRun(number, "d", f"r{number}", RunType.MANUAL, RunState.RUNNING, "v", at), plan)
    live.previous = None if before is None else replace(as_previous(before.run), states={})
    return live


def test_a_run_is_added_and_forgotten_without_a_look_at_the_other_runs_of_its_dag() -> None:
    world, plan = World(), Plan(dag("a", tasks={"a": {"depends_on_past": True}}), "v")
    world.runs, world.open_runs["d"] = Counting(), Counting()
    lives: list[LiveRun] = []
    for number in range(1, 1001):
        live = run(number, plan, lives[-1] if lives else None)
        world.add_run(live)
        lives.append(live)
    for live in reversed(lives):
        world.forget_run(live.run.number)
    assert world.runs.looks + world.open_runs["d"].looks <= 2000
    assert world.followers == {}


def test_the_runs_after_one_are_known_in_whatever_order_they_come() -> None:
    world, plan = World(), Plan(dag("a", tasks={"a": {"depends_on_past": True}}), "v")
    first = run(1, plan)
    second, third = run(2, plan, first), run(3, plan, first)
    for live in (third, first, second):
        world.add_run(live)
    assert {live.run.number for live in world.followers_of(first)} == {2, 3}
    world.set_previous(third, as_previous(second.run))
    assert [live.run.number for live in world.followers_of(first)] == [2]
    assert [live.run.number for live in world.followers_of(second)] == [3]
    world.forget_run(1)
    world.add_run(first)
    assert [live.run.number for live in world.followers_of(first)] == [2], "it came back, for a clear"
    world.forget_run(2)
    assert list(world.followers_of(first)) == []
