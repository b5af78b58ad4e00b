"""Task children as they really run: forked, reused, spawned; and what they write past Python."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.testing.installation import Installation

KINDS = """
import ctypes
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta

from airflow.sdk import Variable, dag, task
from airflow.sdk.log import mask_secret

{prelude}

@dag(schedule=None, max_active_tasks=2)
def {name}():
    @task(isolation={isolation!r})
    def who(number):
        return os.getpid(), os.getsid(0), os.environ["TRADEWIND_FENCE"]

    @task(isolation={isolation!r})
    def native():
        os.write(1, b"from os.write\\n")
        os.system("echo from a shell; echo to its stderr >&2")
        subprocess.run(["echo", "from a command"], check=True)
        libc = ctypes.CDLL(None)
        libc.puts(b"from C")
        mask_secret("opensesame-42")
        os.write(2, b"the word is opensesame-42, opensesame-42\\n")
        os.system("echo " + Variable.get("my_password"))
        os.write(1, b"no newline")
        print("from print")

    @task(isolation={isolation!r})
    def holds(number):
        ends = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        printed = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
        return [os.readlink(end).partition(":")[0] for end in ends if os.path.lexists(end)], printed

    who.expand(number=list(range(6)))
    holds.expand(number=list(range(3)))
    native()


{name}()


@dag(schedule=None)
def {name}_ends():
    @task(isolation={isolation!r})
    def crash():
        os.write(1, b"last words\\n")
        ctypes.string_at(0)

    @task(isolation={isolation!r})
    def flood():
        block = b"x" * 1000 + b"\\n"
        for _ in range(30000):
            os.write(1, block)

    crash()
    flood()


{name}_ends()
"""

LINGERER = "threading.Thread(target=time.sleep, args=(1000,), name='lingerer', daemon=True).start()"


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    files = {
        "forked.py": KINDS.format(name="forked", isolation="fork", prelude=""),
        "reused.py": KINDS.format(name="reused", isolation="reuse", prelude=""),
        "spawned.py": KINDS.format(name="spawned", isolation="spawn", prelude=""),
        "threaded.py": KINDS.format(name="threaded", isolation="fork", prelude=LINGERER),
    }
    with Installation(files) as installation:
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        installation.command("variable.set", key="my_password", value="rumpelstilz-99")
        yield installation
        assert installation.stop() == 0
        assert installation.left() == []


def values(installation: Installation, dag_id: str, task_id: str) -> list[Any]:
    assert installation.run(dag_id) == "success"
    sql = (
        "SELECT value FROM xcom x JOIN run r ON r.number = x.run WHERE dag_id = ? AND task_id = ? "
        "AND r.number = (SELECT max(number) FROM run WHERE dag_id = ?) ORDER BY map_index"
    )
    return [json.loads(row["value"]) for row in installation.rows(sql, dag_id, task_id, dag_id)]


def who(installation: Installation, dag_id: str) -> list[Any]:
    return values(installation, dag_id, "who")


def flat(value: Any) -> list[Any]:
    """A tuple as it is stored: its plain items."""
    return list(value["v"]) if isinstance(value, dict) else list(value)


@pytest.mark.parametrize("dag_id", ["forked", "spawned", "threaded"])
def test_every_attempt_has_a_process_and_a_session_of_its_own(installation: Installation, dag_id: str) -> None:
    found = [flat(value) for value in who(installation, dag_id)]
    assert len({pid for pid, _, _ in found}) == len(found) == 6
    assert all(pid == session for pid, session, _ in found)
    assert len({fence for _, _, fence in found}) == 6


def test_a_child_holds_no_descriptor_of_its_host_or_its_siblings(installation: Installation) -> None:
    found = [flat(value) for value in values(installation, "forked", "holds")]
    assert len(found) == 3
    for held, environment in found:
        assert held.count("socket") == 1
        assert held.count("/memfd") == 1  # what it says of its output
        assert held.count("pipe") == 2  # its descriptors 1 and 2
        assert "TRADEWIND_FENCE=" in environment
        assert "LD_BIND_NOW" not in environment


def test_reused_processes_run_many_attempts_each_with_its_own_environment(installation: Installation) -> None:
    found = [flat(value) for value in who(installation, "reused")]
    assert len({pid for pid, _, _ in found}) < len(found) == 6
    assert [fence.split("/")[2] for _, _, fence in found] == [str(number) for number in range(6)]


@pytest.mark.parametrize("dag_id", ["forked", "reused", "spawned"])
def test_what_is_written_past_python_is_in_the_log_masked_and_before_the_last_line(
    installation: Installation, dag_id: str
) -> None:
    assert installation.run(dag_id) == "success"
    installation.until("the last line", lambda: '"event":"exit"' in installation.log(dag_id, "native").replace(" ", ""))
    lines = [json.loads(line) for line in installation.log(dag_id, "native").splitlines()]
    texts = {line["m"]: line for line in lines}
    for text in ("from os.write", "from a shell", "from a command", "from C", "no newline", "from print"):
        assert texts[text]["n"] == "stdout", lines
    assert (texts["to its stderr"]["n"], texts["to its stderr"]["l"]) == ("stderr", "warning")
    assert texts["the word is ***, ***"]["n"] == "stderr"
    assert "opensesame" not in installation.log(dag_id, "native")
    assert "rumpelstilz" not in installation.log(dag_id, "native")
    assert lines[-1].get("event") == "exit", lines


@pytest.mark.parametrize("dag_id", ["forked", "spawned"])
def test_a_crash_in_native_code_leaves_its_last_words_and_where_it_was_and_a_flood_is_cut(
    installation: Installation, dag_id: str
) -> None:
    name = installation.trigger(f"{dag_id}_ends")
    assert installation.wait_for_run(f"{dag_id}_ends", name) == "failed"
    installation.until("the last line", lambda: "SIGSEGV" in installation.log(f"{dag_id}_ends", "crash"))
    log = installation.log(f"{dag_id}_ends", "crash")
    assert "last words" in log
    assert "Segmentation fault" in log
    assert f"{dag_id}.py" in log
    flood = installation.log(f"{dag_id}_ends", "flood")
    assert "is left out" in flood
    assert 7 << 20 < len(flood) < 9 << 20
    assert json.loads(flood.splitlines()[-1])["reason"] == "success"
