"""Teeth about imports and code of authors' own, timetables, mappers and watchers: bugs planted on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from tradewind.core import partitioned, watching
from tradewind.core.partition_queue import UNNAMED, Partitions
from tradewind.core.timetables import RunsAhead
from tradewind.scheduler.triggers import Triggers
from tradewind.wire.messages import Ack
from tradewind.worker import agent as agent_module
from tradewind.worker.agent import Agent

# --- imports -----------------------------------------------------------------------------------------------------


def _runs_code_of_an_earlier_import() -> Any:
    """It relies on being told of each import, and was away."""
    real = Agent._host_for
    return patch.object(Agent, "_host_for", lambda self, file, serial: real(self, file, 0))


def _takes_a_killed_import_for_a_fault_of_the_file() -> Any:
    return patch.object(agent_module, "IMPORTS", 1)


# --- timetables --------------------------------------------------------------------------------------------------


def _asks_a_timetable_only_once() -> Any:
    return patch.object(RunsAhead, "is_short", lambda self, last, restriction, now: False)


def _leaves_out_runs_that_code_named_late() -> Any:
    """What was due before the code had named it counts as missed, with catchup too."""
    real = RunsAhead._after

    def after(self: Any, last: Any) -> Any:
        return tuple(run for run in real(self, last) if run.run_after > self.answered_at)

    return patch.object(RunsAhead, "_after", after)


# --- partition mappers -------------------------------------------------------------------------------------------


def _keeps_a_named_event_among_the_unnamed() -> Any:
    real = partitioned._forget

    def forget(turn: Any, dag_id: str, key: str, numbers: Any, fresh: Any = ()) -> None:
        gone = list(numbers)
        real(turn, dag_id, key, gone, [(key, number) for number in gone] if key == UNNAMED else fresh)

    return patch.object(partitioned, "_forget", forget)


def _takes_a_period_for_complete_before_its_code_was_asked() -> Any:
    real = Partitions._is_enough

    def is_enough(self: Any, asset: Any, key: str, come: Any, heard: Any) -> bool:
        return bool((asset, key) not in heard and self.mapper(asset).has_to_be_asked) or real(
            self, asset, key, come, heard
        )

    return patch.object(Partitions, "_is_enough", is_enough)


# --- watchers ----------------------------------------------------------------------------------------------------


def _acknowledges_news_before_it_commits() -> Any:
    real = Triggers.fired

    def fired(self: Any, peer: Any, said: Any) -> None:
        peer.send(Ack(attempts=[said.id]))
        real(self, peer, said)

    return patch.object(Triggers, "fired", fired)


def _forgets_watchers_at_a_restart() -> Any:
    def wanted(self: Any) -> Any:
        deferrals = self._scheduler.world.deferrals.values()
        return (deferral.id for deferral in deferrals if deferral.needs_triggerer)

    return patch.object(Triggers, "_wanted", wanted)


def _watches_for_paused_dags() -> Any:
    return patch.object(watching, "refresh", lambda turn, *specs: [watching._refresh(turn, i) for i in _new(turn)])


def _new(turn: Any) -> list[str]:
    """Triggers that nobody has started yet; those that run go on, whatever becomes of the Dags."""
    return [id for id in turn.world.watchers.ids if id not in turn.world.watchers.active]


def _does_not_start_a_watcher_again() -> Any:
    return patch.object(watching, "on_timer", lambda turn, id: None)


BUGS_OF_CODE: dict[str, Callable[[], Any]] = {
    "runs code of an earlier import": _runs_code_of_an_earlier_import,
    "takes a killed import for a fault of the file": _takes_a_killed_import_for_a_fault_of_the_file,
    "asks a timetable only once": _asks_a_timetable_only_once,
    "leaves out runs that code named late": _leaves_out_runs_that_code_named_late,
    "keeps a named event among the unnamed": _keeps_a_named_event_among_the_unnamed,
    "takes a period for complete before it asks": _takes_a_period_for_complete_before_its_code_was_asked,
    "acknowledges news before it commits": _acknowledges_news_before_it_commits,
    "forgets watchers at a restart": _forgets_watchers_at_a_restart,
    "watches for paused Dags": _watches_for_paused_dags,
    "does not start a watcher again": _does_not_start_a_watcher_again,
}
"""By what they do."""
