"""The large-data pipeline from its inputs to its report, step by step and without any engine."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tradewind.data.pipelines import large_etl
from tradewind.data.pipelines.run import Options, Run, partition
from tradewind.data.problems import BadInput, BadSetting, DataProblem, QualityGateFailed
from tradewind.data.settings import DataSettings

duckdb = pytest.importorskip("duckdb")

RUN_ID = "manual__2025-11-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def root(demo_raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("etl") / "data"
    shutil.copytree(demo_raw, root / "raw")
    with sqlite3.connect(root / "raw" / "flights.db") as connection:
        connection.execute("DELETE FROM flights WHERE month > 1")
    connection.close()
    return root


def run_of(root: Path, run_id: str = RUN_ID, **options: Any) -> Run:
    return Run(run_id, DataSettings(root, max_workers=2, memory_limit_gb=1), Options(**options))


def play(run: Run) -> dict[str, dict[str, Any]]:
    """All steps in order; what they return must fit into a message."""
    files = large_etl.extract_files(run)
    database = large_etl.extract_database(run)
    api = large_etl.extract_api(run)
    done = large_etl.transform(run, files, database, api)
    checked = large_etl.check_quality(run, files, database, done)
    loaded = large_etl.load(run, done, checked)
    report = large_etl.report(run, files, database, api, done, checked, loaded)
    steps = {"files": files, "transform": done, "quality": checked, "load": loaded, "report": report}
    assert len(json.dumps(steps)) < 8000
    return steps


def mart_counts(run: Run) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(run.mart), read_only=True) as mart:
        tables = ("runs", "lineitem_summary", "flights_daily", "lineitem", "flights_weather")
        return [mart.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]


def all_files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_rows_reconcile_from_the_sources_to_the_warehouse_and_a_rerun_doubles_nothing(root: Path) -> None:
    run = run_of(root)
    first = play(run)
    kept = first["transform"]["rows_kept"]
    assert first["files"]["rows"] == 60_175 == kept + first["transform"]["rows_rejected"]
    assert first["load"]["lineitem_rows"] == kept
    assert first["load"]["flights_weather_rows"] == 27_004
    assert first["quality"]["score"] == 100
    counts, files = mart_counts(run), all_files(root)
    assert counts == [1, 13, 93, kept, 27_004]

    again = play(run)
    assert again["report"] == first["report"]
    assert mart_counts(run) == counts
    assert all_files(root) == files
    assert not [name for name in files if name.endswith(".tmp") or "spill" in name]


def test_each_folder_is_used_and_the_report_stands_alone(root: Path) -> None:
    run = run_of(root, "report")
    steps = play(run)
    page = Path(steps["report"]["report"]).read_text()
    assert page.count("<svg") >= 5
    assert "60,175" in page
    assert "http" not in page.replace("http-equiv", "")
    assert json.loads(run.log.read_text())["transform"]["rows_in"] == 60_175
    assert json.loads(run.report("validation.json").read_text())["score"] == 100
    assert run.extract("weather.parquet").exists()


def test_weather_meets_nearly_every_flight(root: Path) -> None:
    run = run_of(root, "weather")
    play(run)
    share, rain = duckdb.execute(
        "SELECT avg(has_weather::INT), max(precip) FROM read_parquet(?)", [str(run.warehouse("flights_weather"))]
    ).fetchone()
    assert share > 0.99
    assert rain > 0


def test_only_the_newest_runs_are_kept(tmp_path: Path, root: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name in ("lineitem.csv", "flights.db"):
        (tmp_path / "raw" / name).symlink_to(root / "raw" / name)
    removed = [play(run_of(tmp_path, f"run {number}", keep_runs=2))["load"]["removed_runs"] for number in range(3)]
    run = run_of(tmp_path, "run 2")
    assert removed == [[], [], ["run 0"]]
    assert mart_counts(run)[0] == 2
    left = {path.name for path in (tmp_path / "processed" / "warehouse" / "lineitem").iterdir()}
    assert left == {partition("run 1"), partition("run 2")}


def test_bad_data_stop_at_the_gate_and_leave_a_validation_report(root: Path) -> None:
    run = run_of(root, "strict", max_rejected_percent=0.1)
    with pytest.raises(QualityGateFailed, match=r"at most 0\.1 % of the rows are rejected \(0\.49 %\)"):
        play(run)
    verdict = json.loads(run.report("validation.json").read_text())
    assert [check["name"] for check in verdict["checks"] if not check["passed"]] == [
        "at most 0.1 % of the rows are rejected"
    ]
    assert not run.warehouse("lineitem").exists()


def test_rows_that_occur_twice_are_refused(root: Path, tmp_path: Path) -> None:
    lines = (root / "raw" / "lineitem.csv").read_bytes().splitlines(keepends=True)[:2000]
    doubled = tmp_path / "doubled.csv"
    doubled.write_bytes(b"".join(lines) + lines[5])
    with pytest.raises(QualityGateFailed, match=r"\(l_orderkey, l_linenumber\) is unique \(1 bad\)"):
        play(run_of(root, "doubled", lineitem_csv=str(doubled)))


def test_a_missing_input_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lineitem\.csv: does not exist; .*tradewind\.data\.demo\.inputs"):
        large_etl.extract_files(run_of(tmp_path))
    with pytest.raises(BadInput, match=r"flights\.db: does not exist"):
        large_etl.extract_database(run_of(tmp_path))


def test_loading_after_the_transform_was_removed_says_what_to_clear(root: Path) -> None:
    run = run_of(root, "gone")
    done = {"lineitem": str(run.staging("lineitem.parquet")), "flights": "x", "rows_kept": 1, "rows_in": 1}
    with pytest.raises(DataProblem, match="clear the transform task"):
        large_etl.load(run, done, {"score": 100})


@pytest.mark.parametrize("params", [{"min_quality": 101}, {"max_rejected_percent": "5"}, {"keep_runs": 1}])
def test_a_wrong_parameter_is_named(params: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=f"parameter {next(iter(params))}"):
        Run.of("x", params)


def test_different_runs_never_share_a_folder() -> None:
    ids = ["a/b", "a_b", "a:b", "../x", "a b", "a%2Fb", RUN_ID]
    folders = {partition(run_id) for run_id in ids}
    assert len(folders) == len(ids)
    assert all("/" not in folder for folder in folders)
