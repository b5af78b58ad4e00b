"""XComs too large for the database, through the whole engine: returned, pushed, mapped over, pulled, retried."""

from pathlib import Path

from tradewind.testing.installation import Installation

DAG = """
from datetime import timedelta
from airflow.sdk import dag, task
from airflow.operators.python import PythonOperator

TEXT = "x" * 100_000

@dag(schedule=None)
def large():
    @task
    def words(): return [TEXT + str(i) for i in range(3)]

    @task(multiple_outputs=True)
    def parts(ti=None):
        ti.xcom_push("note", {"text": TEXT})
        return {"big": TEXT, "small": 1}

    @task
    def length(word): return len(word)

    @task
    def total(lengths, big, small, ti=None):
        assert ti.xcom_pull(task_ids="parts", key="note") == {"text": TEXT}
        assert ti.xcom_pull(task_ids="parts")["big"] == big == TEXT and small == 1
        return sum(lengths)

    @task(retries=1, retry_delay=timedelta(0))
    def twice(ti=None):
        ti.xcom_push("left", f"{ti.try_number}" + TEXT)
        if ti.try_number == 1:
            raise ValueError("once more")

    @task
    def lists() -> dict: return {"few": ["a", "b"]}

    length.override(task_id="of_a_key").expand(word=lists()["few"])

    done = parts()
    total(length.expand(word=words()), done["big"], done["small"]) >> twice()

large()
"""


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_large_values_pass_between_tasks_while_the_database_holds_references() -> None:
    with Installation({"large.py": DAG}) as here:
        here.start()
        assert here.run("large") == "success", here.last_words()
        rows = {
            (row["task_id"], row["map_index"], row["key"]): bytes(row["value"])
            for row in here.rows("SELECT task_id, map_index, key, value FROM xcom")
        }
        assert rows["total", -1, "return_value"] == b"300003"
        assert all(len(value) < 300 for value in rows.values())
        keys = [name for name in rows if name[0] == "of_a_key"]
        assert len(keys) == 2, "a mapped task expands over one key of several outputs"
        large = {name for name, value in rows.items() if value.startswith(b"@")}
        assert large == {
            ("words", -1, "return_value"), ("parts", -1, "return_value"), ("parts", -1, "note"),
            ("parts", -1, "big"), ("twice", -1, "left"),
        }  # fmt: skip
        # What the first try of `twice` left went when the second began.
        assert len(files_below(here.home / "xcoms")) == len(large)


def test_files_of_a_deleted_dag_go_with_the_next_start() -> None:
    with Installation({"large.py": DAG}) as here:
        first = here.start()
        assert here.run("large") == "success", here.last_words()
        assert files_below(here.home / "xcoms")
        (here.dags / "large.py").unlink()
        here.command("dag.delete", dag_id="large")
        here.stop(first)
        here.processes.remove(first)
        here.start()
        here.until("the files are gone", lambda: not files_below(here.home / "xcoms"))
