"""The end of a simulation: everything is over, as the model says it must be, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tradewind.testing.simulation.asset_book import with_runs_of_assets
from tradewind.testing.simulation.checks import Broken
from tradewind.testing.simulation.reference import ABSENT, Ending, final_states
from tradewind.testing.simulation.workload import Edit, RunKey, Trigger

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

Actual = tuple[str, Mapping[tuple[str, int], str]]
"""A run's state, and those of its instances."""


def judge(sim: Simulation) -> None:
    """Raises Broken."""
    listening = sim.listening
    if listening is None or listening.scheduler.owner is None:
        raise Broken("I2: no scheduler is the owner after everything has healed")
    if sim.person.waiting:
        raise Broken(f"I2: nobody answered {sorted(sim.person.waiting)}")
    _check_answers(sim)
    sim.compare(listening)
    if sim.assets is not None:
        sim.assets.finish()
    if sim.watchers is not None:
        sim.watchers.finish()
    _check_states(sim)
    _check_attempts(sim)
    _check_callbacks(sim)
    sim.jobs.check_end()
    _check_leftovers(sim)


def differences(expected: Mapping[RunKey, Ending | None], actual: Mapping[RunKey, Actual]) -> list[str]:
    """Where what happened is not what had to, one sentence each."""
    found = [f"{key} should not exist" for key in actual.keys() - expected.keys()]
    for key, ending in expected.items():
        if ending is None:
            continue
        state, tasks = actual.get(key, (ABSENT, {}))
        if state not in ending.run:
            found.append(f"{key} is {state}, not {' or '.join(sorted(ending.run))}")
        for name in tasks.keys() | ending.tasks.keys() if state != ABSENT else ():
            allowed = ending.tasks.get(name, {ABSENT})
            if tasks.get(name, ABSENT) not in allowed:
                found.append(f"{key} {name} is {tasks.get(name, ABSENT)}, not {' or '.join(sorted(allowed))}")
    return sorted(found)


def _check_answers(sim: Simulation) -> None:
    """A run that was made is never said to have been refused."""
    for n, action in enumerate(sim.workload.actions):
        if isinstance(action, Trigger) and (told := sim.person.answers[f"action{n}"]).state != "applied":
            raise Broken(f"answer: {action.dag_id} {action.run_id} was {told.state}: {told.error}")


def _check_states(sim: Simulation) -> None:
    """I1, I2 and I7: the runs that had to be, each as it had to end."""
    actual = _stored(sim)
    order = [*actual, *(key for key in sim.expected_runs if key not in actual)]  # runs that nobody made come last
    lost, elsewhere = _lost(sim), sim.jobs.judged_here
    others = replace(sim.workload, dags=tuple(spec for spec in sim.workload.dags if spec.dag_id not in elsewhere))
    played = with_runs_of_assets(others, actual)
    expected = final_states(played, lost=lost, order=order) | sim.jobs.endings(actual.keys(), lost)
    if problems := differences(expected, actual):
        raise Broken("I7: " + "; ".join(problems[:5]))
    open_runs = [key for key, (state, _) in actual.items() if state not in ("success", "failed")]
    allowed = {
        key
        for key, ending in expected.items()
        if ("running" in ending.run if ending is not None else key.dag_id not in elsewhere)
    }
    if stuck := [str(key) for key in open_runs if key not in allowed and not sim.jobs.may_stand_still(key)]:
        raise Broken(f"I2: {', '.join(stuck)} never ended")


def _stored(sim: Simulation) -> dict[RunKey, Actual]:
    """Every run with its tasks, in the order in which they were made."""
    runs = sim.database.rows("SELECT number, dag_id, run_id, state FROM run ORDER BY number")
    states: dict[int, dict[tuple[str, int], str]] = {number: {} for number, *_ in runs}
    for number, task_id, map_index, state in sim.database.rows(
        "SELECT run, task_id, map_index, state FROM task_instance"
    ):
        states[number][task_id, map_index] = state or "none"
    return {RunKey(dag_id, run_id): (state, states[number]) for number, dag_id, run_id, state in runs}


