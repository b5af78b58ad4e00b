"""Two teams in one installation, with something in every field that holds text, and whoever belongs to one of them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from play import do
from sqlalchemy import insert, select

from tradewind.api.numbers import number_of
from tradewind.api.public.dag_shapes import file_token
from tradewind.config import load_settings
from tradewind.core.access import OF_DAGS, READING, Action, DagScope, Grant, Resource, Role
from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import Notice
from tradewind.core.dag import DagSpec, DeadlineSpec, WatcherSpec
from tradewind.observability.alerts.notices import notice_to_json
from tradewind.store import tables as t
from tradewind.store.reading.dags import token_key
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.scheduler_stage import START
from tradewind.wire.log_files import log_path
from tradewind.wire.logs import LogLine, encode_line
from tradewind.wire.messages import AssetUpdate, Deferral, Finished, Question, Request, Started, XComValue

MINE, THEIRS, NOBODYS = "mine", "canary", "canard"
"""Nobody's stands in every list where theirs does."""
CANARY = re.compile("canary|Y2FuYXJ5|NhbmFye|jYW5hcn", re.IGNORECASE)
"""What belongs to the other team says so in each of its texts; also where it is encoded in base64."""

EVERYTHING = frozenset(Action)
SCOPES = {
    "by id": DagScope(ids=frozenset(f"{MINE}_{name}" for name in ("dag", "waits", "hears", "shared"))),
    "by tag": DagScope(tags=frozenset({f"{MINE}_tag"})),
    "by folder": DagScope(folders=frozenset({MINE})),
}


def member(scope: DagScope) -> Role:
    """Somebody who may do everything with the Dags of a team, with assets and with what is their own."""
    return Role(
        "team",
        (
            Grant(EVERYTHING, OF_DAGS, scope),
            Grant(EVERYTHING, frozenset({Resource.ASSET, Resource.OWN})),
            Grant(READING, frozenset({Resource.SYSTEM})),
        ),
    )


# --- what a team has -----------------------------------------------------------------------------------------------


def asset_of(team: str, name: str = "asset") -> dict[str, Any]:
    extra = {"extra": f"{team}_extra"}
    return {"asset": {"name": f"{team}_{name}", "uri": f"s3://{team}/{name}", "group": f"{team}_group", "extra": extra}}


SHARED = {"name": "shared", "uri": "s3://shared"}
"""One updates it, the other waits for it; each describes it in its own words."""


def main_dag(team: str) -> DagSpec:
    shared = {"asset": {**SHARED, "group": f"{team}_words", "extra": {"says": f"{team}_says"}}}
    outlets = [asset_of(team), {"alias": {"name": f"{team}_alias", "group": f"{team}_aliases"}}]
    outlets += [shared] if team == THEIRS else []
    own = {"doc_md": f"{team} doc", "owner": f"{team}_owner", "label": f"{team} label", "pool": f"{team}_pool"}
    tasks: dict[str, dict[str, Any]] = {
        f"{team}_first": {**own, "operator": f"{team}Operator", "extra": {"outlets": outlets, "email": f"{team}@x"}},
        f"{team}_asks": {**own, "retries": 1},
        f"{team}_fails": {**own, "retries": 2, "retry_delay_seconds": 1.0, "callbacks": ("on_retry", "on_failure")},
        f"{team}_maps": {**own, "map": expand(x=2)},
        f"{team}_defers": {**own, "ui_color": f"{team}_color"},
        f"{team}_runs": {**own, "extra": {"inlets": [asset_of(team, "read")]}},
    }
    spec = dag(
        f"{team}_first >> [{team}_asks, {team}_fails, {team}_maps, {team}_defers, {team}_runs] >> {team}_last",
        dag_id=f"{team}_dag", tasks=tasks, timetable=every(days=1), start_date=START - timedelta(days=9),
        file=f"{team}/dag.py", description=f"{team} description", display_name=f"{team} display", catchup=False,
        doc_md=f"{team} doc of the Dag", tags=(f"{team}_tag",), owners=(f"{team}_owner",), is_paused_upon_creation=True,
        owner_links={f"{team}_owner": f"https://{team}.example"}, notices=(f"{team} notice",),
        params={f"{team}_param": {"value": f"{team} value", "schema": {}, "description": f"{team} says"}},
        deadlines=(DeadlineSpec(reference="queued_at", interval_seconds=9e6, name=f"{team}_deadline"),),
        edge_labels=((f"{team}_first", f"{team}_asks", f"{team} edge"),),
        extra={"access_control": {f"{team}_role": {"DAGs": ["can_read"]}}},
    )  # fmt: skip
    return replace(spec, tasks={name: replace(each, group_id=None) for name, each in spec.tasks.items()})


