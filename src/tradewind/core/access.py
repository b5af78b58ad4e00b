"""Who may do what: roles, and on which Dags. Values alone: no database, no clock.

A route says what it needs (`Need`). A role grants actions on resources; what belongs to Dags it can grant for some Dags
alone: by id, by tag, or by the folder of their file. Where nothing grants it, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    READ = "read"
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


class Resource(StrEnum):
    """What rights are about. Those of `OF_DAGS` belong to one Dag each."""

    DAG = "dag"
    RUN = "run"
    TASK = "task"
    LOG = "log"
    XCOM = "xcom"
    CODE = "code"
    QUESTION = "question"
    BACKFILL = "backfill"
    IMPORT_ERROR = "import_error"
    EVENT_LOG = "event_log"
    ASSET = "asset"
    VARIABLE = "variable"
    CONNECTION = "connection"
    POOL = "pool"
    ALERT = "alert"
    """Alert rules that are written here, and silences."""
    CONFIG = "config"
    SYSTEM = "system"
    """Jobs, workers, plugins, providers, metrics."""
    USER = "user"
    ROLE = "role"
    OWN = "own"
    """What belongs to whoever asks: sessions, favourites, saved views, preferences."""


OF_DAGS = frozenset(
    {
        Resource.DAG, Resource.RUN, Resource.TASK, Resource.LOG, Resource.XCOM, Resource.CODE, Resource.QUESTION,
        Resource.BACKFILL, Resource.IMPORT_ERROR, Resource.EVENT_LOG,
    }
)  # fmt: skip
READING = frozenset({Action.READ})
ALL_ACTIONS = frozenset(Action)


@dataclass(frozen=True, slots=True)
class Need:
    """What a route asks of its caller."""

    action: Action
    resource: Resource

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


@dataclass(frozen=True, slots=True)
class DagFacts:
    """What rights on a Dag are decided by."""

    dag_id: str
    tags: frozenset[str] = frozenset()
    file: str = ""
    """Relative to the Dags folder, with `/`."""


@dataclass(frozen=True, slots=True)
class DagScope:
    """Which Dags. All of them, or those that any of the parts names."""

    everything: bool = False
    ids: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    """Relative to the Dags folder; what lies below is meant too."""

    def __bool__(self) -> bool:
        """Whether it can name any Dag."""
        return self.everything or bool(self.ids or self.tags or self.folders)

    def __or__(self, other: DagScope) -> DagScope:
        if self.everything or other.everything:
            return EVERY_DAG
        return DagScope(
            ids=self.ids | other.ids, tags=self.tags | other.tags, folders=self.folders | other.folders
        )  # fmt: skip

    def holds(self, dag: DagFacts) -> bool:
        """Whether this Dag is one of them. Ids, tags and folders are compared whole."""
        if self.everything or dag.dag_id in self.ids or self.tags & dag.tags:
            return True
        return any(dag.file.startswith(f"{folder}/") for folder in self.folders)


EVERY_DAG = DagScope(everything=True)
NO_DAG = DagScope()


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on resources; for what belongs to Dags, on these Dags."""

    actions: frozenset[Action]
    resources: frozenset[Resource]
    dags: DagScope = EVERY_DAG

    def gives(self, need: Need) -> bool:
        return need.action in self.actions and need.resource in self.resources


@dataclass(frozen=True, slots=True)
class Role:
    """A name for grants."""

    name: str
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks, with what they may do. `name` is empty for one who has not said who they are."""

    name: str
    roles: tuple[Role, ...] = ()
    session: str = ""
    """The id of the session that they came with; empty with Basic, or without login."""
    _scopes: dict[Need, DagScope] = field(default_factory=dict, repr=False, compare=False)

    def scope(self, need: Need) -> DagScope:
        """On which Dags they may do this. For what belongs to no Dag: everything, or nothing."""
        if need not in self._scopes:
            found = NO_DAG
            for role in self.roles:
                for grant in role.grants:
                    if grant.gives(need):
                        found |= grant.dags if need.resource in OF_DAGS else EVERY_DAG
            self._scopes[need] = found
        return self._scopes[need]

    def may(self, need: Need, dag: DagFacts | None = None) -> bool:
        """Whether they may do this; on this Dag where one is given, else on any at all."""
        scope = self.scope(need)
        return scope.holds(dag) if dag is not None else bool(scope)


# --- the roles that there always are ------------------------------------------------------------------------------


def _grant(actions: Iterable[Action], *resources: Resource) -> Grant:
    return Grant(frozenset(actions), frozenset(resources))


_VIEWS = _grant(
    READING,
    Resource.DAG, Resource.RUN, Resource.TASK, Resource.LOG, Resource.XCOM, Resource.CODE, Resource.QUESTION,
    Resource.BACKFILL, Resource.IMPORT_ERROR, Resource.EVENT_LOG, Resource.ASSET, Resource.POOL, Resource.SYSTEM,
)  # fmt: skip
_OWNS = _grant(ALL_ACTIONS, Resource.OWN)
_RUNS = _grant(
    ALL_ACTIONS, Resource.DAG, Resource.RUN, Resource.TASK, Resource.XCOM, Resource.QUESTION, Resource.BACKFILL,
    Resource.ASSET,
)  # fmt: skip
_OPERATES = _grant(ALL_ACTIONS, Resource.POOL, Resource.VARIABLE, Resource.CONNECTION, Resource.ALERT)
_LOOKS_INSIDE = _grant(READING, Resource.CONFIG)

BUILT_IN: dict[str, Role] = {
    role.name: role
    for role in (
        Role("Admin", (Grant(ALL_ACTIONS, frozenset(Resource)),)),
        Role("Op", (_VIEWS, _OWNS, _RUNS, _OPERATES, _LOOKS_INSIDE)),
        Role("User", (_VIEWS, _OWNS, _RUNS)),
        Role("Viewer", (_VIEWS, _OWNS)),
        Role("Public"),
    )
}
"""Airflow's roles. `Public` is everybody, also without login; it may do nothing unless somebody grants it."""
