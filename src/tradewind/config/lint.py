"""What in a configuration has no effect, has moved, or looks wrong: one sentence each."""

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from tradewind.config.settings import Settings, canonical, has_effect
from tradewind.config.sources import Found
from tradewind.config.table import OWN, RENAMED, SECTIONS


@dataclass(frozen=True)
class Finding:
    """One thing to know about one key. level: `error`, `warning`, `moved`, `unused` or `unknown`."""

    level: str
    section: str
    key: str
    sentence: str
    source: str


def lint(settings: Settings) -> list[Finding]:
    """Everything worth saying about the configuration, by section and key."""
    findings = [*_about_values(settings), *_moved(settings), *_without_effect(settings)]
    return sorted(findings, key=lambda finding: (finding.section, finding.key, finding.level))


def airflow_defaults(home: Path) -> dict[str, dict[str, str | None]]:
    """Airflow's settings by section with their default text; None where there is no default."""
    return {
        section: {key: text and text.replace("{AIRFLOW_HOME}", str(home)) for key, text in keys.items()}
        for section, keys in _airflow_keys().items()
    }


@cache
def _airflow_keys() -> dict[str, dict[str, str | None]]:
    import configparser

    parser = configparser.RawConfigParser(allow_no_value=True, delimiters=("=",))
    parser.read_string(Path(__file__).with_name("airflow_defaults.cfg").read_text("utf-8"))
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _moved(settings: Settings) -> Iterator[Finding]:
    for name, found in settings.found.items():
        if found.name != name and found.name not in _STILL_TWO_NAMES:
            section, _, key = name.partition(".")
            yield _finding("moved", found, f"[{found.section}] {found.key} is read as [{section}] {key}; rename it.")


_STILL_TWO_NAMES = {"core.killed_task_cleanup_time"}


def _without_effect(settings: Settings) -> Iterator[Finding]:
    known = _airflow_keys()
    for name, found in settings.others.items():
        where = f"[{found.section}] {found.key}"
        if note := NOTES.get(name):
            yield _finding("unused", found, f"{where}: {note}")
        elif name in RENAMED:
            section, _, key = RENAMED[name].partition(".")
            sentence = f"{where} became [{section}] {key} in Airflow; Tradewind uses neither."
            yield _finding("unused", found, sentence)
        elif _is_secret_lookup(found, known):
            sentence = f"{where}: looking a setting up in a secrets backend is not supported; use {found.key[:-7]}_cmd."
            yield _finding("warning", found, sentence)
        elif found.key in known.get(found.section, {}):
            sentence = f"{where} is a setting of Airflow that Tradewind does not use; task code can still read it."
            yield _finding("unused", found, sentence)
        else:
            yield _finding("unknown", found, f"{where} is not a known setting{_similar(found, known)}.")


def _is_secret_lookup(found: Found, known: dict[str, dict[str, str | None]]) -> bool:
    plain = found.key.removesuffix("_secret")
    return plain != found.key and (
        plain in known.get(found.section, {}) or canonical(f"{found.section}.{plain}").partition(".")[0] in SECTIONS
    )


def _similar(found: Found, known: dict[str, dict[str, str | None]]) -> str:
    import difflib

    keys = {*known.get(found.section, {})}
    keys |= {name.partition(".")[2] for name in OWN if name.startswith(f"{found.section}.")}
    if not keys:
        near = difflib.get_close_matches(found.section, [*known, *SECTIONS], 1)
        return f"; is [{near[0]}] meant" if near else ""
    near = difflib.get_close_matches(found.key, keys, 1)
    return f"; is {near[0]} meant" if near else ""


def _about_values(settings: Settings) -> Iterator[Finding]:
    for name, found in settings.found.items():
        value = settings.explain(*name.split(".", 1))[0]
        if not found.text.strip() and not isinstance(value, str | None):
            yield _finding("warning", found, f"[{found.section}] {found.key} is empty; its default {value} is used.")
        sentences = [*_judge(name, value)]
        for sentence in sentences:
            yield _finding("warning", found, f"[{found.section}] {found.key}: {sentence}")
        section, _, key = name.partition(".")
        if not sentences and not has_effect(section, key) and value != _default_of(section, key):
            sentence = f"[{found.section}] {found.key} is accepted, without effect in this version."
            yield _finding("unused", found, sentence)


