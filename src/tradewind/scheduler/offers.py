"""From what was decided to what a worker is told: Offers, with everything the task is known to need."""

from collections.abc import Callable, Iterable
from typing import Any

from tradewind.core.mapped_groups import instances_beside
from tradewind.core.records import Attempt, DagRun
from tradewind.core.world import LiveRun, World
from tradewind.store.times import to_us
from tradewind.wire.messages import Offer, RunInfo, XComValue

StoredXComs = Callable[[int, str, str], Iterable[tuple[str, int, str, bytes]]]
"""Of a run (its number), what a task left under a key: (task_id, map_index, key, JSON), by map_index."""


def run_info(run: DagRun) -> RunInfo:
    """A run as a task child sees it."""
    return RunInfo(
        number=run.number,
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type.value,
        run_after_us=to_us(run.run_after),
        logical_date_us=to_us(run.logical_date),
        data_interval_start_us=to_us(run.data_interval_start),
        data_interval_end_us=to_us(run.data_interval_end),
        start_date_us=to_us(run.start_date),
        end_date_us=to_us(run.end_date),
        state=run.state.value,
        conf=dict(run.conf),
        clear_number=run.clear_number,
        triggered_by=run.triggered_by,
        triggering_user=run.triggering_user,
        note=run.note,
        partition_key=run.partition_key,
        partition_date_us=to_us(run.partition_date),
    )


def _resume(world: World, attempt: Attempt) -> dict[str, Any]:
    """Where an attempt goes on that continues a task which has waited."""
    deferral = world.deferrals.get(attempt.key) if attempt.leg else None
    if deferral is None or deferral.answer is None or deferral.is_kept:
        return {}
    answer = deferral.answer
    return {
        "resume_method": deferral.method,
        "resume_kwargs": deferral.method_kwargs,
        "event": answer.event,
        "resume_error": answer.error,
        "resume_question": deferral.question is not None,
    }


class Offers:
    """Builds Offers. XComs come from memory, or from where they are stored after a restart."""

    def __init__(self, stored_xcoms: StoredXComs, serial_of: Callable[[str], int] = lambda file: 0) -> None:
        """`serial_of` says the serial of a file's newest import."""
        self._stored_xcoms = stored_xcoms
        self._serial_of = serial_of

    def offer(self, world: World, attempt: Attempt) -> Offer | None:
        """The offer of an attempt that is still to start; None when it no longer is."""
        live = world.runs.get(attempt.key.run)
        task = world.task(attempt.key)
        if live is None or task is None or attempt.id not in world.attempts:
            return None
        spec = live.spec_of(attempt.key.task_id)
        record = world.dags[live.run.dag_id]
        isolation = spec.isolation if spec else "fork"
        if record.isolation == "spawn":
            isolation = "spawn"
        return Offer(
            attempt=attempt.id,
            run=run_info(live.run),
            task_id=attempt.key.task_id,
            map_index=attempt.key.map_index,
            try_number=attempt.try_number,
            max_tries=task.max_tries,
            leg=attempt.leg,
            first_start_us=to_us(task.start_date) if attempt.leg else None,
            file=record.file,
            version=record.version,
            serial=self._serial_of(record.file),
            isolation=isolation,
            queue=spec.queue if spec else "default",
            xcoms=self._xcoms(live, attempt.key.task_id, attempt.key.map_index),
            **_resume(world, attempt),
        )

    def _xcoms(self, live: LiveRun, task_id: str, map_index: int) -> list[XComValue]:
        spec = live.spec_of(task_id)
        values: list[XComValue] = []
        for source, key in spec.reads if spec else ():
            indexes = sorted(instances_beside(live, source, task_id, map_index))
            known = [(i, live.xcoms.get((source, i, key))) for i in indexes]
            if all(value for _, value in known):
                values += [XComValue(source, i, key, value) for i, value in known if value]
            else:
                stored = self._stored_xcoms(live.run.number, source, key)
                wanted = frozenset(indexes)
                values += [XComValue(*row) for row in stored if row[1] in wanted]
        return values

    def callback(self, world: World, row: dict[str, Any], run: DagRun) -> Offer | None:
        """The offer of a stored callback; None when its Dag is not known any more."""
        record = world.dags.get(run.dag_id)
        if record is None:
            return None
        return Offer(
            attempt=row["id"],
            run=run_info(run),
            task_id=row["task_id"],
            map_index=row["map_index"],
            try_number=row["try_number"],
            max_tries=row["max_tries"],
            file=record.file,
            version=record.version,
            serial=self._serial_of(record.file),
            isolation="spawn" if record.isolation == "spawn" else "fork",
            callback=row["kind"],
            reason=row["reason"],
        )
