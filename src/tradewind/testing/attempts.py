"""Attempts in this process: the SDK runs them as in a task child, with a log that is kept in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tradewind.cli.task_logs import text_of
from tradewind.sdk.execution.callback import run_callback
from tradewind.sdk.execution.logs import AttemptLog
from tradewind.sdk.execution.prepared import PreparedDag
from tradewind.sdk.execution.run import run_attempt
from tradewind.testing.answers import RunAnswers
from tradewind.testing.clock import VirtualClock
from tradewind.testing.stand_ins import LOST, acted
from tradewind.testing.surroundings import process_kept
from tradewind.wire.logs import LogLine, decode_line
from tradewind.wire.messages import Finished, Offer


@dataclass(eq=False)
class PlayedAttempt:
    """One start of a task, or one callback: how it ended, and what it said."""

    offer: Offer
    report: Finished
    lines: list[LogLine] = field(default_factory=list)

    @property
    def try_number(self) -> int:
        return self.offer.try_number

    @property
    def outcome(self) -> str:
        """`success`, `failed`, `failed_for_good`, `skipped`, `rescheduled`, `lost`, `cancelled`."""
        return self.report.outcome

    @property
    def error(self) -> str:
        """Type and text of what was raised, in one line; empty when all went well."""
        return self.report.error

    @property
    def log(self) -> str:
        """Its log as people read it."""
        return "\n".join(text for line in self.lines for text in text_of(msgspec.json.encode(line)))

    @property
    def traceback(self) -> str:
        """The last one in its log."""
        return next((line.x for line in reversed(self.lines) if line.x), "")

    @property
    def rendered(self) -> dict[str, Any]:
        """Its template fields after rendering, as people see them: without secrets."""
        return msgspec.json.decode(self.report.rendered) if self.report.rendered else {}

    def __repr__(self) -> str:
        what = self.offer.callback or f"try {self.try_number}"
        return f"<{self.offer.task_id or self.offer.run.dag_id} {what}: {self.outcome}>"


class KeptLog(AttemptLog):
    """An attempt's log whose lines stay in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._data: list[bytes] = []
        super().__init__("memory", clock=clock)

    def lines(self) -> list[LogLine]:
        return [decode_line(line) for line in b"".join(self._data).splitlines()]

    def _open(self) -> int:
        return -1

    def _write(self, data: bytes) -> None:
        self._data.append(data)


class Actor:
    """Runs what is offered, here and now."""

    def __init__(self, clock: VirtualClock, answers: RunAnswers, log_level: int = logging.INFO) -> None:
        self._clock, self._answers, self._level = clock, answers, log_level

    def attempt(
        self, prepared: PreparedDag, offer: Offer, outcome: Any, seconds: float, on_started: Callable[[int], None]
    ) -> PlayedAttempt:
        """One attempt; `outcome` stands in for the task's own code, `seconds` pass before it."""
        if outcome == LOST:
            return PlayedAttempt(offer, self._lost(offer, seconds, on_started))

        def execute(own: Callable[[], Any], context: Any) -> Any:
            if seconds:
                self._clock.pass_time(seconds)
            return own() if outcome is None else acted(outcome, context)

        def run() -> Finished:
            return run_attempt(
                prepared, offer, self._answers, on_started, self._clock.task_us, execute=execute
            )  # fmt: skip

        return self._logged(offer, run)

    def callback(self, prepared: PreparedDag, offer: Offer) -> PlayedAttempt:
        """A callback of a Dag, or of a task that could not call it itself."""
        return self._logged(offer, lambda: run_callback(prepared, offer, self._answers, self._clock.task_us))

    def _lost(self, offer: Offer, seconds: float, on_started: Callable[[int], None]) -> Finished:
        start = self._clock.begin()
        on_started(start)
        self._clock.pass_time(seconds)
        return Finished(attempt=offer.attempt, outcome="lost", start_us=start, end_us=self._clock.task_us())

    def _logged(self, offer: Offer, run: Callable[[], Finished]) -> PlayedAttempt:
        self._answers.attempt = offer.attempt
        log = KeptLog(lambda: self._clock.task_us() / 1e6)
        with process_kept(), self._clock.shown():
            offer.first_start_us = self._clock.as_author_sees_it(offer.first_start_us)
            log.install(self._level)
            try:
                report = run()
            finally:
                log.close()
            report.reschedule_us = self._clock.as_engine_sees_it(report.reschedule_us)
            if report.defer is not None:
                report.defer.at_us = self._clock.as_engine_sees_it(report.defer.at_us)
        return PlayedAttempt(offer, report, log.lines())
