"""kill -9 of every part at many moments: runs end as they would have, and nothing is started twice or lost."""

import signal

import pytest

from tradewind.testing.faults import COMPONENTS, MOMENTS, SHELL, WORKLOAD, hurt_workload
from tradewind.testing.installation import Installation

SAMPLE = [(6, 14)]
SWEEP = [tuple(range(first, MOMENTS, 4)) for first in range(4)]
HEAVY = [pytest.mark.heavy, pytest.mark.timeout(300)]

STUCK_PIPE = """
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("stuck_pipe", schedule=None):
    BashOperator(task_id="sleeper", bash_command="sleep 1000 & wait")
"""


@pytest.mark.parametrize("moments", [*SAMPLE, *(pytest.param(moments, marks=HEAVY) for moments in SWEEP)], ids=str)
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_killed_process_loses_nothing_and_doubles_nothing(component: str, moments: tuple[int, ...]) -> None:
    with Installation({"workload.py": WORKLOAD, "shell.py": SHELL}) as installation:
        installation.start()
        for moment in moments:
            assert hurt_workload(installation, component, moment) == [], f"moment {moment}"
        assert installation.stop() == 0
        assert installation.left() == []


def test_a_bash_task_whose_shell_is_killed_fails_although_what_it_started_holds_its_output() -> None:
    with Installation({"stuck_pipe.py": STUCK_PIPE}) as installation:
        installation.start()
        name = installation.trigger("stuck_pipe")
        installation.until("the shell's sleep", lambda: installation.pids_of("sleep"))
        installation.signal("bash", signal.SIGKILL)
        assert installation.wait_for_run("stuck_pipe", name) == "failed"
        assert installation.left("sleep", "bash") == []
