"""Grants as plain values, as roles are stored and shown, and as Airflow's permissions name them.

A grant is `{"actions": ["read"], "resources": ["run"], "dags": {"ids": [], "tags": [], "folders": []}}`; without `dags`
it holds for every Dag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tradewind.core.access import EVERY_DAG, OF_DAGS, Action, DagScope, Grant, Resource
from tradewind.core.errors import InvalidInput

MOST_GRANTS = 500
SCOPES = ("ids", "tags", "folders")


def grants_of(plain: Any) -> tuple[Grant, ...]:
    """Grants from plain values. Raises InvalidInput, which says what is wrong."""
    if not isinstance(plain, Sequence) or isinstance(plain, str) or len(plain) > MOST_GRANTS:
        raise InvalidInput(f"grants must be a list of at most {MOST_GRANTS} objects.")
    return tuple(_grant(each) for each in plain)


def plain_grants(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Grants as plain values, in an order that does not change."""
    return [_plain(grant) for grant in grants]


def merged(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """The same rights in as few grants as there are kinds of Dags: one for each scope and set of actions."""
    found: dict[tuple[DagScope, frozenset[Action]], frozenset[Resource]] = {}
    by_resource: dict[tuple[DagScope, Resource], frozenset[Action]] = {}
    for grant in grants:
        for resource in grant.resources:
            place = (grant.dags, resource)
            by_resource[place] = by_resource.get(place, frozenset()) | grant.actions
    for (scope, resource), actions in by_resource.items():
        found[scope, actions] = found.get((scope, actions), frozenset()) | {resource}
    return tuple(Grant(actions, resources, scope) for (scope, actions), resources in found.items() if actions)


def without(grants: Iterable[Grant], taken: Iterable[Grant]) -> tuple[Grant, ...]:
    """The grants less these rights; rights on some Dags are taken only from those that were given in the same words."""
    gone = {
        (grant.dags, resource, action) for grant in taken for resource in grant.resources for action in grant.actions
    }
    left = [
        Grant(frozenset({action}), frozenset({resource}), grant.dags)
        for grant in grants
        for resource in sorted(grant.resources)
        for action in sorted(grant.actions)
        if (grant.dags, resource, action) not in gone
    ]
    return merged(left)


def _grant(plain: Any) -> Grant:
    if not isinstance(plain, Mapping):
        raise InvalidInput('A grant is an object such as {"actions": ["read"], "resources": ["run"]}.')
    if unknown := sorted(set(plain) - {"actions", "resources", "dags"}):
        raise InvalidInput(f"A grant has actions, resources and dags, not {unknown[0]!r:.40}.")
    actions = _members(Action, plain.get("actions"), "actions")
    resources = _members(Resource, plain.get("resources"), "resources")
    dags = plain.get("dags")
    return Grant(actions, resources, EVERY_DAG if dags is None else _scope(dags))


def _members(kind: Any, values: Any, field: str) -> frozenset[Any]:
    names = _texts(values, field)
    if not names:
        raise InvalidInput(f"A grant needs {field}; choose from {', '.join(kind)}.")
    try:
        return frozenset(kind(name) for name in names)
    except ValueError:
        odd = next(name for name in names if name not in set(kind))
        raise InvalidInput(f"{field} {odd!r:.60} is unknown; choose from {', '.join(kind)}.") from None


def _scope(plain: Any) -> DagScope:
    if not isinstance(plain, Mapping) or (unknown := sorted(set(plain) - set(SCOPES))):
        what = f", not {unknown[0]!r:.40}" if isinstance(plain, Mapping) else ""
        raise InvalidInput(f"The dags of a grant are named by ids, tags and folders{what}.")
    ids, tags, folders = (frozenset(_texts(plain.get(name) or [], name)) for name in SCOPES)
    scope = DagScope(ids=ids, tags=tags, folders=frozenset(folder.strip("/") for folder in folders) - {""})
    if not scope:
        raise InvalidInput("The dags of a grant name no Dag; leave `dags` out to mean all of them.")
    return scope


def _texts(values: Any, field: str) -> list[str]:
    if not isinstance(values, Sequence) or isinstance(values, str) or not all(isinstance(v, str) for v in values):
        raise InvalidInput(f"{field} must be a list of text.")
    return list(values)


def _plain(grant: Grant) -> dict[str, Any]:
    plain: dict[str, Any] = {"actions": sorted(grant.actions), "resources": sorted(grant.resources)}
    if not grant.dags.everything:
        plain["dags"] = {name: sorted(getattr(grant.dags, name)) for name in SCOPES if getattr(grant.dags, name)}
    return plain


# --- Airflow's names -----------------------------------------------------------------------------------------------

ACTIONS: dict[str, frozenset[Action]] = {
    "can_read": frozenset({Action.READ}),
    "can_create": frozenset({Action.CREATE}),
    "can_edit": frozenset({Action.EDIT}),
    "can_delete": frozenset({Action.DELETE}),
    "menu_access": frozenset(),
}
"""What Airflow's actions allow; menus show what a person may see, so to be let into one means nothing."""

RESOURCES: dict[str, frozenset[Resource]] = {
    "DAGs": frozenset({Resource.DAG}),
    "DAG Runs": frozenset({Resource.RUN}),
    "Task Instances": frozenset({Resource.TASK}),
    "Task Logs": frozenset({Resource.LOG}),
    "XComs": frozenset({Resource.XCOM}),
    "DAG Code": frozenset({Resource.CODE}),
    "DAG Versions": frozenset({Resource.CODE}),
    "DAG Dependencies": frozenset({Resource.DAG}),
    "DAG Warnings": frozenset({Resource.IMPORT_ERROR}),
    "ImportError": frozenset({Resource.IMPORT_ERROR}),
    "Audit Logs": frozenset({Resource.EVENT_LOG}),
    "HITL Details": frozenset({Resource.QUESTION}),
    "Backfills": frozenset({Resource.BACKFILL}),
    "Assets": frozenset({Resource.ASSET}),
    "Asset Aliases": frozenset({Resource.ASSET}),
    "Datasets": frozenset({Resource.ASSET}),
    "Variables": frozenset({Resource.VARIABLE}),
    "Connections": frozenset({Resource.CONNECTION}),
    "Pools": frozenset({Resource.POOL}),
    "Configurations": frozenset({Resource.CONFIG}),
    "Jobs": frozenset({Resource.SYSTEM}),
    "Plugins": frozenset({Resource.SYSTEM}),
    "Providers": frozenset({Resource.SYSTEM}),
    "Triggers": frozenset({Resource.SYSTEM}),
    "Cluster Activity": frozenset({Resource.SYSTEM}),
    "Users": frozenset({Resource.USER}),
    "Roles": frozenset({Resource.ROLE}),
    "My Profile": frozenset({Resource.OWN}),
    "My Password": frozenset({Resource.OWN}),
    **{name: frozenset() for name in ("Website", "Browse", "Admin", "Docs", "Documentation", "Security", "View Menus")},
}
"""What Airflow's resources are here; what only stands in a menu is nothing."""

BY_SCOPE = {"DAG": "ids", "DAG Run": "ids", "TAG": "tags", "FOLDER": "folders"}
"""`DAG:etl` names one Dag with all that belongs to it, `DAG Run:etl` its runs; `TAG:` and `FOLDER:` are our own."""


def permission(action: str, resource: str) -> Grant | None:
    """The grant that a permission of Airflow stands for; None where it allows nothing here. Our own words do as well.

    Raises InvalidInput for words that nobody knows.
    """
    actions = ACTIONS.get(action)
    if actions is None:
        actions = _members(Action, [action.removeprefix("can_")], "actions")
    resources, scope = _resource(resource)
    return Grant(actions, resources, scope) if actions and resources else None


def permission_names(grant: Grant) -> list[tuple[str, str]]:
    """A grant as pairs of an action and a resource, in words that `permission` understands."""
    actions = [f"can_{action}" for action in sorted(grant.actions)]
    if grant.dags.everything:
        return [(action, _shown(resource)) for resource in sorted(grant.resources) for action in actions]
    named = [f"{word}:{name}" for word, part in _WORDS for name in sorted(getattr(grant.dags, part))]
    return [(action, name) for name in named for action in actions]


_WORDS = (("DAG", "ids"), ("TAG", "tags"), ("FOLDER", "folders"))
_SHOWN = {next(iter(found)): name for name, found in reversed(RESOURCES.items()) if found}


def _shown(resource: Resource) -> str:
    return _SHOWN.get(resource, resource.value)


def _resource(name: str) -> tuple[frozenset[Resource], DagScope]:
    if name in RESOURCES:
        return RESOURCES[name], EVERY_DAG
    word, colon, value = name.partition(":")
    if colon and word in BY_SCOPE and value:
        part = value.strip("/") if word == "FOLDER" else value
        resources = frozenset({Resource.RUN}) if word == "DAG Run" else OF_DAGS
        return resources, _scope({BY_SCOPE[word]: [part]})
    try:
        return frozenset({Resource(name)}), EVERY_DAG
    except ValueError:
        raise InvalidInput(
            f"Resource {name!r:.80} is unknown; choose {', '.join(n for n, r in RESOURCES.items() if r)}, or DAG:ID, "
            "TAG:NAME, FOLDER:PATH."
        ) from None
