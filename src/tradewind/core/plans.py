"""The newest plan of each Dag, where most Dags are idle: what nobody looks at is held as packed bytes.

A plan is unpacked when its Dag's run or event comes. It stays at hand while a run holds it, and for a while after it
was last asked for.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from weakref import WeakValueDictionary

from tradewind.core.dag import DagSpec
from tradewind.core.plan import Plan

AT_HAND = 64
"""Plans that stay unpacked although no run holds them: those that were asked for last."""


class Packing(NamedTuple):
    """How a Dag's spec becomes few bytes, and comes back."""

    pack: Callable[[bytes], bytes]
    """Of the spec as it is stored."""
    unpack: Callable[[bytes], DagSpec]


class _Packed(NamedTuple):
    version: str
    spec: bytes


class Plans(Mapping[str, Plan]):
    """Plans by dag_id. Without a packing, or without a spec's bytes, they stay as they are."""

    __slots__ = ("_held", "_in_use", "_packing", "_recent")

    def __init__(self, packing: Packing | None = None) -> None:
        self._packing = packing
        self._held: dict[str, Plan | _Packed] = {}
        self._in_use: WeakValueDictionary[str, Plan] = WeakValueDictionary()
        self._recent: OrderedDict[str, Plan] = OrderedDict()

    def put(self, plan: Plan, encoded: bytes = b"") -> None:
        """The Dag is like this now; `encoded` is its spec as it is stored."""
        dag_id = plan.spec.dag_id
        self.drop(dag_id)
        if self._packing is None or not encoded:
            self._held[dag_id] = plan
            return
        self._held[dag_id] = _Packed(plan.version, self._packing.pack(encoded))
        self._at_hand(dag_id, plan)

    def drop(self, dag_id: str) -> None:
        """The Dag is deleted, or is another now."""
        self._held.pop(dag_id, None)
        self._in_use.pop(dag_id, None)
        self._recent.pop(dag_id, None)

    def version(self, dag_id: str) -> str | None:
        """The version of a Dag's plan, which needs no look into it; None where there is no plan."""
        held = self._held.get(dag_id)
        return None if held is None else held.version

    def __getitem__(self, dag_id: str) -> Plan:
        held = self._held[dag_id]
        if isinstance(held, Plan):
            return held
        plan = self._in_use.get(dag_id) or self._unpacked(held)
        self._at_hand(dag_id, plan)
        return plan

    def __contains__(self, dag_id: object) -> bool:
        return dag_id in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def _unpacked(self, held: _Packed) -> Plan:
        assert self._packing is not None
        return Plan(self._packing.unpack(held.spec), held.version)

    def _at_hand(self, dag_id: str, plan: Plan) -> None:
        self._in_use[dag_id] = plan
        self._recent[dag_id] = plan
        self._recent.move_to_end(dag_id)
        if len(self._recent) > AT_HAND:
            self._recent.popitem(last=False)
