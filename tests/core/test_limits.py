"""The queues of ready tasks: what is parked comes out again, once for each slot, and nothing goes round in circles."""

from __future__ import annotations

from tradewind.core.fair_queue import Entry
from tradewind.core.limits import ReadyQueues
from tradewind.core.records import TaskKey

NAME = ("default", "p")
LIMIT = ("dag", "etl")


def entry(sequence: int, weight: int = 1, task_id: str = "") -> Entry:
    key = TaskKey(1, task_id or f"t{sequence}")
    return Entry(-weight, 0, 1, sequence, -1, key, *NAME)


def parked(*entries: Entry) -> ReadyQueues:
    queues = ReadyQueues()
    for one in entries:
        queues.push(one)
    for _ in entries:
        queues.park(NAME, LIMIT)
    return queues


def names(queues: ReadyQueues) -> list[str]:
    return [e.key.task_id for e, _ in queues.heads()]


def test_a_slot_lets_the_best_parked_entry_out() -> None:
    queues = parked(entry(1), entry(2, weight=5), entry(3))
    queues.release(LIMIT)
    assert names(queues) == ["t2"]
    assert len(queues) == 3


def test_an_entry_that_meets_its_limit_full_again_waits_there_and_lets_nobody_out() -> None:
    queues = parked(entry(1), entry(2))
    queues.release(LIMIT)
    queues.park(NAME, LIMIT)
    assert names(queues) == []
    queues.release(LIMIT)
    assert names(queues) == ["t1"]


def test_an_entry_that_meets_another_limit_passes_its_slot_on() -> None:
    queues = parked(entry(1), entry(2))
    queues.release(LIMIT)
    queues.park(NAME, ("task", "etl", "t1"))
    assert names(queues) == ["t2"]


def test_an_entry_that_is_no_longer_ready_passes_its_slot_on() -> None:
    queues = parked(entry(1), entry(2))
    queues.release(LIMIT)
    queues.drop(NAME)
    assert names(queues) == ["t2"]


def test_two_entries_of_one_task_pass_their_slots_on_each_by_itself() -> None:
    queues = parked(entry(1, task_id="same"), entry(2, task_id="same"), entry(3, task_id="other"))
    queues.release(LIMIT, 2)
    queues.take(NAME)
    queues.drop(NAME)
    assert names(queues) == ["other"]


def test_a_changed_dag_lets_everything_of_it_out() -> None:
    queues = ReadyQueues()
    for number, limit in enumerate((("dag", "etl"), ("task", "etl", "a"), ("task_in_run", "7", "a"), ("dag", "other"))):
        queues.push(entry(number))
        queues.park(NAME, limit)
    queues.release_all("etl", {"7"})
    assert len(list(queues.heads())) == 1
    assert sum(map(len, queues._heaps.values())) == 3


def test_sizes_are_those_of_tasks_parked_for_room_in_a_pool() -> None:
    queues = ReadyQueues()
    for number, limit in enumerate((("pool", "p", "3"), ("pool", "p", "12"), ("pool", "q", "4"))):
        queues.push(entry(number))
        queues.park(NAME, limit)
    assert queues.sizes("p") == [3, 12]
