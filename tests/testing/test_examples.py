"""Every example of this repository: it can be read, and its runs end as it says, in memory and in virtual time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing import DagBag, PlayedRun, play, run_dag
from tradewind.testing.mail_sink import MailSink

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "dags" / "examples"
"""What stock Airflow accepts too."""
FILES = sorted([*SHARED.glob("*.py"), *(ROOT / "examples").rglob("*.py")])
DAY = "2026-01-05"
FIRST_OPTION = {"*": lambda question: question.options[0]}

NOT_SUCCESS = {
    "asking_people": {"fast": "skipped"},
    "branching": {"few": "skipped"},
    "branching_in_groups": dict.fromkeys(
        [
            "load.careful.count", "load.careful.compare", "summary", "weekend", "day", "only_with_rows", "decides",
            "skipped_with_them",
        ],
        "skipped",
    ),
    "callbacks_and_slas": {"broken": "failed", "not_reached": "skipped"},
    "classic_operators": {"nothing": "skipped"},
    "day_after_day": {"tell": "skipped"},
    "failing_fast": {"check": "failed", "is_stopped": "failed", "never_begins": "skipped"},
    "limits_given_up": {"fails": "failed"},
    "mapped_groups": {"per_city.check[1]": "failed", "per_city.mean[1]": "upstream_failed"},
    "mapping_spellings": {"of_nothing": "skipped"},
    "sensors": {"never": "skipped"},
    "sensors_of_time": dict.fromkeys(["skipped_when_late", "skipped_on_error", "silent_then_late"], "skipped"),
    "trigger_rules": {
        "fails": "failed", "is_skipped": "skipped", "all_success": "upstream_failed", "all_failed": "skipped",
        "all_done_min_one_success": "skipped", "none_failed": "upstream_failed",
        "none_failed_min_one_success": "upstream_failed", "none_skipped": "skipped", "all_skipped": "skipped",
    },
    "trying_again": {"wrong_password": "failed"},
}  # fmt: skip
"""By Dag, the tasks that are meant to end otherwise. All others succeed."""
FAILS = {"failing_fast", "limits_given_up", "trigger_rules"}
"""Dags whose runs are meant to fail."""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What examples say that they need: connections to a mail server, a database and a page of this process's own."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(b'{"scheduler": {"status": "healthy"}}')

        def log_message(self, *_: Any) -> None:
            """Nothing to the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with MailSink() as sink:
        yield {
            "smtp_default": {
                "conn_type": "smtp", "host": "127.0.0.1", "port": sink.port,
                "extra": {"disable_ssl": True, "disable_tls": True},
            },
            "example_shop": {"conn_type": "sqlite", "host": str(tmp_path_factory.mktemp("shop") / "shop.db")},
            "example_server": f"http://127.0.0.1:{server.server_port}",
        }  # fmt: skip
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_the_runs_of_an_example_end_as_they_should(file: Path, services: dict[str, Any]) -> None:
    bag = DagBag(file.parent, files=[file.name])
    assert bag.import_errors == {}
    assert bag.size() >= 1
    given = {"freeze": True, "answers": FIRST_OPTION, "connections": services, "pools": {"example_narrow": 1}}
    runs = list(play(bag, from_=DAY, to=f"{DAY}T02:00", takes={"*": 600}, **given))
    by_hand = set(bag) - {run.dag_id for run in runs}
    runs += [run_dag(bag, dag_id, logical_date=DAY, **given) for dag_id in sorted(by_hand)]
    for run in runs:
        others = {name: state for name, state in run.states.items() if state != "success"}
        assert others == NOT_SUCCESS.get(run.dag_id, {}), run.story()
        assert run.state == ("failed" if run.dag_id in FAILS else "success"), run.story()


