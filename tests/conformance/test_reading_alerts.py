"""What the page of alerts reads, on every database."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from conformance_data import Installation
from sqlalchemy import Engine, insert

from tradewind.core.access import EVERY_DAG, NO_DAG, DagScope
from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import Notice, Status
from tradewind.observability.alerts.notices import notice_to_json
from tradewind.store import tables as t
from tradewind.store.paging import Page
from tradewind.store.reading import alerts
from tradewind.store.reading.alerts import NoticeFilter

MINE = DagScope(ids=frozenset({"mine"}))
AT = datetime(2026, 1, 1, tzinfo=UTC)


def told(
    engine: Engine, alert: str, at: int, subject: Subject, *, status: Status = "firing", repeat: int = 0,
    severity: str = "error", rule: str = "late", channels: dict[str, str] | None = None, text: str = "",
) -> str:  # fmt: skip
    """Store a notice, by default one that two channels took."""
    key = f"{alert}-{status}-{repeat}"
    notice = Notice(key, alert, rule, severity, status, repeat, AT, AT, subject, 1.0, 2.0, f'{rule}: so \0 "it" is.')
    with engine.begin() as connection:
        for channel, state in (channels or {"mail": "delivered", "chat": "delivered"}).items():
            row = {
                "key": key, "channel": channel, "alert": alert, "rule": rule, "status": status, "at": at,
                "notice": text or notice_to_json(notice), "state": state, "error": "",
                "ended_at": at + 1 if state in ("delivered", "given_up") else None,
            }  # fmt: skip
            connection.execute(insert(t.alert_notice), row)
    return key


@pytest.fixture
def filled(installation: Installation, engine: Engine) -> Engine:
    with engine.begin() as connection:
        for dag_id in ("mine", "theirs"):
            row = {
                "dag_id": dag_id, "file": f"{dag_id}.py", "version": "v", "is_paused": False, "is_stale": False,
                "owners": "", "tags": '["team"]' if dag_id == "mine" else "[]", "max_active_tasks": 1,
                "max_active_runs": 1, "created_at": 1, "updated_at": 1,
            }  # fmt: skip
            connection.execute(insert(t.dag), row)
        for number, state in ((1, "failed"), (2, "running")):
            run = {
                "number": number, "dag_id": "mine", "run_id": f"r{number}", "run_type": "manual", "state": state,
                "version": "v", "run_after": number, "queued_at": number,
            }  # fmt: skip
            connection.execute(insert(t.run), run)
    told(engine, "a", 10, Subject("mine", "r1"))
    told(engine, "a", 20, Subject("mine", "r1"), repeat=1, channels={"mail": "waiting"})
    told(engine, "a", 30, Subject("mine", "r1"), repeat=2, channels={"mail": "waiting", "chat": "given_up"})
    told(engine, "b", 40, Subject("theirs", "r9"), severity="critical", rule="slow")
    told(engine, "c", 50, Subject("mine"), severity="info")
    told(engine, "c", 60, Subject("mine"), status="recovered", severity="info")
    told(engine, "d", 70, Subject(name='w "subject": ["mine", "'), rule="high_memory", channels={"": "kept"})
    return engine


def keys(engine: Engine, scopes: tuple[DagScope, ...] = (EVERY_DAG,), **wanted: str) -> list[str]:
    with engine.connect() as connection:
        listed = alerts.notices_listed(connection, scopes, NoticeFilter(**wanted), Page())
    assert listed.total == len(listed.rows)
    return [row["key"] for row in listed.rows]


def test_a_notice_is_one_row_and_is_seen_by_those_who_see_its_dag(filled: Engine) -> None:
    all_of_them = [
        "d-firing-0", "c-recovered-0", "c-firing-0", "b-firing-0", "a-firing-2", "a-firing-1", "a-firing-0",
    ]  # fmt: skip
    mine = [key for key in all_of_them if key[0] in "ac"]
    assert keys(filled) == all_of_them
    assert keys(filled, (MINE,)) == mine
    assert keys(filled, (DagScope(tags=frozenset({"team"})),)) == mine
    assert keys(filled, (EVERY_DAG, MINE)) == mine, "all of the scopes count"
    assert keys(filled, (MINE, NO_DAG)) == []
    assert keys(filled, (DagScope(ids=frozenset({""})),)) == [], "what is about no Dag is for who sees all"


def test_notices_are_found_by_every_filter(filled: Engine) -> None:
    assert keys(filled, dag="their") == ["b-firing-0"]
    assert keys(filled, rule="memory") == ["d-firing-0"]
    assert keys(filled, severity="critical") == ["b-firing-0"]
    assert keys(filled, status="recovered") == ["c-recovered-0"]
    assert keys(filled, state="waiting") == ["a-firing-2", "a-firing-1"]
    assert keys(filled, state="given_up") == ["a-firing-2"]
    assert keys(filled, state="kept") == ["d-firing-0"]
    assert keys(filled, alert="a", status="firing") == ["a-firing-2", "a-firing-1", "a-firing-0"]


def test_a_walk_with_cursors_sees_each_notice_once(filled: Engine) -> None:
    seen, cursor = [], ""
    with filled.connect() as connection:
        while cursor is not None:
            page = Page(limit=2, cursor=cursor)
            listed = alerts.notices_listed(connection, (EVERY_DAG,), NoticeFilter(), page)
            seen += [row["key"] for row in listed.rows]
            cursor = listed.next_cursor
    assert seen == keys(filled)
    assert len(set(seen)) == 7


def test_the_newest_notice_of_what_has_not_ended(filled: Engine) -> None:
    with filled.connect() as connection:
        found = [row["key"] for row in alerts.unended_alerts(connection, (EVERY_DAG,), 0, 9)]
        assert found == ["d-firing-0", "b-firing-0", "a-firing-2"]
        assert [row["key"] for row in alerts.unended_alerts(connection, (MINE,), 0, 9)] == ["a-firing-2"]
        assert [row["key"] for row in alerts.unended_alerts(connection, (EVERY_DAG,), 40, 1)] == ["d-firing-0"]


def test_how_far_deliveries_are(filled: Engine) -> None:
    with filled.connect() as connection:
        found = alerts.deliveries_of(connection, {"a-firing-1", "a-firing-2"})
        assert [(row["channel"], row["state"], bool(row["is_behind"])) for row in found["a-firing-2"]] == [
            ("chat", "given_up", False), ("mail", "waiting", True),
        ]  # fmt: skip
        assert [bool(row["is_behind"]) for row in found["a-firing-1"]] == [False]
        assert alerts.deliveries_of(connection, set()) == {}
        states = alerts.channel_states(connection, 0)
        assert states["mail"] == {"waiting": 2, "last_at": 61, "last_state": "delivered"}
        assert states["chat"] == {"waiting": 0, "last_at": 61, "last_state": "delivered"}
        assert alerts.channel_states(connection, 20)["chat"]["last_at"] == 61


def test_damaged_notices_break_no_list_and_are_about_nobodys_dag(filled: Engine) -> None:
    for number, text in enumerate(
        ("", '"subject": ["', '"subject": ["mine', "\\u0000", '{"subject": ["mi\\u0000ne"]}')
    ):
        told(filled, f"x{number}", 80, Subject(), text=text or " ")
    assert len(keys(filled)) == 12
    assert [key for key in keys(filled, (MINE,)) if key.startswith("x")] == ["x2-firing-0"]
    assert json.loads(notice_to_json(Notice("k", "a", "r", "info", "firing", 0, AT, AT, Subject(), 1, 1, "")))


def test_which_rules_are_watched(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(insert(t.alert_rule), {"name": "late", "fingerprint": "f", "since": 3})
    with filled.connect() as connection:
        assert alerts.rules_watched(connection) == {"late": ("f", 3)}
