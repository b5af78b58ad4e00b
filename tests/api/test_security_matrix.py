"""What no test of one route alone can show, one section for each row of docs/reference/security.md."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from httpx import Response as Answer
from login_stage import make_stage, migrated, token_of
from play import do, offers
from sqlalchemy import func, select

import tradewind
from tradewind.api import routing
from tradewind.api.routing import Served, served_by
from tradewind.core.access import DagFacts, DagScope
from tradewind.store import engine
from tradewind.store import tables as t
from tradewind.store.reading.scope import visible_dags
from tradewind.store.times import to_us
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import Agent
from tradewind.wire.messages import Finished, Request, Response, Started

SOURCE = Path(tradewind.__file__).parent
ENDLESS = ("/wait", "/stream", "/log/growth")
"""Ends of routes that wait for what may never come."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    """With a login; the admin's token goes with each request unless a test leaves it out."""
    folder = tmp_path_factory.mktemp("matrix")
    stage = make_stage(folder / "home", migrated(folder), ("root", "Admin"))
    stage.load(dag("a >> b", dag_id="etl"), "# source")
    do(stage, "run.create", dag_id="etl", run_id="r")
    stage.client.headers["Authorization"] = f"Bearer {token_of(stage, 'root')}"
    yield stage
    stage.close()


def routes(stage: ApiStage, *methods: str) -> list[Served]:
    found = [route for route in served_by(stage.app) if route.method in methods and not route.path.endswith(ENDLESS)]
    return sorted(found, key=lambda route: (route.path, route.method))


