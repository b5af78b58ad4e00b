"""Roles' grants as plain values, and by Airflow's names."""

from typing import Any

import pytest

from tradewind.core.access import (
    BUILT_IN,
    EVERY_DAG,
    OF_DAGS,
    Action,
    Caller,
    DagFacts,
    DagScope,
    Grant,
    Need,
    Resource,
    Role,
)
from tradewind.core.errors import InvalidInput
from tradewind.core.grants import RESOURCES, grants_of, merged, permission, permission_names, plain_grants, without
from tradewind.core.logins import wait_after

READS_DAILY = {"actions": ["read"], "resources": ["run", "task"], "dags": {"folders": ["etl"], "tags": ["daily"]}}


@pytest.mark.parametrize("role", BUILT_IN.values(), ids=lambda role: role.name)
def test_grants_come_back_from_plain_values_as_they_were(role: Role) -> None:
    assert grants_of(plain_grants(role.grants)) == role.grants


def test_a_scope_comes_back_too() -> None:
    assert plain_grants(grants_of([READS_DAILY])) == [READS_DAILY]
    (grant,) = grants_of([{**READS_DAILY, "dags": {"folders": ["/etl/"]}}])
    assert grant.dags == DagScope(folders=frozenset({"etl"}))


@pytest.mark.parametrize(
    ("grant", "word"),
    [
        ("read", "object"),
        ({}, "actions"),
        ({"actions": ["read"]}, "resources"),
        ({"actions": "read", "resources": ["run"]}, "list of text"),
        ({"actions": ["fly"], "resources": ["run"]}, "'fly'"),
        ({"actions": ["read"], "resources": ["moon"]}, "'moon'"),
        ({"actions": ["read"], "resources": ["run"], "dags": {}}, "no Dag"),
        ({"actions": ["read"], "resources": ["run"], "dags": {"folders": ["/"]}}, "no Dag"),
        ({"actions": ["read"], "resources": ["run"], "dags": {"names": ["x"]}}, "'names'"),
        ({"actions": ["read"], "resources": ["run"], "dags": {"ids": [3]}}, "list of text"),
        ({"actions": ["read"], "resources": ["run"], "all": True}, "'all'"),
    ],
)
def test_what_is_no_grant_is_refused_with_the_word_that_is_wrong(grant: Any, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        grants_of([grant])


def test_rights_are_taken_where_they_were_given() -> None:
    daily = DagScope(tags=frozenset({"daily"}))
    given = (
        Grant(frozenset({Action.READ, Action.EDIT}), frozenset({Resource.RUN, Resource.TASK}), daily),
        Grant(frozenset({Action.READ}), frozenset({Resource.RUN})),
    )
    left = without(given, [Grant(frozenset({Action.EDIT}), frozenset({Resource.RUN}), daily)])
    caller = Caller("kim", (Role("some", left),))
    assert caller.scope(Need(Action.EDIT, Resource.RUN)) == DagScope()
    assert caller.scope(Need(Action.EDIT, Resource.TASK)) == daily
    assert caller.scope(Need(Action.READ, Resource.RUN)) == EVERY_DAG
    assert merged(left) == left
    assert without(left, left) == ()


def test_airflows_permissions_mean_what_they_say() -> None:
    etl = permission("can_edit", "DAG:etl")
    assert etl == Grant(frozenset({Action.EDIT}), OF_DAGS, DagScope(ids=frozenset({"etl"})))
    caller = Caller("kim", (Role("some", (etl,)),))
    assert caller.may(Need(Action.EDIT, Resource.TASK), DagFacts("etl"))
    assert not caller.may(Need(Action.EDIT, Resource.TASK), DagFacts("etl2"))
    runs = permission("can_read", "DAG Run:etl")
    assert runs is not None
    assert runs.resources == {Resource.RUN}
    assert permission("can_read", "Task Logs") == Grant(frozenset({Action.READ}), frozenset({Resource.LOG}))
    assert permission("read", "log") == permission("can_read", "Task Logs")
    assert permission("menu_access", "DAGs") is None
    assert permission("can_read", "Website") is None
    with pytest.raises(InvalidInput, match="'Moon'"):
        permission("can_read", "Moon")
    with pytest.raises(InvalidInput, match="'fly'"):
        permission("can_fly", "DAGs")


@pytest.mark.parametrize(
    "resource", [*(name for name, found in RESOURCES.items() if found), "DAG:a", "TAG:b", "FOLDER:c"]
)
def test_what_a_permission_is_shown_as_means_the_same_again(resource: str) -> None:
    grant = permission("can_delete", resource)
    assert grant is not None
    ((action, name),) = permission_names(grant)
    assert permission(action, name) == grant


def test_every_resource_has_a_name_that_a_permission_can_say() -> None:
    for resource in Resource:
        grant = Grant(frozenset({Action.READ}), frozenset({resource}))
        ((action, name),) = permission_names(grant)
        assert permission(action, name) == grant


def test_waits_grow_to_their_most_and_no_further() -> None:
    waits = [wait_after(failures, "account").total_seconds() for failures in range(1000)]
    assert waits == sorted(waits)
    assert waits[-1] == 300
    assert wait_after(19, "address").total_seconds() == 0
    assert wait_after(20, "address").total_seconds() == 1
