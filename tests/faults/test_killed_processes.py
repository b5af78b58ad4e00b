"""kill -9 of every part at many moments: runs end as they would have, and nothing is started twice or lost."""

import pytest

from tradewind.testing.faults import COMPONENTS, MOMENTS, SHELL, WORKLOAD, hurt_workload
from tradewind.testing.installation import Installation

SAMPLE = [(6, 14)]
SWEEP = [tuple(range(first, MOMENTS, 4)) for first in range(4)]


@pytest.mark.parametrize(
    "moments", [*SAMPLE, *(pytest.param(moments, marks=[pytest.mark.heavy, pytest.mark.timeout(300)]) for moments in SWEEP)]
)
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_killed_process_loses_nothing_and_doubles_nothing(component: str, moments: tuple[int, ...]) -> None:
    with Installation({"workload.py": WORKLOAD, "shell.py": SHELL}) as installation:
        installation.start()
        for moment in moments:
            assert hurt_workload(installation, component, moment) == [], f"moment {moment}"
        assert installation.stop() == 0
        assert installation.left() == []
