"""An API over a real database file and a real scheduler, in this process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.store.engine import open_engine
from tradewind.store.migrate import migrate
from tradewind.testing.api_stage import ApiStage


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to copy from."""
    path = tmp_path_factory.mktemp("migrated") / "tradewind.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def stage(tmp_path: Path, migrated: Path) -> Iterator[ApiStage]:
    shutil.copy(migrated, tmp_path / "tradewind.db")
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(tmp_path)}))
    yield stage
    stage.close()
