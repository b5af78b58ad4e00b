"""The agent's decisions, with a scheduler, hosts and children that are only lists of what was said to them."""

from collections.abc import Callable
from typing import Any

import pytest

from tradewind.wire.measured import Sample
from tradewind.wire.messages import (
    Ack,
    Beat,
    BeatAck,
    Cancel,
    Child,
    Exited,
    Finished,
    Fork,
    HostReady,
    HostStarted,
    Measured,
    Message,
    Offer,
    Parse,
    Parsed,
    Refresh,
    Request,
    Response,
    RunInfo,
    Started,
)
from tradewind.worker.agent import EXIT_NEWS_SECONDS, IMPORTS, Agent, Host, Standby
from tradewind.worker.memory_guard import MemoryGuard

KILLED = 9
"""A waitpid status: SIGKILL."""


class Link:
    """A connection that remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.closed = False

    def send(self, message: Message, fd: int | None = None) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


class Ports:
    """Everything outside the agent, played by lists; time passes when the test says so."""

    def __init__(self) -> None:
        self.reports: list[Message] = []
        self.available = 2**40
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.hosts: list[Host] = []
        self.children: list[Standby] = []
        self.killed: list[int] = []
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def clock_us(self) -> int:
        return int(self.time * 1e6)

    def tell_scheduler(self, message: Message) -> None:
        self.reports.append(message)

    def start_host(self, host: Host) -> Link:
        self.hosts.append(host)
        return Link()

    def child_link(self, host: Host, child: Standby) -> Link:
        self.children.append(child)
        return Link()

    def spawn(self, child: Standby) -> None:
        child.pid, child.link = 1000 + len(self.children), Link()
        self.children.append(child)

    def hang_up(self) -> None:
        raise AssertionError("the scheduler has answered every beat")

    def kill(self, pid: int, number: int) -> None:
        self.killed.append(pid)

    def kill_tree(self, pid: int) -> None:
        self.killed.append(pid)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.append((self.time + seconds, call))

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        due = [call for at, call in self.timers if at <= self.time]
        self.timers = [timer for timer in self.timers if timer[0] > self.time]
        for call in due:
            call()

    def usage(self, pids: dict[str, int]) -> dict[str, tuple[int, float]]:
        return {}

    def memory_of(self, pid: int) -> int:
        return 0

    def machine_use(self) -> tuple[float, float]:
        return 12.5, 50.0

    def machine_cpu(self) -> tuple[float, float]:
        return 3.0, 8.0

    def available_memory(self) -> int:
        return self.available

    def forget_report(self, attempt: str) -> None: ...

    def close_log(self, offer: Offer, reason: str) -> None: ...

    def outcomes(self) -> list[str]:
        return [report.outcome for report in self.reports if isinstance(report, Finished)]


def offer(attempt: str = "a1", **more: Any) -> Offer:
    run = RunInfo(number=1, dag_id="d", run_id="r", run_type="manual", run_after_us=0)
    return Offer(
        attempt=attempt, run=run, task_id="t", map_index=-1, try_number=1, max_tries=0, file="d.py", version="v", **more
    )


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def agent(ports: Ports) -> Agent:
    return Agent(name="w", instance="i", capacity=4, queues=["default"], dags_folder="/dags", pid=1, ports=ports)


def running(agent: Agent, ports: Ports, pid: int = 100, **more: Any) -> Standby:
    """A child that has been given an offer, with its host ready and all its news told."""
    agent.from_scheduler(offer(**more))
    host = ports.hosts[0]
    agent.from_host(host, HostStarted(pid=50))
    agent.from_host(host, Parsed(id=0, file="d.py"))
    agent.from_host(host, HostReady(pid=50))
    agent.from_host(host, Child(pid=pid, reuse=more.get("isolation") == "reuse"))
    child = ports.children[-1]
    assert isinstance(child.link, Link)
    assert isinstance(child.link.sent[0], Offer)
    return child


def test_the_last_words_of_a_child_count_even_when_the_news_of_its_death_comes_first(
    agent: Agent, ports: Ports
) -> None:
    child = running(agent, ports)
    agent.from_host(ports.hosts[0], Exited(pid=100, status=0))
    assert ports.outcomes() == []
    agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.from_child(child, Finished(attempt="a1", outcome="success", start_us=1, end_us=2))
    agent.child_gone(child)
    ports.pass_time(EXIT_NEWS_SECONDS * 3)
    assert ports.outcomes() == ["success"]


def test_an_attempt_whose_start_was_still_unread_is_never_given_back_as_unstarted(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.from_host(ports.hosts[0], Exited(pid=100, status=KILLED))
    agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.child_gone(child)
    assert ports.outcomes() == ["failed"]


def test_a_child_that_dies_before_it_starts_anything_gives_its_attempt_back(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.child_gone(child)
    agent.from_host(ports.hosts[0], Exited(pid=100, status=KILLED))
    assert ports.outcomes() == ["not_started"]


def test_a_channel_that_somebody_holds_open_delays_the_verdict_but_does_not_prevent_it(
    agent: Agent, ports: Ports
) -> None:
    child = running(agent, ports)
    agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.from_host(ports.hosts[0], Exited(pid=100, status=KILLED))
    assert ports.outcomes() == []
    ports.pass_time(EXIT_NEWS_SECONDS)
    assert ports.outcomes() == ["failed"]


@pytest.mark.parametrize(("started", "outcome"), [(True, "lost"), (False, "not_started")])
def test_a_killed_host_takes_its_child_along_and_what_it_had_started_is_lost(
    agent: Agent, ports: Ports, started: bool, outcome: str
) -> None:
    child = running(agent, ports)
    agent.host_gone(ports.hosts[0])
    assert 100 in ports.killed
    if started:
        agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.child_gone(child)
    ports.pass_time(EXIT_NEWS_SECONDS)
    assert ports.outcomes() == [outcome]


def test_a_report_that_was_sent_before_its_host_was_killed_counts(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.host_gone(ports.hosts[0])
    agent.from_child(child, Finished(attempt="a1", outcome="success", start_us=1, end_us=2))
    agent.child_gone(child)
    ports.pass_time(EXIT_NEWS_SECONDS)
    assert ports.outcomes() == ["success"]


def test_a_spawned_child_is_heard_to_its_end_too(agent: Agent, ports: Ports) -> None:
    agent.from_scheduler(offer(isolation="spawn"))
    child = ports.children[0]
    agent.spawned_exited(child.pid, 0)
    agent.from_child(child, Finished(attempt="a1", outcome="success", start_us=1, end_us=2))
    agent.child_gone(child)
    ports.pass_time(EXIT_NEWS_SECONDS)
    assert ports.outcomes() == ["success"]


def test_a_repeated_offer_starts_nothing_and_a_report_is_kept_until_it_is_acknowledged(
    agent: Agent, ports: Ports
) -> None:
    child = running(agent, ports)
    agent.from_scheduler(offer())
    assert len(child.link.sent) == 1  # type: ignore[attr-defined]
    agent.from_child(child, Finished(attempt="a1", outcome="success"))
    agent.from_scheduler(offer())
    assert ports.outcomes() == ["success", "success"]
    assert agent.hello().running == ["a1"]
    agent.connected()
    assert len(ports.outcomes()) == 3
    agent.from_scheduler(Ack(attempts=["a1"]))
    assert agent.hello().running == []
    agent.connected()
    assert len(ports.outcomes()) == 3


def test_a_reused_child_takes_the_next_attempt(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports, isolation="reuse")
    agent.from_scheduler(offer("a2", isolation="reuse"))
    agent.from_child(child, Finished(attempt="a1", outcome="success"))
    assert [message.attempt for message in child.link.sent] == ["a1", "a2"]  # type: ignore[attr-defined]


def test_a_cancelled_attempt_that_does_not_stop_is_killed_after_its_grace(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.from_scheduler(Cancel(attempt="a1", reason="cleared", grace_seconds=5))
    assert ports.killed == [100]
    ports.pass_time(5)
    assert ports.killed == [100, 100]
    agent.child_gone(child)
    agent.from_host(ports.hosts[0], Exited(pid=100, status=KILLED))
    assert ports.outcomes() == ["cancelled"]


def test_children_that_nobody_waits_for_rehearse_and_those_of_a_burst_do_not(agent: Agent, ports: Ports) -> None:
    running(agent, ports)
    host = ports.hosts[0]
    assert isinstance(host.link, Link)
    link = host.link
    for pid in (101, 102):
        agent.from_host(host, Child(pid=pid))
    agent.from_scheduler(offer("a2"))
    agent.from_child(ports.children[-1], Started(attempt="a2", start_us=1))
    forks = [message for message in link.sent if isinstance(message, Fork)]
    assert [fork.rehearse for fork in forks] == [False, True]


def test_two_children_stand_by_for_a_file_in_use(agent: Agent, ports: Ports) -> None:
    running(agent, ports)
    link = ports.hosts[0].link
    assert isinstance(link, Link)
    assert sum(message.count for message in link.sent if isinstance(message, Fork)) >= 3


def test_an_import_that_hangs_is_killed_and_one_whose_machine_slept_is_not(agent: Agent, ports: Ports) -> None:
    agent.from_scheduler(offer())
    agent.from_host(ports.hosts[0], HostStarted(pid=50))
    agent.tick()
    ports.pass_time(3600)  # suspended: nobody was called meanwhile
    assert ports.killed == []
    for _ in range(200):
        agent.from_scheduler(BeatAck(sent_us=0, epoch=1))
        ports.pass_time(2)
        agent.tick()
    assert ports.killed == [50]


def test_an_offer_that_was_read_too_late_waits_for_the_schedulers_word(agent: Agent, ports: Ports) -> None:
    agent.dialled()
    agent.connected()
    beat = agent.tick()
    ports.pass_time(20)  # frozen; what lay in the socket is read now
    agent.from_scheduler(BeatAck(sent_us=beat.sent_us, epoch=1))
    agent.from_scheduler(offer(isolation="spawn"))
    assert ports.children == [], "that answer is from before the freeze"
    ports.pass_time(0)
    asked = [message for message in ports.reports if isinstance(message, Beat)]
    assert len(asked) == 1, "the agent asks at once"
    assert asked[0].holds == ["a1"]
    agent.from_scheduler(BeatAck(sent_us=asked[0].sent_us, epoch=1))
    assert len(ports.children) == 1


def test_a_new_connection_forgets_what_others_may_have_by_now(agent: Agent, ports: Ports) -> None:
    agent.dialled()
    agent.connected()
    agent.from_scheduler(offer())
    ports.pass_time(20)
    agent.from_host(ports.hosts[0], HostReady(pid=50))
    agent.from_host(ports.hosts[0], Child(pid=60))
    assert agent.dialled().running == []
    agent.connected()
    ports.pass_time(0)
    assert ports.children[0].attempt is None
    agent.from_scheduler(offer())
    assert ports.children[0].attempt is not None, "it is offered again: it was still ours"


# --- a file that has changed -------------------------------------------------------------------------------------


def served_by(child: Standby) -> list[str]:
    assert isinstance(child.link, Link)
    return [message.attempt for message in child.link.sent if isinstance(message, Offer)]


def imported(agent: Agent, host: Host) -> None:
    """The import has ended well, and its children can be forked."""
    agent.from_host(host, HostStarted(pid=50))
    agent.from_host(host, Parsed(id=host.order.parse_id, file=host.file, specs=[b"{}"]))
    agent.from_host(host, HostReady(pid=50))


def standing_by(agent: Agent, ports: Ports) -> Standby:
    """A host that has served, with a child that waits for more."""
    agent.from_child(running(agent, ports), Finished(attempt="a1", outcome="success", start_us=1, end_us=2))
    agent.from_host(ports.hosts[0], Child(pid=101))
    return ports.children[-1]


def test_no_offer_of_a_new_version_goes_to_the_host_of_the_old_one(agent: Agent, ports: Ports) -> None:
    old = standing_by(agent, ports)
    agent.from_scheduler(Parse(id=7, file="d.py"))
    agent.from_scheduler(offer("of the old version"))
    assert served_by(old) == ["of the old version"], "nobody knows of a new one yet"
    agent.from_host(ports.hosts[0], Child(pid=102))
    agent.from_host(ports.hosts[1], HostStarted(pid=51))
    agent.from_host(ports.hosts[1], Parsed(id=7, file="d.py", specs=[b"{}"]))
    assert isinstance(ports.reports[-1], Parsed)
    agent.from_scheduler(offer("of the new version"))
    assert served_by(ports.children[-1]) == []
    agent.from_host(ports.hosts[1], HostReady(pid=51))
    agent.from_host(ports.hosts[1], Child(pid=103))
    assert served_by(ports.children[-1]) == ["of the new version"]


def test_a_file_that_another_agent_has_imported_is_imported_here_before_it_serves_again(
    agent: Agent, ports: Ports
) -> None:
    old = standing_by(agent, ports)
    agent.from_scheduler(Refresh(file="d.py", serial=1))
    agent.from_scheduler(Refresh(file="never_seen.py", serial=1))
    assert [host.file for host in ports.hosts] == ["d.py", "d.py"]
    agent.from_scheduler(offer("a2"))
    agent.from_scheduler(
        Refresh(file="d.py", serial=2)
    )  # changed once more while it is imported: the import may be too old
    assert served_by(old) == []
    agent.host_gone(ports.hosts[1])  # before it was forked: there is nothing left to be started again
    ports.pass_time(1)
    assert len(ports.hosts) == 3
    imported(agent, ports.hosts[2])
    agent.from_host(ports.hosts[2], Child(pid=104))
    assert served_by(ports.children[-1]) == ["a2"]


def test_a_host_that_has_only_grown_old_serves_until_its_successor_is_ready(agent: Agent, ports: Ports) -> None:
    old = standing_by(agent, ports)
    agent.from_scheduler(Refresh(file="d.py"))
    agent.from_scheduler(offer("a2"))
    assert served_by(old) == ["a2"]
    imported(agent, ports.hosts[1])
    assert agent.hosts["d.py"] is ports.hosts[1]


@pytest.mark.parametrize("serial", [0, 1])
def test_an_import_that_ends_after_a_newer_one_serves_nothing(agent: Agent, ports: Ports, serial: int) -> None:
    standing_by(agent, ports)
    agent.from_scheduler(Parse(id=7, file="d.py"))
    ports.pass_time(0.01)
    agent.from_scheduler(Parse(id=8, file="d.py", serial=serial))
    for host in (ports.hosts[2], ports.hosts[1]):
        imported(agent, host)
    assert agent.hosts["d.py"] is ports.hosts[2]
    assert ports.hosts[1].link.closed  # type: ignore[union-attr]


def test_an_offer_of_a_newer_import_than_any_that_was_told_of_waits_for_one_here(agent: Agent, ports: Ports) -> None:
    """It was not connected when another agent imported the file, or there is another scheduler since."""
    old = standing_by(agent, ports)
    agent.from_scheduler(offer("a2", serial=5))
    agent.from_scheduler(offer("a3", serial=5))
    assert served_by(old) == []
    assert len(ports.hosts) == 2
    imported(agent, ports.hosts[1])
    for pid in (103, 104):
        agent.from_host(ports.hosts[1], Child(pid=pid))
    assert [served_by(child) for child in ports.children[-2:]] == [["a2"], ["a3"]]


# --- an import that dies on the way ------------------------------------------------------------------------------


def test_an_attempt_whose_file_is_being_imported_outlives_the_death_of_that_host(agent: Agent, ports: Ports) -> None:
    """A scheduler that thought its machine lost has killed it, or the kernel has."""
    agent.from_scheduler(offer())
    for position in (0, 1):
        agent.from_host(ports.hosts[position], HostStarted(pid=50))
        agent.host_gone(ports.hosts[position])
    assert ports.outcomes() == []
    imported(agent, ports.hosts[2])
    agent.from_host(ports.hosts[2], Child(pid=100))
    assert served_by(ports.children[-1]) == ["a1"]


def test_an_import_that_ends_its_process_each_time_has_failed_and_says_how(agent: Agent, ports: Ports) -> None:
    agent.from_scheduler(offer())
    for position in range(IMPORTS):
        agent.from_host(ports.hosts[position], HostStarted(pid=50))
        agent.host_gone(ports.hosts[position])
    assert ports.outcomes() == ["failed"]
    assert "d.py could not be imported: the import ended its process" in ports.reports[-1].error  # type: ignore[attr-defined]
    assert len(ports.hosts) == IMPORTS


def test_an_import_that_takes_too_long_is_not_begun_again(agent: Agent, ports: Ports) -> None:
    agent.from_scheduler(offer())
    agent.from_host(ports.hosts[0], HostStarted(pid=50))
    for _ in range(77):
        agent.from_scheduler(BeatAck(sent_us=0, epoch=1))
        ports.pass_time(4)
        agent.tick()
    assert ports.killed == [50]
    agent.host_gone(ports.hosts[0])
    assert ports.outcomes() == ["failed"]
    assert "took longer than 300 s" in ports.reports[-1].error  # type: ignore[attr-defined]


def test_what_was_cancelled_while_its_host_could_not_be_forked_does_not_begin(agent: Agent, ports: Ports) -> None:
    agent.from_scheduler(offer())
    agent.host_gone(ports.hosts[0])
    agent.from_scheduler(Cancel(attempt="a1", reason="asked"))
    ports.pass_time(1)
    imported(agent, ports.hosts[1])
    assert ports.outcomes() == ["cancelled"]
    assert not ports.hosts[1].waiting


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.fixture
def crowded(ports: Ports) -> Agent:
    """An agent that runs an attempt of the task `t`, which is known to need more than the machine has left."""
    memory = MemoryGuard(reserve_bytes=0)
    memory.learn("d", "t", 2 * 1024**3)
    agent = Agent(
        name="w", instance="i", capacity=8, queues=["default"], dags_folder="/dags", pid=1, ports=ports, memory=memory
    )  # fmt: skip
    ports.available = 1024**3
    agent.from_scheduler(offer("a1", isolation="spawn"))
    agent.from_scheduler(offer("a2", isolation="spawn"))
    return agent


def test_an_attempt_for_which_there_is_no_room_waits_until_others_have_ended(ports: Ports, crowded: Agent) -> None:
    assert [child.attempt.offer.attempt for child in ports.children] == ["a1"]
    beat = crowded.tick()
    assert set(beat.holds) == {"a1", "a2"}
    assert beat.held == [("a2", 2 * 1024**3, 0)]
    crowded.from_child(ports.children[0], Finished(attempt="a1", outcome="success"))
    ports.pass_time(0)
    assert [child.attempt and child.attempt.offer.attempt for child in ports.children] == [None, "a2"]
    assert crowded.tick().held == []


def test_memory_that_came_free_by_itself_is_seen_at_the_next_tick(ports: Ports, crowded: Agent) -> None:
    ports.available = 8 * 1024**3
    crowded.tick()
    assert len(ports.children) == 2


def test_an_attempt_that_waits_for_memory_can_be_cancelled(ports: Ports, crowded: Agent) -> None:
    crowded.from_scheduler(Cancel(attempt="a2", reason="cleared", grace_seconds=1))
    assert ports.outcomes() == ["cancelled"]
    assert crowded.tick().held == []
    assert len(ports.children) == 1


def test_a_callback_says_nothing_about_its_tasks_memory(ports: Ports, crowded: Agent) -> None:
    crowded.from_scheduler(offer("c1", isolation="spawn", callback="task:on_success"))
    callback = ports.children[-1].attempt
    assert callback is not None
    callback.peak = 1
    crowded.from_child(ports.children[-1], Finished(attempt="c1", outcome="success"))
    crowded.tick()
    assert crowded.tick().held == [("a2", 2 * 1024**3, 0)]


def test_a_worker_that_shuts_down_gives_what_waits_for_memory_back(ports: Ports, crowded: Agent) -> None:
    crowded.stop_everything()
    reports = {report.attempt: report.outcome for report in ports.reports if isinstance(report, Finished)}
    assert reports["a2"] == "not_started"


# --- questions ----------------------------------------------------------------------------------------------------


def asked(ports: Ports) -> list[str]:
    return [message.method for message in ports.reports if isinstance(message, Request)]


def answers(child: Standby) -> list[tuple[int, str]]:
    assert isinstance(child.link, Link)
    return [(message.id, message.kind or message.value) for message in child.link.sent if isinstance(message, Response)]


def answer_the_newest(agent: Agent, ports: Ports, value: str) -> None:
    newest = next(message for message in reversed(ports.reports) if isinstance(message, Request))
    agent.from_scheduler(Response(id=newest.id, value=value))


def test_a_question_that_is_asked_while_no_scheduler_is_there_is_put_to_the_next_one(
    agent: Agent, ports: Ports
) -> None:
    child = running(agent, ports)
    agent.connected()
    agent.scheduler_gone()
    agent.from_child(child, Request(id=7, method="run.create"))
    agent.dialled()
    assert (asked(ports), answers(child)) == ([], [])
    agent.connected()
    assert asked(ports) == ["run.create"]
    answer_the_newest(agent, ports, "made")
    assert answers(child) == [(7, "made")]


def test_a_question_whose_answer_is_lost_with_its_scheduler_is_put_again(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.connected()
    agent.from_child(child, Request(id=7, method="task_state_store.set"))
    agent.scheduler_gone()
    assert answers(child) == []
    agent.connected()
    assert asked(ports) == ["task_state_store.set"] * 2
    answer_the_newest(agent, ports, "kept")
    assert answers(child) == [(7, "kept")]
    agent.scheduler_gone()
    agent.connected()
    assert len(asked(ports)) == 2


def test_what_must_not_be_done_twice_is_given_back_when_its_answer_is_lost(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.connected()
    agent.from_child(child, Request(id=7, method="run.create"))
    agent.scheduler_gone()
    assert answers(child) == [(7, "SchedulerAway")]
    agent.connected()
    assert asked(ports) == ["run.create"]


# --- callbacks -----------------------------------------------------------------------------------------------------


def test_an_attempt_that_died_says_that_nobody_was_called_back(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.from_child(child, Started(attempt="a1", start_us=1))
    agent.from_host(ports.hosts[0], Exited(pid=100, status=KILLED))
    agent.child_gone(child)
    (report,) = [each for each in ports.reports if isinstance(each, Finished)]
    assert (report.outcome, report.died) == ("failed", True)


def test_a_callback_whose_process_dies_is_started_again_until_it_says_that_it_has_begun(
    agent: Agent, ports: Ports
) -> None:
    for pid in (100, 101):
        child = running(agent, ports, pid, callback="task:email_on_failure")
        if pid == 101:
            agent.from_child(child, Started(attempt="a1", start_us=1))
        agent.from_host(ports.hosts[0], Exited(pid=pid, status=KILLED))
        agent.child_gone(child)
        assert ports.outcomes() == ([] if pid == 100 else ["failed"])


def test_a_callback_that_was_given_back_may_be_offered_again_and_one_that_was_done_may_not(
    agent: Agent, ports: Ports
) -> None:
    for pid, outcome in ((100, "not_started"), (101, "success")):
        child = running(agent, ports, pid, callback="task:email_on_failure")
        agent.from_child(child, Finished(attempt="a1", outcome=outcome))
        for _ in range(2):  # a doubled report is acknowledged twice
            agent.from_scheduler(Ack(attempts=["a1"]))
        agent.child_gone(child)
    agent.from_scheduler(offer(callback="task:email_on_failure"))
    assert agent.attempts == {}
    assert ports.outcomes() == ["not_started", "success"]


def test_an_attempt_that_was_given_back_is_not_begun_by_a_late_repeat_of_its_offer(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    agent.from_child(child, Finished(attempt="a1", outcome="not_started"))
    agent.from_scheduler(Ack(attempts=["a1"]))
    agent.from_scheduler(offer())
    assert agent.attempts == {}


def test_what_children_measure_is_told_with_the_next_beat_once_somebody_listens(agent: Agent, ports: Ports) -> None:
    child = running(agent, ports)
    for value in (1.0, 2.0):
        agent.from_child(child, Measured(samples=[Sample("rows_total", (("dag_id", "d"),), "counter", value)]))
    agent.tick()
    assert not [told for told in ports.reports if isinstance(told, Measured)]
    agent.connected()
    agent.tick()
    agent.tick()
    [told] = [told for told in ports.reports if isinstance(told, Measured)]
    assert [(sample.name, sample.value) for sample in told.samples] == [("rows_total", 3.0)]
