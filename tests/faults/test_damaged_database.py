"""A database that somebody changed by hand: the installation starts, says what is wrong, and the rest goes on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from tradewind.testing.installation import PATIENCE_SECONDS, Installation

DAGS = """
from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import DAG, BaseOperator, task


class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=FileTrigger(filepath=FOLDER + "/now", poke_interval=0.1), method_name="go_on")

    def go_on(self, context, event=None):
        return 1


def make(dag_id):
    with DAG(dag_id, schedule=None) as dag:
        Waits(task_id="file") >> task(lambda: None, task_id="after")()
    return dag


cut, odd, lost, whole = make("cut"), make("odd"), make("lost"), make("whole")
"""
DAMAGE = {
    "a version that was cut off": (
        "UPDATE dag_version SET spec = substr(spec, 1, 40) WHERE dag_id = 'cut'"
    ),
    "a state that nobody knows": (
        "UPDATE task_instance SET state = 'sideways' WHERE task_id = 'file' "
        "AND run = (SELECT number FROM run WHERE dag_id = 'odd')"
    ),
    "a trigger that cannot be imported": (
        "UPDATE deferral SET classpath = 'no_such_module.Trigger' "
        "WHERE run = (SELECT number FROM run WHERE dag_id = 'lost')"
    ),
}  # fmt: skip


def test_three_damaged_rows_cost_what_they_belong_to_and_nothing_else() -> None:
    with Installation() as installation:
        installation.write("dags.py", DAGS.replace("FOLDER", repr(str(installation.base))))
        installation.start()
        runs = {dag_id: installation.trigger(dag_id) for dag_id in ("cut", "odd", "lost", "whole")}
        deferred = "SELECT 1 FROM deferral WHERE NOT is_answered"
        installation.until("four triggers", lambda: len(installation.rows(deferred)) == 4)
        assert installation.stop() == 0
        installation.processes.clear()
        with closing(sqlite3.connect(installation.home / "tradewind.db")) as database:
            for what, statement in DAMAGE.items():
                assert database.execute(statement).rowcount == 1, what
            database.commit()
        shown(installation, "pools", "set", "mine", "3", "set without a scheduler")
        assert installation.rows("SELECT slots FROM pool WHERE name = 'mine'") == [{"slots": 3}]

        installation.start()
        installation.write("../../now", "")
        assert installation.wait_for_run("whole", runs["whole"]) == "success"

        said = [row["reason"] for row in installation.rows("SELECT reason FROM event WHERE name = 'quarantined'")]
        assert any("is not what was stored: A Dag cannot be read" in reason for reason in said), said
        assert any("state 'sideways' is none of" in reason for reason in said), said
        assert installation.wait_for_run("cut", runs["cut"]) == "success", "the next parse has mended it"

        assert installation.wait_for_run("lost", runs["lost"]) == "failed"
        (task,) = installation.rows("SELECT reason FROM task_instance WHERE state = 'failed' AND task_id = 'file'")
        assert "no_such_module" in task["reason"]

        (reason,) = installation.request("explain", dag_id="odd", run_id=runs["odd"])
        assert reason["code"] == "quarantined"
        assert "table task_instance" in reason["sentence"].lower()
        assert "state 'sideways'" in shown(installation, "why", "odd")
        refused = shown(installation, "dags", "clear", "odd", "--run-id", runs["odd"], "-y")
        assert "state 'sideways'" in refused
        installation.command("run.delete", dag_id="odd", run_id=runs["odd"])
        assert installation.run("odd") == "success"
        assert installation.stop() == 0
        assert installation.left() == []


def shown(installation: Installation, *arguments: str) -> Any:
    """What a command prints."""
    before = len(installation.output.read_text())
    installation.start(*arguments).wait(PATIENCE_SECONDS)
    installation.processes.pop()
    return installation.output.read_text()[before:]
