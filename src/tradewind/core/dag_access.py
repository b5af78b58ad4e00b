"""Rights that a Dag's own file gives: `access_control=` of the Dag, as Airflow has it.

Each role is given actions on the Dag with all that belongs to it (`DAGs`), or on its runs alone (`DAG Runs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tradewind.core.access import NO_DAG, Action, DagScope, Grant, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.grants import merged, permission

Access = dict[str, dict[str, list[str]]]
"""By role, by `DAGs` or `DAG Runs`: Airflow's names of actions, sorted."""

FIELD = "access_control"
"""Where a DagSpec has it, among its `extra` facts."""
WORDS = {"DAGs": "DAG", "DAG Runs": "DAG Run"}
ACTIONS = ("can_read", "can_create", "can_edit", "can_delete")
MOST_ROLES = 100
_OLDER = {"can_dag_read": "can_read", "can_dag_edit": "can_edit"}


def access_of(written: Any) -> Access:
    """What an author has written, in one spelling. Raises InvalidInput, which says what is wrong."""
    if not isinstance(written, Mapping):
        raise InvalidInput('access_control= must be a dict such as {"Viewer": {"can_read"}}.')
    if len(written) > MOST_ROLES:
        raise InvalidInput(f"access_control= names {len(written)} roles; {MOST_ROLES} are the most.")
    return {role: _of_role(role, written[role]) for role in sorted(_texts(written, "access_control="))}


def grants_of_access(dag_id: str, rights: Any) -> tuple[Grant, ...]:
    """What a role is given on this Dag. Words that nobody knows give nothing."""
    found: list[Grant] = []
    for resource, actions in rights.items() if isinstance(rights, Mapping) else ():
        for action in actions:
            try:
                grant = permission(action, f"{WORDS[resource]}:{dag_id}")
            except (InvalidInput, KeyError):
                continue
            found += [] if grant is None else [grant]
    return merged(found)


def for_many(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """The same rights with one grant for all Dags on which they are the same."""
    scopes: dict[tuple[frozenset[Action], frozenset[Resource]], DagScope] = {}
    for grant in grants:
        kind = grant.actions, grant.resources
        scopes[kind] = scopes.get(kind, NO_DAG) | grant.dags
    return tuple(Grant(actions, resources, scope) for (actions, resources), scope in scopes.items())


def _of_role(role: str, given: Any) -> dict[str, list[str]]:
    by_resource = given if isinstance(given, Mapping) else {"DAGs": given}
    found = {}
    for resource in sorted(_texts(by_resource, f"access_control= of role {role!r}")):
        if resource not in WORDS:
            raise InvalidInput(
                f"access_control= of role {role!r} names {resource!r:.60}; choose from {', '.join(WORDS)}."
            )
        names = by_resource[resource]
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InvalidInput(f"access_control= of role {role!r} must give a set of actions on {resource}.")
        actions = sorted({_OLDER.get(name, name) for name in _texts(names, f"access_control= of role {role!r}")})
        if odd := [action for action in actions if action not in ACTIONS]:
            raise InvalidInput(
                f"access_control= of role {role!r} gives {odd[0]!r:.60} on {resource}; "
                f"choose from {', '.join(ACTIONS)}."
            )
        found[resource] = actions
    return {resource: actions for resource, actions in found.items() if actions}


def _texts(names: Iterable[Any], where: str) -> list[str]:
    found = list(names)
    if odd := [name for name in found if not isinstance(name, str) or not 0 < len(name) <= 250 or "\0" in name]:
        raise InvalidInput(f"{where} holds {odd[0]!r:.60}, where a name is needed.")
    return found
