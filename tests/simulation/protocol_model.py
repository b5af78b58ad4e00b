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
from collections.abc import Iterator
from typing import NamedTuple

ATTEMPTS = 3


class Attempt(NamedTuple):
    """`state` is open (assigned, and perhaps running), success, deferred, cancelled or lost."""

    worker: int
    state: str = "open"
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

    def ended(self, number: int, outcome: str) -> "Rows":
        """An attempt is over. One that is not current changes nothing but itself."""
        attempts = put(self.attempts, number, self.attempts[number]._replace(state=outcome, cancel=False))
        current = self.task == "active" and number == len(self.attempts) - 1
        follows = outcome if outcome in ("success", "deferred") else "ready"
        return self._replace(attempts=attempts, task=follows if current else self.task)


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

    def ends(self, numbers: frozenset[int], outcome: str) -> "Worker":
        ends = {(number, outcome) for number in numbers}
        return self._replace(runs=self.runs - numbers, reports=self.reports | ends)

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
    """`helps` says that it is neither a fault nor a chance that nobody may count on."""

    says: str
    state: State
    helps: bool = True


class Found(NamedTuple):
    """`wrong` is empty when all is well; `says` are the steps that led to new states."""

    wrong: str
    trace: list[str]
    states: set[State]
    says: set[str]


def explore(*broken: str, faults: int, wishes: int, forgets: bool | None = None) -> Found:
    """Look at every state within so many faults and wishes; with all rules kept, without what cannot matter."""
    protocol, forgets = Protocol(*broken), not broken if forgets is None else forgets
    rows = Rows((Attempt(worker=0),))  # the workers are alike; nobody was told yet
    first = State(rows, (rows,), faults, wishes)
    states, came, helped_from = {first: 0}, [(0, "")], [[0]]
    queue, ends = deque([first]), []

    def found(wrong: str, number: int, *last: str) -> Found:
        trace = list(last)
        while number:
            number, says = came[number]
            trace.insert(0, says)
        return Found(wrong, trace, set(states), {says for _, says in came[1:]})

    while queue:
        before = queue.popleft()
        here = states[before]
        if is_end(before):
            ends.append(here)
        for says, after, helps in protocol.steps(before):
            if wrong := what_is_wrong(before, after):
                return found(wrong, here, says)
            after = forget(after) if forgets else after
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


def is_end(state: State) -> bool:
    """The task is over, or out of attempts; nothing runs, and nothing is left to report."""
    task = state.rows.task
    settled = task in ("success", "marked") or (task == "ready" and len(state.rows.attempts) == ATTEMPTS)
    return settled and not state.rows.open() and not any(w.holds() or w.orphans for w in state.workers)


def what_is_wrong(before: State, after: State) -> str:
    old, new = before.rows.attempts, after.rows.attempts
    running = sum(len(w.orphans) + (len(w.runs) if w.mode == "up" else 0) for w in after.workers)
    changed = old is not new and any(a.state not in ("open", b.state) for a, b in zip(old, new, strict=False))
    wrongs = {
        "an attempt started twice": max(after.starts) > 1,
        "two attempts run at once": running > 1,
        "an offer was told that is not committed": any(n >= len(new) or new[n].worker != w for n, w in after.offers),
        "a success was acknowledged that is not committed": any(new[n].state != "success" for n in after.acknowledged),
        "an attempt that was over became something else": changed,
        "a leg was resumed by the trigger of another": after.rows.woken_by not in (None, len(new) - 1),
    }
    return next((wrong for wrong, is_so in wrongs.items() if is_so), "")


class Protocol:
    """What each party may do next."""

    def __init__(self, *broken: str) -> None:
        self.broken = frozenset(broken)

    def keeps(self, rule: str) -> bool:
        return rule not in self.broken

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
            if worker.owner == index:
                yield from self.serve(state, index, memory, name, worker)
            elif memory.open(name) and (gone(worker) or not self.keeps("expire_without_grace")):
                overdue = worker._replace(mode="overdue") if worker.mode == "frozen" else worker
                then = state.with_worker(name, overdue)
                yield self.turn(state, index, f"gives up worker {name}", lost(memory, memory.open(name)), then)
        for number, outcome in state.told:
            if number in memory.open() or not self.keeps("report_without_attempt_check"):
                kept = any(w.owner == index and (number, outcome) in w.reports for w in state.workers)
                says = f"hears that attempt {number} ended as {outcome}"
                yield self.turn(state, index, says, memory.ended(number, outcome))._replace(helps=kept)
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
                stopped = worker.ends(frozenset({number}), "cancelled")
                yield step(f"is told to stop attempt {number}", stopped, helps=number in still_told)
        for number in worker.runs:
            for outcome in ("success", "deferred"):
                yield step(f"ends attempt {number} as {outcome}", worker.ends(frozenset({number}), outcome))
        for number, outcome in () if self.keeps("report_told_once") else worker.reports:
            yield step(f"forgets its report of attempt {number}", self.put_away(worker, number, outcome))

    def join(self, state: State, name: int, worker: Worker) -> Iterator[Step]:
        """Register with what this instance has. What it lacks is lost with the instance before, or offered again."""
        holds = worker.holds() if self.keeps("rejoin_without_holds") else frozenset()
        replaced = (worker.fresh and self.keeps("restart_is_a_rejoin")) or not self.keeps("rejoin_without_holds")
        joined = worker._replace(mode="up", fresh=False, owner=None)
        for index, memory in enumerate(state.owners):
            if memory is not None:
                lacks = [number for number in memory.open(name) if number not in holds]
                rows = lost(memory, [n for n in lacks if replaced or memory.attempts[n].cancel])
                then = self.without_offers(state.with_worker(name, joined._replace(owner=index)), name)
                yield self.turn(state, index, f"lets worker {name} join", rows, then)

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


def gone(worker: Worker) -> bool:
    """Nothing of it runs; that is what the end of its lease and the kill grace stand for."""
    return worker.mode != "up" and not worker.orphans


def lost(rows: Rows, numbers: list[int]) -> Rows:
    for number in numbers:
        rows = rows.ended(number, "lost")
    return rows


def forget(state: State) -> State:
    """The state without what cannot matter any more, as long as all rules are kept. There are fewer such states."""
    rows, owners, workers = state.rows, state.owners, state.workers
    if len(owners) == 2 and all(worker.owner != 0 for worker in workers):
        owners = (None, owners[1])
    offers = frozenset((n, w) for n, w in state.offers if n not in workers[w].holds() | workers[w].done)
    alive = {number for number, _ in offers}.union(*(memory.open() for memory in owners if memory))

    def bare(memory: Rows) -> Rows:
        """It does not matter where an attempt was, nor why it left nothing."""
        return memory._replace(attempts=tuple(a if n in alive else END[a.state] for n, a in enumerate(memory.attempts)))

    return state._replace(
        rows=bare(rows),
        owners=tuple(memory and bare(memory) for memory in owners),
        workers=tuple(w._replace(done=w.done & alive) for w in workers),
        starts=tuple(count if n in alive else 0 for n, count in enumerate(state.starts)),
        offers=offers,
        told=frozenset(report for report in state.told if report[0] in rows.open()),
        acknowledged=frozenset(),  # what is over stays as it is: that is looked at wherever rows change
    )


END = {
    s: Attempt(0, s if s in ("success", "deferred") else "lost") for s in ("success", "deferred", "cancelled", "lost")
}


def put(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])
