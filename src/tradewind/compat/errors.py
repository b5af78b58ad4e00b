"""What can go wrong with the names `airflow…`."""

from tradewind.core.errors import TradewindError

_FAMILIES = ("apache", "atlassian", "cncf", "common", "dbt", "microsoft")
"""First words of provider names that have two."""


_INSTEAD = {
    "SubDagOperator": "it will not be, as Airflow 3 has none either: put its tasks into a TaskGroup, or into a "
    "function with @task_group",
    "ObjectStoragePath": "`UPath` of the distribution universal-pathlib has the same methods, and takes as "
    "storage_options what you read from a connection",
}
"""What to do where more can be said than that a name is missing."""


def not_supported(name: str, file: str, line: int) -> str:
    instead = _INSTEAD.get(name.rpartition(".")[2])
    missing = f"{name} is not supported by Tradewind yet (asked for in {file}:{line})"
    return f"{missing}; {instead}." if instead else missing


class UnsupportedName(TradewindError, ImportError):
    """`from airflow.x import Y` of a name that Airflow has and Tradewind does not."""

    def __init__(self, name: str, file: str, line: int) -> None:
        super().__init__(not_supported(name, file, line))
        self.name = name
        self.file, self.line = file, line


class UnsupportedAttribute(TradewindError, AttributeError):
    """`airflow.x.Y` of a name that Airflow has and Tradewind does not."""

    def __init__(self, name: str, file: str, line: int) -> None:
        super().__init__(not_supported(name, file, line))
        self.name = name
        self.file, self.line = file, line


class ProviderNotInstalled(TradewindError, ImportError):
    """An old spelling of a name that a provider has now, and that provider is not installed."""

    def __init__(self, name: str, module: str) -> None:
        provider = "-".join(module.split(".")[2:4] if module.split(".")[2] in _FAMILIES else module.split(".")[2:3])
        super().__init__(
            f"{name} is served by {module}, which is not installed; "
            f"run `pip install --no-deps apache-airflow-providers-{provider}`."
        )
        self.name = name


class InstalledTooLate(TradewindError):
    """Another `airflow` was imported before Tradewind's names were installed."""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"airflow was already imported from {origin}; "
            "call tradewind.compat.install() before anything imports airflow."
        )
        self.origin = origin
