"""Rights that the file of a Dag gives."""

from typing import Any

import pytest

from tradewind.core.access import OF_DAGS, Action, Caller, DagFacts, DagScope, Need, Resource, Role
from tradewind.core.dag_access import access_of, for_many, grants_of_access
from tradewind.core.errors import InvalidInput

READS, EDITS = Need(Action.READ, Resource.TASK), Need(Action.EDIT, Resource.TASK)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({}, {}),
        ({"r": {"can_read", "can_edit"}}, {"r": {"DAGs": ["can_edit", "can_read"]}}),
        ({"r": ["can_read"]}, {"r": {"DAGs": ["can_read"]}}),
        ({"r": {"DAGs": {"can_read"}, "DAG Runs": {"can_create"}}},
         {"r": {"DAGs": ["can_read"], "DAG Runs": ["can_create"]}}),
        ({"r": {"can_dag_read", "can_dag_edit"}}, {"r": {"DAGs": ["can_edit", "can_read"]}}),
        ({"r": {"DAGs": set()}}, {"r": {}}),
    ],
)  # fmt: skip
def test_both_spellings_mean_the_same(written: Any, meant: Any) -> None:
    assert access_of(written) == meant


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Viewer", "must be a dict"),
        ({"r": "can_read"}, "must give a set of actions"),
        ({"r": {"Pools": {"can_read"}}}, "'Pools'; choose from DAGs, DAG Runs"),
        ({"r": {"can_fly"}}, "'can_fly' on DAGs; choose from can_read"),
        ({"r": {1}}, "holds 1, where a name is needed"),
        ({"": {"can_read"}}, "holds ''"),
        ({f"r{n}": {"can_read"} for n in range(101)}, "101 roles"),
    ],
)
def test_what_gives_nothing_is_refused_in_a_sentence(written: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why.replace("(", r"\(")):
        access_of(written)


def test_a_role_gets_the_rights_on_this_dag_alone() -> None:
    of_dag = grants_of_access("etl", {"DAGs": ["can_edit", "can_read"]})
    of_runs = grants_of_access("other", {"DAG Runs": ["can_create"]})
    caller = Caller("kim", (Role("team", (*of_dag, *of_runs)),))
    assert caller.may(READS, DagFacts("etl"))
    assert caller.may(EDITS, DagFacts("etl"))
    assert not caller.may(READS, DagFacts("etl2"))
    assert not caller.may(Need(Action.DELETE, Resource.DAG), DagFacts("etl"))
    assert not caller.may(READS, DagFacts("other"))
    assert caller.may(Need(Action.CREATE, Resource.RUN), DagFacts("other"))
    assert not caller.may(Need(Action.CREATE, Resource.BACKFILL), DagFacts("other"))
    assert {resource for grant in of_dag for resource in grant.resources} == OF_DAGS


def test_dags_that_give_the_same_share_a_grant() -> None:
    grants = [grant for name in ("a", "b") for grant in grants_of_access(name, {"DAGs": ["can_read"]})]
    (grant,) = for_many(grants)
    assert grant.dags == DagScope(ids=frozenset({"a", "b"}))


def test_words_of_a_row_that_nobody_knows_give_nothing() -> None:
    assert grants_of_access("etl", {"Pools": ["can_read"], "DAGs": ["can_fly", "menu_access"]}) == ()
    assert grants_of_access("etl", ["can_read"]) == ()
