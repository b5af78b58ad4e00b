"""`task_state_store` and `asset_state_store` in a running task: what is asked of the engine, and what is refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from execution_attempts import FakeRuntime, attempt, refused, value_of

from tradewind.sdk import DAG, NEVER_EXPIRE, Asset, AssetAlias, PythonOperator
from tradewind.sdk.assets import AssetNameRef, AssetUriRef
from tradewind.sdk.execution.runtime import NoRuntime, runtime_installed
from tradewind.sdk.execution.state_stores import (
    AssetStateStoreAccessor,
    AssetStateStoreAccessors,
    TaskStateStoreAccessor,
)

ORDERS, PRICES = Asset("orders", "s3://orders"), Asset("prices", "s3://prices")
ME = {"dag_id": "d", "run_id": "scheduled__2024-03-05T00:00:00+00:00", "task_id": "t", "map_index": -1}


class StoringRuntime(FakeRuntime):
    """Keeps what it is given, by key."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, bytes] = {}

    def request(self, method: str, **args: Any) -> Any:
        self.asked.append((method, args))
        match method.rpartition(".")[2]:
            case "get":
                return self.values.get(args["key"])
            case "set":
                self.values[args["key"]] = args["value"]
            case "delete":
                self.values.pop(args["key"], None)
            case "clear":
                self.values.clear()
        return None


def store(**more: Any) -> TaskStateStoreAccessor:
    return TaskStateStoreAccessor(**{**ME, **more})


def set_in_task(use: Callable[..., Any], runtime: FakeRuntime, **more: Any) -> Any:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=use, **more)
    return value_of(attempt(dag, "t", runtime))


VALUES = ["text", "", 0, 1, -2.5, True, False, [], [1, [None, {"a": []}]], {}, {"a": {"b": [1, None]}}, "한국어", 2**70]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_json_value_comes_back_as_it_was(value: Any) -> None:
    with runtime_installed(StoringRuntime()):
        store().set("k", value)
        found = store().get("k", "default")
    assert (found, type(found)) == (value, type(value))


NOT_JSON = [
    (None, "None stands for no value"),
    (datetime(2024, 1, 1, tzinfo=UTC), "datetime is not JSON"),
    ((1, 2), "tuple is not JSON"),
    ({1: "a"}, "the key 1 of a dict is int"),
    ({"a": [1, {2}]}, r"set at \['a'\]\[1\] is not JSON"),
    (float("nan"), "nan is no number"),
    ([float("inf")], r"inf at \[0\] is no number"),
    (b"raw", "bytes is not JSON"),
]


@pytest.mark.parametrize(("value", "problem"), NOT_JSON, ids=[problem for _, problem in NOT_JSON])
def test_what_would_not_come_back_as_it_was_is_refused(value: Any, problem: str) -> None:
    runtime = StoringRuntime()
    with runtime_installed(runtime), pytest.raises(ValueError, match=problem) as refusal:
        store().set("k", value)
    assert str(refusal.value).startswith("task_state_store of d.t: key 'k' cannot be set: ")
    assert runtime.asked == []


def test_a_missing_key_is_the_default_and_a_deleted_one_is_missing() -> None:
    with runtime_installed(StoringRuntime()):
        mine = store()
        assert (mine.get("k"), mine.get("k", [1])) == (None, [1])
        for key in "abc":
            mine.set(key, key)
        mine.delete("a")
        mine.delete("never there")
        assert [mine.get(key) for key in "abc"] == [None, "b", "c"]
        mine.clear()
        assert [mine.get(key) for key in "abc"] == [None] * 3


def test_reads_say_whose_value_and_changes_leave_that_to_the_attempt() -> None:
    runtime = StoringRuntime()
    with runtime_installed(runtime):
        mine = store(map_index=3)
        mine.get("k")
        mine.set("k", 1, retention=NEVER_EXPIRE)
        mine.delete("k")
        mine.clear()
    assert runtime.asked == [
        ("task_state_store.get", {**ME, "map_index": 3, "key": "k"}),
        ("task_state_store.set", {"key": "k", "value": b"1"}),
        ("task_state_store.delete", {"key": "k"}),
        ("task_state_store.clear", {}),
    ]


def retention_asked_for(retention: timedelta | None) -> Any:
    runtime = StoringRuntime()
    with runtime_installed(runtime):
        store().set("k", 1, retention=retention)
    [(_, args)] = runtime.asked
    return args.get("retention_seconds")


