"""The sentences that say why something waits, apart from what decides which of them holds."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from tradewind.core import reasons
from tradewind.core.reasons import (
    MOST_CARRIED,
    SENTENCES,
    Holder,
    Part,
    because,
    holders_value,
    reason,
    received,
    seen_by,
    sent,
)

CORE = Path(reasons.__file__).parent


def holder(dag_id: str, task_id: str = "a", map_index: int = -1) -> Holder:
    return Holder(dag_id, "run 1", task_id, map_index)


def pool_full(*holders: Holder) -> Part:
    return reason(
        "pool_full", {"pool": "db", "free": 0, "slots": 2, "needs": 1, "holders": holders_value(holders)}
    ).parts[0]


def test_every_sentence_that_the_core_asks_for_is_there_and_none_is_there_for_nothing() -> None:
    asked: set[str] = set()
    for file in ("explain.py", "explain_dag.py", "waits.py"):
        for node in ast.walk(ast.parse((CORE / file).read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                asked.add(node.value)
    # A sentence is asked for by its whole name, or by its code and what follows the dot.
    for name in SENTENCES:
        code, _, variant = name.partition(".")
        parts = {name, code, variant, f".{variant}", *variant.rsplit("_", 1), *(variant.split("_", 1))}
        assert asked & parts, name


@pytest.mark.parametrize(
    "kind", sorted({kind for text in SENTENCES.values() for kind in re.findall(r":(\w+)\}", text)})
)
def test_every_kind_of_place_writes_its_value_otherwise_than_python_does(kind: str) -> None:
    values = {
        "moment": None,
        "size": 3 * 1024**3,
        "states": {"a": ["failed", "none"]},
        "run": {"run_id": None, "at": "2026-01-01"},
    }
    listed = holders_value([holder("etl"), holder("etl", "m", 2)])
    value = values.get(kind, listed if kind.startswith("tasks") else ["one", "two"])
    wanted = {
        "moment": "?", "size": "3.0 GB", "states": "a (failed/none)", "run": "of 2026-01-01",
        "tasks": "etl.a, etl.m[2]", "tasks_in_runs": "etl.a in run 1, etl.m[2] in run 1",
        "names": "one, two", "list": "one, two", "slashed": "one/two", "either": "one or two",
        "quoted": "'one', 'two'",
    }  # fmt: skip
    assert reasons._written(value, kind) == wanted[kind]


def test_a_cause_stands_in_brackets_where_there_is_one() -> None:
    assert because("finished", "exit code 1", {"state": "failed"}).sentence == "It has ended: failed (exit code 1)."
    assert because("finished", "", {"state": "success"}).sentence == "It has ended: success."
    assert because("finished", "exit code 1", {"state": "failed"}).code == "finished"


def test_a_sentence_says_the_same_after_it_was_sent() -> None:
    part = pool_full(holder("etl"), holder("other", "m", 3))
    assert part.text == "Pool db has 0 of 2 slots free and it needs 1; held by etl.a, other.m[3]."
    assert [each.text for each in received(json.loads(json.dumps(sent([part]))))] == [part.text]


def test_values_name_as_many_holders_as_a_page_can_show_and_count_the_rest() -> None:
    many = [holder("etl", f"t{n}") for n in range(MOST_CARRIED + 7)]
    value = holders_value(many)
    assert (len(value["tasks"]), value["more"]) == (MOST_CARRIED, 7)
    assert pool_full(*many).text.endswith("held by etl.t0, etl.t1, etl.t2, etl.t3, etl.t4 and 52 more.")


def test_who_may_not_see_a_dag_is_told_how_many_tasks_of_it_there_are_and_not_which() -> None:
    part = pool_full(holder("mine"), holder("secret"), holder("secret", "b"))
    (seen,) = seen_by([part], {"mine"}.__contains__)
    assert seen.text == "Pool db has 0 of 2 slots free and it needs 1; held by mine.a and 2 more."
    (nothing,) = seen_by([part], lambda dag_id: False)
    assert nothing.text == "Pool db has 0 of 2 slots free and it needs 1; held by 3 tasks."
    assert "secret" not in json.dumps(sent([seen, nothing]))


def test_a_holder_whose_dag_is_not_known_is_named_to_nobody_who_may_not_see_all() -> None:
    (seen,) = seen_by([pool_full(Holder("", "", "a", -1))], lambda dag_id: True)
    assert seen.text.endswith("held by 1 task.")
