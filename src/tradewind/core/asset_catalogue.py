"""Every asset and alias that Dags name, each once, with everybody who names it."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from tradewind.core.assets import AssetKey, keys_of, named_in


class Mention(NamedTuple):
    """A Dag, or one of its tasks, names an asset."""

    leaf: Mapping[str, Any]
    """As a condition writes it; see core/assets.py."""
    role: str
    """`consumers`: the Dag waits for it. `producers`: the task updates it. `readers`: the task reads it."""
    dag_id: str
    task_id: str = ""


@dataclass(slots=True)
class Known:
    """One asset or alias as the Dags have it."""

    name: str
    uri: str
    group: str
    is_alias: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    producers: dict[tuple[str, str], None] = field(default_factory=dict)
    """(dag_id, task_id) of the tasks that update it."""
    readers: dict[tuple[str, str], None] = field(default_factory=dict)
    """(dag_id, task_id) of the tasks that have it as an inlet."""
    consumers: dict[str, None] = field(default_factory=dict)
    """Dags that wait for it."""
    dags: dict[str, None] = field(default_factory=dict)
    """Dags that name it in any of these ways."""
    described: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Group and extra facts, in the words of each Dag that describes it."""

    def as_described_by(self, dag_ids: Container[str]) -> "Known":
        """The same in the words of these Dags: what others say of it is theirs."""
        words = next((said for dag_id, said in self.described.items() if dag_id in dag_ids), None)
        told = [said[1] for dag_id, said in self.described.items() if dag_id in dag_ids and said[1]]
        return replace(self, group=words[0] if words else "asset", extra=told[0] if told else {})

    @property
    def keys(self) -> tuple[AssetKey, ...]:
        """What it may be called where Dags name it; the first is no other's."""
        return (AssetKey("alias", self.name),) if self.is_alias else keys_of(self.name, self.uri)

    @property
    def producing_dags(self) -> list[str]:
        return list(dict.fromkeys(dag_id for dag_id, _ in self.producers))


def mentions_in(dag_id: str, condition: Any, tasks: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Mention]:
    """What a Dag names: in its condition, and in the `outlets` and `inlets` of its tasks' extra facts."""
    for leaf in _leaves(condition):
        yield Mention(leaf, "consumers", dag_id)
    for task_id, extra in tasks:
        for role, where in (("producers", "outlets"), ("readers", "inlets")):
            items = extra.get(where)
            for leaf in _leaves({"all": list(items)} if isinstance(items, list | tuple) else None):
                yield Mention(leaf, role, dag_id, task_id)


def catalogue(mentions: Iterable[Mention]) -> list[Known]:
    """Every asset and alias, by name. References count for the asset that they mean."""
    given = list(mentions)
    found: dict[AssetKey, Known] = {}
    for mention in given:
        if (known := _known(mention.leaf)) is not None:
            mine = found.setdefault(known.keys[0], known)
            mine.extra = mine.extra or known.extra
            group, extra = mine.described.get(mention.dag_id, (known.group, {}))
            mine.described[mention.dag_id] = group, extra or known.extra
    named: dict[AssetKey, list[Known]] = {}
    for known in found.values():
        for key in known.keys:
            named.setdefault(key, []).append(known)
    for mention in given:
        for key in named_in(mention.leaf):
            for known in named.get(key, ()):
                _note(known, mention)
    return sorted(found.values(), key=lambda known: (known.name, known.uri))


def _note(known: Known, mention: Mention) -> None:
    known.dags[mention.dag_id] = None
    match mention.role:
        case "consumers":
            known.consumers[mention.dag_id] = None
        case "producers":
            known.producers[mention.dag_id, mention.task_id] = None
        case "readers":
            known.readers[mention.dag_id, mention.task_id] = None


def _leaves(expression: Any) -> Iterator[Mapping[str, Any]]:
    match expression:
        case {"all": [*parts]} | {"any": [*parts]}:
            for part in parts:
                yield from _leaves(part)
        case Mapping() if expression:
            yield expression


def _known(leaf: Mapping[str, Any]) -> Known | None:
    match leaf:
        case {"asset": {"name": str(name), "uri": str(uri)} as asset}:
            return Known(name, uri, asset.get("group") or "asset", extra=asset.get("extra") or {})
        case {"alias": {"name": str(name)} as alias}:
            return Known(name, "", alias.get("group") or "asset", is_alias=True)
        case _:
            return None