def hearing_dag(team: str) -> DagSpec:
    """Has a run for each update of what the team makes; mine also for what the others make."""
    heard = [{"asset": {**SHARED, "group": "asset", "extra": {}}}] if team == MINE else []
    return dag(
        f"{team}_reads", dag_id=f"{team}_hears", file=f"{team}/hears.py", tags=(f"{team}_tag",),
        assets={"any": [asset_of(team), *heard]},
    )  # fmt: skip


def waiting_dag(team: str) -> DagSpec:
    """Waits for what has been updated, and for what has not."""
    watcher = WatcherSpec(
        name=f"{team}_watcher", asset=f"{team}_asset", uri=f"s3://{team}/asset", group=f"{team}_group",
        classpath=f"{team}.Trigger", kwargs=json.dumps({"queue": f"{team}_queue"}),
    )  # fmt: skip
    return dag(
        f"{team}_reads", dag_id=f"{team}_waits", file=f"{team}/waits.py", tags=(f"{team}_tag",), watchers=(watcher,),
        assets={"all": [asset_of(team), asset_of(team, "never")]},
    )  # fmt: skip


def settle(stage: ApiStage, team: str) -> None:
    """Everything that a team may have, some of it by way of what people and tasks do."""

    def command(kind: str, **body: Any) -> Any:
        return do(stage, kind, actor=f"{team}_person", **body)

    command("pool.set", name=f"{team}_pool", slots=9, description=f"{team} pool", include_deferred=False)
    stage.load(main_dag(team), f"# {team} source")
    stage.load(replace(main_dag(team), description=f"{team} as it is now"), f"# {team} newer source")
    stage.load(waiting_dag(team), f"# {team} source of another")
    stage.load(hearing_dag(team), f"# {team} source of a third")
    shared = dag(f"{team}_only", dag_id=f"{team}_shared", file="shared.py", tags=(f"{team}_tag",))
    stage.load(shared, "# both")
    command("dag.unpause", dag_id=f"{team}_dag")
    place = {"dag_id": f"{team}_dag", "run_id": f"{team}_run"}
    command("run.create", **place, conf={"key": f"{team} conf"}, note=f"{team} note of the run")
    command("run.create", dag_id=f"{team}_shared", run_id=f"{team}_other_run")
    _work(stage, team)
    command("backfill.create", **_backfill(team))
    with stage._engine.begin() as connection:
        for table, row in _rows(team):
            connection.execute(insert(table).values(**row))
        versions = select(t.dag_version.c.source).where(t.dag_version.c.dag_id.in_((f"{team}_dag", f"{team}_waits")))
        for digest in connection.execute(versions).scalars().all():
            connection.execute(insert(t.source).values(digest=digest, text=f"# {team} source".encode()))
    _logs(stage, team)


def _backfill(team: str) -> dict[str, Any]:
    first, last = ((START - timedelta(days=days)).isoformat() for days in (8, 7))
    return {"dag_id": f"{team}_dag", "from_date": first, "to_date": last, "dag_run_conf": {"why": f"{team} backfill"}}


