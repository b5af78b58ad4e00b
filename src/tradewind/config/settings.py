"""Settings: the typed values of one installation, and where each came from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from tradewind.config.sources import ConfigError, Found, Sources, find_home
from tradewind.config.table import (
    ALSO_SENSITIVE,
    SECTIONS,
    Alerts,
    Api,
    ApiAuth,
    Celery,
    Core,
    DagProcessor,
    Database,
    Email,
    Logging,
    Metrics,
    Oidc,
    Operators,
    Scheduler,
    Sensors,
    Smtp,
    StateStore,
    Worker,
)

NOT_FOR_TASKS = frozenset(
    {"core", "database", "api", "api_auth", "oidc", "keycloak_auth_manager", "celery", "webserver"}
)
"""Sections whose secrets belong to the services; task code never sees them."""


@dataclass(frozen=True, repr=False, eq=False)
class Settings:
    """One section an attribute; `settings.core.parallelism`. Values are checked and absolute where they are paths."""

    home: Path
    core: Core
    database: Database
    api: Api
    api_auth: ApiAuth
    oidc: Oidc
    scheduler: Scheduler
    worker: Worker
    dag_processor: DagProcessor
    logging: Logging
    metrics: Metrics
    alerts: Alerts
    operators: Operators
    email: Email
    smtp: Smtp
    sensors: Sensors
    state_store: StateStore
    celery: Celery
    files: tuple[Path, ...]
    """The configuration files that were read."""
    found: Mapping[str, Found]
    """By `section.key`: what somebody wrote for a setting of the table."""
    others: Mapping[str, Found]
    """Keys that somebody wrote and Tradewind does not use; kept for task code and for `config lint`."""

    @property
    def scheduler_socket(self) -> Path:
        """The scheduler's private socket."""
        return self.home / "run" / "scheduler.sock"

    @property
    def xcoms_folder(self) -> Path:
        """Where XComs too large for the database are kept."""
        return self.home / "xcoms"

    @property
    def key_file(self) -> Path:
        """The installation's own key for secrets at rest."""
        return self.home / "secret.key"

    @property
    def base_path(self) -> str:
        """Where the server stands below its address: empty, or with `/` in front alone."""
        from urllib.parse import urlsplit

        path = urlsplit(self.api.base_url or "").path.strip("/")
        return f"/{path}" if path else ""

    def ensure_home(self) -> None:
        """Create the folders that services need, for this user alone. Folders that exist keep their rights."""
        if self.core.dags_folder.exists() and not self.core.dags_folder.is_dir():
            raise ConfigError(
                f"[core] dags_folder {self.core.dags_folder} is a file; name the folder of the Dag files."
            )
        for folder in (self.home, self.home / "run", self.logging.base_log_folder, self.home / "dags"):
            if folder.is_dir() or (folder.name == "dags" and folder != self.core.dags_folder):
                continue
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"The folder {folder} cannot be created: {error.strerror}.") from None

    def explain(self, section: str, key: str) -> tuple[Any, str]:
        """A setting's value and its source; older spellings are followed. Raises ConfigError for an unknown key."""
        name = canonical(f"{section}.{key}".lower())
        own_section, _, own_key = name.partition(".")
        if own_section in SECTIONS and own_key in _fields_of(own_section):
            found = self.found.get(name)
            return getattr(getattr(self, own_section), own_key), found.source if found else "default"
        other = self.others.get(f"{section}.{key}".lower())
        if other is not None:
            return other.text, other.source
        from tradewind.config.lint import airflow_defaults

        known = airflow_defaults(self.home).get(section.lower(), {})
        if key.lower() in known:
            return known[key.lower()], "default of Airflow"
        raise ConfigError(f"There is no setting [{section}] {key}; `tradewind config list` shows those that exist.")

    def sdk_values(self) -> dict[tuple[str, str], str]:
        """All settings as text for `airflow.configuration.conf` in task code, older spellings included.

        Airflow's defaults fill in what Tradewind does not use, because providers read them. Secrets of the services
        (database, broker, keys) are left out.
        """
        from tradewind.config.lint import airflow_defaults

        values: dict[tuple[str, str], str] = {}
        for section, defaults in airflow_defaults(self.home).items():
            values.update({(section, key): text for key, text in defaults.items() if text is not None})
        values.update({(found.section, found.key): found.text for found in self.others.values()})
        for section, cls in SECTIONS.items():
            for item in fields(cls):
                text = as_text(getattr(getattr(self, section), item.name))
                for name in (*item.metadata["airflow"], f"{section}.{item.name}"):
                    values.pop(_pair(name), None)
                    if text is not None:
                        values[_pair(name)] = text
        values["core", "killed_task_cleanup_time"] = as_text(self.core.killed_task_cleanup_time) or ""
        return {
            (section, key): text
            for (section, key), text in values.items()
            if not (section in NOT_FOR_TASKS and is_sensitive(section, key))
        }


def load_settings(
    home: Path | None = None, environ: Mapping[str, str] = os.environ, *, with_files: bool = True
) -> Settings:
    """Read all sources once. An unusable value of a setting that Tradewind uses raises ConfigError and names it.

    Relative paths from the environment start at the current folder, those from a file at the home folder.
    """
    home = Path(os.path.abspath(home)) if home is not None else find_home(environ)
    sources = Sources(home, environ, with_files)
    found: dict[str, Found] = {}
    sections: dict[str, Any] = {}
    for section, cls in SECTIONS.items():
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = f"{section}.{item.name}"
            value = _default(item, home)
            text = sources.find(name, *item.metadata["airflow"], sensitive=item.metadata["sensitive"])
            if text is not None:
                found[name] = text
                value = _convert(text, item, value)
            values[item.name] = value
        sections[section] = values
    worker, database = sections["worker"], sections["database"]
    if worker["slots"] <= 0:
        worker["slots"] = sections["core"]["parallelism"]
    database["sql_alchemy_conn"] = database_url(database["sql_alchemy_conn"], Path.cwd())
    return Settings(
        home=home,
        files=sources.files,
        found=found,
        others=_others(sources),
        **{section: cls(**sections[section]) for section, cls in SECTIONS.items()},
    )