def test_retention_is_what_the_task_says_else_what_the_installation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    days = "AIRFLOW__STATE_STORE__DEFAULT_RETENTION_DAYS"
    assert retention_asked_for(None) == 30 * 86400
    assert retention_asked_for(timedelta(hours=6)) == 6 * 3600
    assert retention_asked_for(timedelta(days=1) * 999_999_999) == 999_999_999 * 86400
    assert retention_asked_for(timedelta.max) is None
    monkeypatch.setenv(days, "2")
    assert retention_asked_for(None) == 2 * 86400
    assert retention_asked_for(timedelta(hours=6)) == 6 * 3600
    assert retention_asked_for(NEVER_EXPIRE) is None
    monkeypatch.setenv(days, "0")
    assert retention_asked_for(None) is None
    monkeypatch.setenv(days, "-1")
    with pytest.raises(ValueError, match=r"\[state_store\] default_retention_days is -1"):
        retention_asked_for(None)


@pytest.mark.parametrize("retention", [timedelta(0), timedelta(seconds=-1), 60, "1d"], ids=repr)
def test_a_retention_that_is_none_is_refused(retention: Any) -> None:
    with runtime_installed(StoringRuntime()), pytest.raises(ValueError, match="give a timedelta above zero"):
        store().set("k", 1, retention=retention)


