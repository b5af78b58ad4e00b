"""What tasks say of the assets that they update, and what they see of events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from execution_attempts import FakeRuntime, attempt, run_info, value_of

from tradewind.sdk import DAG, Asset, AssetAlias, AssetAll, Metadata, task
from tradewind.sdk.assets import AssetWatcher, Dataset
from tradewind.sdk.exceptions import AirflowSkipException, DagInvalid, DownstreamTasksSkipped
from tradewind.sdk.operators.python import PythonOperator
from tradewind.sdk.serialize import dag_spec
from tradewind.sdk.timetables import AssetOrTimeSchedule, CronTriggerTimetable
from tradewind.sdk.triggers.file import FileDeleteTrigger
from tradewind.store.specs import decode_spec, encode_spec
from tradewind.wire.messages import Finished

RAIN, SNOW = Asset("rain", "s3://weather/rain"), Asset("snow", "s3://weather/snow")
ANY = AssetAlias("any")


def report_of(function: Any, **kwargs: Any) -> Finished:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=function, **kwargs)
    return attempt(dag, "t")


def told(report: Finished) -> list[tuple[str, str, Any, list[str]]]:
    assert report.outcome == "success", report.error
    return [(e.name, e.uri, json.loads(e.extra), e.aliases) for e in report.asset_events]


def test_a_task_that_succeeds_updates_its_outlets() -> None:
    report = report_of(lambda: 1, outlets=[RAIN, SNOW, RAIN])
    assert told(report) == [("rain", "s3://weather/rain", {}, []), ("snow", "s3://weather/snow", {}, [])]


@pytest.mark.parametrize("key", [RAIN, "rain", "s3://weather/rain", Asset.ref(name="rain"), Asset.ref(uri=RAIN.uri)])
def test_an_outlet_has_many_names(key: Any) -> None:
    def say(outlet_events: Any) -> None:
        outlet_events[key].extra = {"rows": 3}

    assert told(report_of(say, outlets=[RAIN])) == [("rain", "s3://weather/rain", {"rows": 3}, [])]


def test_an_alias_updates_what_was_added_to_it_each_pair_of_asset_and_extra_once() -> None:
    def say(outlet_events: Any) -> None:
        outlet_events[ANY].add(RAIN, extra={"n": 1})
        outlet_events[ANY].add(RAIN, extra={"n": 1})
        outlet_events["more"].add(RAIN, extra={"n": 1})
        outlet_events[ANY].add("s3://weather/hail")

    assert told(report_of(say, outlets=[ANY, AssetAlias("more")])) == [
        ("rain", "s3://weather/rain", {"n": 1}, ["any", "more"]),
        ("s3://weather/hail", "s3://weather/hail", {}, ["any"]),
    ]
    assert told(report_of(lambda: None, outlets=[ANY])) == []


def test_metadata_may_be_yielded_or_returned() -> None:
    def yields() -> Any:
        yield Metadata(RAIN, {"rows": 1})
        yield Metadata(SNOW, {"rows": 2}, alias=ANY)
        return 5

    report = report_of(yields, outlets=[RAIN, ANY])
    assert [(name, extra) for name, _, extra, _ in told(report)] == [("rain", {"rows": 1}), ("snow", {"rows": 2})]
    report = report_of(lambda: Metadata(RAIN, {"rows": 4}), outlets=[RAIN])
    assert told(report)[0][2] == {"rows": 4}
    assert report.value is None


def test_a_reference_among_the_outlets_says_what_it_knows() -> None:
    assert told(report_of(lambda: 1, outlets=[Asset.ref(name="rain")])) == [("rain", "", {}, [])]


def test_an_outlet_may_be_several_assets() -> None:
    assert [name for name, *_ in told(report_of(lambda: 1, outlets=[AssetAll(RAIN, SNOW)]))] == ["rain", "snow"]


def test_what_did_not_succeed_updates_nothing() -> None:
    def fails() -> None:
        raise ValueError("no")

    def skips() -> None:
        raise AirflowSkipException

    assert report_of(fails, outlets=[RAIN]).asset_events == []
    assert report_of(skips, outlets=[RAIN]).asset_events == []


def test_a_task_that_only_skips_what_follows_has_succeeded() -> None:
    def decides() -> None:
        raise DownstreamTasksSkipped(tasks=["x"])

    assert [name for name, *_ in told(report_of(decides, outlets=[RAIN]))] == ["rain"]


def test_an_extra_that_is_no_json_fails_the_task_with_a_sentence() -> None:
    def say(outlet_events: Any) -> None:
        outlet_events[RAIN].extra = {"when": object()}

    report = report_of(say, outlets=[RAIN])
    assert (report.outcome, report.asset_events) == ("failed", [])
    assert "The extra of asset 'rain' cannot be kept as JSON" in report.error


def test_what_is_said_of_no_outlet_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    def say(outlet_events: Any) -> None:
        outlet_events[SNOW].extra = {"n": 1}

    assert [name for name, *_ in told(report_of(say, outlets=[RAIN]))] == ["rain"]
    assert told(report_of(say)) == []
    assert caplog.text.count("which is none of the task's outlets") == 2


def event(number: int, **fields: Any) -> dict[str, Any]:
    values = {"number": number, "name": "rain", "uri": RAIN.uri, "at_us": number * 1_000_000, "dag_id": "p"}
    return {**values, **fields}


def seen(function: Any, run_type: str = "asset_triggered", **kwargs: Any) -> tuple[Any, FakeRuntime]:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=function, **kwargs)
    runtime = FakeRuntime(
        asset_triggering=[event(1, extra=b'{"n": 1}', aliases=["any"]), event(2, extra=b'{"n": 2}', task_id="t")],
        asset_events=lambda newest=None, **_: [event(n, extra=b'{"n": %d}' % n) for n in (1, 2, 3)][-(newest or 3):],
    )  # fmt: skip
    return value_of(attempt(dag, "t", runtime, run=run_info(run_type=run_type))), runtime


@pytest.mark.parametrize(
    "key", [RAIN, "rain", RAIN.uri, Asset.ref(name="rain"), Asset.ref(uri=RAIN.uri), Dataset(RAIN.uri, name="rain")]
)
def test_a_run_sees_the_events_that_it_was_made_for(key: Any) -> None:
    value, _ = seen(lambda triggering_asset_events: [e.extra["n"] for e in triggering_asset_events[key]])
    assert value == [1, 2]


def test_events_of_a_run_come_by_alias_and_by_uri_as_well() -> None:
    def look(triggering_asset_events: Any, triggering_dataset_events: Any, dag_run: Any) -> Any:
        first = triggering_dataset_events[RAIN.uri][0]
        return [
            len(triggering_asset_events[ANY]),
            list(triggering_dataset_events)[:1],
            [first.source_dag_id, first.source_task_id, first.timestamp.timestamp(), first.uri],
            len(dag_run.consumed_asset_events),
        ]

    value, _ = seen(look)
    assert value == [1, [RAIN.uri], ["p", None, 1.0, RAIN.uri], 2]


def test_a_run_that_no_asset_started_asks_for_nothing() -> None:
    value, runtime = seen(lambda triggering_asset_events: dict(triggering_asset_events), "scheduled")
    assert (value, runtime.asked) == ({}, [])


@pytest.mark.parametrize(
    ("look", "expected", "asked"),
    [
        (lambda events: events[-1].extra["n"], 3, {"newest": 1}),
        (lambda events: len(events), 3, {"newest": None}),
        (lambda events: [e.extra["n"] for e in events.limit(2)], [1, 2], {"newest": None}),
        (lambda events: [e.extra["n"] for e in events.ascending(False).limit(2)], [3, 2], {"newest": 2}),
        (lambda events: len(events.after("1970-01-01T00:00:02+00:00")), 3, {"after_us": 2_000_000, "newest": None}),
    ],
)
def test_earlier_events_of_an_inlet_are_asked_for_as_far_as_they_are_looked_at(
    look: Any, expected: Any, asked: dict[str, Any]
) -> None:
    value, runtime = seen(lambda inlet_events: look(inlet_events[0]), inlets=[RAIN])
    assert value == expected
    assert runtime.asked == [("asset.events", {"name": "rain", "uri": RAIN.uri, **asked})]


def test_a_spec_has_the_condition_and_the_policy() -> None:
    @task
    def use() -> None: ...

    with DAG("d", schedule=RAIN & (SNOW | ANY), tradewind_asset_policy="each") as dag:
        use()
    spec = dag_spec(dag, "d.py")
    assert spec.asset_policy == "each"
    assert [list(part) for part in spec.assets["all"]] == [["asset"], ["any"]]
    with DAG("e", schedule=[Dataset("s3://x")]) as old:
        use()
    assert (dag_spec(old, "e.py").generation, dag_spec(old, "e.py").assets["asset"]["uri"]) == (2, "s3://x")


def test_watchers_are_said_as_paths_and_json_wherever_their_asset_is_named() -> None:
    shared = Asset("w", watchers=[AssetWatcher("files", FileDeleteTrigger("/tmp/x", poke_interval=1.0))])
    made = Asset("m", watchers=[AssetWatcher("more", FileDeleteTrigger("/tmp/y"))])

    @task(outlets=[made], inlets=[shared])
    def use() -> None: ...

    with DAG("d", schedule=shared | RAIN) as dag:
        use()
    spec = dag_spec(dag, "d.py")
    assert spec.notices == ()
    assert [(it.name, it.asset, it.uri, it.classpath.rpartition(".")[2]) for it in spec.watchers] == [
        ("more", "m", "m", "FileDeleteTrigger"), ("files", "w", "w", "FileDeleteTrigger"),
    ]  # fmt: skip
    assert json.loads(spec.watchers[1].kwargs) == {"filepath": "/tmp/x", "poke_interval": 1.0}
    assert decode_spec(encode_spec(spec)) == spec


def test_a_watcher_that_is_no_trigger_is_refused() -> None:
    with DAG("d", schedule=Asset("w", watchers=[AssetWatcher("queue", trigger=None)])) as dag:
        pass
    with pytest.raises(DagInvalid, match="Dag 'd': the watcher 'queue' of asset 'w' cannot watch: NoneType is no trig"):
        dag_spec(dag, "d.py")


def test_a_policy_that_nobody_knows_is_refused() -> None:
    with DAG("d", schedule=RAIN, tradewind_asset_policy="some") as dag:
        pass
    with pytest.raises(DagInvalid, match="tradewind_asset_policy='some' is unknown; use coalesce, each, latest"):
        dag_spec(dag, "d.py")


def test_a_timetable_beside_datasets_keeps_the_catchup_of_airflow_3() -> None:
    with DAG(
        "d", schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("@daily"), assets=Dataset("s3://x"))
    ) as dag:
        pass
    spec = dag_spec(dag, "d.py")
    assert (spec.generation, spec.catchup, spec.timetable.kind) == (3, False, "cron")
    assert spec.assets["asset"]["group"] == "dataset"