def _default_of(section: str, key: str) -> object:
    return next(item.default for item in fields(SECTIONS[section]) if item.name == key)


def _judge(name: str, value: object) -> Iterator[str]:
    """What is odd about one value that somebody wrote."""
    text = str(value)
    if name in ("core.dags_folder", "core.plugins_folder") and not os.path.isdir(text):
        yield f"{text} is not a folder." if os.path.exists(text) else f"the folder {text} does not exist."
    elif name == "core.default_timezone" and not _is_zone(text):
        yield f"{text!r} is not a time zone; write it as utc or Asia/Seoul."
    elif name == "core.parallelism" and isinstance(value, int) and value < 1:
        yield "no task can start; give a number from 1."
    elif name == "logging.logging_level" and text.upper() not in logging.getLevelNamesMapping():
        yield f"{text!r} is not a level, so INFO is used; choose DEBUG, INFO, WARNING, ERROR or CRITICAL."
    elif name == "core.executor" and (note := _EXECUTORS.get(text.rpartition(".")[2])):
        yield note
    elif name == "core.fernet_key":
        from tradewind.security.secrets import key_problem

        if not text:
            yield "it is empty; secrets are encrypted with the installation's own key file instead."
        elif problem := key_problem(text):
            yield problem
    elif name == "database.sql_alchemy_conn" and not re.match(r"(sqlite|postgresql\+psycopg)://", text):
        yield "the metadata database must be SQLite or PostgreSQL."
    elif name == "api.auth_backends" and (odd := [part for part in text.split(",") if part and not _is_login(part)]):
        yield f"{odd[0].strip()} is not a login that Tradewind knows; passwords and tokens are, always."
    elif (name == "api.authenticate" and value is False) or (
        name == "core.simple_auth_manager_all_admins" and value is True
    ):
        yield "everybody who can connect may do everything."
    elif name == "api.allow_open_network" and value is True:
        yield "without a login, everybody in the network may run code here."
    elif name == "api_auth.jwt_secret" and any(len(part.strip()) < 16 for part in text.split(",")):
        yield "it is short; 32 random characters cannot be guessed."
    elif name == "celery.result_backend":
        yield "results reach the scheduler without a result backend; the value is not used."


def _is_login(backend: str) -> bool:
    return backend.strip().rpartition(".")[2] in {"basic_auth", "session", "password_auth", "default"}


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        return name.lower() in ("", "utc") or bool(ZoneInfo(name))
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False


_EXECUTORS = {
    "CeleryExecutor": "this version has no Celery executor; tasks run locally.",
    "KubernetesExecutor": "this version has no Kubernetes executor; tasks run locally.",
    "SequentialExecutor": "tasks run locally, as with LocalExecutor; set [core] parallelism to 1 for one at a time.",
    "DebugExecutor": "tasks run locally, as with LocalExecutor.",
    "DaskExecutor": "Tradewind has no Dask executor; tasks run locally.",
}

NOTES: dict[str, str] = {
    "core.auth_manager": "auth managers cannot be plugged in; users, roles and passwords are Tradewind's own.",
    "core.donot_pickle": "Tradewind never sends pickles.",
    "core.enable_xcom_pickling": "XComs are JSON with typed extensions, never pickles.",
    "core.xcom_backend": "XComs are kept in the metadata database.",
    "core.mp_start_method": "attempts are forked from their file's warm process, unless a task's `isolation=` differs.",
    "core.unit_test_mode": "it changes nothing here.",
    "core.security": "Kerberos is not supported.",
    "database.load_default_connections": "no connection is created unasked.",
    "logging.remote_logging": "logs stay in [logging] base_log_folder.",
    "scheduler.job_heartbeat_sec": "a worker's lease tells whether it lives; there is nothing to tune.",
    "scheduler.scheduler_heartbeat_sec": "the scheduler reacts to events and has no loop interval.",
    "scheduler.scheduler_zombie_task_threshold": "a lost worker is noticed by its lease within seconds.",
    "scheduler.standalone_dag_processor": "files are parsed in processes of their own in any case.",
    "webserver.dag_default_view": "this version has no web UI yet.",
    "webserver.rbac": "there are users and roles in any case.",
}
"""Why a well-known key is not needed."""


def _finding(level: str, found: Found, sentence: str) -> Finding:
    return Finding(level, found.section, found.key, sentence, found.source)
