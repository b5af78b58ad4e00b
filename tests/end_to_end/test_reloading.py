"""Dag files come, change and go while the engine runs. Visibility is polled with patience; nothing here is timed."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.testing.installation import Installation

DAG = """
from airflow.sdk import dag, task
{imports}

@dag(schedule=None, tags={tags!r})
def {name}():
    @task
    def fine():
        return {value}

    fine()

{name}()
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    with Installation() as installation:
        installation.start()
        installation.until("the scheduler", installation.is_listening)
        yield installation
        assert installation.stop() == 0
        assert installation.left() == []


def source(name: str, *, imports: str = "", tags: Any = (), value: str = "1") -> str:
    return DAG.format(name=name, imports=imports, tags=list(tags), value=value).replace("'TAGS'", "*TAGS")


def known(installation: Installation, dag_id: str) -> dict[str, Any]:
    found = installation.rows(
        "SELECT d.*, v.number FROM dag d JOIN dag_version v ON v.id = d.version WHERE d.dag_id = ? AND NOT is_stale",
        dag_id,
    )
    return found[0] if found else {}


def tags(installation: Installation, dag_id: str) -> str:
    return str(known(installation, dag_id).get("tags", ""))


def returned(installation: Installation, dag_id: str, task_id: str = "fine") -> str:
    """What the newest run's task returned, after running it now."""
    assert installation.run(dag_id) == "success"
    rows = installation.rows(
        "SELECT x.value FROM xcom x JOIN run r ON r.number = x.run WHERE r.dag_id = ? AND x.task_id = ? "
        "AND x.key = 'return_value' ORDER BY r.number DESC",
        dag_id,
        task_id,
    )
    return bytes(rows[0]["value"]).decode()


def test_a_new_file_is_seen_an_edit_is_a_new_version_and_a_deleted_one_is_stale(running: Installation) -> None:
    path = running.write("life.py", source("life"))
    assert returned(running, "life") == "1"
    assert known(running, "life")["number"] == 1
    running.write("life.py", source("life", value="2"))
    running.until("the second version", lambda: known(running, "life")["number"] == 2)
    assert returned(running, "life") == "2"
    versions = running.rows("SELECT DISTINCT version FROM attempt WHERE task_id = 'fine' AND run IN "
                            "(SELECT number FROM run WHERE dag_id = 'life')")  # fmt: skip
    assert len(versions) == 2
    path.unlink()
    running.until("it is stale", lambda: not known(running, "life"))
    assert running.rows("SELECT is_stale FROM dag WHERE dag_id = 'life'") == [{"is_stale": 1}]
    running.write("life.py", source("life", value="3"))
    assert returned(running, "life") == "3"


def test_a_file_that_is_written_again_unchanged_makes_no_version(running: Installation) -> None:
    running.write("same.py", source("same"))
    running.until("the Dag", lambda: known(running, "same"))
    running.write("same.py", source("same"))
    running.write("marker.py", source("marker"))
    running.until("a later file", lambda: known(running, "marker"))
    assert running.rows("SELECT count(*) AS n FROM dag_version WHERE dag_id = 'same'") == [{"n": 1}]


def test_what_a_file_reads_is_part_of_it_module_yaml_and_folder(running: Installation) -> None:
    running.write("helper/names.py", "TAGS = ['from-module-1']\n")
    running.write("helper/__init__.py", "")
    running.write("with_module.py", source("with_module", imports="from helper.names import TAGS", tags=["TAGS"]))
    running.write("conf/tags.yaml", "[from-yaml-1]\n")
    reading = (
        "import yaml, pathlib\nTAGS = yaml.safe_load((pathlib.Path(__file__).parent / 'conf/tags.yaml').read_text())"
    )
    running.write("with_yaml.py", source("with_yaml", imports=reading, tags=["TAGS"]))
    listing = "import pathlib\nTAGS = sorted(p.stem for p in (pathlib.Path(__file__).parent / 'many').glob('*.yaml'))"
    running.write("many/first.yaml", "")
    running.write("with_glob.py", source("with_glob", imports=listing, tags=["TAGS"]))
    for dag_id, tag in {"with_module": "from-module-1", "with_yaml": "from-yaml-1", "with_glob": "first"}.items():
        running.until(f"{dag_id} as it was", lambda dag_id=dag_id, tag=tag: tag in tags(running, dag_id))

    running.write("helper/names.py", "TAGS = ['from-module-2']\n")
    running.until("the edited module", lambda: "from-module-2" in tags(running, "with_module"))
    running.write("conf/tags.yaml", "[from-yaml-2]\n")
    running.until("the edited YAML", lambda: "from-yaml-2" in tags(running, "with_yaml"))
    running.write("many/second.yaml", "")
    running.until("the new file of the folder", lambda: "second" in tags(running, "with_glob"))
    (running.dags / "many/first.yaml").unlink()
    running.until("the file that went", lambda: tags(running, "with_glob") == '["second"]')
    assert returned(running, "with_module") == "1"


def test_a_variable_read_at_import_is_part_of_the_file(running: Installation) -> None:
    running.command("variable.set", key="import_tag", value="before")
    reading = "from airflow.sdk import Variable\nTAGS = [Variable.get('import_tag')]"
    running.write("with_variable.py", source("with_variable", imports=reading, tags=["TAGS"]))
    running.until("the first value", lambda: "before" in tags(running, "with_variable"))
    running.command("variable.set", key="import_tag", value="after")
    running.until("the second value", lambda: "after" in tags(running, "with_variable"))


