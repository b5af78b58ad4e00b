"""Timetables are found under the module paths of both generations of Airflow."""

from importlib import import_module

import pytest

from tradewind import compat
from tradewind.sdk import timetables

PATHS = {
    "airflow.timetables.base": "DagRunInfo DataInterval TimeRestriction Timetable",
    "airflow.timetables.interval": "CronDataIntervalTimetable DeltaDataIntervalTimetable",
    "airflow.timetables.trigger": (
        "CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable CronPartitionTimetable"
    ),
    "airflow.timetables.events": "EventsTimetable",
    "airflow.timetables.simple": (
        "NullTimetable OnceTimetable ContinuousTimetable AssetTriggeredTimetable PartitionedAssetTimetable "
        "PartitionedAtRuntime"
    ),
    "airflow.timetables.assets": "AssetOrTimeSchedule",
    "airflow.sdk": (
        "CronTriggerTimetable CronDataIntervalTimetable DeltaTriggerTimetable DeltaDataIntervalTimetable "
        "MultipleCronTriggerTimetable EventsTimetable CronPartitionTimetable PartitionedAtRuntime "
        "PartitionedAssetTimetable AssetOrTimeSchedule"
    ),
    "airflow.sdk.definitions.timetables.trigger": "CronTriggerTimetable CronPartitionTimetable",
    "airflow.sdk.definitions.timetables.interval": "CronDataIntervalTimetable DeltaDataIntervalTimetable",
    "airflow.sdk.definitions.timetables.events": "EventsTimetable",
    "airflow.sdk.definitions.timetables.simple": "NullTimetable OnceTimetable ContinuousTimetable",
    "airflow.sdk.definitions.timetables.assets": "AssetOrTimeSchedule AssetTriggeredTimetable PartitionedAtRuntime",
    "airflow.models.dag": "CronTriggerTimetable DagRunInfo DataInterval TimeRestriction Timetable ContinuousTimetable",
}
RENAMED = {
    ("airflow.timetables.datasets", "DatasetOrTimeSchedule"): "AssetOrTimeSchedule",
    ("airflow.timetables.simple", "DatasetTriggeredTimetable"): "AssetTriggeredTimetable",
    ("airflow.sdk.bases.timetable", "BaseTimetable"): "Timetable",
}
ALL = [(path, name, name) for path, names in PATHS.items() for name in names.split()]
ALL += [(path, name, ours) for (path, name), ours in RENAMED.items()]


@pytest.mark.parametrize(("path", "name", "ours"), ALL)
def test_a_timetable_is_the_same_class_wherever_it_is_imported_from(path: str, name: str, ours: str) -> None:
    compat.install()
    assert getattr(import_module(path), name) is getattr(timetables, ours)
