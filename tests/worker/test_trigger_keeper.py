"""The triggers of one worker: who runs where, and what is told when a process dies or stands still."""

from __future__ import annotations

import pytest

from tradewind.wire.messages import (
    SAY_AGAIN_SECONDS,
    DropTrigger,
    HostStarted,
    Message,
    RunTrigger,
    TriggerAnswer,
    TriggerBlocked,
    WatcherFired,
)
from tradewind.worker.trigger_keeper import IDLE_SECONDS, TriggerHost, TriggerKeeper


class Process:
    """The other end of a host's connection: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.closed = False

    def send(self, message: Message, fd: int | None = None) -> None:
        self.told.append(message)

    def close(self) -> None:
        self.closed = True


class Stage:
    """A keeper whose processes are started and ended by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.processes: dict[TriggerHost, Process] = {}
        self.told: list[TriggerAnswer] = []
        self.fired: list[WatcherFired] = []
        self.killed: list[int] = []
        self.keeper = TriggerKeeper(self, lambda link, request: None)

    def now(self) -> float:
        return self.seconds

    def tell_scheduler(self, message: Message) -> None:
        if isinstance(message, WatcherFired):
            self.fired.append(message)
            return
        assert isinstance(message, TriggerAnswer)
        self.told.append(message)

    def start_trigger_host(self, host: TriggerHost) -> Process:
        self.processes[host] = Process()
        host.pid = len(self.processes)
        return self.processes[host]

    def kill_tree(self, pid: int) -> None:
        self.killed.append(pid)

    def run(self, *names: str) -> None:
        for name in names:
            self.keeper.run(
                RunTrigger(
                    id=name, classpath="p.T", kwargs=b"{}", dag_id="d", run_id="r", task_id="t", map_index=-1,
                    try_number=1,
                )
            )  # fmt: skip

    def host_of(self, name: str) -> TriggerHost:
        return next(host for host in self.keeper.hosts if name in host.triggers)

    def dies(self, host: TriggerHost) -> None:
        self.keeper.host_gone(host)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_triggers_share_one_process_and_a_repeated_order_changes_nothing(stage: Stage) -> None:
    stage.run("a", "b", "a")
    assert len(stage.processes) == 1
    assert [m.id for m in stage.processes[stage.host_of("a")].told if isinstance(m, RunTrigger)] == ["a", "b"]
    assert stage.keeper.holds == ["a", "b"]


def test_an_answer_is_kept_and_said_again_until_it_is_stored(stage: Stage) -> None:
    stage.run("a")
    stage.keeper.from_host(stage.host_of("a"), TriggerAnswer(id="a", event=b"1"))
    stage.run("a")  # the order comes again, because the answer got lost on its way
    stage.seconds += SAY_AGAIN_SECONDS
    stage.keeper.tick(stage.seconds)
    stage.keeper.connected()
    assert [answer.event for answer in stage.told] == [b"1"] * 4
    stage.keeper.acknowledged("a")
    stage.keeper.connected()
    assert len(stage.told) == 4
    assert stage.keeper.holds == []


def test_a_dropped_trigger_is_stopped_and_its_late_answer_is_nobodys(stage: Stage) -> None:
    stage.run("a")
    host = stage.host_of("a")
    stage.keeper.drop(DropTrigger(id="a"))
    stage.keeper.from_host(host, TriggerAnswer(id="a", event=b"1"))
    assert stage.told == []
    assert isinstance(stage.processes[host].told[-1], DropTrigger)


def test_the_one_that_ends_processes_is_found_and_fails_alone(stage: Stage) -> None:
    names = [f"t{n}" for n in range(16)]
    stage.run(*names)
    deaths = 0
    while not stage.told:
        stage.dies(stage.host_of("t11"))
        deaths += 1
        assert deaths < 10
    assert [answer.id for answer in stage.told] == ["t11"]
    assert "twice" in stage.told[0].error
    running = [name for host in stage.keeper.hosts for name in host.triggers]
    assert sorted(running) == sorted(set(names) - {"t11"})
    assert deaths == 6  # 16, 8, 4, 2, 1, and once more alone


