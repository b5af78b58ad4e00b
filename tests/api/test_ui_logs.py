"""Logs as the web UI reads them: windows of rows, of a million as well, what is found in them, and how they grow."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from task_play import in_second_try
from test_task_instances import be_scoped
from test_task_logs import file_of, finish_attempt

from tradewind.api import log_index, log_view
from tradewind.api.log_index import LogIndex, LogIndexes, counts_of
from tradewind.api.log_rows import LEVELS, MOST_TEXT, shown
from tradewind.api.log_view import LogView
from tradewind.api.ui import logs
from tradewind.testing.api_stage import ApiStage
from tradewind.wire.logs import LogLine, encode_line

T = "2024-01-01T00:00:01.000002+00:00"
LOG = "/ui/dags/etl/log"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    return in_second_try(stage)


def get(stage: ApiStage, path: str = "", status: int = 200, **query: Any) -> Any:
    answer = stage.client.get(LOG + path, params={"run_id": "r", "task_id": "a", "try": 1, **query})
    assert answer.status_code == status, answer.text
    return answer.json()


def record(text: str, level: str = "info", trace: str = "", event: str = "") -> bytes:
    return encode_line(LogLine(t=T, l=level, m=text, x=trace, event=event))


def texts(answer: Any) -> list[str]:
    return [row["text"] for row in answer["rows"]]


MIXED = [
    record("start"),
    record("two\nlines", "warning"),
    record("no json here \\n really", "debug"),
    record("broke", "error", "Traceback:\n  in f\nBoom\n"),
    b"\xff not a record\n",
    record("::group::Load"),
    record("inside", "debug"),
    record("::endgroup::"),
    record("gone", "error", event="exit"),
]
SHOWN = [
    "start", "two", "lines", "no json here \\n really", "broke", "Traceback:", "  in f", "Boom", "� not a record",
    "::group::Load", "inside", "::endgroup::", "gone",
]  # fmt: skip


def test_every_line_of_a_text_and_of_a_traceback_is_a_row_with_its_number(etl: ApiStage) -> None:
    file_of(etl).write_bytes(b"".join(MIXED))
    log = get(etl, counted=True)
    assert texts(log) == SHOWN
    assert [row["n"] for row in log["rows"]] == list(range(1, 14))
    assert [row["kind"] for row in log["rows"]] == [
        "line", "line", "more", "line", "line", "trace", "trace", "trace", "line", "group", "line", "end", "exit",
    ]  # fmt: skip
    assert (log["first"], log["total"], log["is_over"], log["try_number"]) == (0, 13, True, 1)
    assert log["counts"] == [2, 4, 2, 5, 0]
    assert [row["rest"] for row in log["rows"]][:5] == [0, 1, 0, 0, 3]
    assert log["rows"][0]["at"] == 1704067201000002


def test_rows_of_some_levels_keep_their_numbers(etl: ApiStage) -> None:
    file_of(etl).write_bytes(b"".join(MIXED))
    log = get(etl, counted=True, levels=["error", "critical"])
    assert [row["n"] for row in log["rows"]] == [5, 6, 7, 8, 13]
    assert (log["total"], sum(log["counts"])) == (5, 13)
    around = get(etl, line=9, count=2, levels=["error"])
    assert (around["first"], [row["n"] for row in around["rows"]]) == (3, [8, 13])


def test_the_end_of_a_long_log_comes_before_it_is_counted(etl: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    file_of(etl).write_bytes(b"".join(record(f"line {n}") for n in range(60_000)))
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, at: (read.append(count), pread(fd, count, at))[1])
    quick = get(etl, count=300)
    assert sum(read) < 1_000_000 < quick["size"]
    assert (quick["total"], quick["first"], quick["rows"][0]["n"]) == (None, None, 0)
    assert texts(quick) == [f"line {n}" for n in range(59_700, 60_000)]
    counted = get(etl, count=300, counted=True)
    assert (counted["first"], counted["total"], texts(counted)) == (59_700, 60_000, texts(quick))
    assert get(etl, count=1)["total"] == 60_000, "by now it is known"
    assert texts(get(etl, first=30_000, count=2)) == ["line 30000", "line 30001"]
    assert get(etl, line=12_346, count=3)["rows"][1]["text"] == "line 12345"


def test_an_index_goes_on_where_the_file_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_index, "BLOCK", 300)
    path = tmp_path / "log"
    path.write_bytes(b"".join(MIXED) + b'{"t":"unfini')
    file = os.open(path, os.O_RDONLY)
    index = LogIndex()
    index.extend(file, is_over=False)
    assert (index.rows, index.seen) == (13, path.stat().st_size)
    with path.open("ab") as more:
        more.write(b'shed","l":"info","m":"whole"}\n')
        for n in range(50):
            more.write(record(f"line {n}"))
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, at: (read.append(at), pread(fd, count, at))[1])
    index.extend(file, is_over=False)
    assert min(read) == sum(map(len, MIXED)), "nothing is read twice"
    assert index.rows == 64
    assert [row.text for row in LogView(file, index).window(12, 4).rows] == ["gone", "whole", "line 0", "line 1"]
    path.write_bytes(record("another"))
    index.extend(file, is_over=False)
    assert index.rows == 1
    os.close(file)


def test_a_log_that_was_removed_and_written_anew_is_counted_anew(tmp_path: Path) -> None:
    path, indexes = tmp_path / "log", LogIndexes()
    for text in ("one", "two"):
        path.write_bytes(encode_line(LogLine(t=f"2024-01-01T00:00:0{len(text)}{text}", l="info", m=text * 3)))
        file = os.open(path, os.O_RDONLY)
        index = indexes.of(file)
        assert index.rows == 0
        index.extend(file, is_over=True)
        assert index.rows == 1
        os.close(file)
        path.unlink()


def test_the_last_line_of_a_writer_that_was_killed_is_shown_once_the_try_is_over(etl: ApiStage) -> None:
    file_of(etl).write_bytes(record("whole") + b'{"t":"cut of')
    assert texts(get(etl, counted=True)) == ["whole", '{"t":"cut of']
    assert texts(get(etl)) == ["whole", '{"t":"cut of']
    file_of(etl, 2).write_bytes(record("whole") + b'{"t":"cut of')
    running = get(etl, counted=True, **{"try": 2})
    assert (texts(running), running["is_over"]) == (["whole"], False)


@pytest.mark.parametrize("seed", range(20))
def test_any_window_of_any_levels_is_what_a_plain_reading_gives(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(log_index, "BLOCK", chance.choice([100, 400, 5000]))
    kinds = [*MIXED, record("a\\b \\n"), record(""), record("x" * 300, "critical"), b"\n", b'{"l":"error"\n']
    data = b"".join(chance.choice(kinds) for _ in range(chance.randrange(1, 120)))
    path = tmp_path / "log"
    path.write_bytes(data)
    rows, n = [], 1
    for raw in data.removesuffix(b"\n").split(b"\n"):
        rows += shown(raw, n)
        n = len(rows) + 1
    file = os.open(path, os.O_RDONLY)
    index = LogIndex()
    index.extend(file, is_over=True)
    assert index.counts == tuple(sum(row.level == level for row in rows) for level in range(len(LEVELS)))
    for _ in range(30):
        levels = sorted(chance.sample(range(5), chance.randrange(1, 6)))
        wanted = [row for row in rows if row.level in levels]
        view = LogView(file, index, levels)
        first, count = chance.randrange(len(wanted) + 2), chance.randrange(1, 40)
        assert view.window(first, count).rows == wanted[first : first + count]
        line = chance.randrange(1, len(rows) + 2)
        assert view.place_of(line) == sum(row.n < line for row in wanted)
        needle = chance.choice(["o", "LINE", "group::", "\\n", "zzz", "record", 'l":"', "boom"])
        assert view.search(needle).lines == [row.n for row in wanted if needle.lower() in row.text.lower()]
        last = log_view.last_rows(file, count, levels, is_over=True)
        assert [(row.n, row.text) for row in last] == [(0, row.text) for row in wanted[-count:]]
    os.close(file)


def test_what_is_no_record_does_not_spoil_the_count() -> None:
    torn = record("x", "error")[:56] + record("y", "warning")
    assert counts_of(record("z", "debug") + torn) == (1, 0, 0, 1, 0)
    assert counts_of(b"\n\nplain") == (0, 3, 0, 0, 0)


def test_a_search_finds_any_case_over_colours_and_in_tracebacks_and_nothing_else(etl: ApiStage) -> None:
    data = [
        record("Circuit opened"), record("\x1b[31mcir\x1b[0mcuit"), record("other", trace="Traceback\nCIRCUIT"),
        record("배치 410"), record("ÄRGER"), record('say "hi"\\'), record("info"),
    ]  # fmt: skip
    file_of(etl).write_bytes(b"".join(data))
    found = {
        needle: get(etl, "/search", text=needle)["lines"]
        for needle in ("circuit", "배치", "ärger", '"hi"\\', "info", "[31m", "2024", "ir.*t")
    }
    assert found == {
        "circuit": [1, 2, 5], "배치": [6], "ärger": [7], '"hi"\\': [8], "info": [9], "[31m": [], "2024": [],
        "ir.*t": [],
    }  # fmt: skip


def test_a_search_goes_on_where_it_ended(etl: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_view, "SEARCH_BYTES", 300_000)
    file_of(etl).write_bytes(b"".join(record(f"{'hit' if n % 1000 == 7 else 'no'} {n}") for n in range(20_000)))
    lines: list[int] = []
    from_line: int | None = 1
    answers = 0
    while from_line is not None:
        part = get(etl, "/search", text="HIT", from_line=from_line)
        lines += part["lines"]
        from_line = part["next_line"]
        answers += 1
    assert lines == [n + 1 for n in range(7, 20_000, 1000)]
    assert answers > 2
    assert get(etl, "/search", text="hit", from_line=1009)["lines"][0] == 2008


def test_a_search_with_more_hits_than_one_answer_has_goes_on_after_the_last(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(record("x\nx") for _ in range(10)))
    file = os.open(path, os.O_RDONLY)
    index = LogIndex()
    index.extend(file, is_over=True)
    first = LogView(file, index).search("x", most=7)
    assert (first.lines, first.next_line) == ([1, 2, 3, 4, 5, 6, 7], 8)
    assert LogView(file, index).search("x", 8).lines == list(range(8, 21))
    os.close(file)


def test_the_end_of_a_group_is_found_past_those_inside_it(etl: ApiStage) -> None:
    order = ["a", "::group::A", "b", "::group::B", "::endgroup::", "c ::endgroup::", "::endgroup::", "::group::C", "d"]
    file_of(etl).write_bytes(b"".join(map(record, order)))
    assert get(etl, "/group", line=2) == {"line": 7}
    assert get(etl, "/group", line=4) == {"line": 5}
    assert get(etl, "/group", line=8) == {"line": 9}, "one that never ends goes to the end"


def test_a_long_line_is_cut_until_somebody_asks_for_all_of_it(etl: ApiStage) -> None:
    file_of(etl).write_bytes(record("y" * 50_000))
    [row] = get(etl, counted=True)["rows"]
    assert (len(row["text"]), row["cut"]) == (MOST_TEXT, 50_000)
    [row] = get(etl, line=1, count=1, whole=True)["rows"]
    assert (len(row["text"]), row["cut"]) == (50_000, 0)


def test_who_follows_a_log_hears_of_new_rows(etl: ApiStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is kept waiting for longer than there is nothing new: a wait that went on would outlast the test."""
    monkeypatch.setattr(logs, "WAIT_SECONDS", 10_000.0)
    path = file_of(etl, 2)
    path.write_bytes(record("first"))
    known = get(etl, counted=True, **{"try": 2})

    def write_later() -> None:
        time.sleep(0.3)
        with path.open("ab") as file:
            file.write(record("second") + record("third"))

    writer = threading.Thread(target=write_later)
    writer.start()
    news = get(etl, "/growth", size=known["size"], first=known["total"], **{"try": 2})
    writer.join()
    assert (texts(news), news["total"], news["is_over"]) == (["second", "third"], 3, False)
    assert get(etl, "/growth", size=news["size"], first=3, wait=False, **{"try": 2})["rows"] == []
    finish_attempt(etl)
    last = get(etl, "/growth", size=news["size"], first=3, **{"try": 2})
    assert (last["rows"], last["is_over"]) == ([], True)


