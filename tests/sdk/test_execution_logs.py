"""An attempt's log file: where it is, what is in it, what is masked, and what happens when there is too much."""

from __future__ import annotations

import base64
import json
import logging
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.sdk import DAG
from tradewind.sdk.configuration import DEFAULTS
from tradewind.sdk.execution import prepare
from tradewind.sdk.execution.logs import AttemptLog
from tradewind.sdk.execution.masking import REDACTED, Masker, masker
from tradewind.sdk.execution.tracebacks import author_traceback
from tradewind.wire.log_files import log_path, offer_log_path
from tradewind.wire.logs import LogLine, decode_line
from tradewind.wire.messages import Offer, RunInfo


def lines(path: Path) -> list[LogLine]:
    return [decode_line(line) for line in path.read_bytes().splitlines()]


def texts(path: Path) -> list[str]:
    return [line.m for line in lines(path)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "dag_id=d" / "attempt=1.log"


# --- where ---------------------------------------------------------------------------------------------------------


def test_the_path_names_dag_run_task_index_and_try() -> None:
    assert str(log_path("/l", "d", "scheduled__2024-01-01T00:00:00+00:00", "g.t", -1, 2, 5)) == (
        "/l/dag_id=d/run_id=scheduled__2024-01-01T00:00:00+00:00/task_id=g.t/attempt=2.log"
    )
    assert log_path("/l", "d", "r", "t", 3, 1).parts[-2:] == ("map_index=3", "attempt=1.log")


@settings(deadline=None)
@given(st.text(st.characters(codec=None), min_size=1, max_size=400))
def test_no_name_leads_out_of_its_folder_or_is_too_long(name: str) -> None:
    path = log_path("/l", name, name, name, -1, 1)
    assert len(path.parts) == 6
    assert all(len(os.fsencode(part)) < 255 and part not in ("..", ".") for part in path.parts[2:])
    assert path == log_path("/l", name, name, name, -1, 1)


def test_different_names_have_different_paths() -> None:
    names = ["a/b", "a%2Fb", "..", "%2E%2E", "x" * 300, "x" * 301]
    assert len({log_path("/l", "d", name, "t", -1, 1) for name in names}) == len(names)


def test_a_callback_has_a_log_of_its_own() -> None:
    run = RunInfo(number=1, dag_id="d", run_id="r", run_type="manual", run_after_us=0)
    fields = {"attempt": "a", "run": run, "map_index": -1, "try_number": 2, "max_tries": 0, "file": "", "version": ""}
    assert offer_log_path("/l", Offer(task_id="t", **fields)) == str(log_path("/l", "d", "r", "t", -1, 2))
    dag_wide = offer_log_path("/l", Offer(task_id="", callback="dag:on_failure", **fields))
    assert str(dag_wide) == "/l/dag_id=d/run_id=r/callback=dag_on_failure.log"
    of_task = offer_log_path("/l", Offer(task_id="t", callback="task:on_failure", **fields))
    assert of_task.endswith("/attempt=2.callback=task_on_failure.log")


# --- writing -------------------------------------------------------------------------------------------------------


def test_files_and_folders_are_private_and_a_second_leg_appends(path: Path) -> None:
    """S26"""
    for reason in ("rescheduled", "success"):
        log = AttemptLog(path)
        log.line("info", "hello", logger="x", where="f.py:1")
        log.close(reason)
    assert [(line.m, line.event, line.reason) for line in lines(path)] == [
        ("hello", "", ""), ("rescheduled", "exit", "rescheduled"), ("hello", "", ""), ("success", "exit", "success"),
    ]  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


def test_lines_are_in_the_file_as_they_come(path: Path) -> None:
    log = AttemptLog(path, clock=lambda: 1.5)
    log.line("warning", "now")
    assert lines(path) == [LogLine(t="1970-01-01T00:00:01.500000+00:00", l="warning", m="now")]
    log.close()


@contextmanager
def installed(path: Path) -> Iterator[None]:
    """The log in place of streams and logging; not a fixture, since pytest changes the streams between its phases."""
    log = AttemptLog(path)
    streams, handlers = (sys.stdout, sys.stderr), logging.getLogger().handlers[:]
    log.install()
    yield
    log.close("done")
    assert (sys.stdout, sys.stderr) == streams
    assert logging.getLogger().handlers == handlers


def test_print_stderr_and_logging_arrive_in_order_line_by_line(path: Path) -> None:
    with installed(path):
        print("one", end="")
        print(" line\nand another")
        sys.stderr.write("trouble\n")
        logging.getLogger("my.logger").info("by %s", "logging")
        logging.getLogger("my.logger").debug("too quiet")
        sys.stdout.buffer.write("bytes \u00e9\n".encode() + b"\xff\xfe\n")
        sys.stdout.write("10%\r20%\r100%\n")
        print("no newline", end="")
    assert [(line.l, line.n, line.m) for line in lines(path)] == [
        ("info", "stdout", "one line"), ("info", "stdout", "and another"), ("warning", "stderr", "trouble"),
        ("info", "my.logger", "by logging"), ("info", "stdout", "bytes \u00e9"), ("info", "stdout", "\ufffd\ufffd"),
        ("info", "stdout", "100%"), ("info", "stdout", "no newline"), ("info", "", "done"),
    ]  # fmt: skip


def test_a_traceback_travels_in_its_own_field_and_bad_arguments_are_said(path: Path) -> None:
    log = logging.getLogger("x")
    with installed(path):
        try:
            raise ValueError("boom")
        except ValueError:
            log.exception("failed")
        log.info("%d", "no number")
    failed, odd, _ = lines(path)
    assert (failed.m, failed.l) == ("failed", "error")
    assert failed.x.rstrip().endswith("ValueError: boom")
    assert failed.f.startswith("test_execution_logs.py:")
    assert "its arguments do not fit" in odd.m


def test_any_text_can_be_written(path: Path) -> None:
    log = AttemptLog(path)
    for text in ("\0nul", "lone \ud800 surrogate", "two\nlines", "\x1b[31mred"):
        log.line("info", text, trace=text)
    log.close()
    assert texts(path)[:4] == ["\0nul", "lone \\ud800 surrogate", "two\nlines", "\x1b[31mred"]


def test_long_lines_are_cut_with_a_mark(path: Path) -> None:
    log = AttemptLog(path, line_limit=10)
    log.line("info", "0123456789abc")
    log.install()
    for _ in range(1000):
        sys.stdout.write("x" * 50)
    sys.stdout.write("\nnext\n")
    log.close()
    first, second, third, _ = texts(path)
    assert first == "0123456789 … [3 more characters cut]"
    assert second.startswith("x" * 10 + " …")
    assert len(second) < 100
    assert third == "next"


def test_a_flood_keeps_its_head_and_its_tail(path: Path) -> None:
    log = AttemptLog(path, head=10_000, tail=5_000)
    for number in range(2000):
        log.line("info", f"line {number}")
    assert path.stat().st_size < 11_000
    log.close("success")
    found = texts(path)
    assert path.stat().st_size < 17_000
    assert found[0] == "line 0"
    assert found[-2:] == ["line 1999", "success"]
    (gap,) = [index for index, text in enumerate(found) if "left out" in text]
    missing = int(found[gap].split()[1])
    assert found[gap - 1] == f"line {gap - 1}"
    assert found[gap + 1] == f"line {gap - 1 + missing + 1}"


def test_the_head_counts_what_earlier_legs_wrote(path: Path) -> None:
    for _ in range(3):
        log = AttemptLog(path, head=1000, tail=200)
        for number in range(100):
            log.line("info", f"line {number}")
        log.close()
    assert path.stat().st_size < 1000 + 3 * 800


def test_a_log_that_cannot_be_written_fails_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = AttemptLog(tmp_path / "file" / "x.log")
    log.line("info", "lost")
    assert "could not be opened" in log.problem
    log.close("success")


def test_a_full_disk_fails_nothing_and_the_last_line_tells(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AttemptLog(path)
    real = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    log.line("info", "lost")
    monkeypatch.setattr(os, "write", real)
    log.close("success")
    (last,) = lines(path)
    assert (last.event, last.reason) == ("exit", "success")
    assert "No space left on device" in last.m


# --- masking -------------------------------------------------------------------------------------------------------

SECRET = 'p@ss/wörd "1"&x'


@pytest.mark.parametrize(
    "form",
    [
        SECRET, quote(SECRET), quote(SECRET, safe=""), repr(SECRET), json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False), base64.b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "ab", "abc")),
        base64.urlsafe_b64encode(f"user:{SECRET}".encode()).decode(),
    ],
)  # fmt: skip
def test_a_secret_is_masked_in_its_common_encodings(form: str) -> None:
    """S24"""
    masker = Masker()
    masker.add(SECRET)
    masked = masker.mask(f"before {form} after")
    assert REDACTED in masked
    assert form not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@settings(deadline=None)
