"""A trigger host: the process that runs triggers of deferred tasks, thousands in one event loop."""

import asyncio
import logging
import os
import signal
import sys
import threading
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from tradewind.sdk.execution.runtime import RuntimeRequestError, set_runtime
from tradewind.sdk.execution.triggering import Blocked, Exhausted, Failed, Fired, Outcome, TriggerRunner
from tradewind.wire.log_files import alert_log_path, log_path, watcher_log_path
from tradewind.wire.logs import LogLine, encode_line
from tradewind.wire.messages import (
    AnyMessage,
    DropTrigger,
    HostStarted,
    Message,
    Request,
    Response,
    RunTrigger,
    TriggerAnswer,
    TriggerBlocked,
    WatcherFired,
    XComValue,
)
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.code_host import set_up_paths
from tradewind.worker.host_config import HostConfig
from tradewind.worker.process import adopt_orphans, name_process

INTERRUPT_AFTER = timedelta(seconds=10)
"""A trigger that keeps the loop from turning for so long fails. Where even that does not help, the agent ends the
process (`trigger_keeper.BLOCKED_SECONDS`)."""


class TriggerHost:
    """`run` ends with the process, which is when the agent is gone."""

    def __init__(self, control: Channel, config_path: str) -> None:
        self._control = control
        self._config = HostConfig.read(config_path)
        self._sending = threading.Lock()
        self._questions: dict[int, Future[Response]] = {}
        self._logs: dict[str, Path] = {}
        self._watchers: set[str] = set()
        """Triggers that go on after what they say."""

    def run(self) -> None:
        adopt_orphans()
        name_process("tw-triggers")
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        set_up_paths(self._config)
        self.send(HostStarted(pid=os.getpid()))
        set_runtime(self)
        logging.getLogger().setLevel(self._config.log_level)
        asyncio.run(self._serve())
        os._exit(0)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        async with TriggerRunner(
            on_line=self._log, on_blocked=self._blocked, interrupt_after=INTERRUPT_AFTER
        ) as runner:
            # Triggers may ask the engine from the loop itself: the answer is read elsewhere.
            threading.Thread(target=self._listen, args=(loop, runner), daemon=True, name="control").start()
            async for outcome in runner:
                if outcome.id in self._watchers and isinstance(outcome, Fired):
                    self.send(WatcherFired(id=uuid4().hex, watcher=outcome.id, event=outcome.event))
                    continue
                self._logs.pop(outcome.id, None)
                self._watchers.discard(outcome.id)
                self.send(_answer(outcome))

    # --- the agent ---

    def send(self, message: Message) -> None:
        with self._sending:
            try:
                self._control.send(message)
            except ChannelClosed:
                os._exit(0)

    def _listen(self, loop: asyncio.AbstractEventLoop, runner: TriggerRunner) -> None:
        try:
            while True:
                self._said(self._control.receive(), loop, runner)
        except ChannelClosed:
            os._exit(0)

    def _said(self, message: AnyMessage, loop: asyncio.AbstractEventLoop, runner: TriggerRunner) -> None:
        match message:
            case RunTrigger(id=id, classpath=classpath, kwargs=kwargs):
                if message.keeps_on:
                    self._watch(message, loop, runner)
                    return
                names = (message.dag_id, message.run_id, message.task_id, message.map_index, message.try_number)
                self._logs[id] = log_path(self._config.logs_folder, *names) if message.dag_id else self._alert_log(id)
                loop.call_soon_threadsafe(runner.start, id, classpath, kwargs)
            case DropTrigger(id=id):
                loop.call_soon_threadsafe(runner.cancel, id)
            case Response(id=number):
                if question := self._questions.pop(number, None):
                    question.set_result(message)

    def _alert_log(self, id: str) -> Path:
        """What is of no task is the delivery of an alert."""
        path = alert_log_path(self._config.logs_folder, id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _watch(self, order: RunTrigger, loop: asyncio.AbstractEventLoop, runner: TriggerRunner) -> None:
        self._watchers.add(order.id)
        path = self._logs[order.id] = watcher_log_path(self._config.logs_folder, order.id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        start = partial(runner.start, order.id, order.classpath, order.kwargs, keeps_on=True)
        loop.call_soon_threadsafe(start)

    # --- the engine, as triggers see it ---

    def request(self, method: str, **args: Any) -> Any:
        """The engine's answer. Raises RuntimeRequestError when it refuses or cannot be reached."""
        question: Future[Response] = Future()
        number = id(question)
        self._questions[number] = question
        self.send(Request(id=number, method=method, args=args))
        answer = question.result()
        if answer.error:
            raise RuntimeRequestError(answer.kind, answer.error)
        return answer.value

    def _log(self, id: str, line: LogLine) -> None:
        """A trigger's line goes to the log of the try that waits for it."""
        path = self._logs.get(id)
        if path is None:
            return
        try:
            with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(encode_line(line))
        except OSError as error:
            sys.stderr.write(f"The log {path} could not be written: {error.strerror}\n")

    def _blocked(self, blocked: Blocked) -> None:
        self.send(TriggerBlocked(id=blocked.id, seconds=blocked.seconds))


def _answer(outcome: Outcome) -> TriggerAnswer:
    match outcome:
        case Fired(id=id, event=event, ends=ends, xcoms=xcoms):
            values = [XComValue("", -1, key, value) for key, value in xcoms]
            return TriggerAnswer(id=id, event=event, ends=ends, xcoms=values)
        case Failed(id=id, error=error):
            return TriggerAnswer(id=id, error=error)
        case Exhausted(id=id, said=said):
            return TriggerAnswer(id=id, error="it came to its end" if said else "it ended without an event")
