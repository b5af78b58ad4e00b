"""What the page of alerts asks for: what fires, what was told and whether it arrived, rules, and a check of some."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from play import get
from sqlalchemy import insert

from tradewind.config import load_settings
from tradewind.core.access import READING, Action, DagScope, Grant, Resource, Role
from tradewind.core.alert_conditions import FailureRate, RunLongerThan
from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import Notice, Rule, Status, fingerprint
from tradewind.observability.alerts.notices import notice_to_json
from tradewind.observability.alerts.rules_file import load_rules
from tradewind.scheduler.alert_deliveries import Delivery
from tradewind.scheduler.alerts import AlertSetup, AlertSource
from tradewind.store import tables as t
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import START
from tradewind.wire.log_files import alert_log_path
from tradewind.wire.logs import LogLine, encode_line

NOW = datetime.now(UTC).replace(microsecond=0)
RULES = """
channels:
  ops: {type: email, to: ops@example.com, host: localhost}
  chat: {type: slack, url: "https://hooks.example.com/s3cret-t0ken"}
rules:
  - name: etl_fails
    description: Too many fail.
    when: {failure_rate: {at_least: 12.5%, window: 6h, minimum_runs: 5}}
    severity: critical
    dags: ["etl_*"]
    tags: [prod]
    for: 5m
    channels: [ops]
    silences:
      - {daily: "00:00-00:00", timezone: Asia/Seoul}
      - {from: 2026-01-01, to: 2026-01-02}
  - name: old
    when: {data_stale: {after: 6h, assets: ["sea_*"]}}
    notify_recovery: false
  - {name: sla_missed, when: {deadline_missed: true}, enabled: false}