def test_a_lone_trigger_whose_process_was_killed_once_goes_on(stage: Stage) -> None:
    stage.run("a")
    stage.dies(stage.host_of("a"))
    assert stage.told == []
    stage.keeper.from_host(stage.host_of("a"), TriggerAnswer(id="a", event=b"1"))
    stage.run("a2")
    stage.dies(stage.host_of("a2"))
    assert [answer.id for answer in stage.told] == ["a"]


def test_a_trigger_that_stands_in_the_way_for_long_fails_and_the_others_start_anew(stage: Stage) -> None:
    stage.run("a", "b")
    host = stage.host_of("a")
    stage.keeper.from_host(host, HostStarted(pid=77))
    stage.keeper.from_host(host, TriggerBlocked(id="a", seconds=8.0))
    assert stage.killed == []
    stage.keeper.from_host(host, TriggerBlocked(id="a", seconds=32.0))
    assert stage.killed == [77]
    assert "32 s" in stage.told[0].error
    assert stage.host_of("b") is not host
    stage.keeper.host_gone(host)
    assert [answer.id for answer in stage.told] == ["a"]


def test_a_process_without_triggers_ends_after_a_while(stage: Stage) -> None:
    stage.run("a")
    host = stage.host_of("a")
    stage.keeper.from_host(host, TriggerAnswer(id="a", event=b"1"))
    stage.keeper.tick(IDLE_SECONDS - 1)
    assert not stage.processes[host].closed
    stage.keeper.tick(IDLE_SECONDS)
    assert stage.processes[host].closed
    stage.run("b")
    assert len(stage.processes) == 2


def said(stage: Stage, number: int, name: str = "w") -> None:
    stage.keeper.from_host(stage.host_of(name), WatcherFired(id=f"said{number}", watcher=name, event=b"1"))


def test_a_watcher_goes_on_and_what_it_says_is_told_until_it_is_acknowledged(stage: Stage) -> None:
    stage.run("w")
    said(stage, 1)
    said(stage, 2)
    assert "w" in stage.host_of("w").triggers
    assert stage.keeper.holds == ["w"]
    stage.keeper.acknowledged("said1")
    stage.seconds += SAY_AGAIN_SECONDS
    stage.keeper.tick(stage.seconds)
    stage.keeper.connected()
    assert [fired.id for fired in stage.fired] == ["said1", "said2", "said2", "said2"]
    stage.keeper.acknowledged("said2")
    stage.keeper.connected()
    assert len(stage.fired) == 4


def test_what_a_watcher_has_said_is_told_although_it_is_stopped_or_dies(stage: Stage) -> None:
    stage.run("w", "v")
    said(stage, 1)
    said(stage, 2, "v")
    stage.keeper.drop(DropTrigger(id="w"))
    stage.dies(stage.host_of("v"))
    stage.keeper.connected()
    assert [fired.id for fired in stage.fired] == ["said1", "said2", "said1", "said2"]
    assert "v" in stage.host_of("v").triggers


def test_a_stopped_watcher_says_nothing_any_more(stage: Stage) -> None:
    stage.run("w")
    host = stage.host_of("w")
    stage.keeper.drop(DropTrigger(id="w"))
    stage.keeper.from_host(host, WatcherFired(id="late", watcher="w", event=b"1"))
    assert stage.fired == []


def test_a_watcher_whose_process_dies_now_and_then_is_no_trigger_that_ends_processes(stage: Stage) -> None:
    stage.run("w")
    for number in range(4):
        stage.dies(stage.host_of("w"))
        said(stage, number)
    assert stage.told == []
    stage.dies(stage.host_of("w"))
    stage.dies(stage.host_of("w"))
    assert [answer.error for answer in stage.told] == ["it ended the process that it ran in, twice"]
