"""Alerts: what fires now, what people were told and whether it reached them, and the rules that it follows from.

A notice names a Dag, a run and a task, so that whoever sees it may see all of these; one that is about no Dag is for
those who may see every Dag. Rules name Dags by patterns and tell how the installation is watched: they are for those
who may see every Dag and the system.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from tradewind.api.alerts_firing import LOOK_BACK_US, alerts_firing, notice_scopes, notices_read, written_rules
from tradewind.api.call import Call, NotPermitted
from tradewind.api.components import asked
from tradewind.api.models import Answer, Body, Cursor, Limit, page_of
from tradewind.api.routing import UI, Asked, Routes
from tradewind.api.ui.alert_shapes import (
    READ_SYSTEM,
    AlertChannel,
    AlertNotice,
    AlertRule,
    notices_shown,
    rule_shown,
)
from tradewind.api.ui.home import present
from tradewind.core.access import EVERY_DAG, Action, Need, Resource
from tradewind.observability.alerts.channels import fault_of
from tradewind.observability.alerts.rules_file import Rules, rules_in
from tradewind.store.reading import alerts as reading
from tradewind.store.times import to_us

routes = Routes("UI", prefix=UI)

MOST_TEXT = 200_000
"""Letters of a rules file that is checked: more than a thousand rules."""
MAY_CHECK = Need(Action.EDIT, Resource.CONFIG)

Severity = Literal["info", "warning", "error", "critical"]
DeliveryState = Literal["waiting", "delivered", "given_up", "kept"]
Text = Annotated[str | None, Query(max_length=250)]


class AlertsNow(Answer):
    """`firing`: the newest notice of each alert that fires, the most severe first. Without `is_watching` there is no
    channel, and rules are not worked out."""

    now: int
    firing: list[AlertNotice]
    is_all: bool
    is_watching: bool
    is_scheduler_away: bool
    may_see_rules: bool
    may_check: bool


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


class AlertRules(Answer):
    """What is written now. A scheduler takes it when it starts."""

    now: int
    file: str
    is_there: bool
    rules: list[AlertRule]
    channels: list[AlertChannel]
    problems: list[RuleProblem]


class RulesText(Body):
    text: str = Field(max_length=MOST_TEXT)


class RulesVerdict(Answer):
    """What `tradewind alerts check` says of the text: nothing is stored."""

    problems: list[RuleProblem]
    rules: int
    shipped: int
    channels: int


@routes.get("/alerts", Resource.DAG, response_model=AlertsNow)
def alerts_now(call: Asked) -> dict[str, Any]:
    """What fires now."""
    is_away = asked(call, "status") is None
    with call.reading() as connection:
        firing, is_all = alerts_firing(call, connection, is_looked_at=not is_away)
        shown = notices_shown(call, connection, firing)
    return {
        "now": present(),
        "firing": shown,
        "is_all": is_all,
        "is_watching": bool(written_rules(call.settings.alerts.rules_file).channels),
        "is_scheduler_away": is_away,
        "may_see_rules": _may_see_rules(call),
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
    if not _may_see_rules(call):
        raise NotPermitted(Need(Action.READ, Resource.DAG))
    file, now = call.settings.alerts.rules_file, datetime.now(UTC)
    found = written_rules(file)
    with call.reading() as connection:
        watched = reading.rules_watched(connection)
        channels = reading.channel_states(connection, to_us(now) - LOOK_BACK_US)
        firing, _ = alerts_firing(call, connection, is_looked_at=True)
    counts = Counter(notice.rule for notice in firing)
    nothing = {"waiting": 0, "last_at": None, "last_state": ""}
    return {
        "now": to_us(now),
        "file": str(file),
        "is_there": file.exists(),
        "rules": [rule_shown(rule, found, watched, counts[rule.name], now) for rule in found.rules],
        "channels": [
            {"name": name, "kind": spec.kind, "line": spec.line, **channels.get(name, nothing)}
            for name, spec in found.channels.items()
        ],
        "problems": _problems(call, found),
    }


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


def _may_see_rules(call: Call) -> bool:
    return call.caller.may(READ_SYSTEM) and all(scope == EVERY_DAG for scope in notice_scopes(call))


def _problems(call: Call, found: Rules) -> list[dict[str, Any]]:
    problems = [{"line": problem.line, "sentence": problem.said} for problem in found.problems]
    for spec in found.channels.values():
        if fault := fault_of(spec, call.settings):
            problems.append({"line": spec.line, "sentence": fault})
    return sorted(problems, key=lambda one: one["line"])
