"""From a DAG to its DagSpec: canonical, so that equal Dags give equal specs, and complete, so that scheduling needs no
author code. Whatever would keep a Dag from being scheduled is found here and raised in one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from tradewind.core import dag_access
from tradewind.core.assets import POLICIES
from tradewind.core.dag import DagSpec, DeadlineSpec, GroupSpec, MapSpec, TaskSpec, WatcherSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.partition_mappers import MOST_KEYS
from tradewind.core.states import TriggerRule
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.sdk.assets import Asset, AssetWatcher, BaseAsset, condition_of
from tradewind.sdk.configuration import conf
from tradewind.sdk.dag import DAG
from tradewind.sdk.deadline import deadline_spec
from tradewind.sdk.exceptions import DagInvalid, FailFastDagInvalidTriggerRule, ParamValidationError
from tradewind.sdk.node import mapped_group_of
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.plain import plain
from tradewind.sdk.sensors.external_task import ExternalTaskMarker
from tradewind.sdk.skip import SkipMixin
from tradewind.sdk.timezone import timezone_name
from tradewind.sdk.types import NOTSET
from tradewind.sdk.values import callables
from tradewind.sdk.weights import effective_weights
from tradewind.sdk.xcom_arg import references

_BY_THE_CLOCK = frozenset({"cron", "delta", "once", "continuous", "events"})
_LONGEST_TAG = 100


def dag_spec(dag: DAG, file: str, isolation: str = "fork", notices: Iterable[str] = ()) -> DagSpec:
    """The spec of a Dag. `file` is its path relative to the Dags folder; `isolation` is what its file allows (`spawn`
    holds for every task); `notices` go to the author beside those that the Dag itself gave rise to."""
    ordered = dag.topological_sort()
    timetable = timetable_of(dag)
    _check(dag, ordered, timetable)
    weights = effective_weights(dag)
    extra: dict[str, Any] = {}
    if dag.allowed_run_types:
        extra["allowed_run_types"] = sorted(str(kind) for kind in callables(dag.allowed_run_types))
    if dag.access_control:
        extra[dag_access.FIELD] = _access(dag)
    deadlines = [deadline_spec(alert, dag.timezone) for alert in dag.deadlines]
    return DagSpec(
        dag_id=dag.dag_id,
        file=file,
        tasks={task.task_id: task_spec(task, weights[task.task_id], isolation) for task in ordered},
        timetable=timetable,
        groups=tuple(sorted((_group_spec(group) for group in dag.task_group.iter_groups()), key=_group_key)),
        edge_labels=_edge_labels(dag),
        description=dag.description,
        display_name=dag.dag_display_name,
        doc_md=_documentation(dag),
        tags=tuple(sorted(dag.tags)),
        owners=tuple(sorted({str(task.owner) for task in ordered})),
        owner_links={name: dag.owner_links[name] for name in sorted(dag.owner_links)},
        start_date=moment(dag.start_date),
        end_date=moment(dag.end_date),
        catchup=dag.catchup,
        max_active_tasks=dag.max_active_tasks,
        max_active_runs=min(dag.max_active_runs, timetable.active_runs_limit or dag.max_active_runs),
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        dagrun_timeout_seconds=seconds(dag.dagrun_timeout),
        is_paused_upon_creation=dag.is_paused_upon_creation,
        fail_fast=dag.fail_fast,
        callbacks=_dag_callbacks(dag),
        deadlines=tuple(spec for spec, _ in deadlines),
        params=_params(dag.params.raw(), f"Dag {dag.dag_id!r}"),
        render_template_as_native_obj=dag.render_template_as_native_obj,
        generation=dag.generation,
        assets=_condition(dag),
        asset_policy=dag.tradewind_asset_policy,
        partitions=_partitions(dag),
        watchers=_watchers(dag, ordered),
        notices=tuple(sorted({*dag.notices, *notices, *_notices(dag, deadlines)})),
        extra=extra,
    )


def _access(dag: DAG) -> dict[str, Any]:
    """What the Dag's file lets roles do with it."""
    try:
        return dict(dag_access.access_of(dag.access_control))
    except InvalidInput as error:
        raise DagInvalid(f"Dag {dag.dag_id!r}: {error}") from None


def _condition(dag: DAG) -> dict[str, Any]:
    """The assets that the Dag waits for."""
    condition = condition_of(dag.schedule)
    return {} if condition is None else condition.as_expression()


