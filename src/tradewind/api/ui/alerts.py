"""Alerts: what fires now, what people were told and whether it reached them, and the rules that it follows from.

A notice names a Dag, a run and a task, so that whoever sees it may see all of these; one that is about no Dag is for
those who may see every Dag. Rules name Dags by patterns and tell how the installation is watched: they are for those
who may see every Dag and the system.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import Query, Response
from pydantic import Field

from tradewind.api.alerts_firing import (
    LOOK_BACK_US,
    alerts_firing,
    firing_said,
    notice_scopes,
    notices_read,
    written_rules,
)
from tradewind.api.call import Call, NotPermitted
from tradewind.api.components import asked
from tradewind.api.models import Answer, Body, Cursor, Limit, page_of
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.alert_shapes import (
    READ_SYSTEM,
    AlertChannel,
    AlertFiring,
    AlertNotice,
    AlertRule,
    AlertSilence,
    firing_shown,
    notices_shown,
    rule_shown,
    silence_shown,
)
from tradewind.api.ui.home import present
from tradewind.core.access import EVERY_DAG, Action, Need, Resource
from tradewind.observability.alerts.channels import fault_of
from tradewind.observability.alerts.rules_file import Rules, rules_in
from tradewind.store.reading import alerts as reading
from tradewind.store.rows import hush_of
from tradewind.store.times import to_us

routes = Routes("UI", prefix=UI)

MOST_TEXT = 200_000
"""Letters of a rules file that is checked: more than a thousand rules."""
MAY_CHECK = Need(Action.EDIT, Resource.CONFIG)
MAY_SILENCE, MAY_EDIT = Need(Action.CREATE, Resource.ALERT), Need(Action.EDIT, Resource.ALERT)

Severity = Literal["info", "warning", "error", "critical"]
DeliveryState = Literal["waiting", "delivered", "given_up", "kept"]
Text = Annotated[str | None, Query(max_length=250)]


class AlertsNow(Answer):
    """`firing`: each alert that fires, with the newest notice of it, what people are told of before what is silent, the
    most severe first; without a scheduler, what was told last. Without `has_channel` nobody is told of them but who
    looks here. `silences` are for who may see rules."""

    now: int
    firing: list[AlertFiring]
    is_all: bool
    silences: list[AlertSilence]
    has_channel: bool
    is_scheduler_away: bool
    may_see_rules: bool
    may_check: bool
    may_silence: bool


class AlertNotices(Answer):
    """Newest first."""

    now: int
    notices: list[AlertNotice]
    next_cursor: str | None
    previous_cursor: str | None


class RuleProblem(Answer):
    """`line` is 0 where it is of the whole file."""

    line: int
    sentence: str


class OwnRule(Answer):
    """A rule that was written here, in effect or not."""

    name: str
    text: str
    updated_by: str
    updated_at: int


class AlertRules(Answer):
    """What is written now. A scheduler takes the file when it starts, and what is written here at once."""

    now: int
    file: str
    is_there: bool
    rules: list[AlertRule]
    channels: list[AlertChannel]
    problems: list[RuleProblem]
    own: list[OwnRule]
    may_edit: bool


class RulesText(Body):
    text: str = Field(max_length=MOST_TEXT)


class RuleText(Body):
    """One rule as in a rules file; `name` may be left out."""

    text: str = Field(max_length=20_000)


class SilenceBody(Body):
    """`rules` and `dags` are patterns with `*` and `?`; without one for Dags it is for everything."""

    rules: str = Field(min_length=1, max_length=250)
    dags: str = Field("", max_length=250)
    minutes: int = Field(ge=1, le=366 * 24 * 60)
    reason: str = Field("", max_length=1_000)


class RulesVerdict(Answer):
    """What `tradewind alerts check` says of the text: nothing is stored."""

    problems: list[RuleProblem]
    rules: int
    shipped: int
    channels: int


@routes.get("/alerts", Resource.DAG, response_model=AlertsNow)
def alerts_now(call: Asked) -> dict[str, Any]:
    """What fires now."""
    is_away, sees_rules, now = asked(call, "status") is None, _may_see_rules(call), present()
    said = firing_said(call)
    with call.reading() as connection:
        firing, is_all = alerts_firing(call, connection, said)
        shown = firing_shown(call, connection, firing)
        has_channel = bool(written_rules(call, connection).channels)
        silences = reading.silences(connection, now) if sees_rules else []
    return {
        "now": now,
        "firing": shown,
        "is_all": is_all,
        "silences": [silence_shown(row) for row in silences],
        "has_channel": has_channel,
        "is_scheduler_away": is_away,
        "may_see_rules": sees_rules,
        "may_silence": sees_rules and call.caller.may(MAY_SILENCE),
        "may_check": call.caller.may(MAY_CHECK),
    }


@routes.get("/alerts/notices", Resource.DAG, response_model=AlertNotices)
def alert_notices(
    call: Asked, limit: Limit = 50, cursor: Cursor = "", dag: Text = None, rule: Text = None,
    severity: Severity | None = None, status: Literal["firing", "recovered"] | None = None,
    state: DeliveryState | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What people were told. `dag` and `rule` are parts of names, `state` that of the delivery over any channel."""
    page = page_of(call.settings.api.maximum_page_limit, limit, cursor=cursor)
    wanted = reading.NoticeFilter(dag=dag, rule=rule, severity=severity, status=status, state=state)
    with call.reading() as connection:
        listed = reading.notices_listed(connection, notice_scopes(call), wanted, page)
        notices = notices_shown(call, connection, notices_read(listed.rows))
    return {
        "now": present(),
        "notices": notices,
        "next_cursor": listed.next_cursor,
        "previous_cursor": listed.previous_cursor,
    }