@given(st.text(min_size=5).filter(lambda text: len(text.strip()) >= 5), st.text(), st.text())
def test_no_secret_survives_masking(secret: str, before: str, after: str) -> None:
    """S24"""
    masker = Masker()
    masker.add(secret)
    assert secret.strip() not in masker.mask(before + secret + after).replace(REDACTED, "\0")


def test_what_counts_as_a_secret_goes_by_name() -> None:
    masker = Masker(["pin_code"])
    masker.add({"api_key": "AAAAAAA", "region": "BBBBBBB", "nested": {"token": ["CCCCCCC"]}, "my_pin_code": "DDDDDDD"})
    masker.add("EEEEEEE", "color")
    masker.add("FFFFFFF", "db_password")
    assert masker.mask("AAAAAAA BBBBBBB CCCCCCC DDDDDDD EEEEEEE FFFFFFF") == "*** BBBBBBB *** *** EEEEEEE ***"


def test_short_values_are_not_masked_and_longer_secrets_go_first() -> None:
    masker = Masker()
    for secret in ("1234", "abcde", "abcdefgh", None, True):
        masker.add(secret)
    assert masker.mask("1234 abcdefgh abcde None True") == "1234 *** *** None True"


def test_each_line_of_a_key_file_is_masked() -> None:
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nMIIEvQIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n")
    assert masker.mask("MIIEvQIBADAN / -----BEGIN KEY-----") == "*** / -----BEGIN KEY-----"


