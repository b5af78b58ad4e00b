"""The book of depends_on_past against made-up histories."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.testing.builders import dag
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.event_log import EventRow
from tradewind.testing.simulation.past_book import PastBook
from tradewind.testing.simulation.workload import RunKey


class History:
    """Runs of a Dag whose task a looks back; each stands for the minute in its name."""

    def __init__(self, **given: Any) -> None:
        kind = {given.pop("how", "depends_on_past"): True}
        self.kinds: dict[str, str] = {}
        self.first_of_a_backfill: list[int] = []
        spec = dag("a >> b", tasks={"a": kind}, dag_id="d", **given)
        self.book = PastBook(self, [spec])  # type: ignore[arg-type]

    def rows(self, query: str, *values: Any) -> list[Any]:
        if "backfill_run" in query:
            return [(number,) for number in self.first_of_a_backfill]
        if "task_instance" in query:
            return [("a", -1), ("b", -1)]
        run_id = values[1]
        minute = int(run_id.split("_")[0])
        return [(minute, minute, minute, self.kinds[run_id])]

    def make(self, run_id: str, kind: str = "scheduled") -> None:
        self.kinds[run_id] = kind
        self._tell("run.created", run_id)

    def goes(self, run_id: str, task_id: str, *states: str) -> None:
        for before, after in zip(("none", *states), states, strict=False):
            self._tell("task.moved", run_id, task_id=task_id, before=before, after=after)

    def _tell(self, name: str, run_id: str, **given: Any) -> None:
        rest = {"task_id": "", "map_index": -1, "before": "", "after": "", "reason": "", "body": {}, "seq": 0, "at": 0}
        self.book.take(EventRow(**{**rest, "name": name, "dag_id": "d", "run_id": run_id, **given}))


def test_a_task_goes_on_when_the_run_before_has_passed() -> None:
    history = History()
    history.make("1")
    history.make("2")
    history.goes("1", "a", "scheduled", "queued", "running", "success")
    history.goes("2", "a", "scheduled")
    assert (history.book.began, history.book.looked) == (2, 1)


@pytest.mark.parametrize("ends", ["running", "failed", "upstream_failed"])
def test_one_that_goes_on_before_that_is_found(ends: str) -> None:
    history = History()
    history.make("1")
    history.make("2")
    history.goes("1", "a", "scheduled", ends)
    assert history.book.holds(RunKey("d", "2"))
    with pytest.raises(Broken, match=f"I19: d 2 a goes on, and the run before has .*{ends}"):
        history.goes("2", "a", "scheduled")


def test_a_backfill_begins_where_it_was_told_to() -> None:
    history = History()
    history.make("1")
    history.make("2")
    history.first_of_a_backfill = [2]
    history.goes("2", "a", "scheduled")
    assert history.book.looked == 1


def test_a_run_made_later_for_an_earlier_date_is_the_one_before() -> None:
    history = History()
    history.make("3")
    history.make("1")
    assert history.book.holds(RunKey("d", "3"))
    history.goes("1", "a", "scheduled")
    history.make("2")
    with pytest.raises(Broken, match="I19"):
        history.goes("3", "a", "scheduled")


def test_a_run_by_hand_is_nobodys_past_where_missed_runs_are_made_up_for() -> None:
    for catchup in (True, False):
        history = History(catchup=catchup)
        history.make("1", "manual")
        history.make("2")
        assert history.book.holds(RunKey("d", "2")) is not catchup


def test_whoever_waits_for_downstream_waits_for_what_comes_after_it_too() -> None:
    history = History(how="wait_for_downstream")
    history.make("1")
    history.make("2")
    history.goes("1", "a", "scheduled", "success")
    assert history.book.holds(RunKey("d", "2"))
    history.goes("1", "b", "scheduled", "skipped")
    assert not history.book.holds(RunKey("d", "2"))