def test_ignored_files_are_not_read_until_they_are_no_longer_ignored(running: Installation) -> None:
    running.write(".airflowignore", "ignored_*.py\n")
    running.write("ignored_one.py", source("ignored_one"))
    running.write("beside.py", source("beside"))
    running.until("the other file", lambda: known(running, "beside"))
    assert not running.rows("SELECT 1 FROM dag_file WHERE file = 'ignored_one.py'")
    running.write(".airflowignore", "nothing\n")
    running.until("the file", lambda: known(running, "ignored_one"))
    running.write(".airflowignore", "ignored_*.py\n")
    running.until("the file is ignored again", lambda: not known(running, "ignored_one"))


def test_a_zip_of_dags_is_read_with_its_modules(running: Installation) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("packed_one.py", source("packed_one", imports="from packed_names import VALUE", value="VALUE"))
        archive.writestr("packed_two.py", source("packed_two"))
        archive.writestr("packed_names.py", "VALUE = 42\n")
    running.write("packed.zip", packed.getvalue())
    assert returned(running, "packed_one") == "42"
    assert returned(running, "packed_two") == "1"
    assert known(running, "packed_one")["file"] == "packed.zip"


def test_a_file_that_uses_polars_at_import_is_spawned_and_says_why_one_that_imports_it_is_forked(
    running: Installation,
) -> None:
    for library in ("polars", "pandas", "pyarrow", "duckdb"):
        pytest.importorskip(library)
    using = "import polars\nTABLE = polars.DataFrame({'x': list(range(100_000))}).sort('x', descending=True)"
    running.write("uses.py", source("uses", imports=using, value="int(TABLE['x'].sum())"))
    importing = "import duckdb, numpy, pandas, polars, pyarrow"
    working = "int(polars.DataFrame({'x': [1, 2]}).lazy().select(polars.col('x').sum()).collect().item())"
    running.write("imports.py", source("imports", imports=importing, value=working))
    assert returned(running, "uses") == str(sum(range(100_000)))
    used = known(running, "uses")
    assert (used["isolation"], "Polars" in used["isolation_reason"]) == ("spawn", True)
    assert returned(running, "imports") == "3"
    assert known(running, "imports")["isolation"] == "fork"


def test_attempts_draw_different_random_numbers(running: Installation) -> None:
    pytest.importorskip("numpy")
    drawing = "[numpy.random.rand(), random.random()]"
    running.write("draws.py", source("draws", imports="import numpy, random", value=drawing))
    assert returned(running, "draws") != returned(running, "draws")
    drawn = [returned(running, "draws").strip("[]").split(",") for _ in range(2)]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


def test_a_clock_read_at_import_makes_no_new_versions(running: Installation) -> None:
    clock = "from datetime import datetime\nNOW = datetime.now()"
    running.write("clock.py", source("clock", imports=clock, value="NOW.isoformat()"))
    first = returned(running, "clock")
    running.command("dag.reparse", file="clock.py")
    running.until("the next import", lambda: returned(running, "clock") != first)
    assert running.rows("SELECT count(*) AS n FROM dag_version WHERE dag_id = 'clock'") == [{"n": 1}]


MANY = """
from airflow.sdk import dag, task

@dag(schedule=None)
def many():
    @task
    def says(number):
        import time
        time.sleep(0.3)
        return {value}

    says.expand(number=list(range(8)))

many()
"""


def test_what_is_offered_after_an_edit_is_run_by_the_edited_code_on_every_worker() -> None:
    """Both workers have the file's host from before; only one of them is asked to import the edited file."""
    with Installation() as installation:
        for arguments in (["scheduler"], ["worker", "--name", "a"], ["worker", "--name", "b"]):
            installation.start(*arguments)
        installation.until("the scheduler", installation.is_listening)
        for value in range(1, 5):
            installation.write("many.py", MANY.format(value=value))
            installation.until("the version", lambda value=value: known(installation, "many").get("number") == value)
            name = installation.trigger("many")
            assert installation.wait_for_run("many", name) == "success"
            sql = (
                "SELECT a.worker, x.value FROM xcom x JOIN run r ON r.number = x.run JOIN attempt a ON a.run = x.run "
                "AND a.task_id = x.task_id AND a.map_index = x.map_index WHERE r.run_id = ? AND x.key = 'return_value'"
            )
            said = installation.rows(sql, name)
            assert {row["worker"] for row in said} == {"a", "b"}
            assert {bytes(row["value"]).decode() for row in said} == {str(value)}


def test_what_changed_while_no_scheduler_ran_is_run_as_it_is_now() -> None:
    """The worker outlives the scheduler and has the file's host; the file itself is the same, a module of it is not."""
    with Installation() as installation:
        installation.write("lib/rates.py", "RATE = 1\n")
        installation.write("rated.py", source("rated", imports="from lib.rates import RATE", value="RATE"))
        scheduler = installation.start("scheduler")
        installation.start("worker", "--name", "a")
        installation.until("the Dag", lambda: known(installation, "rated"))
        assert returned(installation, "rated") == "1"
        assert installation.stop(scheduler) == 0
        installation.write("lib/rates.py", "RATE = 2\n")
        installation.start("scheduler")
        installation.until("the scheduler", installation.is_listening)
        assert returned(installation, "rated") == "2"