def _dag_callbacks(dag: DAG) -> tuple[str, ...]:
    names = [event for event in ("on_failure", "on_success") if dag.callbacks(event)]
    return (*names, *(["sla_miss"] if dag.sla_miss_callback is not None and dag.generation < 3 else []))


def _notices(dag: DAG, deadlines: Iterable[tuple[DeadlineSpec, str]]) -> Iterable[str]:
    for place, (_, problem) in enumerate(deadlines):
        if problem:
            yield f"Dag {dag.dag_id!r}: deadline number {place + 1} has no effect: {problem}"
    silent = [task for task in dag.tasks if task.counted_sla is not None and not task.email]
    if dag.generation < 3 and dag.sla_miss_callback is None and silent:
        yield (
            f"Dag {dag.dag_id!r}: the sla= of its tasks has no effect where they have no email=, because it has no "
            "sla_miss_callback=."
        )


def _partitions(dag: DAG) -> dict[str, Any]:
    """How the Dag's partitions follow from those of the assets that it waits for."""
    from tradewind.sdk.timetables import PartitionedAssetTimetable

    if not isinstance(dag.schedule, PartitionedAssetTimetable):
        return {}
    if dag.tradewind_asset_policy != "coalesce":
        raise DagInvalid(
            f"Dag {dag.dag_id!r}: a run of a partition takes all events that wait for it, so "
            f"tradewind_asset_policy={dag.tradewind_asset_policy!r} does not go with PartitionedAssetTimetable."
        )
    most = conf.getint("scheduler", "partition_mapper_max_downstream_keys", fallback=MOST_KEYS)
    try:
        return dag.schedule.partitions(most)
    except DagInvalid as error:
        raise DagInvalid(f"Dag {dag.dag_id!r}: {error}") from None


def _watchers(dag: DAG, tasks: Iterable[Any]) -> tuple[WatcherSpec, ...]:
    """The triggers that watch the assets which the Dag names."""
    condition = condition_of(dag.schedule)
    named = [] if condition is None else [condition]
    named += [item for task in tasks for item in (*task.inlets, *task.outlets) if isinstance(item, BaseAsset)]
    found: dict[WatcherSpec, None] = {}
    for asset in (asset for item in named for asset in item.iter_assets()):
        for watcher in asset.watchers:
            found[_watcher_spec(f"Dag {dag.dag_id!r}: the watcher {watcher.name!r}", asset, watcher)] = None
    return tuple(sorted(found, key=lambda one: (one.asset, one.uri, one.name, one.classpath, one.kwargs)))


def _watcher_spec(named: str, asset: Asset, watcher: AssetWatcher) -> WatcherSpec:
    from tradewind.sdk.execution.trigger_paths import CannotDefer, path_and_kwargs

    try:
        classpath, kwargs = path_and_kwargs(watcher.trigger)
    except CannotDefer as error:
        raise DagInvalid(f"{named} of asset {asset.name!r} cannot watch: {error}") from None
    return WatcherSpec(
        name=watcher.name,
        asset=asset.name,
        uri=asset.uri,
        group=asset.group,
        classpath=classpath,
        kwargs=kwargs.decode(),
    )


def task_spec(task: Any, effective_weight: int, isolation: str = "fork") -> TaskSpec:
    """The spec of one task, mapped or not."""
    return TaskSpec(
        task_id=task.task_id,
        operator=task.task_type,
        label=task.label if task.task_display_name == task.task_id else task.task_display_name,
        upstream=tuple(sorted(task.upstream_task_ids)),
        trigger_rule=TriggerRule(task.trigger_rule),
        owner=str(task.owner),
        retries=task.retries,
        retry_delay_seconds=seconds(task.retry_delay) or 0.0,
        retry_backoff=task.retry_exponential_backoff,
        max_retry_delay_seconds=seconds(task.max_retry_delay),
        retry_policy=task.retry_policy is not None,
        execution_timeout_seconds=seconds(task.execution_timeout),
        pool=task.pool,
        pool_slots=task.pool_slots,
        queue=task.queue,
        priority_weight=task.priority_weight,
        effective_weight=effective_weight,
        depends_on_past=task.depends_on_past,
        ignore_first_depends_on_past=task.ignore_first_depends_on_past,
        wait_for_downstream=task.wait_for_downstream,
        wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
        max_active_tis_per_dag=task.max_active_tis_per_dag,
        max_active_tis_per_dagrun=task.max_active_tis_per_dagrun,
        start_date=moment(task.start_date),
        end_date=moment(task.end_date),
        is_setup=task.is_setup,
        is_teardown=task.is_teardown,
        on_failure_fail_dagrun=task.on_failure_fail_dagrun,
        never_sent=_never_sent(task),
        map=_map_spec(task),
        reads=tuple(sorted({(upstream.task_id, key) for upstream, key in _references(task)})),
        group_id=task.task_group.group_id if task.task_group is not None else None,
        mapped_group=around.group_id if (around := mapped_group_of(task)) is not None else None,
        isolation="spawn" if isolation == "spawn" else task.isolation or isolation,
        lost_policy=task.lost_policy,
        sla_seconds=seconds(task.counted_sla),
        callbacks=tuple(sorted((*task.callback_events(), *task.mail_events()))),
        doc_md=_text(task.doc_md or task.doc or task.doc_rst),
        ui_color=str(task.ui_color),
        ui_fgcolor=str(task.ui_fgcolor),
        template_fields=_names(task.template_fields),
        skips_downstream=issubclass(_class_of(task), SkipMixin),
        extra=_task_extra(task),
    )