"""


def told(
    stage: ApiStage, alert: str, subject: Subject, *, ago: timedelta = timedelta(0), status: Status = "firing",
    severity: str = "error", rule: str = "long_run", channels: dict[str, str] | None = None, error: str = "",
) -> str:  # fmt: skip
    at, key = NOW - ago, f"{alert}-{status}-{int(ago.total_seconds())}"
    limit = 3600.0
    notice = Notice(key, alert, rule, severity, status, 0, at, at, subject, 4000.0, limit, f"{rule}: It is so.")
    with stage._engine.begin() as connection:
        for channel, state in (channels or {"ops": "delivered"}).items():
            ended = to_us(at) + 5 if state in ("delivered", "given_up") else None
            delivery = Delivery(key, channel, alert, rule, status, at, notice_to_json(notice))
            row = {**delivery._asdict(), "at": to_us(at), "state": state, "error": error, "ended_at": ended}
            connection.execute(insert(t.alert_notice), row)
    return key


def write(stage: ApiStage, text: str = RULES) -> Path:
    path: Path = stage.app.state.installation.settings.alerts.rules_file
    path.write_text(text, encoding="utf-8")
    return path


def firing(stage: ApiStage) -> list[str]:
    return [one["alert"] for one in get(stage, "/ui/alerts")["firing"]]


def test_an_installation_without_rules_says_that_nobody_is_told(stage: ApiStage) -> None:
    now = get(stage, "/ui/alerts")
    assert (now["firing"], now["is_all"], now["has_channel"], now["is_scheduler_away"]) == ([], True, False, False)
    assert (now["may_see_rules"], now["may_check"]) == (True, True)
    notices = get(stage, "/ui/alerts/notices")
    assert (notices["notices"], notices["next_cursor"], notices["previous_cursor"]) == ([], None, None)
    rules = get(stage, "/ui/alerts/rules")
    assert (rules["is_there"], rules["channels"], rules["problems"], len(rules["rules"])) == (False, [], [], 8)
    assert {rule["source"] for rule in rules["rules"]} == {"shipped"}
    assert not any(rule["is_watched"] for rule in rules["rules"])


def test_a_notice_says_what_it_is_about_and_how_far_it_is(stage: ApiStage) -> None:
    write(stage)
    stage.load(dag("a", dag_id="etl"))
    key = told(
        stage, "x", Subject("etl", "", "a", "source=sea"), channels={"ops": "given_up", "chat": "delivered"}, error="E"
    )
    (one,) = get(stage, "/ui/alerts/notices")["notices"]
    at = to_us(NOW)
    delivery = {"ended_at": at + 5, "error": "E", "next_try": None, "is_behind": False}
    assert one == {
        "key": key, "alert": "x", "rule": "long_run", "severity": "error", "status": "firing", "repeat": 0, "at": at,
        "since": at, "dag_id": "etl", "run_id": "", "task_id": "a", "name": "source=sea", "value": 4000.0,
        "limit": 3600.0, "sentence": "It is so.",
        "deliveries": [
            {"channel": "chat", "state": "delivered", **delivery}, {"channel": "ops", "state": "given_up", **delivery},
        ],
    }  # fmt: skip
    assert get(stage, "/ui/alerts")["firing"] == [{**one, "silent_until": 0}]


def test_what_waits_says_when_it_is_tried_again_and_why(stage: ApiStage, tmp_path: Path) -> None:
    write(stage)
    first = told(stage, "x", Subject("etl"), ago=timedelta(hours=2), channels={"ops": "waiting", "chat": "waiting"})
    told(stage, "x", Subject("etl"), ago=timedelta(hours=1), channels={"ops": "waiting"})
    root = Path(stage.app.state.installation.settings.logging.base_log_folder)
    log = alert_log_path(root, Delivery(first, "ops", "x", "", "", NOW, "").id)
    log.parent.mkdir(parents=True)
    refused = f"The channel 'ops' did not take the notice {first}: Refused, by 10.0.0.1."
    said = ("Refused once. It is tried again in 1 s.", f"{refused} It is tried again in 60 s.", "No more.")
    lines = [LogLine(t=NOW.isoformat(), l="warning", m=text) for text in said]
    log.write_bytes(b"no line\n" + b"".join(map(encode_line, lines)))

    def deliveries() -> list[list[tuple[Any, ...]]]:
        names = ("channel", "error", "next_try", "is_behind")
        found = get(stage, "/ui/alerts/notices")["notices"]
        return [[tuple(one[name] for name in names) for one in each["deliveries"]] for each in found]

    again = to_us(NOW + timedelta(seconds=60))
    assert deliveries() == [
        [("ops", "", None, True)],
        [("chat", "", None, False), ("ops", "Refused, by 10.0.0.1.", again, False)],
    ]
    sees_no_system = Grant(READING, frozenset(Resource) - {Resource.SYSTEM})
    stage.gate.be("kim", Role("some", (sees_no_system,)))
    assert deliveries()[1][1] == ("ops", "", again, False)
    log.unlink()
    log.symlink_to(tmp_path / "elsewhere.log")
    (tmp_path / "elsewhere.log").write_bytes(encode_line(lines[0]))
    stage.gate.be("admin", "Admin")
    assert deliveries()[1][1] == ("ops", "", None, False), "a link is not followed"


def test_a_reader_of_one_dag_is_told_of_that_alone_and_of_no_rule(stage: ApiStage) -> None:
    write(stage, RULES.replace("etl_*", "canary"))
    for dag_id in ("canary", "mine"):
        stage.load(dag("a", dag_id=dag_id))
        told(stage, f"{dag_id}-alert", Subject(dag_id, "", "a"))
    told(stage, "machine", Subject(name="canary-worker"), rule="high_memory")
    assert len(firing(stage)) == 3
    for resources in (frozenset(Resource), frozenset(Resource) - {Resource.RUN}, frozenset(Resource) - {Resource.TASK}):
        stage.gate.be("kim", Role("some", (Grant(READING, resources, DagScope(ids=frozenset({"mine"}))),)))
        for path in ("/ui/alerts", "/ui/alerts/notices", "/ui/alerts/notices?dag=canary", "/ui/home", "/ui/counts"):
            answer = stage.client.get(path)
            assert answer.status_code == 200
            assert "canary" not in answer.text
        expected = ["mine-alert"] if resources == frozenset(Resource) else []
        assert firing(stage) == expected
        assert get(stage, "/ui/counts")["alerts"] == len(expected)
        now = get(stage, "/ui/alerts")
        assert (now["may_see_rules"], now["may_check"]) == (False, False)
        refused = stage.client.get("/ui/alerts/rules")
        assert refused.status_code == 403
        assert "canary" not in refused.text
    stage.gate.be("kim", Role("none", (Grant(READING, frozenset({Resource.DAG})),)))
    assert firing(stage) == [], "who may see Dags may not see their runs yet"
    stage.gate.be("kim", "Public")
    assert stage.client.get("/ui/alerts").status_code == 403


def test_notices_are_filtered_and_paged(stage: ApiStage) -> None:
    for hours in range(5):
        told(stage, f"a{hours}", Subject("etl"), ago=timedelta(hours=hours))
    told(stage, "b", Subject("load"), ago=timedelta(days=9), status="recovered", severity="info", rule="slow")

    def alerts(**query: Any) -> list[str]:
        return [one["alert"] for one in get(stage, "/ui/alerts/notices", **query)["notices"]]

    assert alerts() == ["a0", "a1", "a2", "a3", "a4", "b"]
    for query in ({"dag": "oad"}, {"rule": "slow"}, {"severity": "info"}, {"status": "recovered"}):
        assert alerts(**query) == ["b"], query
    assert alerts(state="delivered") == alerts()
    assert alerts(state="waiting") == []
    page = get(stage, "/ui/alerts/notices", limit=4)
    assert (len(page["notices"]), page["previous_cursor"]) == (4, None)
    page = get(stage, "/ui/alerts/notices", limit=4, cursor=page["next_cursor"])
    assert ([one["alert"] for one in page["notices"]], page["next_cursor"]) == (["a4", "b"], None)
    page = get(stage, "/ui/alerts/notices", limit=4, cursor=page["previous_cursor"])
    assert [one["alert"] for one in page["notices"]] == ["a0", "a1", "a2", "a3"]
    for query in (
        {"cursor": "x"},
        {"severity": "'"},
        {"state": "x"},
        {"status": "x"},
        {"dag": "x" * 251},
        {"rule": "\0"},
    ):
        assert stage.client.get("/ui/alerts/notices", params=query).status_code in (400, 422), query


def test_the_most_severe_comes_first_and_what_ended_is_not_there(stage: ApiStage) -> None:
    write(stage)
    for number, severity in enumerate(("info", "critical", "warning", "error")):
        told(stage, severity, Subject("etl"), severity=severity, ago=timedelta(minutes=number))
    told(stage, "over", Subject("etl"), ago=timedelta(minutes=2))
    told(stage, "over", Subject("etl"), ago=timedelta(minutes=1), status="recovered")
    assert firing(stage) == ["critical", "error", "warning", "info"]
    assert (get(stage, "/ui/counts")["alerts"], get(stage, "/ui/home")["alerts"]) == (4, 4)


def test_what_fires_is_what_the_scheduler_says_and_what_is_silent_is_marked(tmp_path: Path) -> None:
    rules = (
        Rule("failures", FailureRate(Fraction(1, 2)), "warning"),
        Rule("slow", RunLongerThan(timedelta(hours=1)), "critical"),
    )
    config = load_settings(environ={"TRADEWIND_HOME": str(tmp_path)})
    stage = ApiStage(config, alerts=AlertSource(lambda own: AlertSetup(rules, (), "", "")))

    def fires() -> list[tuple[Any, ...]]:
        found = get(stage, "/ui/alerts")["firing"]
        return [(one["rule"], one["dag_id"], one["silent_until"], len(one["deliveries"])) for one in found]

    try:
        told(stage, "x", Subject("etl"))
        assert fires() == [], "what was told once and holds no longer"
        for dag_id in ("etl", "theirs"):
            stage.load(dag("a", dag_id=dag_id))
        stage.create_run("etl", "one")
        stage.create_run("theirs", "one")
        stage.finish("theirs", "one", "a", "failed")
        stage.wait(3_600)
        stage.create_run("theirs", "two")  # no timer of this stage goes off, and a line of the log has time looked at
        assert fires() == [("slow", "etl", 0, 1), ("failures", "theirs", 0, 1)]
        assert get(stage, "/ui/counts")["alerts"] == get(stage, "/ui/home")["alerts"] == 2
        stage.gate.be("kim", Role("some", (Grant(READING, frozenset(Resource), DagScope(ids=frozenset({"theirs"}))),)))
        assert [rule for rule, *_ in fires()] == ["failures"]
        stage.gate.be("admin", "Admin")
        asked = stage.client.post("/ui/alerts/silences", json={"rules": "slow", "minutes": 60})
        assert fires() == [("failures", "theirs", 0, 1), ("slow", "etl", asked.json()["end"], 1)]
        assert get(stage, "/ui/counts")["alerts"] == 1
        stage.client.post("/ui/alerts/silences", json={"rules": "*", "dags": "etl", "minutes": 60})
        stage.create_run("etl", "two")
        stage.finish("etl", "two", "a", "failed")
        silent = next(one for one in fires() if one[:2] == ("failures", "etl"))
        assert silent[3] == 0, "nobody was told of it, and it is seen all the same"
        stage.finish("etl", "one", "a")
        assert [rule for rule, dag_id, *_ in fires() if dag_id == "etl"] == ["failures"], "its run is over"
    finally:
        stage.close()


def test_without_a_scheduler_all_stays_as_it_was_told(stage: ApiStage) -> None:
    write(stage)
    told(stage, "x", Subject("etl"), ago=timedelta(days=2))
    stage.is_away = True
    assert firing(stage) == ["x"]
    assert get(stage, "/ui/alerts")["is_scheduler_away"] is True


def test_rules_are_shown_with_their_fields_and_without_any_address(stage: ApiStage) -> None:
    path = write(stage)
    written = {rule.name: rule for rule in load_rules(path).rules}
    with stage._engine.begin() as connection:
        for name, mark in (("etl_fails", fingerprint(written["etl_fails"])), ("old", "as it was before")):
            connection.execute(insert(t.alert_rule), {"name": name, "fingerprint": mark, "since": 5})
    told(stage, "x", Subject("etl"), rule="etl_fails", channels={"ops": "waiting"})
    told(stage, "y", Subject("etl"), rule="old", channels={"ops": "given_up", "chat": "delivered"})
    answer = stage.client.get("/ui/alerts/rules")
    assert "s3cret" not in answer.text
    assert "ops@example.com" not in answer.text
    page = answer.json()
    assert (page["file"], page["is_there"], page["problems"]) == (str(path), True, [])
    assert page["channels"] == [
        {"name": "ops", "kind": "email", "line": 3, "waiting": 1, "last_at": to_us(NOW) + 5, "last_state": "given_up"},
        {
            "name": "chat",
            "kind": "slack",
            "line": 4,
            "waiting": 0,
            "last_at": to_us(NOW) + 5,
            "last_state": "delivered",
        },
    ]
    rules = {rule["name"]: rule for rule in page["rules"]}
    assert len(rules) == 9
    assert "sla_missed" not in rules
    own = rules["etl_fails"]
    asks = {name: value for name, value in own.pop("asks").items() if value is not None}
    assert asks == {"at_least": 12.5, "window": 6 * 3_600_000_000, "minimum_runs": 5, "together": False}
    tomorrow = own.pop("silent_until")
    assert to_us(NOW) < tomorrow
    assert own == {
        "name": "etl_fails", "severity": "critical", "description": "Too many fail.", "kind": "failure_rate",
        "dags": ["etl_*"], "tags": ["prod"], "tasks": [], "hold": 300_000_000, "recover_after": 0,
        "dedupe": 3_600_000_000, "notify_recovery": True, "channels": ["ops"],
        "silences": [
            {"start": None, "end": None, "hours": ["00:00", "00:00"], "days": [0, 1, 2, 3, 4, 5, 6],
             "zone": "Asia/Seoul"},
            {"start": 1767225600000000, "end": 1767312000000000, "hours": None, "days": [0, 1, 2, 3, 4, 5, 6],
             "zone": "UTC"},
        ],
        "source": "file", "line": 6, "text": None, "is_watched": True, "since": 5, "firing": 1,
    }  # fmt: skip
    assert (rules["old"]["is_watched"], rules["old"]["since"], rules["old"]["silent_until"]) == (False, None, 0)
    assert (rules["long_run"]["source"], rules["long_run"]["line"]) == ("shipped", None)
    kinds = {rule["name"]: rule["kind"] for rule in page["rules"]}
    assert kinds == {
        "high_failure_rate": "failure_rate", "long_run": "run_longer_than", "unusually_long_run": "run_longer_than",
        "low_data_quality": "metric", "high_memory": "machine", "high_disk": "machine",
        "run_did_not_start": "run_did_not_start", "etl_fails": "failure_rate", "old": "data_stale",
    }  # fmt: skip


def test_a_file_that_cannot_be_read_is_said_with_its_line(stage: ApiStage) -> None:
    path = write(
        stage, "rules:\n  - {name: a, when: {never: true}}\nchannels: {c: {type: slack, url: {env: N0WHERE}}}\n"
    )
    page = get(stage, "/ui/alerts/rules")
    assert [(one["line"], one["sentence"].split(";")[0]) for one in page["problems"]] == [
        (2, "rule 'a', 'when', 'never': means nothing here"),
        (3, "The channel 'c' takes its 'url' from the environment variable 'N0WHERE', which is not set"),
    ]
    path.write_text("rules: [\n", encoding="utf-8")
    page = get(stage, "/ui/alerts/rules")
    assert [one["line"] for one in page["problems"]] == [2]
    assert page["problems"][0]["sentence"].startswith("this is no YAML: ")
    path.unlink()
    path.mkdir()
    assert [one["sentence"] for one in get(stage, "/ui/alerts/rules")["problems"]] == [
        "cannot be read: Is a directory."
    ]


def test_a_check_says_what_the_command_line_says_and_stores_nothing(stage: ApiStage) -> None:
    path = stage.app.state.installation.settings.alerts.rules_file

    def checked(text: str) -> Any:
        answer = stage.client.post("/ui/alerts/check", json={"text": text})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert checked(RULES) == {"problems": [], "rules": 9, "shipped": 7, "channels": 2}
    assert checked("") == {"problems": [], "rules": 8, "shipped": 8, "channels": 0}
    verdict = checked(
        "defaults: false\nrules:\n- {name: a, when: {run_longer_than: 0s}}\n- {name: b, when: {never: 1}}\n"
    )
    assert (verdict["rules"], verdict["shipped"]) == (0, 0)
    assert [(one["line"], one["sentence"].split(":")[0]) for one in verdict["problems"]] == [
        (3, "rule 'a', 'when', 'run_longer_than'"), (4, "rule 'b', 'when', 'never'"),
    ]  # fmt: skip
    verdict = checked("channels:\n  a: {type: slack, url: nowhere}\n  b: {type: email, to: b@example.com}\n")
    assert ([one["line"] for one in verdict["problems"]], verdict["channels"]) == ([2], 1)
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    ["[", "\0", "\ud800", "{" * 9000, "a: &a [*a]", "- 1", "rules: 1", "rules: [1]", "channels: [", "!!python/name:os"],
)
def test_whatever_is_checked_is_answered(stage: ApiStage, text: str) -> None:
    body = json.dumps({"text": text})
    answer = stage.client.post("/ui/alerts/check", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 200:
        assert len(answer.json()["problems"]) == 1


def test_a_check_reads_no_secret_of_the_environment(stage: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret")
    text = "channels:\n  a: {type: email, to: a@example.com, security: {env: DATABASE_PASSWORD}}\n"
    answer = stage.client.post("/ui/alerts/check", json={"text": text})
    assert (answer.status_code, answer.json()["problems"]) == (200, [])


def test_a_text_that_is_too_long_is_refused_and_only_admins_check(stage: ApiStage) -> None:
    assert stage.client.post("/ui/alerts/check", json={"text": "#" * 200_001}).status_code == 422
    assert stage.client.post("/ui/alerts/check", json={"text": "", "file": "/etc/passwd"}).status_code == 422
    for role in ("Op", "User", "Viewer"):
        stage.gate.be("kim", role)
        assert stage.client.post("/ui/alerts/check", json={"text": ""}).status_code == 403
        now = get(stage, "/ui/alerts")
        assert (now["may_see_rules"], now["may_check"]) == (True, False)


# --- silences, and rules that are written here ---


def test_a_silence_is_asked_for_shown_and_ended(stage: ApiStage) -> None:
    stage.seconds = (datetime.now(UTC) - START).total_seconds()  # what is over is told by the time of who asks
    asked = {"rules": "long_*", "dags": "etl", "minutes": 30, "reason": "we know"}
    answer = stage.client.post("/ui/alerts/silences", json=asked)
    assert answer.status_code == 201, answer.text
    silence = answer.json()
    assert (silence["rules"], silence["dags"], silence["reason"]) == ("long_*", "etl", "we know")
    assert abs(silence["end"] - silence["start"] - 30 * 60_000_000) < 10_000_000
    assert get(stage, "/ui/alerts")["silences"] == [silence]
    rules = {rule["name"]: rule["silent_until"] for rule in get(stage, "/ui/alerts/rules")["rules"]}
    assert set(rules.values()) == {0}, "of one Dag alone no rule is silent"
    everything = stage.client.post("/ui/alerts/silences", json={"rules": "long_run", "minutes": 60}).json()
    rules = {rule["name"]: rule["silent_until"] for rule in get(stage, "/ui/alerts/rules")["rules"]}
    assert {name for name, until in rules.items() if until} == {"long_run"}
    assert rules["long_run"] == everything["end"]
    assert stage.client.delete(f"/ui/alerts/silences/{silence['id']}").status_code == 204
    assert [one["id"] for one in get(stage, "/ui/alerts")["silences"]] == [everything["id"]]
    assert stage.client.delete(f"/ui/alerts/silences/{silence['id']}").status_code == 404
    assert stage.client.delete("/ui/alerts/silences/x").status_code == 404


@pytest.mark.parametrize(
    "change", [{"minutes": 0}, {"minutes": 10**9}, {"rules": ""}, {"rules": None}, {"dags": "x" * 251}, {"more": 1}]
)
def test_a_silence_that_cannot_be_is_refused(stage: ApiStage, change: dict[str, Any]) -> None:
    answer = stage.client.post("/ui/alerts/silences", json={"rules": "*", "minutes": 5, **change})
    assert answer.status_code == 422, answer.text
    assert get(stage, "/ui/alerts")["silences"] == []


def test_a_rule_is_written_changed_and_deleted_and_takes_the_place_of_a_shipped_one(stage: ApiStage) -> None:
    def put(name: str, text: str) -> int:
        return stage.client.put(f"/ui/alerts/rules/{name}", json={"text": text}).status_code

    shipped = {rule["name"]: rule for rule in get(stage, "/ui/alerts/rules")["rules"]}
    assert "when: {run_longer_than: 1h}" in shipped["long_run"]["text"]
    assert put("long_run", shipped["long_run"]["text"].replace("1h}", "2h}")) == 204
    assert put("mine", "when: {failure_rate: 40%}\nseverity: error") == 204
    found = get(stage, "/ui/alerts/rules")
    rules = {rule["name"]: rule for rule in found["rules"]}
    assert (len(rules), found["may_edit"]) == (9, True)
    assert (rules["long_run"]["source"], rules["long_run"]["asks"]["limit"]) == ("own", 7_200_000_000)
    assert (rules["mine"]["source"], rules["mine"]["severity"]) == ("own", "error")
    assert [(own["name"], own["updated_by"]) for own in found["own"]] == [("long_run", "admin"), ("mine", "admin")]
    assert put("long_run", "enabled: false\nwhen: {deadline_missed: true}") == 204
    found = get(stage, "/ui/alerts/rules")
    assert "long_run" not in {rule["name"] for rule in found["rules"]}
    assert "long_run" in {own["name"] for own in found["own"]}
    for name in ("long_run", "mine"):
        assert stage.client.delete(f"/ui/alerts/rules/{name}").status_code == 204
    assert get(stage, "/ui/alerts/rules")["rules"] == list(shipped.values())
    assert stage.client.delete("/ui/alerts/rules/mine").status_code == 404


def test_a_rule_with_a_fault_is_refused_with_its_line_and_nothing_is_stored(stage: ApiStage) -> None:
    answer = stage.client.put("/ui/alerts/rules/mine", json={"text": "severity: error\nwhen: {failure_rate: lots}"})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Rule mine, line 2: 'when', 'failure_rate': 'lots'")
    assert get(stage, "/ui/alerts/rules")["own"] == []


def test_only_who_may_edit_alerts_and_sees_every_dag_silences_and_writes(stage: ApiStage) -> None:
    stage.load(dag("a", dag_id="etl"))
    silence, rule = {"rules": "*", "minutes": 5}, {"text": "when: {deadline_missed: true}"}
    for role, status in (("Viewer", 403), ("User", 403), ("Op", 201)):
        stage.gate.be("kim", role)
        assert stage.client.post("/ui/alerts/silences", json=silence).status_code == status, role
        assert get(stage, "/ui/alerts")["may_silence"] is (status == 201)
    assert stage.client.put("/ui/alerts/rules/mine", json=rule).status_code == 204
    narrow = Role(
        "narrow",
        (
            Grant(READING, frozenset({Resource.DAG, Resource.RUN, Resource.TASK}), DagScope(ids=frozenset({"etl"}))),
            Grant(frozenset(Action), frozenset({Resource.ALERT, Resource.SYSTEM})),
        ),
    )
    stage.gate.be("lee", narrow)
    now = get(stage, "/ui/alerts")
    assert (now["silences"], now["may_silence"]) == ([], False)
    assert stage.client.post("/ui/alerts/silences", json=silence).status_code == 403
    assert stage.client.put("/ui/alerts/rules/mine", json=rule).status_code == 403
    assert stage.client.delete("/ui/alerts/rules/mine").status_code == 403
