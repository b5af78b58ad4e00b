"""An API over a real database file and a real scheduler, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.testing.api_stage import ApiStage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ApiStage]:
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(tmp_path)}))
    yield stage
    stage.close()
