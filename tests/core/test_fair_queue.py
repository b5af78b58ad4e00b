"""Dags of one weight take turns: laws that hold for whatever comes and goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.fair_queue import Entry, FairQueue
from tradewind.core.records import TaskKey

DAGS = ("a", "b", "c")


def entry(sequence: int, dag_id: str, weight: int = 1) -> Entry:
    return Entry(-weight, 0, 1, sequence, -1, TaskKey(1, f"t{sequence}"), "default", "p", dag_id)


entries = st.lists(st.tuples(st.sampled_from(DAGS), st.integers(1, 3)), max_size=60).map(
    lambda drawn: [entry(n, dag_id, weight) for n, (dag_id, weight) in enumerate(drawn)]
)


def emptied(queue: FairQueue) -> list[Entry]:
    taken = []
    while queue:
        first = queue.first
        assert queue.pop(starts=True) is first
        taken.append(first)
    return taken


@settings(deadline=None)
@given(entries)
def test_everything_comes_out_once_the_heaviest_first_and_each_dags_own_in_order(waiting: list[Entry]) -> None:
    queue = FairQueue()
    for one in waiting:
        queue.push(one)
    assert sorted(queue) == sorted(waiting)
    taken = emptied(queue)
    assert sorted(taken) == sorted(waiting)
    assert [e.minus_weight for e in taken] == sorted(e.minus_weight for e in waiting)
    for dag_id in DAGS:
        own = [e for e in taken if e.dag_id == dag_id]
        assert own == sorted(own)


@settings(deadline=None)
@given(entries)
def test_while_several_dags_wait_none_is_more_than_one_ahead(waiting: list[Entry]) -> None:
    queue = FairQueue()
    for one in waiting:
        queue.push(one)
    left = Counter((e.minus_weight, e.dag_id) for e in waiting)
    had: Counter[tuple[int, str]] = Counter()
    while queue:
        weight = queue.first.minus_weight
        group = weight, queue.pop(starts=True).dag_id
        had[group] += 1
        left[group] -= 1
        others = [had[other] for other in left if other[0] == weight and left[other] > 0]
        assert not others or had[group] - min(others) <= 1


def test_a_dag_that_comes_later_neither_catches_up_nor_waits_its_turn_out() -> None:
    queue = FairQueue()
    for number in range(100):
        queue.push(entry(number, "a"))
    for _ in range(50):
        queue.pop(starts=True)
    for number in range(100, 110):
        queue.push(entry(number, "b"))
    assert [queue.pop(starts=True).dag_id for _ in range(6)] == ["b", "a", "b", "a", "b", "a"]


def test_a_dag_that_was_away_for_a_moment_has_not_won_a_turn_by_it() -> None:
    queue = FairQueue()
    for number in range(10):
        queue.push(entry(number, "a"))
    order = []
    for number in range(100, 104):
        queue.push(entry(number, "b"))
        order += [queue.pop(starts=True).dag_id for _ in range(2)]
    assert order == ["a", "b"] * 4


def test_an_entry_that_cannot_start_costs_its_dag_no_turn() -> None:
    queue = FairQueue()
    for number, dag_id in enumerate("aab"):
        queue.push(entry(number, dag_id))
    assert queue.pop(starts=False).dag_id == "a"
    assert [e.dag_id for e in emptied(queue)] == ["a", "b"]
