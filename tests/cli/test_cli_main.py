"""The command itself: laziness, errors, configuration, info."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_fakes import FakeScheduler, Run

from tradewind import __version__
from tradewind.cli.connection_text import from_uri, to_uri
from tradewind.cli.main import COMMANDS

HEAVY = ("sqlalchemy", "rich", "alembic", "jinja2", "pendulum", "cryptography", "tradewind.sdk", "airflow")


def imported(*args: str) -> set[str]:
    """Modules that a command loads in a process of its own."""
    code = (
        "import sys; from tradewind.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_version_loads_next_to_nothing(home: Path) -> None:
    modules = imported("version")
    assert not modules & {*HEAVY, "msgspec", "sqlite3", "tradewind.config"}


def test_reading_and_help_load_nothing_heavy(database: Path) -> None:
    assert not imported("dags", "list") & {*HEAVY, "msgspec"}
    assert not imported("--help") & {*HEAVY, "msgspec", "tradewind.cli.dags"}


def test_version(run: Run, home: Path) -> None:
    assert run("version").out == f"{__version__}\n"


def test_every_command_has_help(run: Run, home: Path) -> None:
    for name in COMMANDS:
        if name == "standalone":
            continue
        ended = run(name, "--help")
        assert (ended.code, ended.out[:6]) == (0, "Usage:"), name


@pytest.mark.parametrize(
    "args", [("nonsense",), ("dags", "nonsense"), ("dags", "state"), ("dags", "list", "-o", "xml")]
)
def test_wrong_usage_is_code_2(run: Run, home: Path, args: tuple[str, ...]) -> None:
    ended = run(*args)
    assert (ended.code, ended.out) == (2, "")
    assert "Error:" in ended.err


def test_airflows_services_are_named_with_what_runs_them(run: Run, home: Path) -> None:
    ended = run("dag-processor")
    assert ended.code == 2
    assert "`dag-processor` is a part of `tradewind scheduler`" in ended.err


def test_an_unexpected_error_is_one_line_unless_debugging(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it \x1b[31mbroke")

    monkeypatch.setattr("tradewind.cli.reading.open_reader", fail)
    ended = run("dags", "list")
    assert (ended.code, ended.err) == (1, "Error: RuntimeError: it ␛[31mbroke (TRADEWIND_DEBUG=1 shows where).\n")
    monkeypatch.setenv("TRADEWIND_DEBUG", "1")
    from tradewind.cli.main import main

    with pytest.raises(RuntimeError):
        main(["dags", "list"])
    monkeypatch.delenv("TRADEWIND_DEBUG")
    with pytest.raises(RuntimeError):
        main(["dags", "list", "--debug"])


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    command = f"{sys.executable} -m tradewind.cli.main config list | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[core]", "0"]
    assert done.stderr == ""


def test_config_get_value(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setenv("AIRFLOW__WEBSERVER__WEB_SERVER_PORT", "9000")
    assert run("config", "get-value", "core", "executor").out == "LocalExecutor\n"
    assert run("config", "get-value", "webserver", "web_server_port").out == "9000\n"
    assert run("config", "get-value", "api", "port").out == "9000\n"
    assert run("config", "get-value", "smtp", "smtp_port").out == "25\n"
    ended = run("config", "get-value", "core", "nope")
    assert (ended.code, ended.out) == (1, "")
    assert "There is no setting [core] nope" in ended.err


def test_config_list_names_sources_and_masks_secrets(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://u:topsecret@h/db")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PASSWORD", "alsosecret")
    monkeypatch.setenv("AIRFLOW__SENTRY__SENTRY_DSN", "alsosecret")
    out = run("config", "list", "--include-sources").out
    assert "# Source: env AIRFLOW__DATABASE__SQL_ALCHEMY_CONN\nsql_alchemy_conn = < hidden >\n" in out
    assert "# Source: default\nparallelism = 32\n" in out
    assert "topsecret" not in out
    assert "alsosecret" not in out
    shown = run("config", "list", "--section", "database", "--show-values").out
    assert "sql_alchemy_conn = postgresql+psycopg://u:topsecret@h/db" in shown
    assert "[core]" not in shown
    assert "# parallelism = 32" in run("config", "list", "-c").out
    assert "# Variable: AIRFLOW__CORE__PARALLELISM" in run("config", "list", "-V").out
    assert "# Most tasks running at once in this installation." in run("config", "list", "-d").out
    assert run("config", "list", "--section", "nope").code == 1
    defaults = run("config", "list", "--defaults", "-s").out
    assert "# Source: env" not in defaults
    assert "sentry_dsn" not in defaults


def test_config_lint(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("config", "lint").out == "Nothing to remark: every setting is known and has its effect.\n"
    monkeypatch.setenv("AIRFLOW__CORE__DAG_CONCURRENCY", "4")
    monkeypatch.setenv("AIRFLOW__WEBSERVER__RBAC", "True")
    ended = run("config", "lint")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "moved: [core] dag_concurrency is read as [core] max_active_tasks_per_dag; rename it. "
        "(env AIRFLOW__CORE__DAG_CONCURRENCY)",
        "unused: [webserver] rbac: there are users and roles in any case. (env AIRFLOW__WEBSERVER__RBAC)",
    ]
    assert "rbac" not in run("config", "lint", "--section", "core").out
    assert "dag_concurrency" not in run("config", "lint", "--ignore-option", "dag_concurrency").out


def test_a_wrong_setting_is_one_sentence(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "many")
    ended = run("dags", "list")
    assert ended.code == 1
    assert ended.err == (
        "Error: [core] parallelism is 'many' (env AIRFLOW__CORE__PARALLELISM); it must be a whole number.\n"
    )


def test_home_can_be_named_on_the_command_line(
    run: Run, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "elsewhere"))
    assert run("dags", "list").code == 1
    assert run("--home", str(database), "dags", "list").code == 0


def test_info_shows_sizes_and_no_password(run: Run, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {row["name"]: row["value"] for row in run("info", "-o", "json").json}
    assert facts["version"] == __version__
    assert facts["home"] == str(database)
    assert facts["rows_run"] == "2"
    assert facts["database_size"].endswith("KiB")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://user:topsecret@127.0.0.1:1/db")
    out = run("info", "-o", "json").out
    assert "topsecret" not in out
    assert "PostgreSQL cannot be reached" in out


def test_db_check(run: Run, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("db", "check").out == "Connection successful.\n"
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://u:topsecret@127.0.0.1:1/db")
    ended = run("db", "check", "--retry", "0")
    assert ended.code == 1
    assert "PostgreSQL cannot be reached" in ended.err
    assert "topsecret" not in ended.err


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("http://https%3A%2F%2Fx.example/", {"host": "https://x.example"}),
        ("http://https://X.example:8443/", {"host": "https://X.example", "port": 8443}),
        ("redis://:pw@h:6379/0", {"login": None, "password": "pw", "schema": "0"}),
        (
            "google-cloud-platform://?extra__key=a%2Fb",
            {"conn_type": "google_cloud_platform", "extra": '{"extra__key": "a/b"}'},
        ),
        ("aws://?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D", {"host": None, "extra": '{"a": {"b": 1}}'}),
        ("postgres://u%40x:p%2Fw@[::1]:5432/db", {"login": "u@x", "password": "p/w", "host": "[::1]", "port": 5432}),
    ],
)
def test_connection_uris_are_read_and_written_alike(uri: str, parts: dict[str, object]) -> None:
    fields = from_uri(uri)
    assert {name: fields[name] for name in parts} == parts
    assert from_uri(to_uri(fields)) == fields


def test_db_reset_empties_the_database_but_not_under_a_running_scheduler(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch, scheduler: FakeScheduler
) -> None:
    ended = run("db", "reset", "-y", "--skip-init")
    assert (ended.code, ended.err) == (1, "Error: A scheduler is running on this database; stop it first.\n")
    assert run("dags", "list").code == 0
    (database / "run" / "scheduler.sock").unlink()
    monkeypatch.setattr("click.confirm", lambda question, err: False)
    assert run("db", "reset", "--skip-init").err == "Error: Nothing was changed.\n"
    assert run("db", "reset", "-y", "--skip-init").out == "The database is empty.\n"
    assert "has no tables of this version" in run("dags", "list").err


@pytest.mark.parametrize("name", ["migrate", "init", "upgrade"])
def test_db_migrate_creates_a_database_that_can_be_read(run: Run, home: Path, name: str) -> None:
    assert run("db", name).out == "Database migrating done!\n"
    assert run("dags", "list").out == "No data found\n"
    assert run("db", name, "--to-version", "2.9.0").code == 2
