"""Files and tasks with every kind of fault: each gives one clear error that names it, and disturbs nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from tradewind.testing.installation import Installation

GOOD = """
from airflow.sdk import dag, task

@dag(schedule=None)
def good():
    @task
    def fine():
        return 1

    fine()

good()
"""

HEAD = "from airflow.sdk import DAG, task\nimport ctypes, os, sys, threading, time, signal\n"
"""Two lines: what a file does wrong begins in line 3."""

DAG = """
with DAG({name!r}, schedule=None):
    @task
    def fine():
        return 1
    fine()
"""

BROKEN: dict[str, tuple[str, str]] = {
    "syntax error": ("def broken(:\n", r"bad\.py:3: syntax error: .+"),
    "null byte": ("x = 1\ny = '\0'\n", r"bad\.py:4: syntax error: the file holds a null byte, so it is no text"),
    "wrong encoding": ("x = '\udce9'\n", r"bad\.py:3: syntax error: .*'utf-8' codec can't .*; save the file as UTF-8"),
    "missing module": ("import no_such_module\n", r"bad\.py:3: module 'no_such_module' is not installed"),
    "raising": ("x = 1\ny = x / 0\n", r"bad\.py:4: ZeroDivisionError: division by zero"),
    "raising in a function": (
        "def f():\n    raise ValueError('odd')\n\nf()\n",
        r"bad\.py:4: ValueError: odd",
    ),
    "sys.exit": ("sys.exit(3)\n", r"bad\.py:3: it calls sys\.exit\(3\)"),
    "os._exit": ("os._exit(0)\n", r"bad\.py: the import ended its process"),
    "segmentation fault": ("ctypes.string_at(0)\n", r"bad\.py: the import ended its process"),
    "endless recursion": ("def f():\n    return f()\n\nf()\n", r"bad\.py:\d+: RecursionError"),
    "cycle": (
        "with DAG('bad', schedule=None):\n"
        "    @task\n    def a(): ...\n    @task\n    def b(): ...\n"
        "    one, two = a(), b()\n    one >> two >> one\n",
        r"bad\.py: Cycle .*a >> b >> a",
    ),
    "duplicate task ids": (
        "from airflow.providers.standard.operators.empty import EmptyOperator\n"
        "with DAG('bad', schedule=None):\n    EmptyOperator(task_id='twin')\n    EmptyOperator(task_id='twin')\n",
        r"bad\.py:6: .*'?twin'?",
    ),
    "duplicate Dag ids in one file": (
        "def make():\n    with DAG('bad', schedule=None) as dag:\n        @task\n        def a(): ...\n        a()\n"
        "    return dag\n\none, two = make(), make()\n",
        r"bad\.py: Dag 'bad' is defined twice",
    ),
    "bad cron": ("dag = DAG('bad', schedule='61 * * * *')\n", r"bad\.py.*61 \* \* \* \*"),
    "bad start date": ("dag = DAG('bad', schedule='@daily', start_date='someday')\n", r"bad\.py.*someday"),
    "not text": ("\udcff\n", r"bad\.py"),
}

HANGING: dict[str, tuple[str, str]] = {
    "hanging": ("time.sleep(1000)\n", r"bad\.py(:3)?: its import took longer than"),
    "hanging beyond its timer": (
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\ntime.sleep(1000)\n",
        r"bad\.py: its import took longer than",
    ),
}


def _running(**environment: str) -> Iterator[Installation]:
    with Installation({"good.py": GOOD}, **environment) as installation:
        installation.start()
        assert installation.run("good") == "success"
        yield installation
        assert installation.stop() == 0
        assert installation.left() == []


@pytest.fixture(scope="module")
def patient() -> Iterator[Installation]:
    """However busy the machine is, a file that does not hang is imported in time."""
    yield from _running(AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT="100")


@pytest.fixture
def installation(patient: Installation) -> Iterator[Installation]:
    """Every test finds the good file alone."""
    yield patient
    remove(patient, *(path.name for path in patient.dags.glob("*.py") if path.name != "good.py"))


@pytest.fixture(scope="module")
def impatient() -> Iterator[Installation]:
    yield from _running(AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT="3")


def version(installation: Installation, dag_id: str) -> Any:
    return installation.rows("SELECT version, file FROM dag WHERE dag_id = ? AND NOT is_stale", dag_id)


def remove(installation: Installation, *names: str) -> None:
    for name in names:
        (installation.dags / name).unlink()
        installation.until(
            f"{name} is forgotten",
            lambda name=name: (
                not installation.rows(
                    "SELECT file FROM import_error WHERE file = ? UNION SELECT file FROM dag_file WHERE file = ?",
                    name,
                    name,
                )
            ),
        )


def errors(installation: Installation, name: str = "bad.py") -> list[str]:
    sql = "SELECT message FROM import_error WHERE file = ? ORDER BY position"
    return [row["message"] for row in installation.rows(sql, name)]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_named_in_one_sentence_and_stops_no_other(installation: Installation, fault: str) -> None:
    check_broken(installation, *BROKEN[fault])


@pytest.mark.parametrize("fault", HANGING)
def test_a_file_whose_import_does_not_end_is_named_and_stops_no_other(impatient: Installation, fault: str) -> None:
    check_broken(impatient, *HANGING[fault])
    remove(impatient, "bad.py")


def check_broken(installation: Installation, text: str, pattern: str) -> None:
    before = version(installation, "good")
    installation.write("bad.py", (HEAD + text).encode("utf-8", "surrogateescape"))
    found = installation.until("the error", lambda: errors(installation))
    assert len(found) == 1
    assert_matches(found[0], pattern)
    assert installation.run("good") == "success"
    assert version(installation, "good") == before
    assert errors(installation, "good.py") == []


def assert_matches(text: str, pattern: str) -> None:
    with pytest.raises(AssertionError, match=rf"(?s)^{pattern}"):
        raise AssertionError(text)


def test_a_file_in_utf_16_is_named_and_one_with_a_byte_order_mark_is_read(installation: Installation) -> None:
    text = HEAD + DAG.format(name="marked")
    installation.write("bad.py", text.encode("utf-16"))
    installation.write("unknown.py", b"# coding: klingon\n" + text.encode())
    installation.write("marked.py", text.encode("utf-8-sig"))
    assert installation.run("marked") == "success"
    sixteen = installation.until("the error", lambda: errors(installation))
    assert sixteen == ["bad.py:1: syntax error: the file is encoded as UTF-16; save it as UTF-8"]
    unknown = installation.until("the other error", lambda: errors(installation, "unknown.py"))
    assert unknown == ["unknown.py:1: syntax error: unknown encoding: klingon"]
    for row in installation.rows("SELECT traceback FROM import_error WHERE file IN ('bad.py', 'unknown.py')"):
        assert "importing.py" not in row["traceback"]


def test_the_traceback_of_an_import_error_shows_the_authors_frames_alone(installation: Installation) -> None:
    installation.write("bad.py", HEAD + "def f():\n    DAG('a bad name')\n\nf()\n")
    installation.write("old.py", HEAD + "from airflow.operators.subdag import SubDagOperator\n")
    for name in ("bad.py", "old.py"):
        installation.until("the error", lambda name=name: errors(installation, name))  # type: ignore[misc]
    for row in installation.rows("SELECT file, traceback FROM import_error WHERE file IN ('bad.py', 'old.py')"):
        assert "/src/tradewind/" not in row["traceback"], row["traceback"]


def test_a_broken_edit_leaves_the_last_good_version_running(installation: Installation) -> None:
    installation.write("edited.py", HEAD + DAG.format(name="edited"))
    assert installation.run("edited") == "success"
    before = version(installation, "edited")
    installation.write("edited.py", HEAD + "1 / 0\n")
    installation.until("the error", lambda: errors(installation, "edited.py"))
    assert version(installation, "edited") == before


FITS: dict[str, str] = {
    "forks": "if os.fork() == 0:\n    time.sleep(0.2)\n",
    "forks and leaves the copy waiting": "if os.fork() == 0:\n    time.sleep(1000)\n",
    "prints a gigabyte": "block = 'x' * (1 << 20)\nfor _ in range(1024):\n    print(block)\n",
    "changes folder, mask and handlers": "os.chdir('/')\nos.umask(0)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n",
    "closes standard output": "sys.stdout.close()\n",
}


@pytest.mark.parametrize("oddity", FITS)
def test_an_odd_file_works_all_the_same(installation: Installation, oddity: str) -> None:
    installation.write("odd.py", HEAD + FITS[oddity] + DAG.format(name="odd"))
    assert installation.run("odd") == "success"
    assert errors(installation, "odd.py") == []
    kept = installation.rows("SELECT output, isolation FROM dag_file WHERE file = 'odd.py'")[0]
    assert len(kept["output"]) <= 8192
    assert kept["isolation"] == "fork"
    assert installation.run("good") == "success"


def test_a_file_that_starts_a_thread_runs_its_tasks_in_processes_of_their_own_and_says_why(
    installation: Installation,
) -> None:
    thread = "threading.Thread(target=time.sleep, args=(1000,), name='lingerer', daemon=True).start()\n"
    installation.write("threads.py", HEAD + thread + DAG.format(name="threads"))
    assert installation.run("threads") == "success"
    row = installation.rows("SELECT isolation, isolation_reason FROM dag WHERE dag_id = 'threads'")[0]
    assert row["isolation"] == "spawn"
    assert "lingerer" in row["isolation_reason"]


def test_a_dag_id_taken_by_another_file_is_refused_until_it_is_free(installation: Installation) -> None:
    installation.write("one.py", HEAD + DAG.format(name="taken"))
    installation.until("the first", lambda: version(installation, "taken"))
    installation.write("two.py", HEAD + DAG.format(name="taken"))
    found = installation.until("the error", lambda: errors(installation, "two.py"))
    assert_matches(found[0], r"Dag 'taken' is defined in one\.py and again in two\.py")
    assert version(installation, "taken")[0]["file"] == "one.py"
    assert installation.run("taken") == "success"
    remove(installation, "one.py")
    installation.until("the second", lambda: [row["file"] for row in version(installation, "taken")] == ["two.py"])
    assert errors(installation, "two.py") == []


def test_a_task_in_an_unknown_pool_waits_and_says_so_and_starts_when_the_pool_exists(
    installation: Installation,
) -> None:
    installation.write("pools.py", HEAD + DAG.format(name="pools").replace("@task", "@task(pool='no_such_pool')"))
    name = installation.trigger("pools")

    def reasons() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = installation.request("explain", dag_id="pools", task_id="fine", run_id=name)
        return [reason for reason in found if reason["code"] == "unknown_pool"]

    reason = installation.until("the reason", reasons)[0]
    assert "no_such_pool" in reason["sentence"]
    assert installation.run("good") == "success"
    installation.command("pool.set", name="no_such_pool", slots=1)
    assert installation.wait_for_run("pools", name) == "success"


FAILING: dict[str, tuple[str, str]] = {
    "a value that is no JSON": ("@task\n    def bad():\n        return object()\n    bad()", "object"),
    "a template error": (
        "from airflow.providers.standard.operators.bash import BashOperator\n"
        "    BashOperator(task_id='bad', bash_command='echo {{ 1 / 0 }}')",
        "division by zero",
    ),
    "a template syntax error": (
        "from airflow.providers.standard.operators.bash import BashOperator\n"
        "    BashOperator(task_id='bad', bash_command='echo {{ oops')",
        "bash_command",
    ),
    "an end of the process": ("@task\n    def bad():\n        os._exit(7)\n    bad()", "exit code 7"),
    "a crash in native code": ("@task\n    def bad():\n        ctypes.string_at(0)\n    bad()", "SIGSEGV"),
    "sys.exit": ("@task\n    def bad():\n        sys.exit('enough')\n    bad()", "enough"),
}


@pytest.mark.parametrize("fault", FAILING)
def test_a_failing_task_says_why_in_its_reason_and_its_log(installation: Installation, fault: str) -> None:
    text, words = FAILING[fault]
    installation.write("failing.py", f"{HEAD}\nwith DAG('failing', schedule=None):\n    {text}\n")
    name = installation.trigger("failing")
    assert installation.wait_for_run("failing", name) == "failed"
    sql = "SELECT t.reason FROM task_instance t JOIN run ON run = number WHERE run_id = ? AND task_id = 'bad'"
    assert words in installation.rows(sql, name)[0]["reason"]
    # What ended without a word has its last line from the agent.
    installation.until("the log's last line", lambda: words in installation.log("failing", "bad"))
    assert installation.run("good") == "success"


def test_an_error_that_is_gone_is_an_event(installation: Installation) -> None:
    installation.write("mended.py", HEAD + "1 / 0\n")
    installation.until("the error", lambda: errors(installation, "mended.py"))
    installation.write("mended.py", HEAD + DAG.format(name="mended"))
    sql = "SELECT name FROM event WHERE name LIKE 'dag.import_%' AND body LIKE '%mended.py%' ORDER BY seq"
    installation.until("its end", lambda: not errors(installation, "mended.py"))
    assert [row["name"] for row in installation.rows(sql)] == ["dag.import_failed", "dag.import_healed"]