def test_a_log_is_downloaded_whole_and_without_escapes(etl: ApiStage) -> None:
    file_of(etl).write_bytes(record("\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07x", "error", "Trace\nBoom") + b"raw\n")
    answer = etl.client.get(f"{LOG}/file", params={"run_id": "r", "task_id": "a", "try": 1})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="etl_r_a_1.log"'
    assert answer.text == f"{T} ERROR    red ␛]8;;http://evil␇x\nTrace\nBoom\nraw\n"
    assert get(etl, "/file", 404, **{"try": 2})["detail"].startswith("There is no log")


def test_a_log_that_there_is_not_is_empty(etl: ApiStage) -> None:
    log = get(etl)
    assert (log["exists"], log["rows"], log["total"], log["is_over"]) == (False, [], 0, True)
    assert get(etl, "/search", text="x") == {"lines": [], "next_line": None}
    assert "no try 3" in get(etl, status=404, **{"try": 3})["detail"]
    assert get(etl, status=404, task_id="../../etc")["detail"]
    assert get(etl, status=404, run_id="../r")["detail"]
    assert get(etl, status=422, levels=["loud"])["detail"]


def test_nothing_is_followed_out_of_the_logs_folder(etl: ApiStage, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(record("canary"))
    path = file_of(etl)
    path.symlink_to(secret)
    for place in ("", "/file", "/search"):
        answer = etl.client.get(LOG + place, params={"run_id": "r", "task_id": "a", "try": 1, "text": "canary"})
        assert "canary" not in answer.text
    path.unlink()
    path.parent.rmdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / path.name).write_bytes(record("canary"))
    path.parent.symlink_to(tmp_path / "there")
    assert get(etl)["exists"] is False


def test_who_may_not_see_a_dag_reads_none_of_its_logs(etl: ApiStage) -> None:
    file_of(etl).write_bytes(record("canary"))
    be_scoped(etl, "other")
    for place in ("", "/file", "/search", "/group", "/growth"):
        query = {"run_id": "r", "task_id": "a", "try": 1, "text": "canary", "line": 1, "size": 0}
        answer = etl.client.get(LOG + place, params=query)
        assert (answer.status_code, "canary" in answer.text) == (404, False)
