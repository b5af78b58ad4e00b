"""What happens to the tree as a whole: frozen and woken, orphaned, asked to stop, or beside a rival scheduler."""

import os
import signal
import time

import pytest

from tradewind.testing.faults import SHELL, WORKLOAD, settle
from tradewind.testing.installation import PATIENCE_SECONDS, Installation

SLOW = """
from datetime import timedelta

from airflow.sdk import dag, task

from tradewind.testing.ledger import work


@dag(schedule=None, max_active_tasks=8)
def slow():
    @task(retries=2, retry_delay=timedelta(milliseconds=100))
    def first():
        work(LEDGER, seconds=3)

    @task
    def second():
        work(LEDGER, seconds=0.1)

    first() >> second()


slow()
"""


@pytest.mark.parametrize(
    "seconds", [8, pytest.param(60, marks=[pytest.mark.heavy, pytest.mark.timeout(240)])], ids=lambda s: f"{s} s"
)
def test_a_tree_that_was_frozen_goes_on_where_it_was(seconds: int) -> None:
    with Installation({"workload.py": WORKLOAD, "slow.py": SLOW}) as installation:
        installation.start()
        names = {dag_id: installation.trigger(dag_id) for dag_id in ("workload", "slow")}
        installation.until("work under way", lambda: len(installation.entries()) > 20)
        frozen = installation.freeze()
        time.sleep(seconds)
        before = len(installation.entries())
        installation.thaw(frozen)
        for dag_id, name in names.items():
            assert installation.wait_for_run(dag_id, name) == "success"
        assert len(installation.entries()) > before
        assert settle(installation, reports_survive=True) == []
        assert installation.rows("SELECT * FROM attempt WHERE state IN ('lost', 'cancelled', 'not_started')") == []
        assert installation.rows("SELECT * FROM task_instance WHERE losses > 0") == []
        assert installation.stop() == 0
        assert installation.left() == []


def test_nothing_outlives_the_parent_of_all() -> None:
    with Installation({"shell.py": SHELL, "slow.py": SLOW}) as installation:
        process = installation.start()
        installation.trigger("shell")
        installation.trigger("slow")
        installation.until("the shell's sleep", lambda: installation.pids_of("sleep") and installation.busy_children())
        process.kill()
        process.wait()
        assert installation.left() == []


def test_sigterm_ends_everything_in_good_order_and_what_ran_goes_on_at_the_next_start() -> None:
    with Installation({"shell.py": SHELL, "slow.py": SLOW}) as installation:
        installation.start()
        shell, slow = installation.trigger("shell"), installation.trigger("slow")
        installation.until("the shell's sleep", lambda: installation.pids_of("sleep") and installation.busy_children())
        assert installation.stop() == 0
        assert installation.left() == []
        assert not (installation.home / "run" / "scheduler.sock").exists()
        installation.start()
        assert installation.wait_for_run("shell", shell) == "success"
        assert installation.wait_for_run("slow", slow) == "success"
        assert settle(installation, reports_survive=False) == []


def test_a_second_scheduler_stands_by_and_takes_over_when_the_first_is_killed() -> None:
    with Installation({"slow.py": SLOW}) as installation:
        installation.start("scheduler")
        installation.until("the first scheduler", installation.is_listening)
        first = owner(installation)
        second = installation.start("scheduler")
        installation.start("worker")
        name = installation.trigger("slow")
        installation.until("work under way", installation.busy_children)
        installation.until("the standby's word", lambda: "standing by" in installation.output.read_text())
        assert owner(installation) == first
        installation.processes[0].kill()
        installation.until("the takeover", lambda: owner(installation) == second.pid)
        assert installation.wait_for_run("slow", name) == "success"
        assert settle(installation, reports_survive=True) == []
        assert {entry.try_number for entry in installation.entries()} == {1}


def test_an_owner_that_was_frozen_while_another_took_over_leaves_it_alone() -> None:
    with Installation({"slow.py": SLOW}) as installation:
        first = installation.start("scheduler")
        installation.until("the first scheduler", lambda: owner(installation) == first.pid)
        second = installation.start("scheduler")
        installation.start("worker")
        name = installation.trigger("slow")
        installation.until("work under way", installation.busy_children)
        installation.until("the standby's word", lambda: "standing by" in installation.output.read_text())
        os.kill(first.pid, signal.SIGSTOP)
        installation.until("the takeover", lambda: owner(installation) == second.pid)
        os.kill(first.pid, signal.SIGCONT)
        assert first.wait(PATIENCE_SECONDS) == 0
        assert installation.is_listening()
        assert installation.wait_for_run("slow", name) == "success"
        assert settle(installation, reports_survive=True) == []


@pytest.mark.heavy
@pytest.mark.timeout(240)
def test_a_frozen_agent_s_work_is_dead_before_another_agent_does_it_again() -> None:
    with Installation({"long.py": SLOW.replace("seconds=3", "seconds=25")}) as installation:
        installation.start("scheduler")
        first = installation.start("worker", "--name", "first")
        name = installation.trigger("slow")
        installation.until("work under way", installation.busy_children)
        os.kill(first.pid, signal.SIGSTOP)
        try:
            installation.start("worker", "--name", "second")
            installation.processes[0].kill()
            installation.processes[0].wait()
            installation.start("scheduler")
            assert installation.wait_for_run("slow", name) == "success"
        finally:
            os.kill(first.pid, signal.SIGCONT)
        assert settle(installation, reports_survive=False) == []
        assert {entry.try_number for entry in installation.entries() if "first" in entry.task} == {1, 2}


def owner(installation: Installation) -> int:
    """Process id of the scheduler that holds the lease and listens; 0 when nobody does."""
    found = installation.rows("SELECT holder FROM owner WHERE expires_ms > 0")
    if not found or not installation.is_listening():
        return 0
    return int(found[0]["holder"].split(":")[1])
