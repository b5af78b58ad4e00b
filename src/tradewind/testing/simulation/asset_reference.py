"""The reference model of assets: which runs there must be, worked out by brute force.

It is told what happened in its order (Dags change, pause and go on; assets are updated; runs are made and end) and says
of each run whether it had to be made just then, for just these events, and what waits in between. It shares no code
with the scheduler's decisions. Where several choices are as good, each is permitted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

Condition = Mapping[str, Any]


class Unlawful(AssertionError):
    """What was done is not what had to be done. The text is one sentence."""


class Rules(NamedTuple):
    """What one version of a Dag says about assets."""

    condition: Condition
    policy: str
    partitions: Mapping[str, Any]
    most_runs: int


class Event(NamedTuple):
    """An asset was updated."""

    number: int
    name: str
    uri: str
    aliases: frozenset[str] = frozenset()
    partition: str | None = None


class Consumer:
    """One Dag: what it is like now, what waits for it, and which of its runs are not over."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.is_paused = False
        self.waiting: list[Event] = []
        self.gathered: dict[str, list[Event]] = {}
        """By the partition of the run that will take them."""
        self.unnamed: list[Event] = []
        """What waits for code to say for which partitions it is."""
        self.unfit: list[int] = []
        """What was for none of its partitions."""
        self.open: set[str] = set()

    def change(self, rules: Rules) -> None:
        """Of what waits it keeps what it still asks for; what gathered by other mappers means something else now."""
        same, self.rules = rules.partitions == self.rules.partitions, rules
        self.waiting = [e for e in self.waiting if not rules.partitions and asks_for(rules.condition, e)]
        kept = {k: [e for e in es if same and asks_for(rules.condition, e)] for k, es in self.gathered.items()}
        self.gathered = {key: events for key, events in kept.items() if events}
        self.unnamed = [e for e in self.unnamed if same and asks_for(rules.condition, e)]

    def hear(self, event: Event) -> bool:
        """An update: whether it waits now."""
        if self.is_paused or not asks_for(self.rules.condition, event):
            return False
        if not self.rules.partitions:
            if event.partition is None:
                self.waiting.append(event)
            return event.partition is None
        if event.partition is not None and mapper_for(self.rules.partitions, event)["kind"] == "custom":
            self.unnamed.append(event)
            return False
        return self._gather(event)

    def name(self, numbers: Collection[int]) -> None:
        """The code of a mapper has said for which partitions these events are; others are passed over."""
        said = [event for event in self.unnamed if event.number in numbers]
        self.unnamed = [event for event in self.unnamed if event.number not in numbers]
        for event in said:
            self._gather(event)

    def _gather(self, event: Event) -> bool:
        keys = partitions_for(self.rules.partitions, event)
        for key in keys:
            self.gathered.setdefault(key, []).append(event)
        self.unfit += [] if keys else [event.number]
        return bool(keys)

    def is_due(self) -> bool:
        """Whether a run has to be made now."""
        if self.is_paused or len(self.open) >= self.rules.most_runs:
            return False
        if self.rules.partitions:
            return any(is_complete(self.rules, key, events) for key, events in self.gathered.items())
        return bool(choices(self.rules, self.waiting))

    def take(self, run_id: str, numbers: Collection[int], partition: str | None) -> None:
        """A run is made for these events. Raises Unlawful."""
        if self.is_paused:
            raise Unlawful(f"{run_id} was made for {sorted(numbers)} while its Dag was paused")
        if len(self.open) >= self.rules.most_runs:
            raise Unlawful(f"{run_id} was made beside {len(self.open)} others, {self.rules.most_runs} may be open")
        if self.rules.partitions:
            events = self.gathered.get(partition or "", [])
            if {e.number for e in events} != set(numbers) or not is_complete(self.rules, partition or "", events):
                others = {key: [e.number for e in found] for key, found in self.gathered.items()}
                raise Unlawful(
                    f"{run_id} was made for {sorted(numbers)} and partition {partition} while {others} waited"
                )
            del self.gathered[partition or ""]
            return
        permitted = choices(self.rules, self.waiting)
        if set(numbers) not in (seen for seen, _ in permitted) or partition is not None:
            waits = [(e.number, e.name) for e in self.waiting]
            raise Unlawful(f"{run_id} was made for {sorted(numbers)} by {self.rules.policy} while {waits} waited")
        gone = next(gone for seen, gone in permitted if seen == set(numbers))
        self.waiting = [e for e in self.waiting if e.number not in gone]


# --- conditions and policies -------------------------------------------------------------------------------------


def is_met(condition: Condition, events: Collection[Event]) -> bool:
    """Whether these events are enough."""
    match condition:
        case {"all": parts}:
            return bool(parts) and all(is_met(part, events) for part in parts)
        case {"any": parts}:
            return any(is_met(part, events) for part in parts)
        case {"asset": {"name": name, "uri": uri}}:
            return any((e.name, e.uri) == (name, uri) for e in events)
        case {"asset_ref": {"name": name}}:
            return any(e.name == name for e in events)
        case {"asset_ref": {"uri": uri}}:
            return any(e.uri == uri for e in events)
        case {"alias": {"name": name}}:
            return any(name in e.aliases for e in events)
        case _:
            return False


