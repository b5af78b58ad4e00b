"""What provider packages ask of Airflow's machinery while they are imported and called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, wraps
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

from tradewind.sdk.exceptions import AirflowOptionalProviderFeatureException


class HookInfo(NamedTuple):
    """A connection type and the hook that a provider has for it."""

    connection_type: str
    hook_class_name: str
    package_name: str
    hook_name: str
    connection_id_attribute_name: str

    @property
    def hook_class(self) -> Any:
        module, _, name = self.hook_class_name.rpartition(".")
        return getattr(import_module(module), name)


class DialectInfo(NamedTuple):
    """A kind of SQL and the class that a provider has for it."""

    name: str
    dialect_class_name: str
    provider_name: str


class ProvidersManager:
    """The installed providers as task code may look at them."""

    @property
    def hooks(self) -> Mapping[str, HookInfo]:
        """By connection type."""
        return _hooks()

    @property
    def dialects(self) -> Mapping[str, DialectInfo]:
        """By kind of SQL."""
        return _dialects()


class NoOpCollector:
    """Takes what hooks report about the data they touched and keeps none of it."""

    has_collected = False

    def add_input_asset(self, *args: Any, **kwargs: Any) -> None:
        """A hook read something."""

    def add_output_asset(self, *args: Any, **kwargs: Any) -> None:
        """A hook wrote something."""

    def add_extra(self, *args: Any, **kwargs: Any) -> None:
        """A hook knows more, such as the query."""

    add_input_dataset, add_output_dataset = add_input_asset, add_output_asset


@cache
def get_hook_lineage_collector() -> NoOpCollector:
    """The collector of this process."""
    return NoOpCollector()


def require_openlineage_version(
    provider_min_version: str | None = None, client_min_version: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function say, when it is called, that OpenLineage is not part of this installation."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise AirflowOptionalProviderFeatureException(
                f"{function.__name__} needs the OpenLineage provider, which Tradewind does not use."
            )

        return refuse

    return decorate


def inject_parent_job_information_into_spark_properties(properties: dict[str, Any], context: Any) -> dict[str, Any]:
    """The properties of a Spark job as they are: there is nothing of OpenLineage to tell it."""
    return properties


inject_transport_information_into_spark_properties = inject_parent_job_information_into_spark_properties


@cache
def _hooks() -> dict[str, HookInfo]:
    found: dict[str, HookInfo] = {}
    for info in _provider_infos():
        for entry in info.get("connection-types", ()):
            kind, path = entry.get("connection-type"), entry.get("hook-class-name")
            if kind and path:
                hook = HookInfo(kind, path, info.get("package-name", ""), entry.get("hook-name", kind), "conn_id")
                found.setdefault(kind, hook)
    return found


@cache
def _dialects() -> dict[str, DialectInfo]:
    return {
        entry["dialect-type"]: DialectInfo(
            entry["dialect-type"], entry["dialect-class-name"], info.get("package-name", "")
        )
        for info in _provider_infos()
        for entry in info.get("dialects", ())
        if "dialect-type" in entry and "dialect-class-name" in entry
    }


@cache
def _provider_infos() -> list[Mapping[str, Any]]:
    found = []
    for point in entry_points(group="apache_airflow_provider"):
        try:
            found.append(point.load()())
        except Exception:  # a broken provider takes only its own entries away
            continue
    return found