def database_url(url: str, folder: Path) -> str:
    """The URL as Tradewind opens it: psycopg for any spelling of PostgreSQL, an absolute path for SQLite."""
    scheme, separator, rest = url.partition("://")
    dialect = scheme.partition("+")[0].lower()
    if separator and dialect in ("postgresql", "postgres"):
        return f"postgresql+psycopg://{rest}"
    if separator and dialect == "sqlite":
        path, mark, query = rest.removeprefix("/").partition("?")
        if not rest.startswith("/") or not path or path == ":memory:":
            return f"sqlite://{rest}"
        return f"sqlite:///{os.path.normpath(folder / os.path.expanduser(path))}{mark}{query}"
    return url


def entries(settings: Settings, section: str | None = None) -> Iterator[tuple[str, str, str | None, str]]:
    """Section, key, text and source: first the table's settings, then what else somebody wrote."""
    for name, cls in SECTIONS.items():
        if section in (None, name):
            for item in fields(cls):
                value, source = settings.explain(name, item.name)
                yield name, item.name, as_text(value), source
    for found in sorted(settings.others.values(), key=lambda found: found.name):
        if section in (None, found.section):
            yield found.section, found.key, found.text, found.source


def is_sensitive(section: str, key: str) -> bool:
    """Whether the value is a secret that is only shown on request."""
    name = canonical(f"{section}.{key}")
    own_section, _, own_key = name.partition(".")
    item = _fields_of(own_section).get(own_key) if own_section in SECTIONS else None
    if item is not None:
        return bool(item.metadata["sensitive"])
    base = name.removesuffix("_cmd").removesuffix("_secret")
    return name in ALSO_SENSITIVE or (base != name and is_sensitive(*base.split(".", 1))) or "password" in key


def has_effect(section: str, key: str) -> bool:
    """Whether anything in this version reads a setting of the table."""
    return bool(_fields_of(section)[key].metadata["effect"])


def help_of(section: str, key: str) -> str:
    """What a setting of the table does; empty for any other."""
    item = _fields_of(section).get(key) if section in SECTIONS else None
    return str(item.metadata["help"]) if item is not None else ""


def canonical(name: str) -> str:
    """The table's name of a setting, for any of its spellings; other names come back as they are."""
    section, _, key = name.partition(".")
    if section in SECTIONS and key in _fields_of(section):
        return name
    return _aliases().get(name, name)


def as_text(value: Any) -> str | None:
    """A value as Airflow's configuration writes it."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _default(item: "Field[Any]", home: Path) -> Any:
    if not isinstance(item.default, str):
        return item.default
    text = item.default.replace("{home}", str(home))
    return Path(text) if item.type is Path else text


def _convert(found: Found, item: "Field[Any]", default: Any) -> Any:
    """The text as the field's type. An empty number or switch (`${UNSET:-}` in a compose file) means the default."""
    text = found.text.strip()
    if item.type is Path:
        return Path(os.path.normpath(found.base / text)) if text else default
    if item.type is str or item.type == str | None:
        return text
    if not text:
        return default
    try:
        if item.type is bool:
            return _WORDS[text.lower()]
        number = float(text)
        value = _whole(number) if item.type is int else number
    except (ValueError, KeyError):
        wanted = "True or False" if item.type is bool else "a whole number" if item.type is int else "a number"
        raise ConfigError(f"[{found.section}] {found.key} is {text!r} ({found.source}); it must be {wanted}.") from None
    most = item.metadata["most"]
    if most is not None and not 0 <= value <= most:
        raise ConfigError(
            f"[{found.section}] {found.key} is {text!r} ({found.source}); it must be a number from 0 to {most}."
        )
    return value


_WORDS = {
    "true": True, "t": True, "1": True, "yes": True, "on": True,
    "false": False, "f": False, "0": False, "no": False, "off": False,
}  # fmt: skip


def _whole(number: float) -> int:
    if not number.is_integer():
        raise ValueError
    return int(number)


def _others(sources: Sources) -> dict[str, Found]:
    """What is written under a name that no setting of the table answers to."""
    others: dict[str, Found] = {}
    for found in sources.everything():
        known = canonical(found.name)
        command = canonical(found.name.removesuffix("_cmd"))
        section, _, key = known.partition(".")
        if section in SECTIONS and key in _fields_of(section):
            continue
        if command != found.name and is_sensitive(*command.split(".", 1)):
            continue
        others.setdefault(found.name, found)
    return others


def _fields_of(section: str) -> "dict[str, Field[Any]]":
    if not _FIELDS:
        _FIELDS.update({name: {item.name: item for item in fields(cls)} for name, cls in SECTIONS.items()})
    return _FIELDS[section]


def _aliases() -> dict[str, str]:
    if not _ALIASES:
        for section, cls in SECTIONS.items():
            for item in fields(cls):
                for alias in item.metadata["airflow"]:
                    _ALIASES.setdefault(alias, f"{section}.{item.name}")
    return _ALIASES


def _pair(name: str) -> tuple[str, str]:
    section, _, key = name.partition(".")
    return section, key


_FIELDS: "dict[str, dict[str, Field[Any]]]" = {}
_ALIASES: dict[str, str] = {}
