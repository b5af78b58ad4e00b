"""The execution endpoint: what running tasks, parsing hosts and clients ask of the engine, and the answers.

Reads are answered from the database at once; writes become rows or commands of the owner, and are answered after
their commit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine

from tradewind.core.errors import InvalidInput, RunNotFound, TradewindError
from tradewind.core.explain import explain
from tradewind.core.explain_dag import explain_dag, explain_unread
from tradewind.core.inputs import AssetStoreChanged, TaskStoreChanged, XCom, XComPushed
from tradewind.core.reasons import Reason, sent
from tradewind.core.soundness import MOST
from tradewind.core.states import FINISHED, RUN_FINISHED, RunState, TaskState
from tradewind.core.waits import said, waits
from tradewind.core.world import World
from tradewind.scheduler.asset_events import event_info
from tradewind.scheduler.facts import (
    check_asset_named,
    dag_facts,
    states_by_run,
    uri_named,
    wanted_partitions,
    wanted_runs,
)
from tradewind.scheduler.offers import run_info
from tradewind.scheduler.state_stores import asset_change, asset_named, task_change, task_value_kept, told_if_current
from tradewind.store import loader, queries
from tradewind.store.times import to_us
from tradewind.wire.messages import Request

Answer = Callable[[Any, Exception | None], None]
MOST_WAITS = 200
"""Causes that one answer names."""
MOST_ALERTS = 1_000
"""Alerts that one answer names."""


@dataclass(slots=True)
class Endpoint:
    """Answers Requests. `submit` hands an input to the owner; `command` applies a person's or task's wish."""

    engine: Engine
    world: Callable[[], World]
    now: Callable[[], datetime]
    decrypt: Callable[[str], str]
    submit: Callable[[Any, Answer | None], None]
    command: Callable[[str, dict[str, Any], str, Answer], None]
    status: Callable[[], dict[str, Any]]
    held_back: Callable[[], Mapping[str, tuple[int, int]]]
    """Attempts that wait for memory where they are: what each needs, and what is left."""
    metrics: Callable[[], dict[str, Any]] = dict
    alerts_firing: Callable[[int], dict[str, Any] | None] = lambda most: None
    _asking: str = ""
    """The attempt whose question is being answered."""

    def answer(self, request: Request, reply: Answer) -> None:
        """Answer a request, now or after a commit. Unknown methods and bad arguments are refused in one sentence."""
        handler = getattr(self, "_" + request.method.replace(".", "_"), None)
        if handler is None:
            reply(None, InvalidInput(f"The engine knows no request {request.method!r}."))
            return
        self._asking = request.attempt
        try:
            handler(reply, **request.args)
        except TradewindError as refused:
            reply(None, refused)
        except (TypeError, ValueError, OverflowError) as error:
            reply(None, InvalidInput(f"Request {request.method}: {error}."))

    # --- variables and connections ---

    def _variable_get(self, reply: Answer, key: str) -> None:
        with self.engine.connect() as connection:
            stored = queries.variable(connection, key)
        reply(None if stored is None else self.decrypt(stored), None)

    def _variable_keys(self, reply: Answer, prefix: str = "") -> None:
        with self.engine.connect() as connection:
            reply(queries.variable_keys(connection, prefix), None)

    def _variable_set(self, reply: Answer, **body: Any) -> None:
        self.command("variable.set", body, "task", reply)

    def _variable_delete(self, reply: Answer, key: str) -> None:
        self.command("variable.delete", {"key": key}, "task", reply)

    def _connection_get(self, reply: Answer, conn_id: str) -> None:
        with self.engine.connect() as connection:
            row = queries.connection_named(connection, conn_id)
        if row is not None:
            row.pop("updated_at")
            for secret in ("password", "extra"):
                row[secret] = self.decrypt(row[secret]) if row[secret] else row[secret]
        reply(row, None)

    # --- timetables ---

    def _timetable_wanted(self, reply: Answer, dag_ids: list[str]) -> None:
        reply(wanted_runs(self.world(), dag_ids), None)

    def _partitions_wanted(self, reply: Answer, dag_ids: list[str]) -> None:
        reply(wanted_partitions(self.world(), dag_ids), None)

    # --- XComs ---

    def _xcom_pull(
        self,
        reply: Answer,
        dag_id: str,
        run_id: str,
        task_ids: list[str] | None = None,
        map_indexes: list[int] | None = None,
        key: str | None = "return_value",
        include_prior_dates: bool = False,
    ) -> None:
        with self.engine.connect() as connection:
            run = queries.run_asked(connection, dag_id, run_id)
            rows = queries.xcoms(connection, run.number, task_ids=task_ids, map_indexes=map_indexes, key=key)
            at = to_us(run.logical_date or run.run_after)
            while include_prior_dates and not rows:
                before = queries.previous_run(connection, dag_id, at, None)
                if before is None:
                    break
                rows = queries.xcoms(connection, before.number, task_ids=task_ids, map_indexes=map_indexes, key=key)
                at = to_us(before.logical_date or before.run_after)
        reply([list(row) for row in rows], None)

    def _xcom_push(
        self,
        reply: Answer,
        dag_id: str,
        run_id: str,
        task_id: str,
        map_index: int,
        key: str,
        value: bytes,
        length: int | None = None,
    ) -> None:
        fits = isinstance(value, bytes) and isinstance(key, str) and isinstance(task_id, str)
        if not (fits and type(map_index) is int and (length is None or (type(length) is int and 0 <= length <= MOST))):
            raise InvalidInput(f"The XCom {str(key)[:60]!r} of task {str(task_id)[:60]!r} is no XCom; nothing is kept.")
        with self.engine.connect() as connection:
            run = queries.run_asked(connection, dag_id, run_id)
        xcom = XCom(name=key, value=value, length=length)
        event = XComPushed(run=run.number, task_id=task_id, map_index=map_index, xcom=xcom, attempt=self._asking)
        self.submit(event, reply)

    # --- state stores ---

    def _task_state_store_get(
        self, reply: Answer, dag_id: str, run_id: str, task_id: str, map_index: int, key: str
    ) -> None:
        with self.engine.connect() as connection:
            value = queries.task_state_store_value(
                connection, dag_id, run_id, task_id, map_index, key, now_us=to_us(self.now())
            )
        reply(value, None)

    def _task_state_store_set(
        self, reply: Answer, key: str, value: bytes, retention_seconds: float | None = None
    ) -> None:
        self._keep(task_value_kept(self._asking, key, value, retention_seconds), reply)

    def _task_state_store_delete(self, reply: Answer, key: str) -> None:
        self._keep(task_change(self._asking, key), reply)

    def _task_state_store_clear(self, reply: Answer) -> None:
        self._keep(task_change(self._asking), reply)

    def _asset_state_store_get(self, reply: Answer, key: str, name: str = "", uri: str = "") -> None:
        name, uri = asset_named(self.world().assets, name, uri)
        with self.engine.connect() as connection:
            reply(queries.asset_state_store_value(connection, name, uri, key), None)

    def _asset_state_store_set(self, reply: Answer, key: str, value: bytes, name: str = "", uri: str = "") -> None:
        self._keep(asset_change(self.world().assets, self._asking, name, uri, key, value), reply)

    def _asset_state_store_delete(self, reply: Answer, key: str, name: str = "", uri: str = "") -> None:
        self._keep(asset_change(self.world().assets, self._asking, name, uri, key), reply)

    def _asset_state_store_clear(self, reply: Answer, name: str = "", uri: str = "") -> None:
        self._keep(asset_change(self.world().assets, self._asking, name, uri), reply)

    def _keep(self, change: TaskStoreChanged | AssetStoreChanged, reply: Answer) -> None:
        self.submit(change, told_if_current(change, reply))

    # --- Dags, runs and tasks ---

    def _dag_get(self, reply: Answer, dag_id: str) -> None:
        reply(dag_facts(self.world(), dag_id), None)

    def _run_get(self, reply: Answer, dag_id: str, run_id: str) -> None:
        with self.engine.connect() as connection:
            run = queries.run_named(connection, dag_id, run_id)
        reply(msgspec.structs.asdict(run_info(run)) if run else None, None)

    def _run_previous(
        self, reply: Answer, dag_id: str, before_us: int, state: str | None = None, scheduled_only: bool = False
    ) -> None:
        with self.engine.connect() as connection:
            run = queries.previous_run(connection, dag_id, before_us, state, scheduled_only=scheduled_only)
        reply(msgspec.structs.asdict(run_info(run)) if run else None, None)

    def _run_count(
        self,
        reply: Answer,
        dag_id: str,
        run_ids: list[str] | None = None,
        logical_dates_us: list[int] | None = None,
        states: list[str] | None = None,
    ) -> None:
        with self.engine.connect() as connection:
            rows = queries.run_states(connection, dag_id, run_ids=run_ids, logical_us=logical_dates_us)
        reply(sum(states is None or state in states for _, state in rows), None)

    def _run_create(self, reply: Answer, **body: Any) -> None:
        self.command(
            "run.create", {"run_type": "operator_triggered", "triggered_by": "operator", **body}, "task", reply
        )

    def _task_states(
        self,
        reply: Answer,
        dag_id: str,
        run_ids: list[str] | None = None,
        logical_dates_us: list[int] | None = None,
        task_ids: list[str] | None = None,
        map_index: int | None = None,
    ) -> None:
        reply(states_by_run(self._states(dag_id, run_ids, logical_dates_us, task_ids, map_index)), None)

    def _task_count(
        self,
        reply: Answer,
        dag_id: str,
        run_ids: list[str] | None = None,
        logical_dates_us: list[int] | None = None,
        task_ids: list[str] | None = None,
        states: list[str] | None = None,
    ) -> None:
        rows = self._states(dag_id, run_ids, logical_dates_us, task_ids, None)
        reply(sum(states is None or row[3] in states for row in rows), None)

    def _states(
        self,
        dag_id: str,
        run_ids: list[str] | None,
        logical_us: list[int] | None,
        task_ids: list[str] | None,
        map_index: int | None,
    ) -> list[tuple[str, str, int, str]]:
        with self.engine.connect() as connection:
            return queries.task_states(
                connection, dag_id, run_ids=run_ids, logical_us=logical_us, task_ids=task_ids, map_index=map_index
            )

    # --- assets ---

    def _asset_triggering(self, reply: Answer, dag_id: str, run_id: str) -> None:
        with self.engine.connect() as connection:
            events = queries.asset_events_of_run(connection, dag_id, run_id)
        reply([msgspec.structs.asdict(event_info(event)) for event in events], None)

    def _asset_events(
        self,
        reply: Answer,
        name: str = "",
        uri: str = "",
        alias: str = "",
        after_us: int | None = None,
        before_us: int | None = None,
        newest: int | None = None,
    ) -> None:
        check_asset_named(name, uri, alias)
        with self.engine.connect() as connection:
            events = queries.asset_events(
                connection, name=name, uri=uri, alias=alias, after_us=after_us, before_us=before_us, newest=newest
            )
        reply([msgspec.structs.asdict(event_info(event)) for event in events], None)

    def _asset_named(self, reply: Answer, name: str) -> None:
        reply(uri_named(self.world(), name), None)

    def _asset_through_alias(self, reply: Answer, alias: str) -> None:
        with self.engine.connect() as connection:
            reply(queries.assets_through_alias(connection, alias), None)

    # --- for people ---

    def _explain(self, reply: Answer, dag_id: str, task_id: str | None = None, run_id: str | None = None) -> None:
        world = self.world()
        live = None
        if run_id is None:
            newest = max(world.open_runs.get(dag_id, {}), default=None)
            live = world.runs[newest] if newest is not None else None
        else:
            with self.engine.connect() as connection:
                number = queries.number_of_run(connection, dag_id, run_id)
                if number is None:
                    raise RunNotFound(dag_id, run_id)
                if unread := explain_unread(world, number):
                    reply([_said(reason, run_id, task_id or "", -1, "") for reason in unread], None)
                    return
                live = loader.load_runs(connection, [number], world)[0]
        if live is None and (task_id is None or world.fault_of_dag(dag_id)) and (reasons := explain_dag(world, dag_id)):
            reply([_said(reason, None, "", -1, "") for reason in reasons], None)
            return
        if live is None:
            raise InvalidInput(f"Dag {dag_id!r} has no run that is not over; name a run to look at an older one.")
        chosen = [
            task
            for task in live.tasks.values()
            if (task.key.task_id == task_id if task_id else _tells(live.run.state, task.state))
        ]
        if task_id and not chosen:
            raise InvalidInput(f"Run {live.run.run_id} of {dag_id} has no task {task_id!r}.")
        found = [
            _said(reason, live.run.run_id, task.key.task_id, task.key.map_index, task.state.value)
            for task in chosen
            for reason in explain(world, live, task, self.now(), self.held_back())
        ]
        reply(found, None)

    def _status(self, reply: Answer) -> None:
        reply(self.status(), None)

    def _metrics(self, reply: Answer) -> None:
        reply(self.metrics(), None)

    def _alerts_firing(self, reply: Answer, most: int = 200) -> None:
        reply(self.alerts_firing(min(int(most), MOST_ALERTS)), None)

    def _waits(self, reply: Answer, most: int = 20) -> None:
        found, is_all = waits(self.world(), self.now(), min(int(most), MOST_WAITS), self.held_back())
        reply({"waits": [said(each) for each in found], "is_all": is_all}, None)


def _said(reason: Reason, run_id: str | None, task_id: str, map_index: int, state: str) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "task": task_id,
        "map_index": map_index,
        "state": state,
        "code": reason.code,
        "sentence": reason.sentence,
        "parts": sent(reason.parts),
        "details": dict(reason.details),
    }


def _tells(run_state: Any, task_state: Any) -> bool:
    """Whether this task has to do with why its run waits or, of a run that failed, with why it did."""
    if run_state in RUN_FINISHED:
        return run_state is RunState.FAILED and task_state is TaskState.FAILED
    return task_state not in FINISHED