def _work(stage: ApiStage, team: str) -> None:
    """What tasks report: values, questions, failures, what they keep, and what they wait for."""
    now = to_us(stage.now())

    def attempts() -> dict[str, str]:
        return {offer.task_id: offer.attempt for offer in stage.agent.offers() if team in offer.run.dag_id}

    def ends(attempt: str, outcome: str, **report: Any) -> None:
        stage.agent.answered.add(attempt)
        stage.say(Started(attempt=attempt, start_us=now, pid=1))
        stage.say(Finished(attempt=attempt, outcome=outcome, start_us=now, end_us=now, **report))
        stage.play()

    first = attempts()[f"{team}_first"]
    updates = [
        AssetUpdate(name=f"{team}_asset", uri=f"s3://{team}/asset", group=f"{team}_group", aliases=[f"{team}_alias"],
                    extra=json.dumps({"rows": f"{team}_rows"}).encode()),
    ]  # fmt: skip
    if team == THEIRS:
        updates.append(AssetUpdate(**SHARED, extra=json.dumps({"rows": f"{team}_shared_rows"}).encode()))
    ends(
        first, "success", value=json.dumps(f"{team} returned").encode(), asset_events=updates,
        xcoms=[XComValue(f"{team}_first", -1, f"{team}_key", json.dumps(f"{team} xcom").encode())],
        rendered=json.dumps({"bash_command": f"{team} rendered"}).encode(),
    )  # fmt: skip
    found = attempts()
    question = Question(
        subject=f"{team} subject", options=[f"{team} yes", f"{team} no"], body=f"{team} body",
        params=json.dumps({f"{team}_p": {"value": f"{team} default"}}).encode(), method="execute_complete",
    )  # fmt: skip
    ends(found[f"{team}_asks"], "awaiting_input", ask=question)
    ends(found[f"{team}_fails"], "failed", error=f"{team} error")
    deferral = Deferral(classpath=f"{team}.Trigger", kwargs=json.dumps({"x": f"{team} kwargs"}).encode(), method="go")
    ends(found[f"{team}_defers"], "deferred", defer=deferral)
    stage.say(Started(attempt=found[f"{team}_runs"], start_us=now, pid=1))
    keep = {"key": f"{team}_state", "value": json.dumps(f"{team} kept").encode()}
    stage.say(Request(id=1, method="task_state_store.set", attempt=found[f"{team}_runs"], args=keep))
    stage.play()


