"""What a Dag author imports: Dags, tasks, operators, sensors, assets, and what a running task asks of the engine.

Nothing is imported before it is named: `from tradewind.sdk import DAG` brings in what a Dag needs and no more. Author
code runs in code hosts, task children and the triggerer; only these import this package, never scheduler or API.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_HOMES = {
    "assets": (
        "Asset", "AssetAccessControl", "AssetAlias", "AssetAll", "AssetAny", "AssetWatcher", "Dataset", "DatasetAlias",
        "DatasetAll", "DatasetAny", "Metadata", "Model", "asset",
    ),
    "compat_helpers": ("LoggingMixin",),
    "configuration": ("conf",),
    "connection": ("Connection",),
    "context": ("Context", "get_current_context"),
    "dag": ("DAG", "dag"),
    "deadline": (
        "AsyncCallback", "BaseDeadlineReference", "DeadlineAlert", "DeadlineReference", "SyncCallback",
        "deadline_reference",
    ),
    "decorators": ("setup", "task", "teardown"),
    "decorators.collection": ("result",),
    "edges": ("EdgeModifier", "Label", "chain", "chain_linear", "cross_downstream"),
    "exceptions": (
        "AirflowException", "AirflowFailException", "AirflowNotFoundException", "AirflowRescheduleException",
        "AirflowSensorTimeout", "AirflowSkipException", "AirflowTaskTimeout", "DownstreamTasksSkipped",
        "ParamValidationError", "TaskDeferred", "XComNotFound",
    ),
    "execution.state_stores": ("NEVER_EXPIRE",),
    "hooks.base": ("BaseHook",),
    "mapped": ("MappedOperator",),
    "notifier": ("BaseNotifier",),
    "operator": ("BaseAsyncOperator", "BaseOperator", "BaseOperatorLink"),
    "operators.bash": ("BashOperator",),
    "operators.branch": ("BaseBranchOperator",),
    "operators.empty": ("EmptyOperator",),
    "operators.latest_only": ("LatestOnlyOperator",),
    "operators.python": ("BranchPythonOperator", "PythonOperator", "ShortCircuitOperator"),
    "operators.trigger_dagrun": ("TriggerDagRunOperator",),
    "params": ("DagParam", "Param", "ParamsDict"),
    "partitions": (
        "AllowedKeyMapper", "ChainMapper", "DayWindow", "FanOutMapper", "FixedKeyMapper", "HourWindow",
        "IdentityMapper", "MinimumCount", "MonthWindow", "PartitionMapper", "ProductMapper", "QuarterWindow",
        "RollupMapper", "SegmentWindow", "StartOfDayMapper", "StartOfHourMapper", "StartOfMonthMapper",
        "StartOfQuarterMapper", "StartOfWeekMapper", "StartOfYearMapper", "WaitForAll", "WeekWindow", "Window",
        "YearWindow",
    ),
    "progress": ("progress",),
    "registry": ("get_parsing_context",),
    "resumable": ("ResumableJobMixin",),
    "retry_policy": (
        "ChainRetryPolicy", "ExceptionRetryPolicy", "RetryAction", "RetryDecision", "RetryPolicy", "RetryRule",
    ),
    "sensors.base": ("BaseSensorOperator", "PokeReturnValue"),
    "skip": ("BranchMixIn", "SkipMixin"),
    "task_group": ("TaskGroup", "task_group"),
    "timetables": (
        "AssetOrTimeSchedule", "ContinuousTimetable", "CronDataIntervalTimetable",
        "CronPartitionTimetable", "CronTriggerTimetable",
        "DagRunInfo", "DataInterval", "DeltaDataIntervalTimetable", "DeltaTriggerTimetable", "EventsTimetable",
        "MultipleCronTriggerTimetable", "NullTimetable", "OnceTimetable", "PartitionedAssetTimetable",
        "PartitionedAtRuntime", "TimeRestriction", "Timetable",
    ),
    "types": ("DagRunState", "DagRunType", "TaskInstanceState", "TriggerRule", "WeightRule"),
    "variable": ("Variable",),
    "weights": ("PriorityWeightStrategy",),
    "xcom_arg": ("XComArg", "literal"),
}  # fmt: skip
_MODULES = frozenset({"macros", "timezone"})
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted([*_HOME_OF, *_MODULES])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return list(__all__)


class _Package(ModuleType):
    """Some names are those of their modules (`dag`, `task_group`, `progress`), and an import binds the module here:
    what authors want is what the module is named for."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOME_OF.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
