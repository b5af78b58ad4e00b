"""`conf`: the settings that author code reads, from the environment or a configuration file.

`TRADEWIND__SECTION__KEY` goes before `AIRFLOW__SECTION__KEY`, then `tradewind.cfg` or `airflow.cfg` in the home
folder, then the defaults below.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from tradewind.sdk.exceptions import AirflowConfigException
from tradewind.sdk.types import NOTSET

DEFAULTS = {
    ("core", "default_timezone"): "utc",
    ("core", "max_active_tasks_per_dag"): "16",
    ("core", "max_active_runs_per_dag"): "16",
    ("core", "max_consecutive_failed_dag_runs_per_dag"): "0",
    ("core", "default_task_retries"): "0",
    ("core", "default_task_retry_delay"): "300",
    ("core", "max_task_retry_delay"): "86400",
    ("core", "default_task_weight_rule"): "downstream",
    ("core", "default_task_execution_timeout"): "",
    ("core", "max_map_length"): "1024",
    ("core", "dag_run_conf_overrides_params"): "True",
    ("core", "executor"): "LocalExecutor",
    ("core", "load_examples"): "False",
    ("core", "dags_are_paused_at_creation"): "True",
    ("email", "default_email_on_retry"): "True",
    ("email", "default_email_on_failure"): "True",
    ("email", "email_backend"): "airflow.utils.email.send_email_smtp",
    ("email", "email_conn_id"): "smtp_default",
    ("email", "ssl_context"): "default",
    ("smtp", "smtp_host"): "localhost",
    ("smtp", "smtp_port"): "25",
    ("smtp", "smtp_starttls"): "True",
    ("smtp", "smtp_ssl"): "False",
    ("smtp", "smtp_mail_from"): "airflow@example.com",
    ("smtp", "smtp_timeout"): "30",
    ("smtp", "smtp_retry_limit"): "5",
    ("operators", "default_owner"): "airflow",
    ("operators", "default_queue"): "default",
    ("operators", "default_deferrable"): "False",
    ("scheduler", "catchup_by_default"): "False",
    ("scheduler", "ignore_first_depends_on_past_by_default"): "True",
    ("sensors", "default_timeout"): "604800",
    ("state_store", "default_retention_days"): "30",
    ("state_store", "max_value_storage_bytes"): "65535",
    ("webserver", "base_url"): "http://localhost:8080",
    ("api", "base_url"): "http://localhost:8080",
}
_TRUE, _FALSE = {"t", "true", "1", "yes", "on"}, {"f", "false", "0", "no", "off"}


class Configuration:
    """Reads settings by section and key; the getters convert and name the key when a value does not fit."""

    def __init__(self) -> None:
        self._file: tuple[str, Any] | None = None

    def get(self, section: str, key: str, fallback: Any = NOTSET, **_: Any) -> Any:
        """The value as text, else the fallback; without one a missing setting is an AirflowConfigException."""
        section, key = section.lower(), key.lower()
        found = self._find(section, key)
        if found is not None:
            return found
        if fallback is not NOTSET:
            return fallback
        raise AirflowConfigException(f"section/key [{section}/{key}] not found in config")

    def get_mandatory_value(self, section: str, key: str, fallback: Any = NOTSET) -> str:
        return str(self.get(section, key, fallback))

    def getboolean(self, section: str, key: str, fallback: Any = NOTSET) -> bool:
        value = str(self.get(section, key, fallback)).lower().strip()
        if value in _TRUE:
            return True
        if value in _FALSE:
            return False
        raise AirflowConfigException(f"[{section}/{key}] is {value!r}; it must be True or False.")

    def getint(self, section: str, key: str, fallback: Any = NOTSET) -> int:
        return self._number(int, section, key, fallback)  # type: ignore[no-any-return]

    def getfloat(self, section: str, key: str, fallback: Any = NOTSET) -> float:
        return self._number(float, section, key, fallback)  # type: ignore[no-any-return]

    def getlist(self, section: str, key: str, fallback: Any = NOTSET, delimiter: str = ",") -> list[str]:
        value = self.get(section, key, fallback)
        return list(value) if not isinstance(value, str) else [part.strip() for part in value.split(delimiter) if part]

    def getjson(self, section: str, key: str, fallback: Any = NOTSET) -> Any:
        value = self.get(section, key, fallback)
        try:
            return json.loads(value) if isinstance(value, str) and value else value
        except ValueError as error:
            raise AirflowConfigException(f"[{section}/{key}] is not valid JSON: {error}") from error

    def gettimedelta(self, section: str, key: str, fallback: Any = None) -> timedelta | None:
        value = self.get(section, key, fallback)
        if not value:
            return None
        return value if isinstance(value, timedelta) else timedelta(seconds=self._number(float, section, key, fallback))

    def has_option(self, section: str, key: str) -> bool:
        return self._find(section.lower(), key.lower()) is not None

    def getsection(self, section: str) -> dict[str, str] | None:
        """Every setting of a section that is known or set, or None."""
        section = section.lower()
        keys = {key for name, key in DEFAULTS if name == section}
        for prefix in ("TRADEWIND__", "AIRFLOW__"):
            start = f"{prefix}{section.upper()}__"
            keys |= {name[len(start) :].lower() for name in os.environ if name.startswith(start)}
        parser = self._parser()
        if parser is not None and parser.has_section(section):
            keys |= set(parser[section])
        return {key: self.get(section, key) for key in sorted(keys)} or None

    def _number(self, kind: type, section: str, key: str, fallback: Any) -> Any:
        value = self.get(section, key, fallback)
        try:
            return None if value is None else kind(value)
        except ValueError:
            raise AirflowConfigException(f"[{section}/{key}] is {value!r}; it must be a number.") from None

    def _find(self, section: str, key: str) -> str | None:
        name = f"{section}__{key}".upper().replace(".", "_")
        for prefix in ("TRADEWIND__", "AIRFLOW__"):
            if (value := os.environ.get(prefix + name)) is not None:
                return value
        parser = self._parser()
        if parser is not None and parser.has_option(section, key):
            return str(parser.get(section, key))
        return DEFAULTS.get((section, key))

    def _parser(self) -> Any:
        path = _config_file()
        if self._file is None or self._file[0] != path:
            parser = None
            if path:
                from configparser import ConfigParser

                parser = ConfigParser(interpolation=None, strict=False)
                parser.read(path, encoding="utf-8")
            self._file = (path, parser)
        return self._file[1]


def _config_file() -> str:
    home = os.environ.get("TRADEWIND_HOME") or os.environ.get("AIRFLOW_HOME")
    candidates = [os.environ.get("AIRFLOW_CONFIG", "")]
    if home:
        candidates += [os.path.join(home, "tradewind.cfg"), os.path.join(home, "airflow.cfg")]
    return next((path for path in candidates if path and os.path.isfile(path)), "")


conf = Configuration()
