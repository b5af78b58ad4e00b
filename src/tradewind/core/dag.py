"""DagSpec and TaskSpec: a Dag as the scheduler sees it, without any of its author's code.

A spec is made in the process that imported the Dag file, travels as JSON, and is all that scheduling needs. It holds
only plain values (str, int, float, bool, None, tuples, dicts with str keys, aware datetimes), so that equal Dags give
equal bytes: sets are sorted, durations are seconds, and nothing depends on dict order or object addresses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tradewind.core.states import TriggerRule
from tradewind.core.timetables.runs import Restriction
from tradewind.core.timetables.spec import TimetableSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSpec:
    """How long an expansion input will be.

    kind: `literal` (length known: `length`), `xcom` (the value that `task_id` left under `key`),
    `map` (as long as its one part), `zip` (shortest part, longest when `fill`), `concat` (sum of the parts).
    """

    kind: str
    length: int = 0
    task_id: str = ""
    key: str = "return_value"
    parts: tuple["LengthSpec", ...] = ()
    fill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapSpec:
    """How a mapped task expands: `product` multiplies the inputs in order, `kwargs` takes one input as it is."""

    mode: str
    inputs: tuple[tuple[str, LengthSpec], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """One authored node. Defaults are Airflow's."""

    task_id: str
    operator: str
    """The operator's class name, as people know it."""
    label: str = ""
    upstream: tuple[str, ...] = ()
    """Direct upstream task ids, sorted."""
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    owner: str = "airflow"
    retries: int = 0
    retry_delay_seconds: float = 300.0
    retry_backoff: float = 0.0
    """Multiplier of the exponential back-off; 0 or 1 keeps the delay constant."""
    max_retry_delay_seconds: float | None = None
    retry_policy: bool = False
    execution_timeout_seconds: float | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    queue: str = "default"
    priority_weight: int = 1
    """As authored."""
    effective_weight: int = 1
    """After the weight rule; what the queue is ordered by."""
    depends_on_past: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_downstream: bool = False
    wait_for_past_depends_before_skipping: bool = False
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    never_sent: bool = False
    """An EmptyOperator without callbacks, inlets and outlets: success without a worker."""
    map: MapSpec | None = None
    reads: tuple[tuple[str, str], ...] = ()
    """(task_id, key) of every XCom that its arguments are known to need; the offer carries them."""
    group_id: str | None = None
    mapped_group: str | None = None
    """The mapped group that it is in. Then `map` begins with what that group expands over."""
    isolation: str = "fork"
    """`fork`, `spawn` or `reuse`."""
    sla_seconds: float | None = None
    """How long after its run's interval it should be over; only where the Dag is of generation 2."""
    lost_policy: str = "default"
    """`retry`: start again when its worker was lost, even without retries. `fail`: never."""
    callbacks: tuple[str, ...] = ()
    """Names of the callbacks that it has: on_failure, on_retry, on_success, on_skipped, on_execute; and
    `email_on_failure`, `email_on_retry` where somebody is to get a mail."""
    doc_md: str | None = None
    ui_color: str = ""
    ui_fgcolor: str = ""
    template_fields: tuple[str, ...] = ()
    skips_downstream: bool = False
    """It may decide to skip some of its downstream (branch, short circuit)."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Facts of which scheduling needs little: decorator name, map_index_template, inlets, outlets, email, params …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """A task group, for display and for branching to a whole group."""

    group_id: str | None
    label: str = ""
    tooltip: str = ""
    parent: str | None = None
    task_ids: tuple[str, ...] = ()
    """Every task inside, nested groups included, sorted."""
    map: MapSpec | None = None
    """Of a mapped group: what all tasks inside expand over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherSpec:
    """A trigger that watches for updates of an asset from outside: its class, and its arguments as JSON."""

    name: str
    asset: str
    uri: str
    group: str = "asset"
    classpath: str
    kwargs: str = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineSpec:
    """A run is late when it is not over so long after its reference.

    reference: `logical_date`, `queued_at`, `fixed` (the moment `at`) or `average_runtime` (when it would end if it
    took as long as the last `max_runs` runs did; nothing while there are fewer than `min_runs`), or `custom` (a process
    that has the Dag's code works the whole moment out).
    """

    reference: str
    interval_seconds: float
    name: str = ""
    at: datetime | None = None
    max_runs: int = 0
    min_runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DagSpec:
    """One authored Dag."""

    dag_id: str
    file: str
    """Path of the Dag file relative to the Dags folder, with `/`."""
    tasks: Mapping[str, TaskSpec]
    """By task_id, in the order in which a person would read them (topological, then authored)."""
    timetable: TimetableSpec
    groups: tuple[GroupSpec, ...] = ()
    edge_labels: tuple[tuple[str, str, str], ...] = ()
    """(upstream, downstream, label), sorted."""
    description: str | None = None
    display_name: str = ""
    doc_md: str | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    owner_links: Mapping[str, str] = field(default_factory=dict)
    start_date: datetime | None = None
    end_date: datetime | None = None
    catchup: bool = False
    max_active_tasks: int = 16
    max_active_runs: int = 16
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout_seconds: float | None = None
    is_paused_upon_creation: bool | None = None
    fail_fast: bool = False
    callbacks: tuple[str, ...] = ()
    """`on_success`, `on_failure`, `sla_miss`: the Dag-level callbacks that exist."""
    deadlines: tuple[DeadlineSpec, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    """Default value and JSON schema by name: {"x": {"value": 1, "schema": {…}, "description": …}}."""
    render_template_as_native_obj: bool = False
    generation: int = 3
    """2 when the file uses `schedule_interval=`: data intervals and catchup as Airflow 2 has them."""
    assets: Mapping[str, Any] = field(default_factory=dict)
    """The condition over assets that makes a run due, beside the timetable or alone; see core/assets.py."""
    asset_policy: str = "coalesce"
    """Which of the waiting asset events a run takes: `coalesce`, `each` or `latest`."""
    partitions: Mapping[str, Any] = field(default_factory=dict)
    """Of a Dag that runs once for each partition: how its partitions follow from those of its assets; see
    core/partition_queue.py."""
    watchers: tuple["WatcherSpec", ...] = ()
    """Triggers that report updates of assets which the Dag names."""
    notices: tuple[str, ...] = ()
    """Sentences for the author: deprecated spellings, ignored arguments, the reason for spawn isolation."""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def restriction(self) -> Restriction:
        """The bounds of its schedule: its own dates, widened by those of its tasks."""
        starts = [d for d in (self.start_date, *(task.start_date for task in self.tasks.values())) if d is not None]
        ends = [d for d in (self.end_date, *(task.end_date for task in self.tasks.values())) if d is not None]
        return Restriction(min(starts, default=None), max(ends, default=None), self.catchup)

    def downstream(self) -> dict[str, tuple[str, ...]]:
        """Direct downstream task ids of every task."""
        down: dict[str, list[str]] = {task_id: [] for task_id in self.tasks}
        for spec in self.tasks.values():
            for upstream in spec.upstream:
                down[upstream].append(spec.task_id)
        return {task_id: tuple(ids) for task_id, ids in down.items()}
