"""What `airflow.settings`, `airflow.version` and `airflow.plugins_manager` hold as plain values and base classes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind.sdk.configuration import conf
from tradewind.sdk.timezone import default_timezone

AIRFLOW_VERSION = "3.3.2"
"""The Airflow release whose names and behaviour are followed; providers and Dag files branch on it."""

TASK_SDK_VERSION = "1.3.2"

AIRFLOW_V_3_0_PLUS = AIRFLOW_V_3_1_PLUS = AIRFLOW_V_3_1_3_PLUS = AIRFLOW_V_3_2_PLUS = AIRFLOW_V_3_3_PLUS = True
"""What providers branch on."""


def get_base_airflow_version_tuple() -> tuple[int, int, int]:
    major, minor, patch = AIRFLOW_VERSION.split(".")
    return int(major), int(minor), int(patch)


def get_airflow_home() -> str:
    """The folder that holds Dags, configuration and metadata."""
    for variable in ("TRADEWIND_HOME", "AIRFLOW_HOME"):
        if home := os.environ.get(variable):
            return str(Path(home).expanduser())
    here = Path.cwd() / ".tradewind"
    return str(here if here.is_dir() else Path.home() / "tradewind")


AIRFLOW_HOME = get_airflow_home()
DAGS_FOLDER = str(conf.get("core", "dags_folder", fallback=os.path.join(AIRFLOW_HOME, "dags")))
PLUGINS_FOLDER = str(conf.get("core", "plugins_folder", fallback=os.path.join(AIRFLOW_HOME, "plugins")))
TIMEZONE = default_timezone()


class AirflowPlugin:
    """What a plugin class derives from; each attribute lists what it brings."""

    name: str | None = None
    source: Any = None
    macros: list[Any] = []
    admin_views: list[Any] = []
    flask_blueprints: list[Any] = []
    menu_links: list[Any] = []
    appbuilder_views: list[Any] = []
    appbuilder_menu_items: list[Any] = []
    fastapi_apps: list[Any] = []
    fastapi_root_middlewares: list[Any] = []
    external_views: list[Any] = []
    react_apps: list[Any] = []
    global_operator_extra_links: list[Any] = []
    operator_extra_links: list[Any] = []
    timetables: list[Any] = []
    listeners: list[Any] = []
    hook_lineage_readers: list[Any] = []
    priority_weight_strategies: list[Any] = []

    @classmethod
    def validate(cls) -> None:
        """Raise unless the plugin has a name."""
        if not cls.name:
            raise ValueError(f"Plugin {cls.__name__} has no name; give it a class attribute `name`.")

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called once when the plugin is loaded."""


def hookimpl(function: Callable[..., Any] | None = None, **options: Any) -> Callable[..., Any]:
    """Marks a function of a listener as the answer to the event of its name."""

    def mark(marked: Callable[..., Any]) -> Callable[..., Any]:
        marked.airflow_impl = options  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)