def test_a_large_value_is_kept_and_spoken_of(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = StoringRuntime()
    with runtime_installed(runtime), caplog.at_level(logging.WARNING):
        store().set("k", "x" * 65533)
        assert caplog.messages == []
        store().set("k", "x" * 65534)
        [said] = caplog.messages
        assert said.startswith("task_state_store of d.t: key 'k' holds 65536 bytes")
        monkeypatch.setenv("AIRFLOW__STATE_STORE__MAX_VALUE_STORAGE_BYTES", "0")
        store().set("k", "x" * 70000)
        assert len(caplog.messages) == 1
    assert len(runtime.values["k"]) == 70002


def test_every_method_has_a_twin_for_event_loops() -> None:
    async def use(kept: Any) -> list[Any]:
        await kept.aset("a", 1)
        await kept.aset("b", 2)
        await kept.adelete("a")
        found = [await kept.aget("a", "gone"), await kept.aget("b")]
        await kept.aclear()
        return [*found, await kept.aget("b")]

    only = AssetStateStoreAccessors([ORDERS])
    for kept in (store(), AssetStateStoreAccessor(name="orders"), only):
        with runtime_installed(StoringRuntime()):
            assert asyncio.run(use(kept)) == ["gone", 2, None]
    runtime = StoringRuntime()
    with runtime_installed(runtime):
        asyncio.run(store().aset("k", 1, retention=timedelta(minutes=1)))
    assert runtime.asked == [("task_state_store.set", {"key": "k", "value": b"1", "retention_seconds": 60.0})]


def test_outside_a_task_the_sentence_says_where_to_use_it() -> None:
    with pytest.raises(NoRuntime, match="The task state store was asked for outside a task"):
        store().get("k")


# --- assets -------------------------------------------------------------------------------------------------------


def asset_asked_for(stores: AssetStateStoreAccessors, key: Any) -> dict[str, Any]:
    runtime = StoringRuntime()
    with runtime_installed(runtime):
        (stores if key is None else stores[key]).get("k")
    [(method, args)] = runtime.asked
    assert (method, args.pop("key")) == ("asset_state_store.get", "k")
    return args


def test_an_asset_is_found_by_itself_and_by_references() -> None:
    stores = AssetStateStoreAccessors([AssetNameRef("orders")], [PRICES, AssetUriRef("s3://other"), ORDERS])
    both = {"name": "orders", "uri": "s3://orders"}
    assert [asset_asked_for(stores, key) for key in (ORDERS, AssetNameRef("orders"), AssetUriRef("s3://orders"))] == (
        [both] * 3
    )
    assert asset_asked_for(stores, AssetUriRef("s3://other")) == {"uri": "s3://other"}
    assert asset_asked_for(stores, PRICES) == {"name": "prices", "uri": "s3://prices"}
    with pytest.raises(KeyError, match="neither an inlet nor an outlet"):
        stores[Asset("unknown")]
    with pytest.raises(TypeError, match="not by str"):
        stores["orders"]


def test_the_only_asset_may_be_left_out() -> None:
    assert asset_asked_for(AssetStateStoreAccessors([ORDERS], [ORDERS]), None)["name"] == "orders"
    assert asset_asked_for(AssetStateStoreAccessors([], [AssetUriRef("s3://x")]), None) == {"uri": "s3://x"}
    for stores, count in ((AssetStateStoreAccessors([ORDERS], [PRICES]), 2), (AssetStateStoreAccessors([]), 0)):
        with pytest.raises(ValueError, match=f"has {count} assets"):
            stores.get("k")


def test_an_alias_among_the_inlets_stands_for_what_was_updated_through_it() -> None:
    runtime = FakeRuntime(asset_through_alias=lambda alias: [["orders", "s3://orders"]] if alias == "found" else [])
    with runtime_installed(runtime):
        stores = AssetStateStoreAccessors([AssetAlias("found")], [AssetAlias("unknown")])
    assert runtime.methods() == ["asset.through_alias"]
    assert asset_asked_for(stores, None) == {"name": "orders", "uri": "s3://orders"}
    assert asset_asked_for(stores, ORDERS) == {"name": "orders", "uri": "s3://orders"}


def test_an_assets_value_has_no_retention_and_knows_no_none() -> None:
    runtime = StoringRuntime()
    with runtime_installed(runtime):
        AssetStateStoreAccessor(name="orders").set("mark", {"n": 1})
        with pytest.raises(ValueError, match="asset_state_store of orders: key 'mark' cannot be set: None"):
            AssetStateStoreAccessor(name="orders").set("mark", None)
    assert runtime.asked == [("asset_state_store.set", {"name": "orders", "key": "mark", "value": b'{"n": 1}'})]
    with pytest.raises(ValueError, match="give its name or its uri"):
        AssetStateStoreAccessor()


# --- the context --------------------------------------------------------------------------------------------------


def test_a_task_gets_its_store_by_the_parameters_name() -> None:
    runtime = StoringRuntime()
    assert set_in_task(lambda task_state_store: task_state_store.set("k", 1), runtime) is None
    assert runtime.values == {"k": b"1"}
    assert set_in_task(lambda **context: context["task_state_store"].get("k"), runtime) == 1


def test_a_task_without_assets_has_no_asset_store() -> None:
    def seen(asset_state_store: Any = None, **context: Any) -> list[bool]:
        return [asset_state_store is not None, "asset_state_store" in context]

    assert set_in_task(seen, StoringRuntime()) == [False, False]
    for more in ({"inlets": [ORDERS]}, {"outlets": [ORDERS]}, {"inlets": [AssetNameRef("orders")]}):
        assert set_in_task(seen, StoringRuntime(), **more) == [True, False]


def test_a_mapped_task_has_the_stores_of_its_index_and_of_its_assets() -> None:
    def use(n: int, task_state_store: Any, asset_state_store: Any) -> None:
        task_state_store.get("k")
        asset_state_store[ORDERS].get("k")

    with DAG("d", schedule=None) as dag:
        PythonOperator.partial(task_id="t", python_callable=use, inlets=[ORDERS]).expand(op_args=[[1], [2]])
    runtime = StoringRuntime()
    report = attempt(dag, "t", runtime, map_index=1)
    assert report.outcome == "success", report.error
    assert runtime.asked[-2:] == [
        ("task_state_store.get", {**ME, "map_index": 1, "key": "k"}),
        ("asset_state_store.get", {"name": "orders", "uri": "s3://orders", "key": "k"}),
    ]


def test_templates_read_the_store() -> None:
    runtime = StoringRuntime()
    runtime.values["k"] = b'"kept"'
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=str, op_args=["{{ task_state_store.get('k') }}"])
    assert value_of(attempt(dag, "t", runtime)) == "kept"


def test_a_refused_change_fails_the_task_with_the_engines_sentence() -> None:
    with DAG("d", schedule=None) as dag:
        PythonOperator(task_id="t", python_callable=lambda task_state_store: task_state_store.set("k", 1))
    runtime = FakeRuntime(task_state_store_set=refused("Attempt a1 does not speak for its task any more"))
    assert "does not speak for its task" in attempt(dag, "t", runtime).error
