"""Rules files: what each field becomes, and where and how a fault is said without costing the other rules."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.core.alert_conditions import (
    DataStale,
    DeadlineMissed,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)
from tradewind.core.alert_silences import Silence
from tradewind.core.alerts import Rule, Scope
from tradewind.observability.alerts.channels import fault_of
from tradewind.observability.alerts.rules_file import Rules, load_rules, rules_in


def loaded(tmp_path: Path, text: str) -> Rules:
    path = tmp_path / "alerts.yml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path)


def faults(tmp_path: Path, text: str) -> list[str]:
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in loaded(tmp_path, text).problems]


def test_without_a_file_the_shipped_rules_are_in_effect() -> None:
    found = load_rules(None)
    assert found.problems == ()
    by_name = {rule.name: rule.condition for rule in found.rules}
    assert by_name["high_failure_rate"] == FailureRate(Fraction(1, 10))
    assert by_name["long_run"] == RunLongerThan(timedelta(hours=1))
    assert by_name["low_data_quality"] == MetricLimit("quality_score", 80, is_below=True)
    assert by_name["high_memory"] == MachineLimit("memory", 90)
    assert by_name["high_disk"] == MachineLimit("disk", 90)
    assert by_name["sla_missed"] == DeadlineMissed()
    assert by_name["run_did_not_start"] == RunDidNotStart(timedelta(hours=1))
    assert found.shipped == set(by_name)


def test_every_field_of_a_rule_is_read(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
defaults: false
channels:
  ops: {type: email, to: [a@example.com]}
  chat: {type: slack, url: {env: SLACK_URL}}
rules:
  - name: 실패율
    when: {failure_rate: {at_least: 7%, window: 1h30m, minimum_runs: 5, together: true}}
    severity: critical
    description: 너무 많이 실패했다
    dags: etl_*
    tags: [nightly, hourly]
    tasks: [load]
    for: 90s
    recover_after: 2m
    dedupe_window: 1d
    channels: [ops]
    notify_recovery: false
    silences:
      - {from: 2026-01-01, to: 2026-01-02T08:00+09:00}
      - {daily: 22:00-06:00, days: [sat, sun], timezone: Asia/Seoul}
""",
    )
    assert found.problems == ()
    assert found.rules == (
        Rule(
            name="실패율",
            condition=FailureRate(Fraction(7, 100), timedelta(minutes=90), 5, together=True),
            severity="critical",
            description="너무 많이 실패했다",
            scope=Scope(("etl_*",), ("nightly", "hourly"), ("load",)),
            for_duration=timedelta(seconds=90),
            recover_after=timedelta(minutes=2),
            dedupe_window=timedelta(days=1),
            silences=(
                Silence(datetime(2026, 1, 1, tzinfo=UTC), datetime.fromisoformat("2026-01-02T08:00+09:00")),
                Silence(hours=(time(22), time(6)), days=frozenset({5, 6}), zone="Asia/Seoul"),
            ),
            channels=("ops",),
            notify_recovery=False,
        ),
    )
    assert found.channels["chat"].values == {"url": {"env": "SLACK_URL"}}


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("failure_rate: 10%", FailureRate(Fraction(1, 10))),
        ("failure_rate: 0.1", FailureRate(Fraction(1, 10))),
        ("run_longer_than: 3600", RunLongerThan(timedelta(hours=1))),
        ("run_longer_than: {times: 2.5, last_runs: 4}", RunLongerThan(None, 2.5, 4, 3)),
        ("quality_below: {score: 95%, metric: fresh}", MetricLimit("fresh", 95, is_below=True)),
        ("metric_at_least: {metric: rows, limit: -1}", MetricLimit("rows", -1)),
        ("metric_below: {metric: rows, limit: 1000}", MetricLimit("rows", 1000, is_below=True)),
        ("disk_at_least: 90", MachineLimit("disk", 90)),
        ("run_did_not_start: {within: 10m}", RunDidNotStart(timedelta(minutes=10))),
        ("data_stale: 6h", DataStale(timedelta(hours=6))),
        ("data_stale: {after: 6h, assets: [s3://a, b*]}", DataStale(timedelta(hours=6), ("s3://a", "b*"))),
    ],
)
def test_conditions_have_a_short_and_a_long_form(tmp_path: Path, when: str, condition: object) -> None:
    found = loaded(tmp_path, f"defaults: false\nrules: [{{name: one, when: {{{when}}}}}]")
    assert found.problems == ()
    assert [rule.condition for rule in found.rules] == [condition]


