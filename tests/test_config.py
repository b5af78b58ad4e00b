"""Settings: sources, spellings, types, and what lint says."""

import base64
import importlib
import os
import stat
from dataclasses import fields
from pathlib import Path

import pytest

from tradewind.config import ConfigError, find_home, load_settings
from tradewind.config.lint import airflow_defaults, lint
from tradewind.config.settings import canonical, database_url, is_sensitive
from tradewind.config.table import SECTIONS


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def sentences(home: Path, environ: dict[str, str]) -> str:
    return "\n".join(f"{item.level}: {item.sentence}" for item in lint(load_settings(home, environ)))


def test_defaults_need_no_file(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.core.dags_folder == tmp_path / "dags"
    assert settings.database.sql_alchemy_conn == f"sqlite:///{tmp_path}/tradewind.db"
    assert settings.core.parallelism == settings.worker.slots == 32
    assert settings.api.host == "127.0.0.1"
    assert settings.core.fernet_key is None
    assert settings.explain("core", "parallelism") == (32, "default")
    assert settings.files == ()


def test_home_is_tradewind_home_then_airflow_home_then_local_folder_then_user_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert find_home({}) == Path("/home/somebody/tradewind")
    (tmp_path / ".tradewind").mkdir()
    assert find_home({}) == tmp_path / ".tradewind"
    assert find_home({"AIRFLOW_HOME": "air"}) == tmp_path / "air"
    assert find_home({"AIRFLOW_HOME": "/air", "TRADEWIND_HOME": "/wind"}) == Path("/wind")


def test_each_source_is_stronger_than_the_next(tmp_path: Path) -> None:
    cfg = write(tmp_path / "airflow.cfg", "[core]\nparallelism = 1\n")
    assert load_settings(tmp_path, {}).explain("core", "parallelism") == (1, str(cfg))
    toml = write(tmp_path / "tradewind.toml", "[core]\nparallelism = 2\n")
    assert load_settings(tmp_path, {}).explain("core", "parallelism") == (2, str(toml))
    environ = {"AIRFLOW__CORE__PARALLELISM": "3"}
    assert load_settings(tmp_path, environ).explain("core", "parallelism") == (3, "env AIRFLOW__CORE__PARALLELISM")
    environ["TRADEWIND__CORE__PARALLELISM"] = "4"
    assert load_settings(tmp_path, environ).core.parallelism == 4


def test_an_airflow_cfg_is_found_in_config_or_where_airflow_config_says(tmp_path: Path) -> None:
    write(tmp_path / "config" / "airflow.cfg", "[core]\nparallelism = 7\n")
    assert load_settings(tmp_path, {}).core.parallelism == 7
    other = write(tmp_path / "elsewhere.cfg", "[core]\nparallelism = 8\n")
    assert load_settings(tmp_path, {"AIRFLOW_CONFIG": str(other)}).core.parallelism == 8
    with pytest.raises(ConfigError, match=r"AIRFLOW_CONFIG names .*missing\.cfg, which is not a file"):
        load_settings(tmp_path, {"AIRFLOW_CONFIG": str(tmp_path / "missing.cfg")})


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "value"),
    [
        ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor", "core", "executor", "CeleryExecutor"),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", "false", "core", "load_examples", False),
        ("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "true", "core", "dags_are_paused_at_creation", True),
        ("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Seoul", "core", "default_timezone", "Asia/Seoul"),
        ("AIRFLOW__CORE__DAG_CONCURRENCY", "5", "core", "max_active_tasks_per_dag", 5),
        ("AIRFLOW__CORE__DAGS_FOLDER", "/app/dags", "core", "dags_folder", Path("/app/dags")),
        ("AIRFLOW__WEBSERVER__WEB_SERVER_PORT", "9090", "api", "port", 9090),
        ("AIRFLOW__API__PORT", "9091", "api", "port", 9091),
        ("AIRFLOW__WEBSERVER__BASE_URL", "https://a.example", "api", "base_url", "https://a.example"),
        ("AIRFLOW__WEBSERVER__DEFAULT_UI_TIMEZONE", "Asia/Seoul", "api", "default_ui_timezone", "Asia/Seoul"),
        ("AIRFLOW__WEBSERVER__AUTHENTICATE", "False", "api", "authenticate", False),
        ("AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX", "true", "api", "enable_proxy_fix", True),
        ("AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL", "60", "dag_processor", "refresh_interval", 60.0),
        ("AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL", "61", "dag_processor", "refresh_interval", 61.0),
        ("AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME", "9", "worker", "kill_grace_seconds", 9.0),
        ("AIRFLOW__CELERY__BROKER_URL", "redis://:@redis:6379/0", "celery", "broker_url", "redis://:@redis:6379/0"),
        ("AIRFLOW__METRICS__STATSD_ON", "true", "metrics", "statsd_on", True),
        ("TRADEWIND__WORKER__SLOTS", "3", "worker", "slots", 3),
        ("TRADEWIND__API__PORT", "0", "api", "port", 0),
    ],
)
def test_both_generations_spell_it_in_the_environment_and_in_the_file(
    tmp_path: Path, variable: str, text: str, section: str, key: str, value: object
) -> None:
    assert load_settings(tmp_path, {variable: text}).explain(section, key) == (value, f"env {variable}")
    _, written_section, written_key = variable.lower().split("__")
    cfg = write(tmp_path / "airflow.cfg", f"# 설정\n[{written_section}]\n{written_key} = {text}\n")
    assert load_settings(tmp_path, {}).explain(section, key) == (value, str(cfg))
    assert load_settings(tmp_path, {}).explain(written_section, written_key)[1] == str(cfg)