@routes.get("/alerts/rules", Resource.SYSTEM, response_model=AlertRules)
def alert_rules(call: Asked) -> dict[str, Any]:
    """The rules and channels that are written, and what is wrong with others."""
    _check_sight(call)
    file, now, said = call.settings.alerts.rules_file, datetime.now(UTC), firing_said(call)
    with call.reading() as connection:
        found, own = written_rules(call, connection), reading.own_rules(connection)
        hushes = [hush_of(row) for row in reading.silences(connection, to_us(now))]
        watched = reading.rules_watched(connection)
        channels = reading.channel_states(connection, to_us(now) - LOOK_BACK_US)
        firing, _ = alerts_firing(call, connection, said)
    counts = Counter(one.notice.rule for one in firing)
    texts = {name: row["text"] for name, row in own.items()}
    nothing = {"waiting": 0, "last_at": None, "last_state": ""}
    return {
        "now": to_us(now),
        "file": str(file),
        "is_there": file.exists(),
        "rules": [rule_shown(rule, found, texts, hushes, watched, counts[rule.name], now) for rule in found.rules],
        "channels": [
            {"name": name, "kind": spec.kind, "line": spec.line, **channels.get(name, nothing)}
            for name, spec in found.channels.items()
        ],
        "problems": _problems(call, found),
        "own": list(own.values()),
        "may_edit": call.caller.may(MAY_EDIT),
    }


@routes.put("/alerts/rules/{name:path}", Resource.ALERT, status_code=204)
def put_alert_rule(call: Asked, name: str, body: RuleText) -> Response:
    """Write a rule, or change one that was written here. One that ships with Tradewind is replaced."""
    _check_sight(call)
    call.command("alert_rule.set", name=name, text=body.text)
    return Response(status_code=204)


@routes.delete("/alerts/rules/{name:path}", Resource.ALERT, status_code=204)
def delete_alert_rule(call: Asked, name: str) -> Response:
    """Forget a rule that was written here. One that it replaced is back."""
    _check_sight(call)
    call.command("alert_rule.delete", name=name)
    return Response(status_code=204)


@routes.post("/alerts/silences", Resource.ALERT, status_code=201, response_model=AlertSilence)
def post_alert_silence(call: Asked, body: SilenceBody) -> dict[str, Any]:
    """Tell nobody of these alerts for a time, beginning now."""
    _check_sight(call)
    id = uuid4().hex
    call.command(
        "alert_silence.set", id=id, rules=body.rules, dags=body.dags, seconds=60 * body.minutes, reason=body.reason
    )
    with call.reading() as connection:
        (row,) = (row for row in reading.silences(connection, 0) if row["id"] == id)
    return silence_shown(row)


@routes.delete("/alerts/silences/{silence_id}", Resource.ALERT, status_code=204)
def delete_alert_silence(call: Asked, silence_id: str) -> Response:
    """End a silence now. What it held back, and still fires, is told."""
    _check_sight(call)
    call.command("alert_silence.end", id=silence_id)
    return Response(status_code=204)


@routes.post("/alerts/check", Resource.CONFIG, Action.EDIT, response_model=RulesVerdict)
def check_rules(call: Asked, body: RulesText) -> dict[str, Any]:
    """Say what is wrong with the text of a rules file."""
    found = rules_in(body.text, "alerts.yml")
    return {
        "problems": _problems(call, found),
        "rules": len(found.rules),
        "shipped": len(found.shipped),
        "channels": sum(not fault_of(spec, call.settings) for spec in found.channels.values()),
    }


def _check_sight(call: Call) -> None:
    """Rules and silences are about every Dag."""
    if not _may_see_rules(call):
        raise NotPermitted(Need(Action.READ, Resource.DAG))


def _may_see_rules(call: Call) -> bool:
    return call.caller.may(READ_SYSTEM) and all(scope == EVERY_DAG for scope in notice_scopes(call))


def _problems(call: Call, found: Rules) -> list[dict[str, Any]]:
    problems = [{"line": problem.line, "sentence": problem.said} for problem in found.problems]
    for spec in found.channels.values():
        if fault := fault_of(spec, call.settings):
            problems.append({"line": spec.line, "sentence": fault})
    return sorted(problems, key=lambda one: one["line"])
