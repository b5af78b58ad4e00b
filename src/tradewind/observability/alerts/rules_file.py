"""Alert rules and channels as a YAML file, and the rules that ship with Tradewind.

What is wrong with a rule or a channel disables that one alone; it is kept as a problem that says where and what to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from tradewind.core.alert_conditions import (
    Condition,
    DataStale,
    DeadlineMissed,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)
from tradewind.core.alert_silences import Silence
from tradewind.core.alerts import SEVERITIES, Rule, Scope
from tradewind.observability.alerts import amounts
from tradewind.observability.alerts.fields import BadRules, Fields, read_yaml

SHIPPED = Path(__file__).with_name("default_rules.yml")
CHANNEL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "email": ("to", "host", "port", "sender", "user", "password", "security"),
    "slack": ("url",),
    "webhook": ("url", "headers"),
    "apprise": ("urls",),
}
RULE_FIELDS = (
    "name", "when", "enabled", "severity", "description", "dags", "tags", "tasks", "for", "recover_after",
    "dedupe_window", "silences", "channels", "notify_recovery",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel as it is written; `env:` names are not looked up yet, so that it holds no secret that a file lacks."""

    name: str
    kind: str
    values: Mapping[str, Any] = field(repr=False)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What is in effect, and what is not because of a fault."""

    rules: tuple[Rule, ...] = ()
    channels: Mapping[str, ChannelSpec] = field(default_factory=dict)
    problems: tuple[BadRules, ...] = ()
    shipped: frozenset[str] = frozenset()
    """Names of the rules that come from the shipped ones."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """By name of a rule of the file, where it begins there."""
    own: frozenset[str] = frozenset()
    """Names of the rules that were written here, and not in a file."""


NO_TEXTS: Mapping[str, str] = {}


def load_rules(path: Path | None, own: Mapping[str, str] = NO_TEXTS, *, must_exist: bool = False) -> Rules:
    """The rules of a file, those that were written here (by name, the text of each), and the shipped ones that neither
    replaces nor turns off. Never raises for a fault in one; without the file, there are the others."""
    written = _Read() if path is None or (not must_exist and not path.exists()) else _read(path)
    return _beside(_read(SHIPPED), written, own)


def rules_in(text: str, name: str) -> Rules:
    """The same for the text of a file that is none yet, by the name that its problems are to have."""
    return _beside(_read(SHIPPED), _read(Path(name), text.encode("utf-8", "surrogatepass")), NO_TEXTS)


def own_rule(name: str, text: str, found: Rules) -> Rule | None:
    """A rule that is written here, beside what there is by now; None where it is turned off. Raises BadRules."""
    path = Path(f"rule {name}")
    fields = read_yaml(path, text.encode("utf-8", "surrogatepass"))
    if fields is None:
        raise BadRules(path, 0, "", "is empty; write `when:` and what it asks for")
    if "name" in fields and fields.take("name", amounts.text) != name:
        raise fields.fault(f"is not {name!r}; a rule keeps its name, so write one of the other name", "name")
    fields.where = ""
    return _rule_named(name, fields, found.channels)


@cache
def shipped_texts() -> dict[str, str]:
    """By name, each shipped rule as it is written."""
    text, top = SHIPPED.read_text("utf-8"), read_yaml(SHIPPED)
    assert top is not None
    texts = {}
    for node in top.items("rules"):
        first, last = node.start_mark, node.end_mark
        name = Fields(SHIPPED, node, "", top.made).take("name", amounts.text)
        texts[name] = dedent(" " * first.column + text[first.index : last.index]).rstrip() + "\n"
    return texts


def _beside(shipped: "_Read", written: "_Read", texts: Mapping[str, str]) -> Rules:
    found = Rules(written.rules, written.channels)
    rules, problems = list(written.rules), list(written.problems)
    for name, text in texts.items():
        try:
            if name in written.names:
                raise BadRules(Path(f"rule {name}"), 0, "", "is in the rules file too, which holds; take one away")
            rule = own_rule(name, text, found)
        except BadRules as fault:
            problems.append(fault)
            continue
        if rule is not None:
            rules.append(rule)
    taken = written.names | texts.keys()
    kept = tuple(rule for rule in shipped.rules if written.with_shipped and rule.name not in taken)
    return Rules(
        (*kept, *rules), written.channels, tuple(problems), frozenset(rule.name for rule in kept), written.lines,
        frozenset(texts.keys() - written.names),
    )  # fmt: skip


@dataclass(slots=True)
class _Read:
    with_shipped: bool = True
    rules: tuple[Rule, ...] = ()
    names: set[str] = field(default_factory=set)
    """Of every rule, also of those that are turned off or have a fault."""
    channels: dict[str, ChannelSpec] = field(default_factory=dict)
    problems: list[BadRules] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


def _read(path: Path, data: bytes | None = None) -> _Read:
    found = _Read()
    try:
        top = read_yaml(path, data)
        if top is None:
            return found
        top.knows("defaults", "channels", "rules")
        found.with_shipped = top.take("defaults", amounts.switch, True)
        channels, nodes = top.mapping("channels"), top.items("rules")
    except BadRules as fault:
        found.problems.append(fault)
        return found
    for name in channels or ():
        assert channels is not None
        try:
            found.channels[name] = _channel(name, channels)
        except BadRules as fault:
            found.problems.append(fault)
    rules: list[Rule] = []
    for position, node in enumerate(nodes, start=1):
        try:
            rule = _rule(Fields(path, node, f"rule {position}", top.made), found)
        except BadRules as fault:
            found.problems.append(fault)
            continue
        if rule is not None:
            rules.append(rule)
    found.rules = tuple(rules)
    return found


def _rule(fields: Fields, found: _Read) -> Rule | None:
    """The rule; None when it is turned off."""
    name = fields.take("name", amounts.text)
    fields.where = f"rule {name!r}"
    if name in found.names:
        raise fields.fault("has the name of a rule before it; give it another", "name")
    found.names.add(name)
    found.lines[name] = fields.line
    return _rule_named(name, fields, found.channels)


def _rule_named(name: str, fields: Fields, known: Mapping[str, ChannelSpec]) -> Rule | None:
    everything: tuple[str, ...] = ()
    fields.knows(*RULE_FIELDS)
    scope = Scope(*(fields.take(key, amounts.texts, everything) for key in ("dags", "tags", "tasks")))
    channels = fields.take("channels", _channel_names, None)
    for channel in channels or ():
        if channel not in known:
            raise fields.fault(f"{channel!r} is no channel that works; name one below `channels:`", "channels")
    rule = Rule(
        name=name,
        condition=_condition(fields),
        severity=fields.take("severity", _severity, "warning"),
        description=fields.take("description", amounts.text, ""),
        scope=scope,
        for_duration=fields.take("for", amounts.duration, timedelta(0)),
        recover_after=fields.take("recover_after", amounts.duration, timedelta(0)),
        dedupe_window=fields.take("dedupe_window", amounts.duration, timedelta(hours=1)),
        silences=tuple(_silence(fields, node) for node in fields.items("silences")),
        channels=channels,
        notify_recovery=fields.take("notify_recovery", amounts.switch, True),
    )
    return rule if fields.take("enabled", amounts.switch, True) else None


def _condition(fields: Fields) -> Condition:
    when = fields.mapping("when")
    if when is None:
        raise fields.fault(f"has no 'when'; add it with one of {', '.join(_CONDITIONS)}")
    when.knows(*_CONDITIONS)
    names = list(when)
    if len(names) != 1:
        raise fields.fault("asks for more than one thing; make a rule of each" if names else "is empty", "when")
    return _CONDITIONS[names[0]](when, names[0])


def _failure_rate(when: Fields, name: str) -> Condition:
    if not when.is_mapping(name):
        return FailureRate(when.take(name, amounts.part))
    given = _given(when, name, "at_least", "window", "minimum_runs", "together")
    return FailureRate(
        given.take("at_least", amounts.part),
        given.take("window", amounts.some_duration, timedelta(days=1)),
        given.take("minimum_runs", amounts.count, 1),
        given.take("together", amounts.switch, False),
    )


def _run_longer_than(when: Fields, name: str) -> Condition:
    if not when.is_mapping(name):
        return RunLongerThan(when.take(name, amounts.some_duration))
    given = _given(when, name, "limit", "times", "last_runs", "minimum_runs")
    condition = RunLongerThan(
        given.take("limit", amounts.some_duration, None),
        given.take("times", amounts.above_nothing, None),
        given.take("last_runs", amounts.count, 10),
        given.take("minimum_runs", amounts.count, 3),
    )
    if condition.limit is None and condition.times is None:
        raise given.fault("has neither 'limit' nor 'times'; add one")
    if condition.times is not None and condition.minimum_runs > condition.last_runs:
        raise given.fault("is more than last_runs, so that there would never be an average", "minimum_runs")
    return condition


def _quality_below(when: Fields, name: str) -> Condition:
    if not when.is_mapping(name):
        return MetricLimit("quality_score", when.take(name, amounts.percent), is_below=True)
    given = _given(when, name, "score", "metric")
    metric = given.take("metric", amounts.text, "quality_score")
    return MetricLimit(metric, given.take("score", amounts.percent), is_below=True)


def _metric(when: Fields, name: str) -> Condition:
    given = _given(when, name, "metric", "limit")
    limit = given.take("limit", amounts.number)
    return MetricLimit(given.take("metric", amounts.text), limit, is_below=name == "metric_below")


def _machine(when: Fields, name: str) -> Condition:
    return MachineLimit(name.removesuffix("_at_least"), when.take(name, amounts.percent))


def _deadline_missed(when: Fields, name: str) -> Condition:
    if when.take(name, amounts.switch) is False:
        raise when.fault("is false; use `enabled: false` to turn the rule off", name)
    return DeadlineMissed()


def _did_not_start(when: Fields, name: str) -> Condition:
    if not when.is_mapping(name):
        return RunDidNotStart(when.take(name, amounts.some_duration))
    return RunDidNotStart(_given(when, name, "within").take("within", amounts.some_duration))


def _data_stale(when: Fields, name: str) -> Condition:
    if not when.is_mapping(name):
        return DataStale(when.take(name, amounts.some_duration))
    given = _given(when, name, "after", "assets")
    return DataStale(given.take("after", amounts.some_duration), given.take("assets", amounts.texts, ("*",)))


_CONDITIONS = {
    "failure_rate": _failure_rate,
    "run_longer_than": _run_longer_than,
    "quality_below": _quality_below,
    "metric_at_least": _metric,
    "metric_below": _metric,
    "memory_at_least": _machine,
    "disk_at_least": _machine,
    "deadline_missed": _deadline_missed,
    "run_did_not_start": _did_not_start,
    "data_stale": _data_stale,
}


def _given(when: Fields, name: str, *names: str) -> Fields:
    given = when.mapping(name)
    assert given is not None
    return given.knows(*names)


def _silence(fields: Fields, node: Any) -> Silence:
    given = Fields(fields.path, node, f"{fields.where}, 'silences'", fields.made)
    given.knows("from", "to", "daily", "days", "timezone")
    silence = Silence(
        given.take("from", amounts.moment, None),
        given.take("to", amounts.moment, None),
        given.take("daily", amounts.hours, None),
        given.take("days", amounts.days, frozenset(range(7))),
        given.take("timezone", amounts.zone, "UTC"),
    )
    if silence.hours is None:
        if silence.start is None and silence.end is None:
            raise given.fault("has neither 'daily' nor 'from' or 'to'; add one")
        if "days" in given:
            raise given.fault("needs 'daily: 00:00-00:00' beside it for whole days", "days")
    if silence.start is not None and silence.end is not None and silence.end <= silence.start:
        raise given.fault("is not later than 'from'", "to")
    return silence


def _channel(name: str, channels: Fields) -> ChannelSpec:
    fields = channels.mapping(name)
    assert fields is not None
    fields.where = f"channel {name!r}"
    kind = fields.take("type", _kind)
    fields.knows("type", *CHANNEL_FIELDS[kind])
    values = {key: fields.take(key, _as_it_is) for key in fields if key != "type"}
    needed = {"email": "to", "apprise": "urls"}.get(kind, "url")
    if needed not in values:
        raise fields.fault(f"has no {needed!r}; add it")
    return ChannelSpec(name, kind, values, fields.line)


def _channel_names(value: Any) -> tuple[str, ...] | None:
    """None: every channel. An empty list: nobody, and the alert is only kept."""
    return () if value == [] else amounts.texts(value)


def _kind(value: Any) -> str:
    if value not in CHANNEL_FIELDS:
        raise ValueError(f"is no type of a channel; use {', '.join(CHANNEL_FIELDS)}")
    return str(value)


def _severity(value: Any) -> str:
    if value not in SEVERITIES:
        raise ValueError(f"is no severity; use {', '.join(SEVERITIES)}")
    return str(value)


def _as_it_is(value: Any) -> Any:
    return value
