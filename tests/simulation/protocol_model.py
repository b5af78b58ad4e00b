"""The protocol between owners, workers and triggers, small enough that every state it can reach is looked at.

One task instance, three attempts, two workers, and an owner that a second one may overthrow. `explore` walks through
all states breadth first and tells what goes wrong, with the shortest way there. Each rule can be broken by name.

A message once told may be heard late, again, or never: none is taken out of the network, and only one that its sender
would repeat at this moment counts as help on the way to the end. What is assumed rather than shown:

- A commit is atomic: what an owner decides on one input and the commit of it are one step.
- What is killed is dead at once; the time that dying takes lies within the kill grace.
- An owner that has missed a worker for lease and grace may take it that the worker is frozen as a whole (its tasks
  too), has died with all below it, or has fenced itself; one that thaws too late fences itself before anything else.
- The news that an attempt has started is left out; so is the failure of a task, which ends an attempt as a loss does.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

ATTEMPTS = 3


class Attempt(NamedTuple):
    worker: int
    state: str = "open"  # (assigned, and perhaps running), success, deferred, cancelled or lost
    cancel: bool = False


class Rows(NamedTuple):
    """What is stored of the task; an owner's memory has the same shape.

    `task` is ready (for an attempt), active (with the last one), deferred (by it), success, or marked (by a person).
    `woken_by` is the attempt whose trigger has made it ready.
    """

    attempts: tuple[Attempt, ...]
    task: str = "active"
    woken_by: int | None = None

    def open(self, worker: int | None = None) -> list[int]:
        return [n for n, a in enumerate(self.attempts) if a.state == "open" and worker in (None, a.worker)]

    def ended(self, numbers: Iterable[int], outcome: str) -> "Rows":
        """Attempts are over. One that is not current changes nothing but itself."""
        rows = self
        for number in numbers:
            attempts = put(rows.attempts, number, rows.attempts[number]._replace(state=outcome, cancel=False))
            current = rows.task == "active" and number == len(attempts) - 1
            follows = outcome if outcome in ("success", "deferred") else "ready"
            rows = Rows(attempts, follows if current else rows.task, rows.woken_by)
        return rows


class Worker(NamedTuple):
    """`mode` is up, frozen, overdue (frozen, and given up), fenced (has killed what it ran, and must join), or down.

    `owner` is whom it is connected to; a `fresh` instance has not joined yet; `orphans` still run of an instance that
    is gone; `reports`, attempts and how they ended, are kept until this is acknowledged, and then they are `done`.
    """

    mode: str = "up"
    owner: int | None = 0
    fresh: bool = False
    runs: frozenset[int] = frozenset()
    orphans: frozenset[int] = frozenset()
    reports: frozenset[tuple[int, str]] = frozenset()
    done: frozenset[int] = frozenset()

    def holds(self) -> frozenset[int]:
        return self.runs | {number for number, _ in self.reports}

    def ends(self, numbers: Iterable[int], outcome: str) -> "Worker":
        ends = {(number, outcome) for number in numbers}
        return self._replace(runs=self.runs.difference(numbers), reports=self.reports | ends)

    def fenced(self) -> "Worker":
        return self.ends(self.runs, "cancelled")._replace(mode="fenced", owner=None)


class State(NamedTuple):
    """`owners` are their memories, None for one that knows it was overthrown; only the last one's epoch is valid.

    `offers` (attempt and worker) and `told` (reports) are in the network. `acknowledged` are the attempts whose worker
    was told that their success is noted. So many `faults` and `wishes` of people may still come.
    """

    rows: Rows
    owners: tuple[Rows | None, ...]
    faults: int
    wishes: int
    workers: tuple[Worker, ...] = (Worker(), Worker())
    starts: tuple[int, ...] = (0,) * ATTEMPTS
    offers: frozenset[tuple[int, int]] = frozenset()
    told: frozenset[tuple[int, str]] = frozenset()
    acknowledged: frozenset[int] = frozenset()

    def with_worker(self, name: int, worker: Worker) -> "State":
        return self._replace(workers=put(self.workers, name, worker), told=self.told | worker.reports)


class Step(NamedTuple):
    says: str
    state: State
    helps: bool = True  # neither a fault nor a chance that nobody may count on


class Found(NamedTuple):
    wrong: str  # empty when nothing is
    trace: list[str]
    states: set[State]


def explore(
    protocol: "Protocol", what_is_wrong: Callable[[State, State], str], is_end: Callable[[State], bool],
    simpler: Callable[[State], State] = lambda state: state, *, faults: int, wishes: int,
) -> Found:  # fmt: skip
    """Look at every state within so many faults and wishes, or at one in place of all that `simpler` takes it for."""
    rows = Rows((Attempt(worker=0),))  # the workers are alike; nobody was told yet
    first = State(rows, (rows,), faults, wishes)
    states, came, helped_from = {first: 0}, [(0, "")], [[0]]
    queue, ends = deque([first]), []

    def found(wrong: str, number: int, *last: str) -> Found:
        trace = list(last)
        while number:
            number, says = came[number]
            trace.insert(0, says)
        return Found(wrong, trace, set(states))

    while queue:
        before = queue.popleft()
        here = states[before]
        if is_end(before):
            ends.append(here)
        for says, after, helps in protocol.steps(before):
            if wrong := what_is_wrong(before, after):
                return found(wrong, here, says)
            after = simpler(after)
            there = states.setdefault(after, len(came))
            if there == len(came):
                came.append((here, says))
                helped_from.append([])
                queue.append(after)
            if helps:
                helped_from[there].append(here)
    good = set(ends)
    while ends:
        new = set(helped_from[ends.pop()]) - good
        good |= new
        ends.extend(new)
    stuck = next((number for number in range(len(came)) if number not in good), None)
    return found("", 0) if stuck is None else found("nothing leads from here to an end", stuck)


class Protocol:
    """What each party may do next."""

    def __init__(self, *broken: str) -> None:
        self.keeps: Callable[[str], bool] = lambda rule: rule not in broken

    def steps(self, state: State) -> Iterator[Step]:
        for index, memory in enumerate(state.owners):
            if memory is not None:
                yield from self.owner_steps(state, index, memory)
        for name, worker in enumerate(state.workers):
            yield from self.worker_steps(state, name, worker)
        if state.faults:
            yield from fault_steps(state._replace(faults=state.faults - 1))

    def owner_steps(self, state: State, index: int, memory: Rows) -> Iterator[Step]:
        if index < len(state.owners) - 1:
            yield self.turn(state, index, "renews its lease", memory)
        for name, worker in enumerate(state.workers):
            gone = worker.mode != "up" and not worker.orphans  # which is what lease and kill grace stand for
            early = worker.owner is None and not self.keeps("offer_before_join")
            if worker.owner == index or early:
                yield from self.serve(state, index, memory, name, worker)
            elif memory.open(name) and (gone or not self.keeps("expire_without_grace")):
                overdue = worker._replace(mode="overdue") if worker.mode == "frozen" else worker
                then, rows = state.with_worker(name, overdue), memory.ended(memory.open(name), "lost")
                yield self.turn(state, index, f"gives up worker {name}", rows, then)
        for number, outcome in state.told:
            if number in memory.open() or not self.keeps("report_without_attempt_check"):
                kept = any(w.owner == index and (number, outcome) in w.reports for w in state.workers)
                says = f"hears that attempt {number} ended as {outcome}"
                yield self.turn(state, index, says, memory.ended([number], outcome))._replace(helps=kept)
        for number, attempt in enumerate(memory.attempts if memory.task == "deferred" else ()):
            awaited = number == len(memory.attempts) - 1 or not self.keeps("event_without_leg_check")
            if attempt.state == "deferred" and awaited:
                woken = memory._replace(task="ready", woken_by=number)
                yield self.turn(state, index, f"hears the event of the trigger of attempt {number}", woken)
        if state.wishes and memory.task in ("active", "deferred"):
            wished = state._replace(wishes=state.wishes - 1)
            stopped = tuple(attempt._replace(cancel=attempt.state == "open") for attempt in memory.attempts)
            for says, task in (("clears", "ready"), ("marks", "marked")):
                yield self.turn(wished, index, f"{says} the task", Rows(stopped, task))._replace(helps=False)

    def turn(self, state: State, index: int, says: str, rows: Rows, then: State | None = None) -> Step:
        """Commit what the owner has decided, unless there is a newer owner: then it stops, with its connections."""
        if index == len(state.owners) - 1 or not self.keeps("no_epoch_check"):
            stored = rows if rows != state.owners[index] else state.rows
            after = (then or state)._replace(rows=stored, owners=put(state.owners, index, rows))
            return Step(f"owner {index} {says}", after)
        workers = tuple(w._replace(owner=None) if w.owner == index else w for w in state.workers)
        after = state._replace(owners=put(state.owners, index, None), workers=workers)
        return Step(f"owner {index} learns that it was overthrown", after)

    def serve(self, state: State, index: int, memory: Rows, name: int, worker: Worker) -> Iterator[Step]:
        """Assign, offer and acknowledge, to a worker that is connected."""
        number, offers = len(memory.attempts), memory.open(name)
        may_assign = not memory.open() or not self.keeps("new_attempt_before_cancelled_ends")
        if memory.task == "ready" and number < ATTEMPTS and may_assign:
            rows = Rows((*memory.attempts, Attempt(name)))
            yield self.turn(state, index, f"assigns attempt {number} to worker {name}", rows)
            offers += [] if self.keeps("tell_before_commit") else [number]
        for number in offers:
            offered = state._replace(offers=state.offers | {(number, name)})
            yield Step(f"owner {index} offers attempt {number} to worker {name}", offered)
        early = not self.keeps("ack_before_commit")
        for number, outcome in worker.reports if worker.mode == "up" and index == len(state.owners) - 1 else ():
            if early or number not in memory.open():
                noted = outcome == "success" and (early or memory.attempts[number].state == "success")
                after = state.with_worker(name, self.put_away(worker, number, outcome))
                after = after._replace(acknowledged=state.acknowledged | ({number} if noted else set()))
                yield Step(f"owner {index} acknowledges attempt {number} to worker {name}", after)

    def worker_steps(self, state: State, name: int, worker: Worker) -> Iterator[Step]:
        def step(says: str, after: Worker, *, helps: bool = True) -> Step:
            return Step(f"worker {name} {says}", state.with_worker(name, after), helps)

        if worker.mode == "frozen" or (worker.mode == "overdue" and not self.keeps("thaw_without_fencing")):
            yield step("thaws", worker._replace(mode="up"))
        elif worker.mode == "overdue":
            yield step("thaws and fences itself", worker.fenced())
        elif worker.mode == "down":
            if worker.orphans:
                yield step("is down, and what it had started dies", worker._replace(orphans=frozenset()))
            left = frozenset() if self.keeps("restart_without_killing") else worker.orphans
            anew = step("starts again", Worker(owner=None, fresh=True, orphans=left, reports=worker.reports))
            yield anew._replace(state=self.without_offers(anew.state, name))
        elif worker.owner is None:
            yield from self.join(state, name, worker)
            if worker.runs:
                yield step("fences itself", worker.fenced())
        if worker.mode != "up":
            return
        memory = state.owners[worker.owner] if worker.owner is not None else None
        still_told = memory.open(name) if memory else []
        for number, whose in state.offers:
            if whose == name and number not in worker.holds() | worker.done:
                after = worker._replace(runs=worker.runs | {number})
                says, started, helps = step(f"starts attempt {number}", after, helps=number in still_told)
                yield Step(says, started._replace(starts=put(state.starts, number, state.starts[number] + 1)), helps)
        for number in state.rows.open(name):
            if state.rows.attempts[number].cancel and number not in worker.holds() - worker.runs:
                stopped = worker.ends([number], "cancelled")
                yield step(f"is told to stop attempt {number}", stopped, helps=number in still_told)
        for number in worker.runs:
            for outcome in ("success", "deferred"):
                yield step(f"ends attempt {number} as {outcome}", worker.ends([number], outcome))
        for number, outcome in () if self.keeps("report_told_once") else worker.reports:
            yield step(f"forgets its report of attempt {number}", self.put_away(worker, number, outcome))

    def join(self, state: State, name: int, worker: Worker) -> Iterator[Step]:
        """Register with what this instance has. What it lacks is lost with the instance before, or offered again."""
        holds = worker.holds() if self.keeps("rejoin_without_holds") else frozenset()
        all_lost = (worker.fresh and self.keeps("restart_is_a_rejoin")) or not self.keeps("rejoin_without_holds")
        for index, memory in enumerate(state.owners):
            if memory is not None:
                lacks = [number for number in memory.open(name) if number not in holds]
                rows = memory.ended([n for n in lacks if all_lost or memory.attempts[n].cancel], "lost")
                joined = state.with_worker(name, worker._replace(mode="up", fresh=False, owner=index))
                yield self.turn(state, index, f"lets worker {name} join", rows, self.without_offers(joined, name))

    def put_away(self, worker: Worker, number: int, outcome: str) -> Worker:
        done = worker.done | {number} if self.keeps("forget_done_offers") else worker.done
        return worker._replace(reports=worker.reports - {(number, outcome)}, done=done)

    def without_offers(self, state: State, name: int) -> State:
        """The worker has a new connection: what was told on the old one is not read any more."""
        offers = frozenset(offer for offer in state.offers if offer[1] != name)
        return state._replace(offers=offers) if self.keeps("hear_old_connections") else state


def fault_steps(state: State) -> Iterator[Step]:
    if len(state.owners) == 1:
        yield Step("owner 1 takes over", state._replace(owners=(*state.owners, state.rows)), helps=False)
    for name, worker in enumerate(state.workers):
        dead = worker._replace(mode="down", owner=None, runs=frozenset(), orphans=worker.runs | worker.orphans)
        faults = [("loses its connection", worker._replace(owner=None))]
        if worker.mode == "up":
            faults += [("freezes", worker._replace(mode="frozen")), ("dies", dead)]
            faults += [("dies with its reports", dead._replace(reports=frozenset()))]
        for says, after in faults:
            yield Step(f"worker {name} {says}", state.with_worker(name, after), helps=False)


def put(items: tuple[Any, ...], index: int, item: object) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])