def asks_for(condition: Condition, event: Event) -> bool:
    """Whether the event is one of those that the condition is about."""
    return any(is_met(leaf, [event]) for leaf in leaves(condition))


def leaves(condition: Condition) -> Iterator[Condition]:
    """The single assets and aliases of a condition."""
    parts = condition.get("all", condition.get("any"))
    if parts is None:
        yield condition
    for part in parts or ():
        yield from leaves(part)


def choices(rules: Rules, waiting: Sequence[Event]) -> list[tuple[set[int], set[int]]]:
    """What the next run may take: the events that it is for, and all that wait no longer then."""
    if not is_met(rules.condition, waiting):
        return []
    everything = {e.number for e in waiting}
    if rules.policy == "coalesce":
        return [(everything, everything)]
    if rules.policy == "latest":
        newest = {(e.name, e.uri): e.number for e in waiting}
        return [(set(newest.values()), everything)]
    oldest: list[Event] = []
    for event in waiting:
        if not any((e.name, e.uri) == (event.name, event.uri) and e.aliases >= event.aliases for e in oldest):
            oldest.append(event)  # nothing older stands for as much
        if is_met(rules.condition, oldest):
            break
    found: list[set[int]] = []  # smaller ones first: whatever contains one of these has an event too many
    for some in (some for size in range(1, len(oldest) + 1) for some in combinations(oldest, size)):
        numbers = {e.number for e in some}
        if is_met(rules.condition, some) and not any(smaller <= numbers for smaller in found):
            found.append(numbers)
    return [(numbers, numbers) for numbers in found]


# --- partitions --------------------------------------------------------------------------------------------------

MONTHS = [datetime(year, month, 1) for year in (2023, 2024, 2025) for month in range(1, 13)]


def partitions_for(partitions: Mapping[str, Any], event: Event) -> list[str]:
    """The Dag's partitions that the event is for; none where its mapper has no place for it."""
    mapper = mapper_for(partitions, event)
    found = list(dict.fromkeys(mapped(mapper, event.partition))) if event.partition is not None else []
    return found if len(found) <= mapper.get("most", partitions["most"]) else []


def mapper_for(partitions: Mapping[str, Any], event: Event) -> Mapping[str, Any]:
    """The mapper that was given for this asset, else the Dag's own."""
    return next((m for leaf, m in partitions["mappers"] if is_met(leaf, [event])), partitions["default"])


def mapped(mapper: Mapping[str, Any], key: str) -> Iterable[str]:
    """The Dag's keys for one of the asset."""
    match mapper:
        case {"kind": "identity"}:
            return [key]
        case {"kind": "custom", "like": alike}:
            return mapped(alike, key)
        case {"kind": "allowed", "keys": keys}:
            return [key] if key in keys else []
        case {"kind": "fixed", "key": only}:
            return [only]
        case {"kind": "start_of", "unit": unit, "input_format": read, "output_format": write}:
            try:
                at = datetime.strptime(key, read)
            except ValueError:
                return []
            quarter = (at.month - 1) // 3
            month = datetime(at.year, at.month, 1)
            at = {"day": at.replace(hour=0), "month": month, "quarter": month.replace(month=1 + 3 * quarter)}[unit]
            return [at.strftime(write).replace("{quarter}", str(quarter + 1))]
        case {"kind": "chain", "mappers": mappers}:
            keys = [key]
            for each in mappers:
                further = [list(mapped(each, one)) for one in keys]
                keys = [one for some in further for one in some] if all(further) else []
            return keys
        case {"kind": "product", "mappers": mappers, "delimiter": between}:
            segments = key.split(between)
            found = [list(mapped(*each)) for each in zip(mappers, segments, strict=False)]
            fits = len(segments) == len(mappers) and all(len(keys) == 1 for keys in found)
            return [between.join(keys[0] for keys in found)] if fits else []
        case {"kind": "rollup", "upstream": upstream}:
            return mapped(upstream, key)
        case {"kind": "fan_out", "upstream": upstream, "downstream": downstream}:
            coarse = list(mapped(upstream, key))
            months = [m for m in MONTHS if coarse == list(mapped(upstream, m.strftime(upstream["input_format"])))]
            return [m.strftime(downstream["output_format"]) for m in months]
        case _:
            raise ValueError(f"Which partitions {mapper} makes is not worked out here.")


def is_complete(rules: Rules, key: str, events: Collection[Event]) -> bool:
    """Whether a partition has all that its run needs."""
    come = {e: {x.partition for x in events if (x.name, x.uri) == (e.name, e.uri)} for e in events}
    enough = [e for e in events if has_enough(mapper_for(rules.partitions, e), key, come[e])]
    return is_met(rules.condition, enough)


def has_enough(mapper: Mapping[str, Any], key: str, come: Collection[str | None]) -> bool:
    """Whether these partitions of one asset make up the Dag's partition, each counted once."""
    if mapper["kind"] == "custom":
        return has_enough(mapper["like"], key, come)
    if mapper["kind"] != "rollup":
        return True
    upstream, window = mapper["upstream"], mapper["window"]
    if window["kind"] == "segments":
        needed = set(window["segments"])
    else:
        written = [m.strftime(upstream["input_format"]) for m in MONTHS]
        needed = {text for text in written if key in mapped(upstream, text)}
    least = mapper.get("least")
    return len(needed & set(come)) >= (len(needed) if least is None else least)
