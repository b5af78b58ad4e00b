"""Tells how a Spark job comes along: its tasks as the driver's log counts them, its cores as the master says."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from tradewind.sdk.hooks.spark_master import SparkMaster, SparkUnreachable
from tradewind.sdk.hooks.spark_words import DriverLog
from tradewind.sdk.progress import progress

SHORTEST_PAUSE_SECONDS = 2.0


class Watch:
    """While the block runs, a thread asks the master's page about the application that the driver's log names.

    What it says goes to the log when it changes, so that a job that waits for cores says so. A page that cannot be read
    is named once, and the job goes on without.
    """

    def __init__(self, master: SparkMaster, heard: DriverLog, log: logging.Logger, pause_seconds: float) -> None:
        self._master, self._heard, self._log = master, heard, log
        self._pause = max(pause_seconds, SHORTEST_PAUSE_SECONDS)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, name="spark-watch", daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if kind is None:  # who was asked to stop has no time for a last answer
            self._thread.join()

    def _go(self) -> None:
        said = Said(self._log, self._heard)
        while not self._over.wait(self._pause):
            if not self._heard.application_id:
                continue
            try:
                said.say(self._master.application(self._heard.application_id))
            except SparkUnreachable as error:
                self._log.info("The job goes on, its state on the cluster is not shown: %s.", str(error).rstrip("."))
                return


class Said:
    """Says what the master knows of an application, once for each change."""

    def __init__(self, log: logging.Logger, heard: DriverLog | None = None) -> None:
        self._log, self._heard = log, heard
        self._last = ""

    def say(self, application: Mapping[str, Any] | None) -> None:
        if application is None:
            return
        cores = int(application.get("cores") or 0)
        if self._heard is None or not self._heard.tasks:
            progress(cores, unit="cores")
        now = f"{application['state']} with {cores} cores"
        if now != self._last:
            self._last = now
            self._log.info("The master has %s (%s) as %s.", application["id"], application["name"], now)


def tell_tasks(heard: DriverLog, tell: Callable[..., None] = progress) -> None:
    """Say how many of the tasks that Spark has made so far have ended."""
    if heard.tasks:
        tell(min(heard.tasks_done, heard.tasks), heard.tasks, "Spark tasks")
