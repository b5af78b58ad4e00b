"""DagBag, and the names `airflow…` around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tradewind import compat
from tradewind.testing import DagBag, airflow_names, run_dag
from tradewind.testing.course_dags import CLASSIC, TASKFLOW
from tradewind.testing.dag_bag import NoSuchFolder, UnknownDag


@pytest.mark.parametrize("source", [CLASSIC, TASKFLOW], ids=["classic", "taskflow"])
def test_files_in_airflow_2_spelling_run(tmp_path: Path, source: str) -> None:
    (tmp_path / "old.py").write_text(source, encoding="utf-8")
    run = run_dag(tmp_path / "old.py", "example_dag", logical_date="2026-01-05")
    assert run.state == "success", run.story()
    assert run.xcom("transform_data") == "transformed_raw_data"
    assert run.xcom("load_data").startswith("loaded_")
    assert run.data_interval_end is not None


def test_a_file_that_cannot_be_imported_is_an_import_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("from airflow.sdk import DAG\ndag = DAG('good', schedule=None)\n")
    (tmp_path / "syntax.py").write_text("from airflow import DAG\n\nwith DAG('x') as\n")
    (tmp_path / "missing.py").write_text("from airflow import DAG\nimport nowhere_to_be_found\n")
    (tmp_path / "twice.py").write_text("from airflow.sdk import DAG\na = DAG('good', schedule=None)\n")
    (tmp_path / "notes.py").write_text("raise SystemExit('this mentions nothing')\n")
    bag = DagBag(tmp_path)
    assert bag.dag_ids == ["good"]
    assert {file: [problem.line for problem in problems] for file, problems in bag.import_errors.items()} == {
        "missing.py": [2],
        "syntax.py": [3],
        "twice.py": [None],
    }
    assert "defined in good.py and again in twice.py" in bag.import_errors["twice.py"][0].message
    assert bag.get_dag("none") is None
    with pytest.raises(UnknownDag, match=r"There is no Dag 'none' here; there is good\."):
        bag["none"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFolder, match="name it with --dags-folder"):
        DagBag(tmp_path / "dags")


def test_files_import_what_lies_beside_them_and_in_plugins(tmp_path: Path) -> None:
    for folder in ("dags/inner", "plugins"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dags" / "beside_the_dags.py").write_text("A = 1\n")
    (tmp_path / "plugins" / "in_the_plugins.py").write_text("B = 2\n")
    (tmp_path / "dags" / "inner" / "x.py").write_text(
        "from airflow.sdk import DAG\nfrom beside_the_dags import A\nfrom in_the_plugins import B\n"
        "dag = DAG('x', schedule=None, tags=[str(A + B)])\n"
    )
    before = list(sys.path)
    bag = DagBag(tmp_path / "dags")
    assert bag.import_errors == {}
    assert bag["x"].tags == {"3"}
    assert sys.path == before


# --- names -------------------------------------------------------------------------------------------------------


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An apache-airflow that somebody has imported, whatever other tests have left behind."""
    was_installed = compat.installed()
    compat.uninstall()
    for name in [name for name in list(sys.modules) if name == "airflow" or name.startswith("airflow.")]:
        monkeypatch.delitem(sys.modules, name)
    real = ModuleType("airflow")
    real.DAG = "the real one"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow", real)
    yield real
    monkeypatch.undo()
    for name in [name for name in list(sys.modules) if name == "airflow" or name.startswith("airflow.")]:
        del sys.modules[name]
    if was_installed:
        compat.install()


def test_airflow_is_ours_inside_and_theirs_again_outside(theirs: ModuleType) -> None:
    with airflow_names():
        from airflow.sdk import DAG

        assert DAG.__module__.startswith("tradewind.")
        with airflow_names():
            import airflow

            assert airflow is not theirs
        assert sys.modules["airflow"] is airflow
    assert sys.modules["airflow"] is theirs
    assert "airflow.sdk" not in sys.modules
    assert not compat.installed()


def test_what_was_imported_inside_keeps_its_identity() -> None:
    with airflow_names():
        import airflow.sdk as first
    with airflow_names():
        import airflow.sdk as second
    assert first is second


def test_the_names_of_a_process_that_asked_for_them_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    compat.install()
    try:
        with airflow_names():
            import airflow.sdk
        assert sys.modules["airflow.sdk"] is airflow.sdk
        assert compat.installed()
    finally:
        compat.uninstall()
