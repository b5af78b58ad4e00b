"""`tradewind alerts`: the rules in effect, what is wrong with them, and what they would have told of a history."""

import math
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from tradewind.cli.app import App, Noun, output_option, pass_app, printable
from tradewind.cli.damaged import readable
from tradewind.cli.output import show

if TYPE_CHECKING:
    from tradewind.core.alerts import Notice, Rule
    from tradewind.observability.alerts.rules_file import Rules


@click.group(cls=Noun)
def alerts() -> None:
    """Show alert rules, silence them, and try them on a history."""


@alerts.command("list")
@output_option
@pass_app
def list_rules(app: App, output: str) -> int:
    """The rules in effect. What is wrong with others goes to stderr, and the exit code is 1."""
    found = _rules(app, None)
    show([_rule_row(rule, found) for rule in found.rules], output)
    return _say_problems(found)


@alerts.command("check")
@click.argument("rules", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@pass_app
def check(app: App, rules: Path | None) -> int:
    """Say what is wrong with the rules and channels of a file; else of the installation's. Exits with 1 if there is
    something."""
    from tradewind.core.errors import TradewindError
    from tradewind.observability.alerts.channels import channel_of

    found = _rules(app, rules)
    code = _say_problems(found)
    for channel in found.channels.values():
        try:
            channel_of(channel, app.settings)
        except TradewindError as fault:
            click.echo(printable(f"Error: {fault}"), err=True)
            code = 1
    if not code:
        click.echo(
            f"{len(found.rules)} rules ({len(found.shipped)} shipped), {len(found.channels)} channels: all fine."
        )
    return code


@alerts.command("test")
@click.argument("rules", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replay", "history", required=True, type=click.File(encoding="utf-8"), help="The history; - is stdin.")
@click.option("--until", help="Go on after its last line to this moment.")
@output_option
@pass_app
def test(app: App, rules: Path, history: Any, until: str | None, output: str) -> int:
    """What the rules of a file would have told whom, and when, over a history (see `alerts record`). Nothing is sent.

    Its time is that of the history's lines. Shipped rules count too, unless the file turns them off. Exits with 1 when
    a rule has a fault.
    """
    from tradewind.observability.alerts.history import read_history, replay

    found = _rules(app, rules)
    last = app.moment(until) if until else None
    channels = tuple(found.channels)
    notices = replay(found.rules, read_history(history, history.name), last)
    show([_notice_row(notice, channels) for notice in notices], output)
    return _say_problems(found)


@alerts.command("record")
@click.option("--from", "-s", "start", help="First moment; else seven days ago.")
@click.option("--to", "-e", "end", help="The moment after the last; else now.")
@click.option("--dag", "-d", "dag_id", help="Only this Dag.")
@pass_app
def record(app: App, start: str | None, end: str | None, dag_id: str | None) -> None:
    """Write the event log as a history to stdout, one JSON object a line."""
    from tradewind.cli.alert_history import history_of
    from tradewind.observability.alerts.history import written

    last = app.moment(end) if end else datetime.now(UTC)
    first = app.moment(start) if start else last - timedelta(days=7)
    if last <= first:
        raise click.UsageError(f"--to {last.isoformat()} is not after --from {first.isoformat()}.")
    for at, event in history_of(app.reader, first, last, dag_id):
        click.echo(written(at, event))


@alerts.command("silence")
@click.argument("rule")
@click.option("--for", "length", default="1h", show_default=True, help="How long, as 30m, 4h or 2d.")
@click.option("--dag", "-d", "dags", default="", help="Only alerts about these Dags, by a pattern.")
@click.option("--reason", "-r", default="", help="Why, for others to read.")
@output_option
@pass_app
def silence(app: App, rule: str, length: str, dags: str, reason: str, output: str) -> None:
    """Tell nobody of the alerts of a rule for a time, beginning now. RULE is a pattern; '*' is every rule.

    What fires on when the silence ends is told then.
    """
    from tradewind.observability.alerts.amounts import some_duration

    try:
        seconds = math.ceil(some_duration(length).total_seconds())
    except ValueError as fault:
        raise click.UsageError(f"--for {length!r} {fault}.") from None
    id = uuid4().hex
    app.client.command("alert_silence.set", id=id, rules=rule, dags=dags, seconds=seconds, reason=reason)
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    show([{"id": id, "rules": rule, "dags": dags, "until": end.isoformat(), "reason": reason}], output)


@alerts.command("silences")
@output_option
@pass_app
def silences(app: App, output: str) -> None:
    """Silences that are not over."""
    rows = app.reader.alert_silences(int(datetime.now(UTC).timestamp() * 1e6))
    show(readable(rows, "silence", _silence_row), output)


@alerts.command("unsilence")
@click.argument("silence_id")
@pass_app
def unsilence(app: App, silence_id: str) -> None:
    """End a silence now. What it held back, and still fires, is told."""
    app.client.command("alert_silence.end", id=silence_id)
    click.echo("The silence is over.")


def _silence_row(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("id", "rules", "dags")},
        "until": datetime.fromtimestamp(row["end_date"] / 1e6, UTC).isoformat(),
        "by": row["created_by"],
        "reason": row["reason"],
    }


def _rules(app: App, path: Path | None) -> "Rules":
    """Those of a file, or of the installation: its file, and what is written in the web UI."""
    from tradewind.cli.reading import NoDatabase
    from tradewind.observability.alerts.rules_file import load_rules

    if path is not None:
        return load_rules(path, must_exist=True)
    try:
        own = app.reader.own_alert_rules()
    except NoDatabase:
        own = {}
    return load_rules(app.settings.alerts.rules_file, own)


def _say_problems(found: "Rules") -> int:
    for problem in found.problems:
        click.echo(printable(f"Error: {problem}"), err=True)
    return 1 if found.problems else 0


def _rule_row(rule: "Rule", found: "Rules") -> dict[str, Any]:
    from tradewind.core.alert_words import described, span

    scope = rule.scope
    return {
        "name": rule.name,
        "severity": rule.severity,
        "when": described(rule.condition),
        "for": span(rule.for_duration) if rule.for_duration else "",
        "about": list(
            chain(scope.dags, (f"tag {tag}" for tag in scope.tags), (f"task {task}" for task in scope.tasks))
        ),
        "channels": list(found.channels if rule.channels is None else rule.channels),
        "from": "shipped" if rule.name in found.shipped else "web UI" if rule.name in found.own else "file",
    }


def _notice_row(notice: "Notice", channels: tuple[str, ...]) -> dict[str, Any]:
    return {
        "at": notice.at.isoformat(),
        "status": notice.status,
        "rule": notice.rule,
        "severity": notice.severity,
        "repeat": notice.repeat,
        "dag_id": notice.subject.dag_id,
        "run_id": notice.subject.run_id,
        "channels": list(channels if notice.channels is None else notice.channels),
        "sentence": notice.sentence,
        "key": notice.key,
    }