@pytest.mark.parametrize(
    ("field", "fault"),
    [
        ("for: 5x", "rule 'one', 'for': '5x' is no duration; write it as 90s, 10m, 1h30m or 7d."),
        ("for: -5", "rule 'one', 'for': -5 is no duration; write it as 90s, 10m, 1h30m or 7d."),
        ("severity: bad", "rule 'one', 'severity': 'bad' is no severity; use info, warning, error, critical."),
        ("channels: [ops]", "rule 'one', 'channels': 'ops' is no channel that works; name one below `channels:`."),
        ("enabled: 3", "rule 'one', 'enabled': 3 is neither true nor false."),
        ("silences: [{days: mon}]", "rule 'one', 'silences': has neither 'daily' nor 'from' or 'to'; add one."),
        (
            "silences: [{daily: 8-9}]",
            "rule 'one', 'silences', 'daily': '8-9' is no time of day; write it as 22:00-06:00.",
        ),
        ("name: two", "rule 1, 'name': is there twice; leave one out."),
        ("colour: red", "rule 'one', 'colour': means nothing here; there are name, when,"),
    ],
)
def test_a_fault_says_its_line_its_field_and_what_to_do(tmp_path: Path, field: str, fault: str) -> None:
    text = f"rules:\n  - name: one\n    when: {{failure_rate: 10%}}\n    {field}\n"
    [said] = faults(tmp_path, text)
    assert said.startswith(f"alerts.yml, line 4: {fault}".rstrip(".")), said


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ("failure_rate: 10", "10 is no part of a whole; write it as 10% or 0.1"),
        ("failure_rate: 0%", "'0%' is no part of a whole; write it as 10% or 0.1"),
        ("failure_rate: {at_least: 10%, window: 0}", "0 is no time at all; give a longer one, such as 10m"),
        ("failure_rate: {window: 1h}", "has no 'at_least'; add it"),
        ("run_longer_than: {}", "has neither 'limit' nor 'times'; add one"),
        ("run_longer_than: {times: 2, last_runs: 2}", "so that there would never be an average"),
        ("memory_at_least: 101", "101 is no percentage above 0 and up to 100; write it as 90%"),
        ("quality_below: .nan", "is no percentage above 0"),
        ("deadline_missed: false", "use `enabled: false` to turn the rule off"),
        ("quality: 3", "means nothing here; there are failure_rate,"),
        ("deadline_missed: true, quality_below: 3", "asks for more than one thing; make a rule of each"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_asked_for_is_said(tmp_path: Path, when: str, fault: str) -> None:
    [said] = faults(tmp_path, f"rules:\n  - name: one\n    when: {{{when}}}\n")
    assert fault in said
    assert said.startswith("alerts.yml, line 3: rule 'one'")


def test_a_rule_with_a_fault_disables_itself_alone(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
channels:
  broken: {type: pigeon}
  fine: {type: webhook, url: https://example.com}
rules:
  - name: first
    when: {deadline_missed: true}
  - name: second
    when: {deadline_missed: maybe}
  - 3
  - name: high_disk
    when: {disk_at_least: 12 %}
    for: soon
  - name: long_run
    when: {run_longer_than: 2h}
  - name: sla_missed
    when: {deadline_missed: true}
    enabled: false
""",
    )
    names = [rule.name for rule in found.rules]
    assert names == [
        "high_failure_rate", "unusually_long_run", "low_data_quality", "high_memory", "run_did_not_start",
        "first", "long_run",
    ]  # fmt: skip
    assert list(found.channels) == ["fine"]
    lines = [problem.line for problem in found.problems]
    assert lines == [3, 9, 10, 13], "a rule with a fault replaces the shipped one of its name all the same"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: [\n", "line 2: this is no YAML"),
        ("- 1\n", "line 1: is no mapping"),
        ("rules: 3", "line 1: 'rules': is no list; begin each of its entries with `- `"),
        ("rule: []", "line 1: 'rule': means nothing here; there are defaults, channels, rules"),
        ("a: !!python/object/apply:os.system [id]", "means nothing here"),
        ("defaults: !!python/object/apply:os.system [id]", "cannot be read as what it is"),
        ("\x00", "this is no YAML"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_the_shipped_rules(tmp_path: Path, text: str, fault: str) -> None:
    found = loaded(tmp_path, text)
    assert [fault in str(problem) for problem in found.problems] == [True], found.problems
    assert len(found.rules) == len(load_rules(None).rules)


def test_the_setting_says_where_the_file_is(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {}).alerts.rules_file == tmp_path / "alerts.yml"
    named = load_settings(tmp_path, {"TRADEWIND__ALERTS__RULES_FILE": "/etc/rules.yml"})
    assert named.alerts.rules_file == Path("/etc/rules.yml")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BOMB, "alerts.yml: holds more than 100000 values; write less, and use fewer aliases."),
        ("rules: &a [*a]\n", "alerts.yml: holds more than 100000 values; write less, and use fewer aliases."),
        ("[" * 5000, "alerts.yml: this is no YAML: RecursionError."),
        (
            "rules:\n- {name: a, when: {failure_rate: 1e999999999%}}\n",
            "alerts.yml, line 2: rule 'a', 'when', 'failure_rate': '1e999999999%' is no part of a whole; write it as "
            "10% or 0.1.",
        ),
        (
            'rules:\n- {name: "a\\0", when: {data_stale: 6h}}\n',
            "alerts.yml, line 2: rule 1, 'name': 'a\\x00' is no text.",
        ),
        (
            'rules:\n- {name: a, when: {data_stale: {after: 6h, assets: ["\\ud800"]}}}\n',
            "alerts.yml, line 2: rule 'a', 'when', 'data_stale', 'assets': ['\\ud800'] is neither a text nor a list of "
            "texts; quote numbers, and leave the field out for all.",
        ),
        (
            'channels:\n  "\\ud800": {type: slack, url: x}\n',
            "alerts.yml, line 2: 'channels', '\\ud800': is no name; use plain letters.",
        ),
        (
            f"rules:\n- {{name: a, when: {{metric_below: {{metric: m, limit: 1{'0' * 400}}}}}}}\n",
            f"alerts.yml, line 2: rule 'a', 'when', 'metric_below', 'limit': 1{'0' * 78}… is no number.",
        ),
    ],
)
def test_what_is_more_than_memory_or_a_number_holds_is_a_fault_as_any_other(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert faults(tmp_path, text) == [fault]


def test_a_text_is_read_as_the_file_that_it_is_to_become() -> None:
    text = (
        "channels:\n  ops: {type: email, to: a@example.com}\nrules:\n- name: a\n  when: {data_stale: 6h}\n- {name: b}\n"
    )
    found = rules_in(text, "rules")
    assert [str(problem) for problem in found.problems] == [
        "rules, line 6: rule 'b': has no 'when'; add it with one of failure_rate, run_longer_than, quality_below, "
        "metric_at_least, metric_below, memory_at_least, disk_at_least, deadline_missed, run_did_not_start, data_stale."
    ]
    assert [problem.said.split(";")[0] for problem in found.problems] == ["rule 'b': has no 'when'"]
    assert found.lines == {"a": 4, "b": 6}
    assert [rule.name for rule in found.rules][-2:] == ["run_did_not_start", "a"]


def test_a_fault_of_a_channel_never_shows_what_the_environment_holds(tmp_path: Path) -> None:
    text = """
channels:
  a: {type: email, to: a@example.com, security: {env: SECRET}}
  b: {type: slack, url: {env: MISSING}}
  c: {type: slack, url: nowhere}
  d: {type: webhook, url: "https://example.com", headers: {A: {env: SECRET}}}
"""
    settings = load_settings(tmp_path)
    found = {
        name: fault_of(spec, settings, {"SECRET": "s3cret"}) for name, spec in rules_in(text, "x").channels.items()
    }
    assert found == {
        "a": "",
        "b": "The channel 'b' takes its 'url' from the environment variable 'MISSING', which is not set; set it where "
        "Tradewind starts (line 4 of the rules file).",
        "c": "The address of the channel 'c' is no http address (line 5 of the rules file).",
        "d": "",
    }