def test_redact_hides_known_secrets_and_sensitive_names_at_every_depth() -> None:
    masker = Masker()
    masker.add("hunter22")
    value = {"a": ["x hunter22", {"password": "p", "n": 1, "token": 5}], "secret": None, "b": ("t",)}
    assert masker.redact(value) == {
        "a": ["x ***", {"password": "***", "n": 1, "token": "***"}],
        "secret": None,
        "b": ["t"],
    }


def test_log_lines_are_masked_before_they_are_written_and_before_they_are_cut(path: Path) -> None:
    """S24"""
    masker = Masker()
    masker.add("swordfish")
    log = AttemptLog(path, mask=masker.mask, line_limit=12)
    log.line("info", "it is swordfish", trace="swordfish")
    log.install()
    sys.stdout.write("it is sword")
    sys.stdout.write("fish\n")
    log.close("ended with swordfish")
    assert b"sword" not in path.read_bytes()
    assert texts(path)[1] == "it is ***"


def test_tracebacks_leave_out_the_engines_own_frames_also_of_causes() -> None:
    from tradewind.sdk.callables import call

    def inner():
        raise KeyError("inner")

    def outer():
        try:
            inner()
        except KeyError as error:
            raise ValueError("outer") from error

    try:
        call(outer, [], {}, {})
    except ValueError as error:
        trace = author_traceback(error)
    assert "in inner" in trace
    assert "in outer" in trace
    assert "sdk/callables.py" not in trace


def test_settings_say_how_short_a_secret_may_be_and_whether_names_make_one() -> None:
    masker = Masker()
    masker.add("abc")
    assert masker.mask("abc") == "abc"
    masker.shortest = 3
    masker.add("abc")
    assert masker.mask("abcd") == "***d"
    assert masker.redact({"password": "x"}) == {"password": REDACTED}
    masker.goes_by_name = False
    assert masker.redact({"password": "x"}) == {"password": "x"}


def test_preparing_a_dag_applies_the_settings_of_the_masker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masker(), "shortest", 5)
    monkeypatch.setattr(masker(), "goes_by_name", True)
    monkeypatch.setitem(DEFAULTS, ("logging", "min_length_masked_secret"), "9")
    monkeypatch.setitem(DEFAULTS, ("core", "hide_sensitive_var_conn_fields"), "False")
    prepare(DAG("d"))
    assert (masker().shortest, masker().goes_by_name) == (9, False)
