"""One task in a process of its own, for a person at a terminal: `python -m tradewind.worker.single FD ORDER`.

Imports the Dag file, runs one attempt (or only renders its templates) and reports over the socket FD. What author code
asks of the engine goes over the same socket; the log goes to the descriptor that the order names.
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

import msgspec

from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.mapping import expansion_length, sources
from tradewind.core.timetables import manual_interval
from tradewind.sdk.exceptions import ParamValidationError
from tradewind.sdk.execution.moments import microseconds, utc
from tradewind.sdk.execution.runtime import set_runtime
from tradewind.sdk.execution.xcom_codec import length_of
from tradewind.sdk.execution.xcom_values import keep_large_values_in, load
from tradewind.wire.messages import Finished, Offer, RunInfo, XComValue
from tradewind.wire.xcom_files import XComFiles
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.host_config import HostConfig
from tradewind.worker.process import die_with_parent, name_process
from tradewind.worker.runtime import ChannelRuntime
from tradewind.worker.task_runner import clock_us


class Order(msgspec.Struct, kw_only=True):
    """What to do with the offer that comes over the socket."""

    config: HostConfig
    log_fd: int
    parent: int
    render_only: bool = False
    params: dict[str, Any] = {}
    """Take the place of the task's params of the same name."""


def main() -> None:
    """Serve one offer and end."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    order = msgspec.json.decode(sys.argv[2], type=Order)
    os.setsid()
    die_with_parent(order.parent)
    name_process("tw-single")
    for fd in (channel.fileno(), order.log_fd):
        os.set_inheritable(fd, False)
    try:
        offer = channel.receive()
        if isinstance(offer, Offer):
            channel.send(serve(channel, order, offer))
    except ChannelClosed:
        pass
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def serve(channel: Channel, order: Order, offer: Offer) -> Finished:
    """The report of the one attempt. What author code raises is in it."""
    import tradewind.compat
    from tradewind.worker.code_host import set_up_paths
    from tradewind.worker.importing import load_file

    tradewind.compat.install()
    set_up_paths(order.config)
    runtime = ChannelRuntime(channel, offer.attempt)
    set_runtime(runtime)
    # What this attempt leaves is its own and small enough for the socket; what others left may lie in files.
    keep_large_values_in(XComFiles(order.config.xcoms_folder, inline_bytes=-1))
    path = os.path.join(order.config.dags_folder, offer.file)
    loaded = load_file(path, offer.file, digest="", parse_id=0, timeout_seconds=300.0)
    dag = loaded.dags.get(offer.run.dag_id)
    if dag is None:
        problem = loaded.report.problems[0].message if loaded.report.problems else ""
        return _failed(offer, problem or f"{offer.file} does not define the Dag {offer.run.dag_id!r}.")
    if offer.task_id not in dag.task_dict:
        known = ", ".join(dag.task_dict)
        return _failed(offer, f"Dag {dag.dag_id!r} has no task {offer.task_id!r}; it has {known}.")
    specs = (msgspec.json.decode(encoded, type=DagSpec) for encoded in loaded.report.specs)
    spec = next(spec for spec in specs if spec.dag_id == dag.dag_id)
    _fill_interval(offer.run, spec)
    if problem := _set_params(dag.task_dict[offer.task_id], order.params):
        return _failed(offer, problem)
    return _attempt(order, offer, runtime, dag, spec.tasks[offer.task_id])


def _attempt(order: Order, offer: Offer, runtime: ChannelRuntime, dag: Any, spec: TaskSpec) -> Finished:
    from tradewind.sdk.execution.logs import AttemptLog
    from tradewind.sdk.execution.prepared import prepare
    from tradewind.sdk.execution.run import run_attempt

    prepared = prepare(dag)
    for task_id, key in prepared.task(offer.task_id).reads:
        names = {"dag_id": offer.run.dag_id, "run_id": offer.run.run_id, "task_ids": [task_id], "key": key}
        offer.xcoms += [XComValue(*row) for row in runtime.request("xcom.pull", **names)]
    if problem := _instance_problem(spec, offer):
        return _failed(offer, problem)
    log = AttemptLog(f"/dev/fd/{order.log_fd}")
    log.install(logging.getLevelNamesMapping().get(order.config.log_level.upper(), logging.INFO))
    try:
        if order.render_only:
            return _render(prepared, offer)
        return run_attempt(prepared, offer, runtime, lambda _: None, clock_us, triggers_here=True)
    finally:
        log.close()


def _render(prepared: Any, offer: Offer) -> Finished:
    """A report whose value is the rendered fields: by name, each as text without secrets."""
    from tradewind.sdk.context import current_context
    from tradewind.sdk.execution.attempt import Attempt
    from tradewind.sdk.execution.masking import masker
    from tradewind.sdk.execution.outcome import one_line

    try:
        attempt = Attempt(prepared, offer)
        with current_context(attempt.context):
            attempt.unmap()
            attempt.check_params()
            attempt.set_environment()
            attempt.render()
    except Exception as error:
        return _failed(offer, masker().mask(one_line(error)))
    fields = {
        name: str(masker().redact(getattr(attempt.task, name, None), name)) for name in attempt.task.template_fields
    }
    return Finished(attempt=offer.attempt, outcome="success", value=msgspec.json.encode(fields))


def _instance_problem(task: TaskSpec, offer: Offer) -> str:
    """What keeps this instance of the task from being one, and what to give instead; empty when all is well."""
    named, index = f"Task {task.task_id!r} of Dag {offer.run.dag_id!r}", offer.map_index
    if task.map is None:
        return f"{named} is not mapped; leave out --map-index." if index >= 0 else ""
    found: dict[tuple[str, str], int] = {}
    for xcom in offer.xcoms:
        name = (xcom.task_id, xcom.key)
        if xcom.map_index >= 0:
            found[name] = found.get(name, 0) + 1
        elif (length := length_of(load(xcom.value))) is not None:
            found[name] = length
    count = expansion_length(task.map, lambda task_id, key: found.get((task_id, key)))
    if count is None:
        missing = ", ".join(sorted({repr(name) for name in sources(task.map)} - {repr(name) for name, _ in found}))
        return (
            f"{named} is mapped over what {missing or 'other tasks'} returned, and there is nothing of it in run "
            f"{offer.run.run_id}; name a run where it succeeded (`tradewind dags list-runs {offer.run.dag_id}`), and "
            "an instance by --map-index."
        )
    if 0 <= index < count:
        return ""
    if not count:
        return f"{named} is mapped and has no instance in this run: what it expands over is empty."
    problem = "is mapped" if index < 0 else f"has no instance {index}"
    return f"{named} {problem}; --map-index may be {'0' if count == 1 else f'0 to {count - 1}'}."


def _fill_interval(run: RunInfo, spec: DagSpec) -> None:
    """The data that a made-up run covers is what the Dag's timetable says of a manual run at its date."""
    if run.logical_date_us is None or run.data_interval_start_us is not None:
        return
    interval = manual_interval(spec.timetable, utc(run.logical_date_us))
    if interval is not None:
        run.data_interval_start_us = microseconds(interval.start)
        run.data_interval_end_us = microseconds(interval.end)


def _set_params(task: Any, params: Mapping[str, Any]) -> str:
    """Put what was given in place of the task's params. What is wrong with it; empty when nothing is."""
    for name, value in params.items():
        try:
            task.params[name] = value
        except ParamValidationError as error:
            return f"--task-params: {error}"
    return ""


def _failed(offer: Offer, error: str) -> Finished:
    now = clock_us()
    return Finished(attempt=offer.attempt, outcome="failed_for_good", start_us=now, end_us=now, error=error)


if __name__ == "__main__":
    main()