def test_toml_values_keep_their_types_and_lists_become_text(tmp_path: Path) -> None:
    write(
        tmp_path / "tradewind.toml",
        '[core]\nload_examples = true\nsensitive_var_conn_names = ["a", "b"]\n[api]\nport = 1\n',
    )
    settings = load_settings(tmp_path, {})
    assert (settings.core.load_examples, settings.core.sensitive_var_conn_names, settings.api.port) == (True, "a,b", 1)


def test_relative_folders_start_at_home_in_a_file_and_here_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write(tmp_path / "airflow.cfg", "[core]\ndags_folder = ./dags\n")
    assert load_settings(tmp_path, {}).core.dags_folder == tmp_path / "dags"
    environ = {"AIRFLOW__CORE__DAGS_FOLDER": "./dags"}
    assert load_settings(tmp_path, environ).core.dags_folder == tmp_path / "here" / "dags"


@pytest.mark.parametrize(
    ("written", "opened"),
    [
        ("postgresql+psycopg2://a:b@h/db", "postgresql+psycopg://a:b@h/db"),
        ("postgres://a:b@h:5432/db?sslmode=require", "postgresql+psycopg://a:b@h:5432/db?sslmode=require"),
        ("postgresql://h/db", "postgresql+psycopg://h/db"),
        ("postgresql+asyncpg://h/db", "postgresql+psycopg://h/db"),
        ("sqlite:///./airflow/airflow.db", "sqlite:////work/airflow/airflow.db"),
        ("sqlite:///x.db", "sqlite:////work/x.db"),
        ("sqlite:////abs/x.db?timeout=3", "sqlite:////abs/x.db?timeout=3"),
        ("sqlite://", "sqlite://"),
        ("mysql://h/db", "mysql://h/db"),
    ],
)
def test_database_urls_are_written_as_they_are_opened(written: str, opened: str) -> None:
    assert database_url(written, Path("/work")) == opened


def test_the_database_is_read_from_core_as_well(tmp_path: Path) -> None:
    environ = {"AIRFLOW__CORE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:airflow@db/airflow"}
    settings = load_settings(tmp_path, environ)
    assert settings.database.sql_alchemy_conn == "postgresql+psycopg://airflow:airflow@db/airflow"
    assert "[core] sql_alchemy_conn is read as [database] sql_alchemy_conn; rename it." in sentences(tmp_path, environ)


def test_a_command_gives_a_sensitive_value_and_no_other(tmp_path: Path) -> None:
    environ = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "echo sqlite:////from/cmd.db",
        "AIRFLOW__CORE__EXECUTOR_CMD": "echo CeleryExecutor",
    }
    settings = load_settings(tmp_path, environ)
    assert settings.database.sql_alchemy_conn == "sqlite:////from/cmd.db"
    assert "SQL_ALCHEMY_CONN_CMD" in settings.explain("database", "sql_alchemy_conn")[1]
    assert settings.core.executor == "LocalExecutor"
    with pytest.raises(ConfigError, match=r"\[core\] fernet_key .* ended with code 3: no key"):
        load_settings(tmp_path, {"AIRFLOW__CORE__FERNET_KEY_CMD": "sh -c 'echo no key >&2; exit 3'"})


