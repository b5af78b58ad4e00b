"""A no-op attempt that leaves no trace: run in the template so that code is warm, and in a standing child so that the
pages which an attempt writes to are its own before anybody waits."""

import os
from functools import cache
from typing import NoReturn

from tradewind.sdk.dag import DAG
from tradewind.sdk.decorators import task
from tradewind.sdk.execution.prepared import prepare
from tradewind.wire.frames import Frames, pack
from tradewind.wire.log_files import offer_log_path
from tradewind.wire.messages import Message, Offer, RunInfo
from tradewind.worker.host_config import HostConfig
from tradewind.worker.task_runner import TaskRunner


class _Nowhere:
    """Takes messages as a channel does, encodes them, and drops them."""

    def send(self, message: Message, fd: int | None = None) -> None:
        pack(message)

    def receive(self) -> NoReturn:
        raise RuntimeError("a rehearsal asks nothing")


def _nothing(*_: object) -> None:
    """The task."""


@cache
def _stage(templated: bool) -> tuple[TaskRunner, bytes]:
    with DAG("rehearsal", schedule=None) as dag:
        task(task_id="nothing")(_nothing)(*(["{{ ds }}"] if templated else ()))
    config = HostConfig(dags_folder="", plugins_folder="", config_folder="", logs_folder="")
    run = RunInfo(
        number=0, dag_id="rehearsal", run_id="rehearsal", run_type="manual", run_after_us=0, logical_date_us=0
    )  # fmt: skip
    offer = Offer(
        attempt="rehearsal", run=run, task_id="nothing", map_index=-1, try_number=1, max_tries=0, file="", version=""
    )
    return TaskRunner({"rehearsal": prepare(dag)}, config), pack(offer)


def rehearse(*, templated: bool) -> None:
    """Run the no-op once, in this process; `templated`: with a template to render."""
    runner, frame = _stage(templated)
    channel = _Nowhere()
    for offer in Frames().feed(frame):
        assert isinstance(offer, Offer)
        offer_log_path("", offer)
        channel.send(runner.run(channel, offer, os.devnull, alone=True))