def _lost(sim: Simulation) -> list[tuple[str, str, str, int]]:
    """Instances of which an attempt may count as lost."""
    rows = sim.database.rows(
        "SELECT a.id, a.state, r.dag_id, r.run_id, a.task_id, a.map_index "
        "FROM attempt a JOIN run r ON r.number = a.run WHERE a.state IN ('lost', 'failed', 'deferred')"
    )
    ends, failed = sim.ledger.ends, sim.ledger.triggers_failed
    return sorted(
        {tuple(row[2:]) for row in rows if row[1] == "lost" or ends.get(row[0]) == "killed" or row[0] in failed}
    )


def _check_attempts(sim: Simulation) -> None:
    """I2, I4 and I6: the ledger against the attempts in the database."""
    rows = sim.database.rows("SELECT id, state FROM attempt")
    ledger, known = sim.ledger, {id for id, _ in rows}
    if unknown := ledger.starts.keys() - known:
        raise Broken(f"I4: attempt {min(unknown)} began and is not in the database")
    for id, state in rows:
        if state == "success" and ledger.ends.get(id) != "success":
            raise Broken(f"I6: attempt {id} is a success that never ended with one")
        if id in ledger.promised and state != "success":
            raise Broken(f"I6: the success of attempt {id} was acknowledged, and it is {state}")
        if state in ("assigned", "running"):
            raise Broken(f"I2: attempt {id} is {state} for ever")
        if state == "not_started" and id in ledger.starts:
            raise Broken(f"I4: attempt {id} was said not to have started, and did")


def _check_callbacks(sim: Simulation) -> None:
    """I12: no callback is left; every run that ended called back, and nobody was called for nothing."""
    if left := sim.database.rows("SELECT kind, run, task_id FROM callback"):
        raise Broken(f"I12: callbacks were never carried out: {[tuple(row) for row in left[:3]]}")
    edited = {a.dag_id for a in sim.workload.actions if isinstance(a, Edit)}
    for dag_id, run_id, state in sim.database.rows("SELECT dag_id, run_id, state FROM run"):
        kind, wanted = f"on_{'failure' if state == 'failed' else state}", sim.specs[dag_id].callbacks
        called = [kind for run, kind, _ in sim.ledger.called_back if run == (dag_id, run_id) and kind[:7] == "dag:on_"]
        if (dag_id, run_id) in sim.touched or dag_id in edited:
            continue
        if not called and (dag_id, run_id) in sim.ledger.given_up:
            continue
        if called != ([f"dag:{kind}"] if kind in wanted else []):
            raise Broken(f"I14: {dag_id} {run_id} is {state} and called back {sorted(called)}")


def _check_leftovers(sim: Simulation) -> None:
    """I8 and I12: no slot is taken, no task runs, no report is kept."""
    assert sim.listening is not None
    world = sim.listening.scheduler.world
    if taken := {name: used for name, used in world.pool_used.items() if used}:
        raise Broken(f"I8: slots are taken in the end: {taken}")
    if sim.ledger.at_work:
        raise Broken(f"I12: attempts are at work in the end: {sim.ledger.at_work}")
    if waiting := [*world.deferrals, *sim.database.rows("SELECT id FROM deferral")]:
        raise Broken(f"I12: deferrals are left: {waiting[:3]}")
    for machine in sim.machines:
        if triggers := [id for id in machine.agent.triggers.holds if id not in world.watchers.active]:
            raise Broken(f"I12: {machine.name} still runs triggers: {triggers[:3]}")
        if machine.agent.reports or machine.agent.attempts or machine.spool:
            kept: list[Any] = [*machine.agent.reports, *machine.agent.attempts, *machine.spool]
            raise Broken(f"I12: {machine.name} still keeps {kept}")