def test_a_wrong_value_names_its_key_and_its_source(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"\[core\] parallelism is 'many' \(env AIRFLOW__CORE__PARALLELISM\); it must be a whole number",
    ):
        load_settings(tmp_path, {"AIRFLOW__CORE__PARALLELISM": "many"})
    cfg = write(tmp_path / "airflow.cfg", "[core]\nload_examples = perhaps\n")
    with pytest.raises(ConfigError, match=f"load_examples is 'perhaps' .{cfg}.; it must be True or False"):
        load_settings(tmp_path, {})


def test_an_empty_number_means_its_default_and_lint_says_so(tmp_path: Path) -> None:
    environ = {"AIRFLOW__CORE__PARALLELISM": ""}
    assert load_settings(tmp_path, environ).core.parallelism == 32
    assert "[core] parallelism is empty; its default 32 is used." in sentences(tmp_path, environ)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    toml = write(tmp_path / "tradewind.toml", "[core\n")
    with pytest.raises(ConfigError, match=f"{toml} cannot be read as TOML"):
        load_settings(tmp_path, {})
    toml.unlink()
    cfg = write(tmp_path / "airflow.cfg", "parallelism = 1\n")
    with pytest.raises(ConfigError, match=rf"{cfg} cannot be read as an airflow.cfg: [^.]*\.$"):
        load_settings(tmp_path, {})


def test_variables_that_exist_are_filled_in_and_percent_signs_are_single(tmp_path: Path) -> None:
    write(tmp_path / "airflow.cfg", "[webserver]\nbase_url = https://airflow.${NAME}\n[api]\nsecret_key = a%%b$c\n")
    settings = load_settings(tmp_path, {"NAME": "example.org"})
    assert settings.api.base_url == "https://airflow.example.org"
    assert settings.api.secret_key == "a%b$c"


def test_unknown_keys_are_kept_and_explained(tmp_path: Path) -> None:
    environ = {
        "AIRFLOW__CORE__PARALELISM": "1",
        "AIRFLOW__CORE__MAX_TEMPLATED_FIELD_LENGTH": "10",
        "AIRFLOW__CORE__DONOT_PICKLE": "False",
        "AIRFLOW__WEBSERVER__WORKERS": "2",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_SECRET": "x",
        "AIRFLOW__MYTEAM__KEY": "v",
    }
    said = sentences(tmp_path, environ)
    assert "unknown: [core] paralelism is not a known setting; is parallelism meant." in said
    assert "unused: [core] max_templated_field_length is a setting of Airflow that Tradewind does not use" in said
    assert "unused: [core] donot_pickle: Tradewind never sends pickles." in said
    assert "[webserver] workers became [api] workers in Airflow; Tradewind uses neither." in said
    assert "sql_alchemy_conn_secret: looking a setting up in a secrets backend is not supported" in said
    assert "unknown: [myteam] key is not a known setting." in said
    assert load_settings(tmp_path, environ).explain("myteam", "key") == ("v", "env AIRFLOW__MYTEAM__KEY")


def test_lint_judges_values(tmp_path: Path) -> None:
    said = sentences(
        tmp_path,
        {
            "AIRFLOW__CORE__DAGS_FOLDER": "/nowhere/dags",
            "AIRFLOW__CORE__EXECUTOR": "SequentialExecutor",
            "AIRFLOW__CORE__FERNET_KEY": "fernet_key_here_32_character_string",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "mysql://h/db",
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth,my.own.login",
        },
    )
    assert "[core] dags_folder: the folder /nowhere/dags does not exist." in said
    assert "[core] executor: tasks run locally, as with LocalExecutor" in said
    assert "[core] fernet_key: it is not a Fernet key" in said
    assert "[database] sql_alchemy_conn: the metadata database must be SQLite or PostgreSQL." in said
    assert "my.own.login is not a login that Tradewind knows" in said
    said = sentences(
        tmp_path,
        {
            "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Mars/Olympus",
            "AIRFLOW__CORE__PARALLELISM": "0",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "chatty",
            "AIRFLOW__API__HOST": "0.0.0.0",
            "AIRFLOW__CORE__EXECUTOR": "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
        },
    )
    assert "[core] default_timezone: 'Mars/Olympus' is not a time zone" in said
    assert "[core] parallelism: no task can start" in said
    assert "[logging] logging_level: 'chatty' is not a level, so INFO is used" in said
    assert "[api] host" not in said
    assert "[core] executor: this version has no Celery executor; tasks run locally." in said
    usual = {"AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Seoul", "AIRFLOW__LOGGING__LOGGING_LEVEL": "debug"}
    assert sentences(tmp_path, usual) == ""
    assert sentences(tmp_path, {}) == ""


