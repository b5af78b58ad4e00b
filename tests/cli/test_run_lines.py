"""A run as lines: groups, mapped tasks, notes, and what is left out where there is no room."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.cli.run_lines import Line, Snapshot, amount, duration, fit, lines_of, note_of

SPEC = {
    "groups": [{"group_id": None}, {"group_id": "load", "parent": None}, {"group_id": "load.marts", "parent": "load"}],
    "tasks": {
        "extract": {},
        "load.stage": {"group_id": "load"},
        "check": {},
        "load.marts.daily": {"group_id": "load.marts"},
    },
}


def row(task_id: str, state: str = "none", map_index: int = -1, **facts: Any) -> dict[str, Any]:
    return {
        "task_id": task_id, "map_index": map_index, "state": state, "try_number": 1, "max_tries": 0, "not_before": None,
        "start_date": None, "end_date": None, "rendered_map_index": None, "reason": None, **facts,
    }  # fmt: skip


def snapshot(*rows: dict[str, Any]) -> Snapshot:
    return Snapshot({"state": "running"}, rows)


def drawn(lines: list[Line]) -> list[str]:
    return [f"{'  ' * line.depth}{line.name} {line.state}".rstrip() for line in lines]


def test_tasks_of_a_group_stand_together_below_its_name() -> None:
    lines = lines_of(SPEC, snapshot(*map(row, SPEC["tasks"])), 0)
    assert drawn(lines) == [
        "extract none", "load", "  stage none", "  marts", "    daily none", "check none",
    ]  # fmt: skip


def test_a_mapped_task_has_a_line_of_its_own_and_one_for_each_instance() -> None:
    rows = [row("extract", "success", 0, rendered_map_index="Seoul"), row("extract", "running", 1), row("check")]
    lines = lines_of(SPEC, snapshot(*rows), 0)
    assert drawn(lines) == ["extract running", "  [0] Seoul success", "  [1] running", "check none"]
    assert lines[0].progress == (1, 2, "instances")


def test_of_many_instances_only_those_under_way_or_failed_are_drawn() -> None:
    states = ["success"] * 50 + ["failed", "running"] + ["none"] * 50
    rows = [row("extract", state, index) for index, state in enumerate(states)]
    lines = lines_of(SPEC, snapshot(*rows), 0)
    assert drawn(lines) == ["extract failed", "  [50] failed", "  [51] running"]
    assert lines[0].note == "102 instances"


def test_where_there_is_no_room_what_runs_and_what_failed_stays() -> None:
    lines = [Line(str(number), state="none") for number in range(20)]
    lines[7].state, lines[13].state = "failed", "running"
    shown, hidden = fit(lines, 4)
    assert [line.name for line in shown] == ["0", "7", "13"]
    assert hidden == 17
    assert fit(lines, 20) == (lines, 0)


def test_a_note_says_which_try_it_is_and_when_the_next_one_comes() -> None:
    waiting = row("extract", "up_for_retry", max_tries=2, not_before=90_000_000)
    assert note_of(waiting, 30_000_000) == "try 1 of 3, again in 1 min 00 s"
    waiting["reason"] = "SourceUnavailable: s3://lake is away\nhere is more of it"
    assert note_of(waiting, 30_000_000) == "try 1 of 3, again in 1 min 00 s: SourceUnavailable: s3://lake is away"
    assert note_of(row("extract", "running", try_number=2, max_tries=2), 0) == "try 2 of 3"
    assert note_of(row("extract", "success"), 0) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0042, "4 ms"), (4.06, "4.1 s"), (59.96, "1 min 00 s"), (125, "2 min 05 s"), (3840, "1 h 04 min")],
)
def test_time_spans_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_amounts_have_their_unit() -> None:
    assert amount((1200, 6000, "rows")) == "1,200 of 6,000 rows"
    assert amount((34e6, 780e6, "bytes")) == "34.0 of 780.0 MB"
    assert amount((7, None, "")) == "7"
