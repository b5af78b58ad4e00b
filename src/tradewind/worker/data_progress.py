"""Progress and metrics of `tradewind.data` inside a task: to the engine, instead of the log."""

import logging
import sys
from collections.abc import Mapping

from tradewind.sdk.progress import progress

log = logging.getLogger("tradewind.data")


class EngineRuntime:
    """What `tradewind.data.runtime` calls: progress becomes the attempt's, a metric a line of its log."""

    def progress(self, done: float, total: float | None, unit: str) -> None:
        progress(done, total, unit)

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        log.info("metric %s=%s %s", name, value, " ".join(f"{key}={text}" for key, text in labels.items()))


def connect_data_toolkit() -> None:
    """Send the data toolkit's progress to the engine, if the Dag file uses the toolkit; else import nothing."""
    runtime = sys.modules.get("tradewind.data.runtime")
    if runtime is not None:
        runtime.install(EngineRuntime())
