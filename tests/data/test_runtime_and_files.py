from __future__ import annotations

import logging
import pickle
import socket
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tradewind.data import charts, runtime
from tradewind.data.files import human, place, replacing, write_json
from tradewind.data.problems import BadInput, BadSetting, Overtaken
from tradewind.data.settings import DataSettings


def test_metrics_and_progress_reach_statsd(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(5)
        monkeypatch.setenv("STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv("STATSD_PORT", str(collector.getsockname()[1]))
        runtime.metric("rows", 12, {"source": "api"})
        assert collector.recv(1000) == b"tradewind.data.rows:12|g|#source:api"
        runtime.progress(5, 5, "rows")
        assert collector.recv(1000) == b"tradewind.data.progress:1|g|#unit:rows"
    runtime._defaults.popitem()[1]._socket.close()  # type: ignore[union-attr]


def test_without_an_engine_progress_is_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tradewind.data")
    quiet = runtime.LoggingRuntime(every_seconds=3600)
    quiet._last = float("inf")
    for done in range(100):
        quiet.progress(done, 100, "rows")
    assert caplog.messages == []
    quiet.progress(100, 100, "rows")
    assert caplog.messages == ["100 of 100 rows (100 %)"]


def test_an_installed_runtime_is_used_only_inside_its_block() -> None:
    class Recorder:
        def __init__(self) -> None:
            self.calls: list[object] = []

        def progress(self, *call: object) -> None:
            self.calls.append(call)

        def metric(self, *call: object) -> None:
            self.calls.append(call)

    recorder = Recorder()
    with runtime.installed(recorder):
        runtime.progress(1)
        runtime.metric("x", 2)
    runtime.progress(3)
    assert recorder.calls == [(1, None, ""), ("x", 2, {})]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_earlier_try_that_was_overtaken_cannot_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    for name in ("DAG_ID", "DAG_RUN_ID", "TASK_ID"):
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", name)

    def overtaken() -> None:
        with replacing(path) as slow:
            slow.write_text("old attempt")
            with replacing(path) as fast:
                fast.write_text("new attempt")

    with pytest.raises(Overtaken, match="a newer try of this task"):
        overtaken()
    assert path.read_text() == "new attempt"
    assert list(tmp_path.iterdir()) == [path]


def test_runs_that_write_one_file_at_once_leave_it_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "etl")
    monkeypatch.setenv("AIRFLOW_CTX_TASK_ID", "extract")
    monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "first")
    with replacing(path) as one:
        one.write_text("first")
        monkeypatch.setenv("AIRFLOW_CTX_DAG_RUN_ID", "second")
        with replacing(path) as other:
            other.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_writer_that_died_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    code = f"""
import os
from pathlib import Path
from tradewind.data.files import replacing
with replacing(Path({str(path)!r})) as temporary:
    temporary.write_text("half")
    os._exit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    write_json(path, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_placing_a_file_copies_nothing_and_replaces_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "deep" / "b"
    source.write_text("1")
    place(source, target)
    assert source.stat().st_ino == target.stat().st_ino
    write_json(source, {"n": 2})
    assert target.read_text() == "1"
    place(source, target)
    assert target.read_text() == '{\n  "n": 2\n}\n'


def test_settings_come_from_the_environment_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    env = {"TRADEWIND_DATA": str(tmp_path), "CHUNK_SIZE": "5000", "MAX_WORKERS": "2", "MEMORY_LIMIT_GB": "1.5"}
    assert DataSettings.from_env(env) == DataSettings(tmp_path, 5000, 2, 1.5)
    assert DataSettings.from_env({}).chunk_size == 10_000
    for name, value in (
        ("CHUNK_SIZE", "ten"),
        ("MAX_WORKERS", "0"),
        ("MAX_WORKERS", "1.5"),
        ("MEMORY_LIMIT_GB", "nan"),
    ):
        with pytest.raises(BadSetting, match=f"{name} must be a .*not '{value}'"):
            DataSettings.from_env({name: value})


def test_a_problem_survives_the_way_between_processes() -> None:
    problem = BadInput("a.csv", "is bad", line=3, column="x")
    again = pickle.loads(pickle.dumps(problem))
    assert str(again) == str(problem) == "a.csv, line 3, column 'x': is bad"


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 bytes"), (999, "999 bytes"), (765_812_425, "766 MB"), (3.9e9, "3.9 GB")]
)
def test_sizes_are_written_for_people(size: float, said: str) -> None:
    assert human(size) == said


@pytest.mark.parametrize(
    "picture",
    [
        charts.stacked_bars(["1992", "1993"], {"A <&>": [1, 2], "B": [0, 5e9]}, unit=" €"),
        charts.stacked_bars([], {}),
        charts.bars({"x & y": 0, "z": 12}),
        charts.bars({}),
        charts.lines(["a", "b", "c"], {"one": [1.0, None, -3.0], "none": [None, None, None]}),
        charts.lines([], {}),
        charts.gauge(79.9, 80),
    ],
)
def test_a_chart_is_well_formed_whatever_its_values(picture: str) -> None:
    root = ElementTree.fromstring(f"<div>{picture}</div>")
    assert root.find("svg") is not None
    assert "nan" not in picture


def test_axes_end_at_round_numbers() -> None:
    assert [charts.nice_ceiling(value) for value in (0, 0.7, 1, 3, 26, 51, 1000)] == [1, 1, 1, 5, 50, 100, 1000]
