"""A worker's name belongs to one process."""

import subprocess
import sys
from pathlib import Path

from tradewind.testing.installation import PATIENCE_SECONDS, Installation

DAG = """
from airflow.sdk import dag, task

@dag(schedule=None)
def slow():
    @task
    def wait():
        import time
        time.sleep(3600)
    wait()
slow()
"""


def test_a_second_worker_of_the_same_name_is_refused_and_the_first_goes_on() -> None:
    with Installation({"slow.py": DAG}) as here:
        here.start()
        here.trigger("slow")
        here.until("it runs", lambda: here.rows("SELECT 1 FROM task_instance WHERE state = 'running'"))
        second = here.start("worker", "-n", "local")
        assert second.wait(PATIENCE_SECONDS) == 1
        said = here.output.read_text()
        assert "A worker named 'local' runs already in this home (pid " in said
        assert "give this one another name" in said
        assert here.rows("SELECT state FROM task_instance") == [{"state": "running"}]
        assert [(r["try_number"], r["leg"]) for r in here.rows("SELECT * FROM attempt")] == [(1, 0)]

        third = here.start("worker", "-n", "another")
        here.until("it joins", lambda: here.rows("SELECT 1 FROM worker WHERE name = 'another'"))
        assert third.poll() is None


def test_a_second_standalone_in_the_same_home_ends_and_disturbs_nobody() -> None:
    with Installation({"slow.py": DAG}) as here:
        first = here.start()
        here.trigger("slow")
        here.until("it runs", lambda: here.rows("SELECT 1 FROM task_instance WHERE state = 'running'"))
        second = here.start()
        assert second.wait(PATIENCE_SECONDS) == 1
        said = here.output.read_text()
        assert f"Tradewind runs already in this home, {here.home} (pid " in said
        assert "a second one needs a home of its own (`tradewind --home FOLDER standalone`)" in said
        assert first.poll() is None
        assert here.rows("SELECT state FROM task_instance") == [{"state": "running"}]


def test_the_name_is_free_when_its_process_is_gone_however_it_ended(tmp_path: Path) -> None:
    take = """if True:
        import os, sys
        from pathlib import Path
        from tradewind.worker.only_one import OnlyOne
        only = OnlyOne(Path(sys.argv[1]), "w")
        os.fork() or os.execvp("sleep", ["sleep", "60"])
        os.kill(os.getpid(), 9)
    """
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", take, str(tmp_path)], stdin=subprocess.DEVNULL, timeout=180)
        assert ended.returncode == -9
