"""`tradewind backfill`, and what Airflow 2 called `dags backfill`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cli_fakes import FakeScheduler, Run

MADE = {
    "id": 7, "dag_id": "etl", "max_active_runs": 2, "actions": {"leave": 1, "create": 2},
    "runs": [
        {"logical_date": f"2026-01-0{n}T00:00:00+00:00", "run_after": f"2026-01-0{n}T00:00:00+00:00", "action": action,
         "reason": reason}
        for n, action, reason in ((1, "leave", "it was success"), (2, "create", ""), (3, "create", ""))
    ],
}  # fmt: skip
RANGE = ("--from-date", "2026-01-01", "--to-date", "2026-01-03")


def sent(scheduler: FakeScheduler) -> list[tuple[str, dict[str, Any]]]:
    return [(command.kind, command.body) for command in scheduler.commands]


def test_create_sends_one_command_and_says_what_follows(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives(MADE)
    ended = run(
        "backfill", "create", "--dag-id", "etl", *RANGE, "--dag-run-conf", '{"x": 1}', "--reprocess-behavior", "failed",
        "--max-active-runs", "2", "--run-backwards", "--no-run-on-latest-version",
    )  # fmt: skip
    assert ended.out == "Backfill 7: 2 dates to make a run for, 1 date to leave alone; at most 2 at once.\n"
    assert sent(scheduler) == [
        (
            "backfill.create",
            {
                "dag_id": "etl", "from_date": "2026-01-01T00:00:00+00:00", "to_date": "2026-01-03T00:00:00+00:00",
                "conf": {"x": 1}, "reprocess_behavior": "failed", "max_active_runs": 2, "run_backwards": True,
                "latest": False, "dry_run": False,
            },
        )
    ]  # fmt: skip


def test_a_dry_run_prints_the_plan(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({**MADE, "id": 0})
    ended = run("backfill", "create", "--dag-id", "etl", *RANGE, "--dry-run", "-o", "json")
    assert [row["action"] for row in ended.json] == ["leave", "create", "create"]
    assert ended.err == "Nothing was changed: 2 dates to make a run for, 1 date to leave alone.\n"
    assert sent(scheduler)[0][1]["dry_run"] is True


def test_the_backfill_of_a_paused_dag_says_that_it_waits(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({**MADE, "dag_id": "paused"})
    assert "paused is paused" in run("backfill", "create", "--dag-id", "paused", *RANGE).err


@pytest.mark.parametrize("word", ["pause", "unpause", "cancel"])
def test_a_backfill_is_held_let_go_on_and_ended(run: Run, scheduler: FakeScheduler, word: str) -> None:
    assert run("backfill", word, "7").code == 0
    assert sent(scheduler) == [(f"backfill.{word}", {"id": 7})]


@pytest.mark.parametrize(
    ("options", "reprocess"), [((), "none"), (("--reset-dagruns",), "completed"), (("--rerun-failed-tasks",), "failed")]
)
def test_airflow_2s_command_is_the_same_one(
    run: Run, scheduler: FakeScheduler, database: Path, options: tuple[str, ...], reprocess: str
) -> None:
    scheduler.gives(MADE)
    assert run("dags", "backfill", "-s", "2026-01-01", "-e", "2026-01-03", "-B", "-y", *options, "etl").code == 0
    kind, body = sent(scheduler)[0]
    assert (kind, body["from_date"], body["to_date"]) == (
        "backfill.create", "2026-01-01T00:00:00+00:00", "2026-01-03T00:00:00+00:00"
    )  # fmt: skip
    assert (body["reprocess_behavior"], body["run_backwards"]) == (reprocess, True)


@pytest.mark.parametrize("option", [("-m",), ("-t", "x"), ("--treat-dag-as-regex",), ("-i",)])
def test_what_airflow_2_could_do_besides_is_refused_by_name(
    run: Run, scheduler: FakeScheduler, option: tuple[str, ...]
) -> None:
    ended = run("dags", "backfill", "-s", "2026-01-01", *option, "etl")
    assert ended.code == 2
    assert "makes whole runs of one Dag" in ended.err
    assert not scheduler.commands


def test_what_there_is_not_is_a_sentence_also_without_a_scheduler(run: Run, database: Path) -> None:
    assert run("db", "reset", "-y").code == 0
    assert run("backfill", "list").out == "No data found\n"
    ended = run("backfill", "show", "3")
    assert (ended.code, ended.err) == (1, "Error: No backfill 3; `tradewind backfill list` shows them.\n")
    ended = run("backfill", "create", "--dag-id", "etl", *RANGE)
    assert (ended.code, ended.err[:12]) == (1, "Error: No Da")