def test_a_setting_without_effect_is_said_to_have_none_unless_it_is_at_its_default(tmp_path: Path) -> None:
    environ = {"AIRFLOW__CORE__LOAD_EXAMPLES": "True", "AIRFLOW__WEBSERVER__PAGE_SIZE": "7"}
    assert sentences(tmp_path, environ).splitlines() == [
        "unused: [core] load_examples is accepted, without effect in this version.",
        "moved: [webserver] page_size is read as [api] fallback_page_limit; rename it.",
        "unused: [webserver] page_size is accepted, without effect in this version.",
    ]
    assert sentences(tmp_path, {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"}) == ""


def test_settings_are_marked_without_effect_where_nothing_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "scripts")
    reference = importlib.import_module("generate_reference")
    code = reference._code_that_reads_settings()
    for section, cls in SECTIONS.items():
        for item in fields(cls):
            read = reference._is_read(section, item.name, code)
            assert item.metadata["effect"] == read, f"[{section}] {item.name}: effect={read} in the table"


def test_a_file_is_no_dags_folder(tmp_path: Path) -> None:
    environ = {"AIRFLOW__CORE__DAGS_FOLDER": str(write(tmp_path / "dag.py", ""))}
    assert f"[core] dags_folder: {tmp_path}/dag.py is not a folder." in sentences(tmp_path, environ)
    with pytest.raises(ConfigError, match=f"dags_folder {tmp_path}/dag.py is a file; name the folder of the Dag files"):
        load_settings(tmp_path, environ).ensure_home()


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_beyond_all_ports_is_refused(tmp_path: Path, port: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[api\] port is '{port}' .*; it must be a number from 0 to 65535."):
        load_settings(tmp_path, {"AIRFLOW__API__PORT": port})


def test_task_code_sees_settings_in_every_spelling_but_no_secret_of_the_services(tmp_path: Path) -> None:
    key = base64.urlsafe_b64encode(bytes(32)).decode()
    values = load_settings(
        tmp_path,
        {
            "AIRFLOW__CORE__FERNET_KEY": key,
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__WEBSERVER__BASE_URL": "http://x",
            "AIRFLOW__SMTP__SMTP_HOST": "mail",
            "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "/x",
        },
    ).sdk_values()
    assert values["core", "parallelism"] == "3"
    assert values["api", "base_url"] == values["webserver", "base_url"] == "http://x"
    assert values["smtp", "smtp_host"] == "mail"
    assert values["common.io", "xcom_objectstorage_path"] == "/x"
    assert values["operators", "default_queue"] == "default"
    assert values["core", "dags_folder"] == f"{tmp_path}/dags"
    assert values["email", "email_backend"].endswith("send_email_smtp")
    assert all(isinstance(value, str) for value in values.values())
    assert not {("core", "fernet_key"), ("database", "sql_alchemy_conn"), ("core", "sql_alchemy_conn")} & values.keys()
    assert key not in values.values()


def test_sensitive_keys_are_known_in_every_spelling() -> None:
    for name in (
        "core.fernet_key",
        "core.sql_alchemy_conn",
        "database.sql_alchemy_conn_cmd",
        "webserver.secret_key",
        "smtp.smtp_password",
    ):
        assert is_sensitive(*name.split(".")), name
    assert not is_sensitive("core", "parallelism")


def test_every_airflow_key_of_the_table_is_recognised(tmp_path: Path) -> None:
    """A setting that Airflow has too keeps Airflow's name, unless the table says that it is Tradewind's own."""
    from dataclasses import fields

    from tradewind.config.table import OWN

    known = airflow_defaults(tmp_path)
    for section, cls in SECTIONS.items():
        for item in fields(cls):
            name = f"{section}.{item.name}"
            spellings = [name, *item.metadata["airflow"]]
            assert name in OWN or any(part.split(".")[1] in known.get(part.split(".")[0], {}) for part in spellings), (
                name
            )
            assert canonical(name) == name
            assert item.metadata["help"].endswith("."), name


def test_home_folders_are_for_this_user_alone(tmp_path: Path) -> None:
    settings = load_settings(tmp_path / "home", {})
    settings.ensure_home()
    for name in ("", "run", "logs", "dags"):
        assert stat.S_IMODE(os.stat(tmp_path / "home" / name).st_mode) == 0o700, name
    settings.ensure_home()


def test_a_settings_repr_shows_no_secret(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"AIRFLOW__API__SECRET_KEY": "very-secret-text"})
    assert "very-secret-text" not in repr(settings) + repr(settings.api)