def filled(path: str, text: str) -> str:
    """A path with this in each of its places."""
    parts = [quote(text, safe="") if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


# --- S04: whole names ------------------------------------------------------------------------------------------------

ALIKE = (
    "etl", "etl2", "ETL", "Etl", "et", "tl", "etl ", " etl", "еtl", "etl\u200b", "ｅｔｌ", "etl%", "et_", "%", "etl/x",
    "../etl", "etl.", "etl:", "e\u0074\u0301l", "lte", "xetl", "etletl",
)  # fmt: skip


def test_s04_names_are_compared_whole(stage: ApiStage) -> None:
    """In values and in SQL alike: by id, by tag and by folder."""
    with stage._engine.begin() as connection:
        row = dict(connection.execute(select(t.dag).where(t.dag.c.dag_id == "etl")).mappings().one())
        facts = []
        for number, name in enumerate(ALIKE):
            facts += [DagFacts(name, file="x.py"), DagFacts(f"tag{number}", frozenset({name}), "x.py"),
                      DagFacts(f"file{number}", file=f"{name}/x.py")]  # fmt: skip
        new = [fact for fact in facts if fact.dag_id != "etl"]
        connection.execute(
            t.dag.insert(),
            [{**row, "dag_id": fact.dag_id, "file": fact.file, "tags": json.dumps(sorted(fact.tags))} for fact in new],
        )
    try:
        for scope, wanted in (
            (DagScope(ids=frozenset({"etl"})), {"etl"}),
            (DagScope(tags=frozenset({"etl"})), {"tag0"}),
            (DagScope(folders=frozenset({"etl"})), {"file0", f"file{ALIKE.index('etl/x')}"}),
        ):
            assert {fact.dag_id for fact in facts if scope.holds(fact)} == wanted
            with stage.reading.connect() as connection:
                found = connection.execute(select(t.dag.c.dag_id).where(visible_dags(scope))).scalars()
                assert set(found) == wanted
    finally:
        with stage._engine.begin() as connection:
            connection.execute(t.dag.delete().where(t.dag.c.dag_id != "etl"))


# --- S05: what an attempt may do is over with it ---------------------------------------------------------------------


def asked(stage: ApiStage, attempt: str, method: str, **args: Any) -> Response:
    peer = stage.agent
    number = int(stage.new_id(), 16)
    stage.say(Request(id=number, method=method, attempt=attempt, args=args), peer)
    stage.play()
    return next(m for m in reversed(peer.told) if isinstance(m, Response) and m.id == number)


def test_s05_an_attempt_that_is_over_or_was_never_given_keeps_nothing(stage: ApiStage) -> None:
    """There are no tokens for tasks: a task speaks through its agent, over a socket of this user alone, in the name of
    its attempt; and the names of task and run in what it keeps are those of that attempt, whatever it says."""
    do(stage, "run.create", dag_id="etl", run_id="s05")
    (offer,) = (each for each in offers(stage) if each.run.run_id == "s05")
    keep = {"key": "k", "value": b"1"}
    stage.say(Started(attempt=offer.attempt, start_us=to_us(stage.now())))
    stage.play()
    assert asked(stage, offer.attempt, "task_state_store.set", **keep).error == ""
    for never in ("0" * 32, "", offer.attempt[:-1], offer.attempt.upper() + "x", "../" + offer.attempt):
        assert asked(stage, never, "task_state_store.set", key="forged", value=b"1").error, never
    stage.agent.answered.add(offer.attempt)
    stage.say(Finished(attempt=offer.attempt, outcome="success", end_us=to_us(stage.now())))
    stage.play()
    assert asked(stage, offer.attempt, "task_state_store.set", key="late", value=b"1").error
    with stage.reading.connect() as connection:
        assert set(connection.execute(select(t.task_state_store.c.key)).scalars()) <= {"k"}
    late = Agent()
    stage.say(Finished(attempt=offer.attempt, outcome="failed", end_us=to_us(stage.now())), late)
    stage.play()
    with stage.reading.connect() as connection:
        query = select(t.task_instance.c.state).where(t.task_instance.c.attempt == offer.attempt)
        assert "failed" not in set(connection.execute(query).scalars())


# --- S11, S14, S25, S32, S35: every answer ---------------------------------------------------------------------------

PAYLOADS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "${7*7}", "javascript:alert(1)")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def check_headers(answer: Any, path: str) -> None:
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, (path, name)
    policy = answer.headers["content-security-policy"]
    for part in (
        "default-src 'self'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ):
        assert part in policy, (path, part)
    assert "unsafe" not in policy
    if path.startswith(("/api/", "/ui/", "/auth/")):
        assert answer.headers["cache-control"] == "no-store", path
        assert {"Cookie", "Authorization"} <= {name.strip() for name in answer.headers["vary"].split(",")}


def test_s14_s32_every_answer_has_its_headers_and_none_is_kept_by_a_cache(stage: ApiStage) -> None:
    for route in routes(stage, "GET", "POST", "PATCH", "PUT", "DELETE"):
        answer = stage.client.request(
            route.method, filled(route.path, "x"), headers={"Authorization": "Bearer x"}, follow_redirects=False
        )
        check_headers(answer, route.path)
    check_headers(stage.client.get("/api/v2/none"), "/api/v2/none")


OWN_PAGES = {"/docs", "/redoc", "/docs/{name}", "/static/{name:path}", "/favicon.svg"}
"""Files of the web UI and of the API's page: the same for everybody, whatever is asked."""


def is_page(stage: ApiStage, answer: Answer) -> bool:
    """Whether it is the web UI's one page, which any address has that is nobody else's."""
    return answer.text == stage.client.get("/dags").text


def test_s11_s35_what_is_sent_comes_back_as_data_and_never_as_a_page(stage: ApiStage) -> None:
    for route in routes(stage, "GET"):
        for payload in PAYLOADS[:3]:
            answer = stage.client.get(filled(route.path, payload), params={"order_by": payload}, follow_redirects=False)
            kind = answer.headers.get("content-type", "application/json").partition(";")[0]
            own = route.path in OWN_PAGES or is_page(stage, answer)
            assert own or kind in ("application/json", "application/x-ndjson", "text/plain"), (route.path, kind)
            assert "Traceback" not in answer.text
            assert str(SOURCE) not in answer.text
            for value in answer.headers.values():
                assert payload not in value, route.path
    for method, path in (
        ("TRACE", "/api/v2/dags"),
        ("GET", "/<script>"),
        ("PUT", "/api/v2/dags"),
        ("GET", "/.git/config"),
    ):
        answer = stage.client.request(method, path)
        assert answer.headers["content-type"] == "application/json" or is_page(stage, answer)
        assert "<script>" not in answer.text


def test_s25_a_fault_of_ours_tells_a_number_alone(stage: ApiStage) -> None:
    routes_of_test = routing.Routes("Test")

    @routes_of_test.get("/api/v2/fault", None)
    def fault() -> None:
        raise RuntimeError("canary: postgresql://user:password@host")

    stage.app.include_router(routes_of_test.router)
    try:
        answer = stage.client.get("/api/v2/fault")
    finally:
        stage.app.router.routes.pop()
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "RuntimeError" not in answer.text
    assert set(answer.json()) == {"detail"}
    check_headers(answer, "/health")


# --- S15, S16: what is stored is never run --------------------------------------------------------------------------

CONTROL = ("api", "scheduler", "store", "dag_processor", "security", "core", "wire", "config")
"""The parts that run no code of authors."""


def test_s15_templates_are_data_to_everything_but_a_task(stage: ApiStage) -> None:
    for payload in PAYLOADS:
        body = {"logical_date": None, "conf": {"a": payload}, "note": payload}
        made = stage.client.post("/api/v2/dags/etl/dagRuns", json=body)
        assert made.status_code == 200, made.text
        run = stage.client.get(f"/api/v2/dags/etl/dagRuns/{made.json()['dag_run_id']}").json()
        assert (run["conf"], run["note"]) == ({"a": payload}, payload)


def test_s15_neither_api_nor_scheduler_has_a_template_engine() -> None:
    code = (
        "import sys, tradewind.api.app, tradewind.api.public as p, tradewind.scheduler.service; p.rest();"
        "print([name for name in ('jinja2', 'tradewind.sdk', 'pickle5', 'dill', 'cloudpickle') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_s16_no_part_that_runs_no_code_of_authors_can_be_made_to() -> None:
    """No unpickling, no evaluation, and no import of a name that is not written there."""
    found = []
    for part in CONTROL:
        for path in (SOURCE / part).rglob("*.py"):
            found += [f"{path.relative_to(SOURCE)}:{line} {what}" for line, what in dangers(path)]
    assert found == []


def dangers(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                for each in names:
                    if each.name.partition(".")[0] in ("pickle", "marshal", "shelve", "dill", "cloudpickle"):
                        yield node.lineno, each.name
            case ast.ImportFrom(module=str(name)) if name.partition(".")[0] in ("pickle", "marshal", "shelve"):
                yield node.lineno, name
            case ast.Call(func=ast.Name(id="eval" | "exec" | "__import__" as name)):
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(attr="import_module" | "load_module" | "exec_module" as name), args=args):
                if not (args and isinstance(args[0], ast.Constant)):
                    yield node.lineno, name


def test_s16_the_gate_finds_what_it_is_for(tmp_path: Path) -> None:
    text = "import pickle\nfrom marshal import loads\neval(x)\nimportlib.import_module(name)\nimport_module('json')\n"
    (tmp_path / "bad.py").write_text(text)
    assert [line for line, _ in dangers(tmp_path / "bad.py")] == [1, 2, 3, 4]


# --- S18, S19, S20: odd names, words and sizes -----------------------------------------------------------------------

AWAY = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "....//....//etc/passwd",
    "..\\..\\etc",
    "~root",
)
QUERIES = (
    "'",
    "' OR '1'='1",
    '" OR 1=1 --',
    "1; DROP TABLE dag",
    "x') UNION SELECT password_hash FROM account --",
    "%' --",
)


def test_s18_no_name_leads_to_a_file(stage: ApiStage) -> None:
    key = (stage.app.state.installation.settings.key_file).read_text().strip()
    for route in routes(stage, "GET"):
        if "{" in route.path:
            for text in AWAY:
                answer = stage.client.get(filled(route.path, text), follow_redirects=False)
                assert answer.status_code < 500, (route.path, text, answer.text[:200])
                if answer.status_code < 400 and not is_page(stage, answer):
                    assert answer.json().get("total_entries") == 0, (route.path, text)
                assert "root:x:" not in answer.text
                assert key not in answer.text


def listing_parameters(stage: ApiStage) -> Iterator[tuple[str, str]]:
    for path, methods in stage.app.openapi()["paths"].items():
        place = path.replace("{dag_id}", "~").replace("{dag_run_id}", "~")
        if "{" not in place and not path.endswith(ENDLESS):
            for each in methods.get("get", {}).get("parameters", ()):
                if each["in"] == "query" and "'string'" in str(each["schema"]) and "date" not in str(each["schema"]):
                    yield place, each["name"]


def total(answer: Answer) -> int:
    """How many a list says that there are; 0 for what is no list."""
    found = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
    return int(found.get("total_entries", 0)) if isinstance(found, dict) else 0


class Work:
    """A clock that counts how often it is read: once for each statement, and once for each hundred steps of it."""

    spent = 0

    def monotonic(self) -> float:
        self.spent += 1
        return 0.0


def test_s19_s20_words_of_sql_find_nothing_more_and_no_list_takes_long(
    stage: ApiStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is limited is the work of the database, whatever else the machine does: 10,000 steps take less than 1 ms."""
    work = Work()
    stage.reading.dispose()
    monkeypatch.setattr(engine, "STEPS", 100)
    monkeypatch.setattr(engine, "time", work)
    whole: dict[str, int] = {}
    checked = 0
    for path, name in listing_parameters(stage):
        if path not in whole:
            whole[path] = total(stage.client.get(path, params={"limit": 500}))
        for query in QUERIES:
            before = work.spent
            answer = stage.client.get(path, params={name: query})
            assert work.spent - before < 100, (path, name, query)
            assert answer.status_code < 500, (path, name, query)
            assert "argon2" not in answer.text
            if answer.status_code == 200 and name != "order_by":
                assert total(answer) <= whole[path]
            if name == "order_by":
                assert answer.status_code in (400, 404, 422), (path, query)
        checked += 1
    assert checked > 60
    assert work.spent > 1_000, "nothing was counted"
    stage.reading.dispose()


def test_s20_no_page_is_larger_than_five_hundred(stage: ApiStage) -> None:
    with stage._engine.begin() as connection:
        row = dict(connection.execute(select(t.event).limit(1)).mappings().one())
        del row["seq"]
        connection.execute(t.event.insert(), [row] * 600)
        newest = connection.execute(select(func.max(t.event.c.seq))).scalar_one()
    answer = stage.client.get("/api/v2/eventLogs", params={"limit": 10**9}).json()
    with stage._engine.begin() as connection:
        connection.execute(t.event.delete().where(t.event.c.seq > newest - 600))
    assert len(answer["event_logs"]) <= 500
    assert answer["total_entries"] > 500


# --- S29: who has done what ------------------------------------------------------------------------------------------


def test_s29_every_change_leaves_a_row_with_who_made_it(stage: ApiStage) -> None:
    def rows() -> dict[str, str]:
        with stage.reading.connect() as connection:
            return {row.key: row.actor for row in connection.execute(select(t.command.c.key, t.command.c.actor))}

    run = "/api/v2/dags/etl/dagRuns/s29"
    changes: list[tuple[str, str, Any]] = [
        ("POST", "/api/v2/dags/etl/dagRuns", {"logical_date": None, "dag_run_id": "s29"}),
        ("PATCH", run, {"note": "a\nb: forged\r\n\u2028c"}),
        ("PATCH", f"{run}/taskInstances/a", {"note": "x"}),
        ("PATCH", f"{run}/taskInstances/a", {"new_state": "success"}),
        ("POST", f"{run}/clear", {"dry_run": False}),
        ("PATCH", run, {"state": "failed"}),
        ("PATCH", "/api/v2/dags/etl", {"is_paused": True}),
        ("POST", "/api/v2/dags/etl/favorite", None),
        ("POST", "/api/v2/variables", {"key": "k", "value": "v"}),
        ("PATCH", "/api/v2/variables/k", {"key": "k", "value": "w"}),
        ("DELETE", "/api/v2/variables/k", None),
        ("POST", "/api/v2/pools", {"name": "p", "slots": 1}),
        ("DELETE", "/api/v2/pools/p", None),
        ("POST", "/api/v2/connections", {"connection_id": "c", "conn_type": "http"}),
        ("DELETE", "/api/v2/connections/c", None),
        ("POST", "/ui/roles", {"name": "s29"}),
        ("DELETE", "/ui/roles/s29", None),
    ]
    for method, path, body in changes:
        before = rows()
        answer = stage.client.request(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code < 300, (method, path, answer.text)
        new = [actor for key, actor in rows().items() if key not in before]
        assert set(new) == {"root"}, (method, path, new)
    with stage.reading.connect() as connection:
        bodies = connection.execute(select(t.command.c.body)).scalars().all()
    assert all("\n" not in body and json.loads(body) is not None for body in bodies), "one line, whatever it says"


def test_s29_nothing_changes_behind_reading(stage: ApiStage) -> None:
    """S09 too: no link and no image of another page can change anything."""

    def state() -> Any:
        with stage.reading.connect() as connection:
            return {table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in t.metadata.sorted_tables}  # fmt: skip

    before = state()
    for route in routes(stage, "GET"):
        stage.client.get(filled(route.path, "etl"), follow_redirects=False)
    assert state() == before
    assert all(not isinstance(route, APIRoute) or "HEAD" not in route.methods for route in stage.app.routes)


# --- S31: examples ---------------------------------------------------------------------------------------------------


def test_s31_examples_are_off_unless_somebody_wants_them(stage: ApiStage) -> None:
    assert stage.app.state.installation.settings.core.load_examples is False
    assert [each["dag_id"] for each in stage.client.get("/api/v2/dags").json()["dags"]] == ["etl"]