def _rows(team: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What no command makes."""
    errors = ((f"{team}/dag.py", 0, f"{team}_dag"), (f"{team}/new.py", 0, ""))
    errors += (("shared.py", 0, ""),) if team == THEIRS else ()
    for file, position, dag_id in errors:
        words = {"message": f"{team} message", "traceback": f"{team} traceback", "at": 7}
        yield t.import_error, {"file": file, "position": position, "dag_id": dag_id, **words}
    for file in (f"{team}/dag.py", f"{team}/waits.py", f"{team}/hears.py"):
        yield t.dag_file, {"file": file, "digest": team, "parsed_at": 7, "seconds": 0.1, "output": f"{team} printed"}
    subject = Subject(f"{team}_dag", f"{team}_run", f"{team}_first", f"{team}_deadline")
    told = Notice(
        f"{team}_notice", f"{team}_alert", f"{team}_rule", "error", "firing", 0, START, START, subject, 1, 2, team
    )
    yield t.alert_notice, {
        "key": told.key, "channel": f"{team}_channel", "alert": told.alert, "rule": told.rule, "status": told.status,
        "at": 7, "notice": notice_to_json(told), "state": "given_up", "error": f"{team} error", "ended_at": 7,
    }  # fmt: skip
    rule = {
        "text": f"when: {{deadline_missed: true}}\ndags: [{team}_dag]",
        "updated_by": f"{team}_person",
        "updated_at": 7,
    }
    yield t.own_alert_rule, {"name": f"{team}_rule", **rule}
    yield t.alert_silence, {
        "id": f"{team}_silence", "rules": f"{team}_rule", "dags": f"{team}_dag", "start_date": 7, "end_date": 2**52,
        "reason": f"{team} reason", "created_by": f"{team}_person",
    }  # fmt: skip
    yield t.machine_minute, {
        "place": 7, "worker": f"{team}_worker", "at": 420_000_000, "cpu": 12.5, "memory": 50.0, "disk": 60.0,
    }  # fmt: skip
    yield t.favorite, {"username": f"{team}_person", "dag_id": f"{team}_dag"}
    place = {
        "name": f"{team}_asset",
        "uri": f"s3://{team}/asset",
        "key": f"{team}_state",
        "value": b'"%s"' % team.encode(),
    }
    author = {"dag_id": f"{team}_dag", "run_id": f"{team}_run", "task_id": f"{team}_first", "map_index": -1}
    yield t.asset_state_store, {**place, "updated_at": 7, **author}
    yield t.variable, {"key": f"{team}_variable", "value": f"{team} value", "description": f"{team}", "updated_at": 7}
    yield t.connection, {
        "conn_id": f"{team}_conn", "conn_type": "http", "host": f"{team}.example", "login": team, "updated_at": 7,
        "description": f"{team} description",
    }  # fmt: skip


def _logs(stage: ApiStage, team: str) -> None:
    with stage._engine.begin() as connection:
        number = run_number(stage, team)
        note = {"note": f"{team} note of a task", "by": f"{team}_person", "at": 7}
        task = {"run": number, "task_id": f"{team}_first", "map_index": -1}
        connection.execute(insert(t.task_note).values(**task, **note))
    root = stage.app.state.installation.settings.logging.base_log_folder
    path = log_path(root, f"{team}_dag", f"{team}_run", f"{team}_first", -1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_line(LogLine(t="2024-01-01T00:00:01.000002Z", l="info", m=f"{team} line")))


def run_number(stage: ApiStage, team: str) -> int:
    with stage.reading.connect() as connection:
        return int(connection.execute(select(t.run.c.number).where(t.run.c.run_id == f"{team}_run")).scalar_one())


# --- an installation that has both -----------------------------------------------------------------------------------


@contextmanager
def two_teams(home: Path, migrated: Path) -> Iterator[ApiStage]:
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, home / "tradewind.db")
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(home)}))
    try:
        stage.load(hearing_dag(MINE))
        for team in (THEIRS, MINE):
            settle(stage, team)
        yield stage
    finally:
        stage.close()


@dataclass(frozen=True, slots=True)
class Names:
    """What the things of a team are called where somebody asks for them; `numbers` are ids, by what they are of."""

    team: str
    numbers: dict[str, int | str]


def names_of(stage: ApiStage, team: str) -> Names:
    """What somebody may have heard of a team's things."""
    with stage.reading.connect() as connection:

        def first(column: Any, *where: Any) -> int:
            return int(connection.execute(select(column).where(*where).order_by(column)).scalars().first())

        return Names(
            team,
            {
                "backfill_id": first(t.backfill.c.id, t.backfill.c.dag_id == f"{team}_dag"),
                "event_log_id": first(t.event.c.seq, t.event.c.dag_id == f"{team}_dag", t.event.c.task_id != ""),
                "asset_id": number_of("asset", f"{team}_asset", f"s3://{team}/asset"),
                "asset_alias_id": number_of("alias", f"{team}_alias"),
                "import_error_id": number_of("import error", f"{team}/dag.py", 0),
                "file_token": file_token(token_key(connection), f"{team}/dag.py"),
            },
        )


def nobodys_names(theirs: Names) -> Names:
    """Names like theirs that nothing has."""
    odd: dict[str, int | str] = {"file_token": "0" * 40}
    return Names(NOBODYS, {kind: odd.get(kind, 8_000_000_000_000 + n) for n, kind in enumerate(theirs.numbers)})


@dataclass(frozen=True, slots=True)
class Belongings:
    """Rows by table: those that say anything of theirs, and among them those that are theirs."""

    said: dict[str, set[str]]
    owned: dict[str, set[str]]


def belongings(stage: ApiStage) -> Belongings:
    """What the database has of the other team."""
    found = Belongings({}, {})
    with stage.reading.connect() as connection:
        runs = set(connection.execute(select(t.run.c.number).where(t.run.c.dag_id.like(f"{THEIRS}%"))).scalars())
        for table in t.metadata.sorted_tables:
            rows = [dict(row) for row in connection.execute(select(table)).mappings()]
            number = "number" if table is t.run else "run"
            owned = {
                repr(row)
                for row in rows
                if row.get(number) in runs or any(str(row.get(name)).startswith(THEIRS) for name in ("dag_id", "name"))
            }
            found.owned[table.name] = owned
            found.said[table.name] = owned | {text for text in map(repr, rows) if CANARY.search(text)}
    return found
