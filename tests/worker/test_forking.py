"""What an attempt may rely on although its fork left out what `os.fork` renews."""

import json
import subprocess
import sys

import pytest

from tradewind.testing.installation import Installation

DAG = """
import logging
import multiprocessing
import os
import random
import threading

from airflow.sdk import dag, task

{prelude}

def square(number):
    return number * number


@dag(schedule=None)
def {name}():
    @task
    def draw(number):
        return random.random()

    @task
    def work():
        lines, lock = [], threading.Lock()

        def say():
            with lock:
                logging.getLogger("worker").info("from a thread")
                lines.append(threading.current_thread().name)

        threads = [threading.Thread(target=say, name=f"t{{n}}") for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with multiprocessing.get_context("fork").Pool(2) as pool:
            squares = pool.map(square, range(5))
        return {{"threads": sorted(lines), "squares": squares, "told": globals().get("told", [])}}

    draw.expand(number=[1, 2, 3])
    work()


{name}()
"""
ASKS = """
told = []
os.register_at_fork(after_in_child=lambda: told.append("child"))
"""


@pytest.fixture(scope="module")
def installation():
    with Installation(
        {
            "light.py": DAG.format(name="light", prelude=""),
            "asks.py": DAG.format(name="asks", prelude=ASKS),
        }
    ) as made:
        made.start()
        yield made


def _values(made: Installation, dag_id: str) -> tuple[list[float], dict[str, object]]:
    run_id = made.trigger(dag_id)
    assert made.wait_for_run(dag_id, run_id) == "success"
    rows = made.rows(
        "select task_id, value from xcom where run = (select max(number) from run where dag_id = ?)", dag_id
    )
    draws = [json.loads(row["value"]) for row in rows if row["task_id"] == "draw"]
    return draws, json.loads(next(row["value"] for row in rows if row["task_id"] == "work"))


@pytest.mark.parametrize("dag_id", ["light", "asks"])
def test_attempts_have_threads_processes_and_random_numbers_of_their_own(
    installation: Installation, dag_id: str
) -> None:
    draws, work = _values(installation, dag_id)
    assert len(set(draws)) == 3
    assert work["threads"] == ["t0", "t1", "t2", "t3"]
    assert work["squares"] == [0, 1, 4, 9, 16]
    assert installation.log(dag_id, "work").count("from a thread") == 4


def test_a_file_that_asks_to_be_told_of_forks_is_told(installation: Installation) -> None:
    assert _values(installation, "asks")[1]["told"] == ["child"]


def test_the_short_way_is_taken_until_somebody_asks() -> None:
    script = """
import sys, threading
from tradewind.worker import forking
forking.watch_register_at_fork()
import os, random, logging
print(forking.is_light() == (sys.version_info < (3, 12)))
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
print(forking.is_light())
stop.set(); thread.join()
os.register_at_fork(after_in_child=print)
print(forking.is_light())
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["True", "False", "False"]