def moment(value: datetime | None) -> datetime | None:
    """The moment as a plain datetime in UTC."""
    if value is None:
        return None
    at = value.astimezone(UTC)
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=UTC)


def seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()


def timetable_of(dag: DAG) -> TimetableSpec:
    """When the Dag is due."""
    from tradewind.sdk.timetables import timetable_spec

    return timetable_spec(
        dag.schedule,
        timezone=timezone_name(dag.timezone),
        generation=dag.generation,
        create_data_intervals=conf.getboolean("scheduler", "create_cron_data_intervals", fallback=False),
        create_delta_data_intervals=conf.getboolean("scheduler", "create_delta_data_intervals", fallback=False),
        dag_id=dag.dag_id,
    )


def _check(dag: DAG, ordered: Iterable[Any], timetable: TimetableSpec) -> None:
    where = f"Dag {dag.dag_id!r}"
    if dag.tradewind_asset_policy not in POLICIES:
        raise DagInvalid(
            f"{where}: tradewind_asset_policy={dag.tradewind_asset_policy!r} is unknown; use {', '.join(POLICIES)}."
        )
    for tag in dag.tags:
        if not isinstance(tag, str) or len(tag) > _LONGEST_TAG:
            raise DagInvalid(f"{where}: tag {tag!r} must be text of at most {_LONGEST_TAG} characters.")
    if timetable.kind in _BY_THE_CLOCK:
        for name, param in dag.params.raw().items():
            try:
                param.resolve()
            except ParamValidationError as error:
                raise ParamValidationError(
                    f"{where}: param {name!r} needs a valid default because the Dag has a schedule: {error}"
                ) from None
    for task in ordered:
        named = f"Task {task.task_id!r} of {where}"
        try:
            FailFastDagInvalidTriggerRule.check(fail_fast=dag.fail_fast, trigger_rule=task.trigger_rule)
        except FailFastDagInvalidTriggerRule as error:
            raise FailFastDagInvalidTriggerRule(f"{named}: {error}") from None
        if (group := mapped_group_of(task)) is not None:
            _check_inside(named, task, group)
        if task.is_setup:
            for after in task.downstream_list:
                if not after.is_teardown and after.trigger_rule != TriggerRule.ALL_SUCCESS:
                    raise DagInvalid(
                        f"Task {after.task_id!r} of {where}: it follows setup {task.task_id!r}, so its trigger rule "
                        f"must be all_success, not {after.trigger_rule}."
                    )


def _check_inside(named: str, task: Any, group: Any) -> None:
    if task.trigger_rule == TriggerRule.ALWAYS:
        raise DagInvalid(
            f"{named} is in the mapped group {group.group_id!r}, where trigger rule always is not allowed."
        )
    if not task.is_mapped:
        return
    inside = {each.task_id for each in group.iter_tasks()}
    for source, _ in task.expand_input.references():
        if source.task_id in inside:
            raise DagInvalid(
                f"{named} expands over {source.task_id!r}, which is in the same mapped group {group.group_id!r}; a "
                "task inside one can expand over lists and over tasks outside."
            )


def _references(task: Any) -> Iterable[tuple[Any, str]]:
    if task.is_mapped:
        return task.iter_references()  # type: ignore[no-any-return]
    return references([getattr(task, name, None) for name in task.template_fields])