def test_every_exception_belongs_to_an_example() -> None:
    dags = {dag_id for file in FILES for dag_id in DagBag(file.parent, files=[file.name])}
    assert dags >= FAILS | set(NOT_SUCCESS)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_an_example_begins_with_what_it_shows(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.startswith('"""')
    first = text.split('"""')[1].split("\n\n")[0]
    assert 20 < len(first) < 400
    assert first.rstrip().endswith((".", "`."))


def played(name: str, dag_id: str | None = None, **given: Any) -> PlayedRun:
    return run_dag(SHARED / f"{name}.py", dag_id, freeze=True, **given)


@pytest.mark.parametrize(
    ("file", "dag_id", "made"),
    [
        ("dags/examples/assets.py", "assets_collect", ["assets_any_found", "assets_join", "assets_or_each_night"]),
        ("dags/examples/assets_as_functions.py", "example_prices", ["example_report", "example_split"]),
        ("dags/examples/partitions.py", "partitions_hours", ["partitions_day", "partitions_region"]),
        (
            "dags/examples/partitions_spread.py",
            "partitions_sources",
            ["partitions_early", "partitions_known", "partitions_of_days", "partitions_of_the_week"],
        ),
        (
            "examples/tradewind/own_partitions.py",
            "own_partitions_shop",
            ["own_partitions_day", "own_partitions_thanks"],
        ),
        (
            "examples/airflow2/datasets.py",
            "datasets_collect",
            ["datasets_found", "datasets_join", "datasets_or_each_night"],
        ),
    ],
)
def test_examples_of_assets_start_each_other(file: str, dag_id: str, made: list[str]) -> None:
    run = run_dag(ROOT / file, dag_id)
    assert sorted({other.dag_id for other in run.played.runs}) == sorted({dag_id, *made})
    assert {other.state for other in run.played.runs} == {"success"}


def test_a_week_is_for_each_of_its_days_and_two_of_three_regions_are_enough() -> None:
    runs = played("partitions_spread", "partitions_sources").played.runs
    by_dag: dict[str, list[Any]] = {}
    for run in runs:
        if run.dag_id != "partitions_sources":
            by_dag.setdefault(run.dag_id, []).append(run.xcom("work"))
    assert by_dag == {
        "partitions_of_days": [f"2026-01-{day:02}" for day in range(5, 12)],
        "partitions_of_the_week": ["2026-W02"],
        "partitions_early": ["all"],
        "partitions_known": ["kr"],
    }


def test_partitions_in_words_of_ones_own_gather_and_spread() -> None:
    run = run_dag(ROOT / "examples" / "tradewind" / "own_partitions.py", "own_partitions_shop")
    days = [each.xcom("add_up") for each in run.played.runs if each.dag_id == "own_partitions_day"]
    thanks = [each.xcom("thank") for each in run.played.runs if each.dag_id == "own_partitions_thanks"]
    assert (days, thanks) == (["2026-01-05"], ["thanks for 2026-01-05 AM", "thanks for 2026-01-05 PM"])


def test_kept_state_does_nothing_twice() -> None:
    run = run_dag(SHARED / "keeping_state.py")
    assert run.state == "success"
    counts, job = run.task("count").attempts, run.task("convert").attempts
    assert [attempt.outcome for attempt in (*counts, *job)] == ["failed", "success"] * 2
    logs = "".join(attempt.log for attempt in counts)
    assert [logs.count(f"read page {page}\n") for page in (1, 2, 3, 4)] == [1] * 4
    assert "".join(attempt.log for attempt in job).count("submitted by try") == 1
    assert run.xcom("count") == 100


def test_each_spelling_of_a_mapped_task_means_what_it_says() -> None:
    run = played("mapping_spellings")
    assert run.xcom("literal") == ["10-", "20-"]
    assert run.xcom("each_with_each") == [f"{number}{letter}" for number in (1, 2, 3) for letter in "abc"]
    assert run.xcom("side_by_side") == run.xcom("say") == ["1a", "2b", "3c"]
    assert run.xcom("by_dict") == ["7-", "8z"]
    assert run.xcom("tenfold") == ["10!", "20!", "30!"]
    assert run.xcom("one_after_another") == ["1-", "2-", "3-"]
    assert run.xcom("count") == 9


def test_weights_decide_who_goes_first() -> None:
    assert played("priorities", pools={"example_narrow": 1}).order == ["first", "second", "third", "fourth", "fifth"]
    run = run_dag(ROOT / "examples" / "tradewind" / "own_weights.py", freeze=True)
    assert run.order == ["short", "middling", "long"]


def test_what_was_set_up_is_put_away_although_the_work_fails() -> None:
    run = played("setup_and_teardown", conf={"break": True})
    assert (run.state, run.states) == (
        "failed",
        {"cluster": "success", "work": "failed", "report": "upstream_failed", "put_away": "success"},
    )


def test_deferred_tasks_go_on_with_what_their_triggers_say() -> None:
    run = played("deferring", logical_date=DAY)
    assert run.xcom("two_steps") == ["2026-01-05T00:00:01+00:00", "2026-01-05 00:00:02+00:00"]
    assert run.xcom("from_the_trigger") == "went on"
    outcomes = {each.task_id: [attempt.outcome for attempt in each.attempts] for each in run.tasks}
    assert outcomes["two_steps"] == ["deferred", "deferred", "success"]
    assert outcomes["from_the_trigger"] == ["deferred", "success"]
    assert outcomes["ended_there"] == ["deferred"]  # nothing was started after that


def test_another_dag_is_started_with_values_of_its_own() -> None:
    run = played("starting_another_dag", "starting_another_dag", logical_date=DAY)
    (other,) = (each for each in run.played.runs if each.dag_id == "started_by_another_dag")
    assert other.xcom("measure") == ["Seoul"] * 3
    assert other.run_id == f"for_{run.run_id}"


def test_tries_come_further_and_further_apart() -> None:
    tries = played("trying_again", logical_date=DAY).task("third_time_lucky").attempts
    assert [each.outcome for each in tries] == ["failed", "failed", "success"]


def test_only_the_newest_run_tells_and_each_goes_on_from_the_one_before() -> None:
    runs = list(play(SHARED / "day_after_day.py", from_="2026-01-05", to="2026-01-06", freeze=True))
    assert [run.xcom("add_up") for run in runs] == [1, 2, 3]
    by_hand = played("day_after_day", now="2026-01-05T12:00", logical_date=None)
    assert by_hand.states["tell"] == "success"


def test_a_dag_that_fails_three_times_is_paused() -> None:
    bag = DagBag(SHARED, files=["limits.py"])
    assert bag["limits_given_up"].max_consecutive_failed_dag_runs == 3
    assert played("limits", "limits_given_up").state == "failed"


@pytest.mark.parametrize(
    ("conf", "refused"),
    [({"rows": -1}, "rows"), ({"region": "moon"}, "region"), ({"code": "x"}, "code"), ({"rows": 50}, "")],
)
def test_params_are_checked_before_a_run_is_made(conf: dict[str, Any], refused: str) -> None:
    if refused:
        with pytest.raises(Exception, match=refused):
            played("params", conf=conf)
    else:
        assert played("params", conf=conf).xcom("read") == 50


def test_the_clock_changes_as_each_policy_says() -> None:
    file = ROOT / "examples" / "tradewind" / "clock_changes.py"
    found: dict[str, list[str]] = {}
    for start, end in (("2026-03-28T02:00", "2026-03-30T00:00"), ("2026-10-24T02:00", "2026-10-26T00:00")):
        for run in play(file, from_=start, to=end, freeze=True):
            assert run.logical_date is not None
            if run.logical_date.isoformat() >= start:
                found.setdefault(run.dag_id.removeprefix("clock_changes_"), []).append(
                    run.logical_date.strftime("%m-%dT%H:%M")
                )
    assert found == {
        "first_moment_after": ["03-29T01:00", "10-25T00:30"],
        "not_on_that_day": ["10-25T00:30"],
        "the_second_of_both": ["03-29T01:00", "10-25T01:30"],
    }
