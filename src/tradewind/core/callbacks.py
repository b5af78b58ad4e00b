"""Callbacks: what author code is told of an end, or of a missed deadline, by a process of its own.

The attempt's own process calls the callbacks of its task before it reports. What it can no longer call, what the
scheduler decides without a process, and every mail become a row, which is offered to workers until it is done.
"""

from tradewind.core.dag import TaskSpec
from tradewind.core.decisions import DropRows, PutCallback, StartCallback
from tradewind.core.ids import callback_id
from tradewind.core.inputs import CallbackBegun, CallbackFinished
from tradewind.core.records import TaskInstance, TaskKey
from tradewind.core.turn import Turn
from tradewind.core.world import LiveRun


def call_back(turn: Turn, key: TaskKey, kind: str, reason: str, clear_number: int = 0, try_number: int = 0) -> None:
    """Have a callback run by a worker, durably, once for this end."""
    number = callback_id(key.run, clear_number, kind, key if key.task_id else None, try_number)
    turn.do(PutCallback(number, key, kind, reason, try_number))
    turn.do(StartCallback(number))


def after_try(
    turn: Turn, live: LiveRun, spec: TaskSpec, task: TaskInstance, event: str, reason: str, *, called: bool
) -> None:
    """A try has ended. `event` names the callbacks that belong to this end, and `called` says that the attempt's own
    process has called them; the mail follows in any case, after them."""
    wanted = [event] if event in spec.callbacks and not called else []
    wanted += [mail for mail in (f"email_{event}",) if mail in spec.callbacks]
    if wanted:
        kind = f"task:{'+'.join(wanted)}"
        call_back(turn, task.key, kind, reason, live.run.clear_number, task.try_number)


def begun(turn: Turn, news: CallbackBegun) -> None:
    """A callback is about to do what must not be done twice: from here on nobody else starts it."""
    turn.do(PutCallback(news.id, news.key, news.kind, news.reason, news.try_number, begun_by=news.worker))


def finished(turn: Turn, report: CallbackFinished) -> None:
    """A callback is over, whatever came of it."""
    turn.do(DropRows("callback", {"id": report.id}))