def _never_sent(task: Any) -> bool:
    settings = task.settings if task.is_mapped else task
    cls = _class_of(task)
    return (
        issubclass(cls, EmptyOperator)
        and cls.execute is EmptyOperator.execute
        and not set(settings.callback_events()) & {"on_execute", "on_success"}
        and settings._pre_execute_hook is None
        and settings._post_execute_hook is None
        and not settings.inlets
        and not settings.outlets
        and not (_marker(task) or {}).get("rendered")
    )


def _marker(task: Any) -> dict[str, Any] | None:
    """What an ExternalTaskMarker names, as far as it is known before its templates are rendered."""
    cls = _class_of(task)
    return cls.facts_of(task) if issubclass(cls, ExternalTaskMarker) else None


def _class_of(task: Any) -> Any:
    return task.operator_class if task.is_mapped else type(task)


def _task_extra(task: Any) -> dict[str, Any]:
    cls = _class_of(task)
    settings = task.settings if task.is_mapped else task
    own = {name: param for name, param in settings.params.raw().items() if name in settings.own_params}
    facts = {
        "operator_name": task.operator_name if task.operator_name != task.task_type else None,
        "module": cls.__module__,
        "display_name": task.task_display_name if task.task_display_name != task.task_id else None,
        "map_index_template": task.map_index_template,
        "marker": _marker(task),
        "inlets": [_asset(item) for item in task.inlets],
        "outlets": [_asset(item) for item in task.outlets],
        "email": plain(task.email),
        "params": _params(own, f"Task {task.task_id!r}"),
        "executor": task.executor,
        "run_as_user": task.run_as_user,
        "executor_config": plain(task.executor_config),
        "do_xcom_push": None if task.do_xcom_push else False,
        "multiple_outputs": True if task.multiple_outputs else None,
        "weight_rule": plain(task.weight_rule) if str(task.weight_rule) != "downstream" else None,
        "template_fields_renderers": plain(task.template_fields_renderers),
        "partial": _partial(task) if task.is_mapped else None,
    }
    return {name: fact for name, fact in sorted(facts.items()) if fact not in (None, [], {})}


def _partial(task: Any) -> dict[str, Any]:
    shown = {"python_callable", *task.operator_class.template_fields}
    return {name: plain(value) for name, value in sorted(task.partial_kwargs.items()) if name in shown}


def _asset(item: Any) -> Any:
    return item.as_expression() if hasattr(item, "as_expression") else plain(item)


def _params(params: Mapping[str, Any], where: str) -> dict[str, Any]:
    described = {}
    for name, param in params.items():  # in the author's order, which is the form's
        entry = {"value": plain(param.value) if param.has_value else None, "schema": plain(param.schema)}
        if param.value is NOTSET:
            entry["required"] = True
        if param.description is not None:
            entry["description"] = param.description
        described[name] = entry
    return described


def _group_spec(group: Any) -> GroupSpec:
    return GroupSpec(
        group_id=group.group_id,
        label=group.label or "",
        tooltip=group.tooltip or "",
        parent=group.parent_group.group_id if group.parent_group is not None else None,
        task_ids=tuple(sorted(task.task_id for task in group.iter_tasks())),
        map=group.expand_input.map_spec() if group.is_mapped else None,
    )


def _map_spec(task: Any) -> MapSpec | None:
    """How a task expands: with the group around it first, then by itself."""
    group = mapped_group_of(task)
    parts = [part for part in (group, task if task.is_mapped else None) if part is not None]
    specs = [part.expand_input.map_spec() for part in parts]
    if len(specs) < 2:
        return specs[0] if specs else None
    return MapSpec(mode="product", inputs=tuple(chain.from_iterable(spec.inputs for spec in specs)))


def _group_key(group: GroupSpec) -> str:
    return group.group_id or ""


def _edge_labels(dag: DAG) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        sorted(
            (before, after, str(info["label"]))
            for before, edges in dag.edge_info.items()
            for after, info in edges.items()
            if info.get("label") is not None
        )
    )


def _documentation(dag: DAG) -> str | None:
    """The Dag's documentation; a name that ends with .md is that of a file beside the Dag file."""
    text = _text(dag.doc_md)
    if text is not None and text.endswith(".md") and "\n" not in text:
        path = os.path.join(dag.folder, text)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    return text


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _names(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str):
        return (fields,)
    return tuple(sorted(fields)) if isinstance(fields, (set, frozenset)) else tuple(fields)
