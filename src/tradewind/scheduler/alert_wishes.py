"""Wishes about alerts: rules that are written here, and silences."""

from datetime import timedelta
from typing import Any

from tradewind.core.decisions import DropRows, PutRow, Record
from tradewind.core.errors import InvalidInput, NotFound
from tradewind.core.soundness import LONGEST_ID
from tradewind.observability.alerts.fields import BadRules
from tradewind.observability.alerts.rules_file import load_rules, own_rule
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles
from tradewind.store import queries
from tradewind.store.times import to_us

MOST_TEXT = 20_000
MOST_RULES = 500
"""Each looks at every line of the log that any rule looks at."""
LONGEST_SECONDS = 366 * 86_400
LONGEST_REASON = 1_000


@handles("alert_rule.set")
def set_rule(context: Context, body: Body, actor: str) -> Wish:
    name, text = _named(body["name"]), str(body["text"])
    if len(text) > MOST_TEXT:
        raise InvalidInput(f"The text of rule {name} has {len(text)} characters; {MOST_TEXT} is the most.")
    with context.engine.connect() as connection:
        others = queries.own_alert_rules(connection).keys() - {name}
    if len(others) >= MOST_RULES:
        raise InvalidInput(f"{len(others)} alert rules were written here, and that is the most; delete one.")
    found = load_rules(context.alert_rules_file)
    if name in found.lines:
        raise InvalidInput(
            f"Rule {name} is written in {context.alert_rules_file}, line {found.lines[name]}; change it there, or give "
            "this one another name."
        )
    try:
        own_rule(name, text, found)
    except BadRules as fault:
        raise InvalidInput(f"Rule {name}{f', line {fault.line}' if fault.line else ''}: {fault.said}") from None
    row = {"name": name, "text": text, "updated_by": actor, "updated_at": context.now()}
    return Rows((PutRow("own_alert_rule", row), Record("alert.rule_set", reason=actor, body={"name": name})))


@handles("alert_rule.delete")
def delete_rule(context: Context, body: Body, actor: str) -> Wish:
    name = str(body["name"])
    with context.engine.connect() as connection:
        if name not in queries.own_alert_rules(connection):
            raise NotFound(f"No alert rule {name!r} is written here; `tradewind alerts list` says which there are.")
    gone = Record("alert.rule_deleted", reason=actor, body={"name": name})
    return Rows((DropRows("own_alert_rule", {"name": name}), gone))


@handles("alert_silence.set")
def set_silence(context: Context, body: Body, actor: str) -> Wish:
    now, seconds = context.now(), body["seconds"]
    if not isinstance(seconds, int) or not 0 < seconds <= LONGEST_SECONDS:
        raise InvalidInput("A silence lasts from a second to a year; turn off a rule that nobody is to hear of.")
    end = now + timedelta(seconds=seconds)
    reason = str(body.get("reason") or "").strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"The reason has {len(reason)} characters; {LONGEST_REASON} is the most.")
    row = {
        "id": _named(body["id"]), "rules": _named(body.get("rules") or "*"), "dags": str(body.get("dags") or ""),
        "start_date": now, "end_date": end, "reason": reason, "created_by": actor,
    }  # fmt: skip
    told = {"id": row["id"], "rules": row["rules"], "dags": row["dags"], "end": end.isoformat(), "reason": reason}
    return Rows((PutRow("alert_silence", row), Record("alert.silenced", reason=actor, body=told)))


@handles("alert_silence.end")
def end_silence(context: Context, body: Body, actor: str) -> Wish:
    id, now = str(body["id"]), context.now()
    with context.engine.connect() as connection:
        open_ones = {row["id"]: row for row in queries.alert_silences(connection, to_us(now))}
    if id not in open_ones:
        raise NotFound("That silence is over already, or there never was one.")
    ended: dict[str, Any] = {**open_ones[id], "end_date": now}
    return Rows((PutRow("alert_silence", ended), Record("alert.silence_ended", reason=actor, body={"id": id})))


def _named(given: Any) -> str:
    text = str(given).strip()
    if not text or len(text) > LONGEST_ID:
        raise InvalidInput(f"A name has 1 to {LONGEST_ID} characters.")
    return text
