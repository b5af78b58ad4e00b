"""StatsD: the lines, under Airflow's names, that follow from what a scheduler commits."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.config import ConfigError, load_settings
from tradewind.observability.statsd import Choice, StatsD
from tradewind.observability.statsd_sender import LONGEST_PACKET, Sender
from tradewind.scheduler.service import statsd_choice
from tradewind.scheduler.statsd_gauges import tell
from tradewind.store.engine import open_engine
from tradewind.store.migrate import migrate
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


class Stage:
    """A real scheduler, and what it says to StatsD."""

    def __init__(self, folder: Path, choice: Choice) -> None:
        self.lines: list[str] = []
        self.statsd = StatsD(choice, self.lines.append, lambda dag_id, task_id: "PythonOperator")
        self.api = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(folder)}), observers=(self.statsd,))

    def values(self) -> dict[str, list[str]]:
        """Name → what was said of it, and nothing of that is said again."""
        found: dict[str, list[str]] = {}
        for line in self.lines:
            name, _, value = line.partition(":")
            found.setdefault(name, []).append(value)
        self.lines.clear()
        return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "tradewind.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def stage(tmp_path: Path, empty: Path) -> Iterator[Stage]:
    shutil.copy(empty, tmp_path / "tradewind.db")
    stage = Stage(tmp_path, Choice())
    yield stage
    stage.api.close()


def test_a_run_says_what_airflow_says(stage: Stage) -> None:
    stage.api.load(dag("extract >> load", dag_id="etl"))
    stage.lines.clear()
    stage.api.create_run("etl", "r1")
    stage.api.finish("etl", "r1", "extract")
    stage.api.finish("etl", "r1", "load", "failed")
    found = stage.values()
    assert found["airflow.task_instance_created"] == ["2|c"]
    assert found["airflow.task_instance_created_PythonOperator"] == ["2|c"]
    assert found["airflow.ti.start"] == ["1|c", "1|c"]
    assert found["airflow.ti.start.etl.extract"] == ["1|c"]
    assert found["airflow.ti.finish"] == ["1|c", "1|c"]
    assert found["airflow.ti.finish.etl.extract.success"] == ["1|c"]
    assert found["airflow.ti.finish.etl.load.failed"] == ["1|c"]
    assert found["airflow.ti_successes"] == found["airflow.ti_failures"] == ["1|c"]
    assert found["airflow.operator_successes_PythonOperator"] == found["airflow.operator_failures"] == ["1|c"]
    for name in ("duration", "queued_duration", "scheduled_duration"):
        assert re.fullmatch(r"\d+\.\d+\|ms", found[f"airflow.dag.etl.load.{name}"][0])
        assert len(found[f"airflow.task.{name}"]) == 2
    assert found["airflow.dagrun.duration.failed"] == found["airflow.dagrun.duration.failed.etl"]
    assert "airflow.dagrun.duration.success" not in found
    assert set(found["airflow.scheduler.scheduler_loop_duration"]) <= {"0.000|ms"}  # the clock of this test stands


def test_a_failure_that_is_tried_again_is_a_failure_and_no_end_of_the_run(stage: Stage) -> None:
    stage.api.load(dag("extract", dag_id="etl", tasks={"extract": {"retries": 1}}))
    stage.lines.clear()
    stage.api.create_run("etl", "r1")
    stage.api.finish("etl", "r1", "extract", "failed")
    found = stage.values()
    assert found["airflow.ti_failures"] == ["1|c"]
    assert found["airflow.ti.finish.etl.extract.up_for_retry"] == ["1|c"]
    assert not [name for name in found if "dagrun.duration" in name]


def test_a_lost_attempt_is_a_zombie(stage: Stage) -> None:
    stage.api.load(dag("extract", dag_id="etl"))
    stage.api.create_run("etl", "r1")
    stage.lines.clear()
    stage.api.finish("etl", "r1", "extract", "lost")
    found = stage.values()
    assert found["airflow.task_instances_without_heartbeats_killed"] == found["airflow.zombies_killed"] == ["1|c"]


def test_what_is_so_is_said_and_what_is_gone_is_zero_once(stage: Stage) -> None:
    stage.api.load(dag("extract", dag_id="etl"))
    stage.api.create_run("etl", "r1")
    stage.lines.clear()
    tell(stage.statsd, stage.api.scheduler, 3)
    found = stage.values()
    assert found["airflow.scheduler_heartbeat"] == found["airflow.triggerer_heartbeat"] == ["1|c"]
    assert found["airflow.dag_processing.import_errors"] == ["3|g"]
    assert found["airflow.dagbag_size"] == ["1|g"]
    assert found["airflow.scheduler.dagruns.running"] == ["1|g"]
    assert found["airflow.pool.open_slots"] == found["airflow.pool.open_slots.default_pool"] == ["19|g"]
    assert found["airflow.pool.queued_slots.default_pool"] == ["1|g"]
    assert found["airflow.executor.open_slots.LocalExecutor"] == ["19|g"]
    assert found["airflow.ti.queued.default.etl.extract"] == ["1|g"]
    assert "airflow.ti.queued" not in found
    stage.api.finish("etl", "r1", "extract")
    stage.lines.clear()
    tell(stage.statsd, stage.api.scheduler, 0)
    assert stage.values()["airflow.ti.queued.default.etl.extract"] == ["0|g"]
    tell(stage.statsd, stage.api.scheduler, 0)
    assert "airflow.ti.queued.default.etl.extract" not in stage.values()


def test_names_are_chosen_by_patterns_found_anywhere() -> None:
    def sent(*names: str, allow: str = "", block: str = "", prefix: str = "tw") -> list[str]:
        choice = Choice.of(prefix, allow, block, True)
        return [name for name in map(choice.named, names) if name]

    names = ("ti.start", "ti.finish", "pool.open_slots")
    assert sent(*names) == ["tw.ti.start", "tw.ti.finish", "tw.pool.open_slots"]
    assert sent(*names, allow="^ti, open") == ["tw.ti.start", "tw.ti.finish", "tw.pool.open_slots"]
    assert sent(*names, allow="start$") == ["tw.ti.start"]
    assert sent(*names, block="start, POOL") == ["tw.ti.finish"]
    assert sent(*names, allow="pool", block="pool") == ["tw.pool.open_slots"]
    assert sent("ti.start", prefix="") == ["ti.start"]
    assert sent("dag.größe:x|y.duration") == ["tw.dag.gr__e_x_y.duration"]
    assert sent("x" * 250) == []


def test_without_legacy_names_only_the_short_ones_are_sent(tmp_path: Path, empty: Path) -> None:
    shutil.copy(empty, tmp_path / "tradewind.db")
    stage = Stage(tmp_path, Choice(with_legacy=False))
    try:
        stage.api.load(dag("extract", dag_id="etl"))
        stage.api.create_run("etl", "r1")
        stage.api.finish("etl", "r1", "extract")
        assert not [name for name in stage.values() if "etl" in name]
    finally:
        stage.api.close()


def test_a_pattern_that_is_none_is_said() -> None:
    settings = load_settings(environ={"AIRFLOW__METRICS__METRICS_ALLOW_LIST": "ti.(start"})
    with pytest.raises(ConfigError, match=r"\[metrics\] metrics_allow_list has a pattern that is none"):
        statsd_choice(settings)


def test_lines_travel_in_packets_and_nothing_waits_for_nobody() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(30)
        sender = Sender("127.0.0.1", ear.getsockname()[1])
        sender.send("early:1|c")
        sender.flush()  # its address is not known yet: the line waits for that
        sender._find()
        for number in range(200):
            sender.send(f"airflow.some.name.{number}:1|c")
        sender.close()
        lines: list[str] = []
        while len(lines) < 201:
            packet = ear.recv(65536)
            assert len(packet) <= LONGEST_PACKET
            lines += packet.decode().split("\n")
    assert lines == ["early:1|c", *(f"airflow.some.name.{number}:1|c" for number in range(200))]
    nobody = Sender("127.0.0.1", 9)
    nobody._find()
    for _ in range(3):
        nobody.send("x:1|c")
        nobody.flush()
    nobody.close()
