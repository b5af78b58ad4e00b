"""Running runs once more: one, several, or those for partitions. And taking runs out of their partitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from tradewind.api.bounds import moment_us
from tradewind.api.call import Call
from tradewind.api.models import Answer, Body
from tradewind.api.public.run_wishes import MOST_AT_ONCE, BulkDAGRunBody, Note, as_text, named_run
from tradewind.api.public.runs import DAGRunCollectionResponse, DAGRunResponse, get_dag_run, runs_as_answers
from tradewind.api.public.task_shapes import TaskInstanceResponse, task_shown, tasks_shown
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound
from tradewind.core.records import TaskKey
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.runs import run_row, run_rows, task_ids_of_run
from tradewind.store.reading.task_instances import tasks_by_key

routes = Routes("DagRun", prefix=f"{API}/dags/{{dag_id}}")

READS_TASKS = Need(Action.READ, Resource.TASK)


class NewTaskResponse(Answer):
    """A task that a run would have by the newest version of its Dag, and has not had so far."""

    task_id: str
    task_display_name: str


class ClearTaskInstanceCollectionResponse(Answer):
    task_instances: list[TaskInstanceResponse | NewTaskResponse]
    total_entries: int


class DAGRunClearBody(Body):
    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _wants_one_thing(self) -> Self:
        if self.only_new and self.only_failed:
            raise ValueError("only_new and only_failed exclude each other; choose one")
        return self


@routes.post(
    "/dagRuns/{dag_run_id}/clear",
    Resource.RUN,
    Action.EDIT,
    response_model=ClearTaskInstanceCollectionResponse | DAGRunResponse,
)
def clear_dag_run(call: Asked, dag_id: str, dag_run_id: str, body: DAGRunClearBody) -> dict[str, Any]:
    """Run the tasks of a run once more, or those that failed, or those that are new. With `dry_run` only say which."""
    get_dag_run(call, dag_id, dag_run_id)
    if body.dry_run:
        return _would_clear(call, [(dag_id, dag_run_id)], body)
    _clear(call, dag_id, dag_run_id, body, body.note)
    return get_dag_run(call, dag_id, dag_run_id)


class _Selector(Body):
    """Which runs: each by one of the ways alone."""

    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None

    def check_one_way(self, name: str, *, other: bool) -> None:
        """Raise ValueError unless exactly one way is taken, `name` being the one beside partitions."""
        by_date = self.partition_date_start is not None or self.partition_date_end is not None
        if [other, self.partition_key is not None, by_date].count(True) != 1:
            raise ValueError(f"say which runs by exactly one of {name}, partition_key, partition_date_start and _end")
        if by_date and None not in (self.partition_date_start, self.partition_date_end):
            start, end = (moment_us(at) for at in (self.partition_date_start, self.partition_date_end) if at)
            if start > end:
                raise ValueError("partition_date_start is after partition_date_end; give the earlier one as the start")

    @property
    def partition_dates(self) -> tuple[str | None, str | None]:
        """Both ends as the scheduler reads them; a date without zone is UTC."""
        return as_text(self.partition_date_start), as_text(self.partition_date_end)


class BulkDAGRunClearBody(DAGRunClearBody, _Selector):
    dag_runs: Annotated[list[BulkDAGRunBody], Field(max_length=MOST_AT_ONCE)] = []

    @model_validator(mode="after")
    def _names_runs_one_way(self) -> Self:
        self.check_one_way("dag_runs", other=bool(self.dag_runs))
        return self


@routes.post(
    "/clearDagRuns",
    Resource.RUN,
    Action.EDIT,
    response_model=ClearTaskInstanceCollectionResponse | DAGRunCollectionResponse,
)
def clear_dag_runs(call: Asked, dag_id: str, body: BulkDAGRunClearBody) -> dict[str, Any]:
    """The same for several runs: those that are named, with `~` of several Dags, or those for partitions of one Dag."""
    runs = _runs_meant(call, dag_id, body)
    if body.dry_run:
        return _would_clear(call, runs, body)
    notes = {named_run(dag_id, each): each.note for each in body.dag_runs}
    for name in runs:
        _clear(call, *name, body, notes.get(name) if body.note is None else body.note)
    with call.reading() as connection:
        answers = runs_as_answers(call, connection, run_rows(connection, runs))
    return {"dag_runs": answers, "total_entries": len(answers)}


class ClearPartitionsBody(_Selector):
    run_id: str | None = None
    clear_task_instances: bool = False
    dry_run: bool = True

    @model_validator(mode="after")
    def _names_runs_one_way(self) -> Self:
        self.check_one_way("run_id", other=self.run_id is not None)
        return self


class ClearPartitionsResponse(Answer):
    dag_runs_cleared: int
    task_instances_cleared: int
    dry_run: bool


@routes.post("/clearPartitions", Resource.RUN, Action.EDIT, response_model=ClearPartitionsResponse)
def clear_dag_run_partitions(call: Asked, dag_id: str, body: ClearPartitionsBody) -> dict[str, Any]:
    """Say that runs are for no partition any more, so that there can be others for it; they run once more if asked."""
    _check_one_dag(call, dag_id)
    start, end = body.partition_dates
    plan = call.command(
        "run.drop_partitions",
        dag_id=dag_id,
        run_id=body.run_id,
        partition_key=body.partition_key,
        partition_date_start=start,
        partition_date_end=end,
        clear_task_instances=body.clear_task_instances,
        dry_run=body.dry_run,
    )
    return {
        "dag_runs_cleared": len(plan["runs"]),
        "task_instances_cleared": len(plan["tasks"]),
        "dry_run": body.dry_run,
    }


def _runs_meant(call: Call, dag_id: str, body: BulkDAGRunClearBody) -> list[tuple[str, str]]:
    """Every run that a bulk clear names; each is there, and the caller may clear it."""
    if body.dag_runs:
        runs = list(dict.fromkeys(named_run(dag_id, each) for each in body.dag_runs))
        for named in dict.fromkeys(named for named, _ in runs):
            call.permit(named)
        with call.reading() as connection:
            known = {(row["dag_id"], row["run_id"]) for row in run_rows(connection, runs)}
        for name in runs:
            if name not in known:
                raise RunNotFound(*name)
        return runs
    _check_one_dag(call, dag_id)
    start, end = body.partition_dates
    plan = call.command(
        "run.drop_partitions", dag_id=dag_id, partition_key=body.partition_key, partition_date_start=start,
        partition_date_end=end, dry_run=True,
    )  # fmt: skip
    return [(run["dag_id"], run["run_id"]) for run in plan["runs"]]


def _check_one_dag(call: Call, dag_id: str) -> None:
    if dag_id == "~":
        raise InvalidInput("Partitions are those of one Dag; name it in the path instead of ~.")
    with call.reading() as connection:
        if dag_named(connection, dag_id) is None:
            raise DagNotFound(dag_id)


def _clear(call: Call, dag_id: str, run_id: str, body: DAGRunClearBody, note: str | None) -> None:
    if body.only_new:
        call.command("run.take_new_tasks", dag_id=dag_id, run_id=run_id)
    else:
        _plan(call, dag_id, run_id, body, dry_run=False)
    if note is not None:
        call.command("run.note", dag_id=dag_id, run_id=run_id, note=note)


def _plan(call: Call, dag_id: str, run_id: str, body: DAGRunClearBody, *, dry_run: bool) -> dict[str, Any]:
    plan: dict[str, Any] = call.command(
        "run.clear", dag_id=dag_id, run_id=run_id, only_failed=body.only_failed, latest=body.run_on_latest_version,
        dry_run=dry_run,
    )  # fmt: skip
    if refused := next((run["refused"] for run in plan["runs"] if run["refused"]), ""):
        raise InvalidInput(f"Nothing is cleared: {refused}.")
    return plan


def _would_clear(call: Call, runs: Sequence[tuple[str, str]], body: DAGRunClearBody) -> dict[str, Any]:
    """What clearing these runs would touch, as far as the caller may see it."""
    if body.only_new:
        found = [task for name in runs for task in _new_tasks(call, *name)]
        return {"task_instances": found, "total_entries": len(found)}
    keys = [TaskKey(*key) for name in runs for key in _plan(call, *name, body, dry_run=True)["tasks"]]
    for dag_id in dict.fromkeys(dag_id for dag_id, _ in runs):
        call.permit(dag_id, READS_TASKS)
    with call.reading() as connection:
        rows = tasks_by_key(connection, keys)
        return {"task_instances": tasks_shown(call, connection, rows), "total_entries": len(keys)}


def _new_tasks(call: Call, dag_id: str, run_id: str) -> Iterable[dict[str, Any]]:
    with call.reading() as connection:
        run, dag = run_row(connection, dag_id, run_id), dag_named(connection, dag_id)
        if run is None or dag is None:
            raise RunNotFound(dag_id, run_id)
        spec, known = call.spec(connection, dag["version"]), task_ids_of_run(connection, run["number"])
    return [
        {"task_id": task_id, "task_display_name": task_shown(task_id, task)}
        for task_id, task in sorted(spec.tasks.items())
        if task_id not in known
    ]
