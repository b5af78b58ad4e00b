"""What Spark's programs are told and what they say: fit for a log, and read for what matters in it."""

from __future__ import annotations

import logging
import re
import signal
from collections import deque
from collections.abc import Sequence

from tradewind.core.sensitive import REDACTED
from tradewind.sdk.execution.masking import mask_secret, masker

_LEVEL = re.compile(r"^\d\d(?:\d\d)?[/-]\d\d[/-]\d\d[ T]\d\d:\d\d:\d\d\S* (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) ")
_LEVELS = {
    "TRACE": logging.DEBUG, "DEBUG": logging.DEBUG, "WARN": logging.WARNING, "ERROR": logging.ERROR,
    "FATAL": logging.ERROR,
}  # fmt: skip
_PROBLEM = re.compile(r"^(?:Exception in thread \"[^\"]*\" |Caused by: )?((?:[A-Za-z_$][\w$]*\.)*[A-Z]\w*"
                      r"(?:Error|Exception|Exit|Interrupt)\b.*)$")  # fmt: skip
_REFUSAL = re.compile(r"^(?:\S+ \S+ (?:ERROR|FATAL) \S+: |Error: )(.*)$")
_STARTED = re.compile(r"Adding task set \S+ with (\d+) tasks")
_FINISHED = re.compile(r"Finished task \S+ in stage \S+ \(TID \d+\)")
_APPLICATION = re.compile(r"\bapp-\d{14}-\d{4,}\b")
_DRIVER = re.compile(r"\bdriver-\d{14}-\d{4,}\b")
_YARN = re.compile(r"\bapplication_\d+_\d+\b")
_POD = re.compile(r"pod name: (\S+-driver)$|submission ID spark:(\S+-driver)")
_POD_EXIT = re.compile(r"\bexit code: (\d+)", re.IGNORECASE)
_NO_MASTER = re.compile(r"Failed to connect to master (\S+)$")
_GIVEN_UP = "All masters are unresponsive"
_LONGEST = 300

EXIT_CODES = {
    1: "the application raised an error, or spark-submit refused it",
    2: "a file of it was not found, or it was called wrongly",
    52: "the driver ran out of memory",
    101: "its main class was not found",
    126: "the program may not be executed",
    127: "a program was not found",
    134: "it was aborted",
    137: "it was killed, as the kernel does where memory runs out",
    143: "it was asked to stop from outside",
}


def shown(command: Sequence[str]) -> str:
    """A command as the log shows it, without values whose name is a secret's. Those are secrets of this process from
    now on, so that an application that prints its arguments does not show them either."""
    words: list[str] = []
    follows = ""  # the name of the secret that this word is
    for word in command:
        name, equals, value = word.partition("=")
        if follows:
            mask_secret(word)
            words.append(REDACTED)
        elif equals and value and masker().is_sensitive(name):
            mask_secret(value.strip("'\""))
            words.append(f"{name}={REDACTED}")
        else:
            words.append(word)
        follows = word if not equals and word.startswith("-") and masker().is_sensitive(word) and not follows else ""
    return masker().mask(" ".join(words))


def meaning(exit_code: int) -> str:
    """What an exit code of Spark's says; empty for one of the application's own."""
    if exit_code < 0:
        try:
            return f"it was ended by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"it was ended by signal {-exit_code}"
    return EXIT_CODES.get(exit_code, "")


class DriverLog:
    """Reads what spark-submit and the driver write, line by line."""

    def __init__(self) -> None:
        self.driver_id = self.application_id = self.yarn_id = self.pod = ""
        self.tasks, self.tasks_done = 0, 0
        """How many tasks the driver has made of its work so far, and how many of them have ended."""
        self.pod_exit_code: int | None = None
        self._problem = self._refusal = self._away = ""
        self._masters: dict[str, None] = {}
        self._last: deque[str] = deque(maxlen=1)

    def read(self, line: str) -> int:
        """Take in a line; gives the level at which it is logged."""
        if found := _LEVEL.match(line):
            self._read_event(line)
        elif line.strip():
            self._last.append(line.strip())
        if match := _NO_MASTER.search(line):
            self._masters[match[1]] = None
        if _GIVEN_UP in line:
            masters = " or ".join(self._masters) or "the address of the connection"
            self._away = f"no Spark master answers at {masters} (is it running?)"
        if found is None or found[1] in ("ERROR", "FATAL"):
            self._read_problem(line)
        for name, pattern in (("driver_id", _DRIVER), ("application_id", _APPLICATION), ("yarn_id", _YARN)):
            if not getattr(self, name) and (match := pattern.search(line)):
                setattr(self, name, match[0])
        if not self.pod and (match := _POD.search(line.strip())):
            self.pod = match[1] or match[2]
        if match := _POD_EXIT.search(line):
            self.pod_exit_code = int(match[1])
        return _LEVELS.get(found[1], logging.INFO) if found else logging.INFO

    @property
    def problem(self) -> str:
        """The line that says best why it failed; empty when there is none."""
        return masker().mask((self._away or self._problem or self._refusal)[:_LONGEST])

    def _read_event(self, line: str) -> None:
        if match := _STARTED.search(line):
            self.tasks += int(match[1])
        elif _FINISHED.search(line):
            self.tasks_done += 1

    def _read_problem(self, line: str) -> None:
        if match := _PROBLEM.match(line):
            self._problem = match[1]
        elif match := _REFUSAL.match(line):
            self._refusal = match[1]


def failure(job: str, exit_code: int, problem: str) -> str:
    """One sentence about a job that ended badly."""
    why = problem or meaning(exit_code)
    ended = f"Spark job {job!r} ended with exit code {exit_code}"
    return f"{ended}: {why.rstrip('.')}; what it wrote is in the log above." if why else (
        f"{ended}, which is its own; what it wrote is in the log above."
    )  # fmt: skip
