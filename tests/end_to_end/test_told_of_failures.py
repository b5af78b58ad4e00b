"""Mails, notifiers and deadlines on real processes that are killed around them; a real mail server on loopback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.mail_sink import MailSink

DAGS = """
import os, signal, time
from datetime import datetime, timedelta

from airflow.providers.smtp.notifications.smtp import SmtpNotifier
from airflow.models.deadline import ReferenceModels
from airflow.sdk import DAG, AsyncCallback, BaseNotifier, DeadlineAlert, DeadlineReference, SyncCallback, task
from airflow.sdk import deadline_reference


@deadline_reference()
class TwoSecondsOn(ReferenceModels.BaseDeadlineReference):
    required_kwargs = {"run_after"}

    def _evaluate_with(self, *, session, run_after):
        return run_after + timedelta(seconds=2)


def note(name, text=""):
    with open(os.path.join(FOLDER, name), "a") as file:
        print(os.getpid(), text, file=file)


class Notes(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, name, text):
        super().__init__()
        self.name, self.text = name, text

    def notify(self, context):
        note(self.name, self.text)


class Fails(BaseNotifier):
    def notify(self, context):
        raise ConnectionError("nobody there")


def dies_once(context):
    note("dies")
    if not os.path.exists(os.path.join(FOLDER, "died")):
        note("died")
        os.kill(os.getpid(), signal.SIGKILL)


async def late(context, text):
    note("late", text + " " + context["dag_run"]["dag_id"] + " " + context["deadline"]["deadline_time"].isoformat())


MAILS = {"email": ["me@x.org"], "on_failure_callback": [Fails(), Notes("failure", "{{ ti.task_id }} {{ exception }}")]}

with DAG("killed", schedule=None, default_args=MAILS):

    @task
    def dies():
        note("task")
        time.sleep(600)

    @task(retries=1, retry_delay=timedelta(0), on_retry_callback=Notes("retry", "{{ try_number }}"))
    def tries(ti=None):
        if ti.try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    @task
    def fails():
        raise ValueError("no such thing")

    dies() >> tries()
    fails()

with DAG("calls", schedule=None, on_failure_callback=[dies_once, Notes("after", "{{ reason }}")]):

    @task(on_failure_callback=dies_once)
    def dies():
        os.kill(os.getpid(), signal.SIGKILL)

    dies()

with DAG(
    "late",
    schedule=None,
    deadline=[
        DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=5), AsyncCallback(late, {"text": "late:"})),
        DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), SyncCallback(note, {"name": "never"})),
        DeadlineAlert(DeadlineReference.TwoSecondsOn, timedelta(0), AsyncCallback(late, {"text": "own:"})),
    ],
):

    @task
    def waits():
        while not os.path.exists(os.path.join(FOLDER, "go")):
            time.sleep(0.05)

    waits()
"""


@pytest.fixture
def sink() -> Iterator[MailSink]:
    with MailSink() as sink:
        yield sink


@pytest.fixture
def installation(tmp_path: Path, sink: MailSink) -> Iterator[Installation]:
    with Installation({"told.py": DAGS.replace("FOLDER", repr(str(tmp_path)))}, **sink.settings()) as installation:
        yield installation


def lines(folder: Path, name: str) -> list[str]:
    """What was noted, without the pids."""
    path = folder / name
    return [line.partition(" ")[2] for line in path.read_text().splitlines()] if path.exists() else []


def pid(folder: Path, name: str) -> int:
    return int((folder / name).read_text().split()[0])


def nothing_open(installation: Installation) -> None:
    installation.until("the callbacks", lambda: not installation.rows("SELECT * FROM callback"))


def test_a_task_that_is_killed_is_mailed_and_its_notifiers_are_called(
    installation: Installation, sink: MailSink, tmp_path: Path
) -> None:
    installation.start()
    name = installation.trigger("killed")
    installation.until("the task", lambda: (tmp_path / "task").exists())
    os.kill(pid(tmp_path, "task"), signal.SIGKILL)
    assert installation.wait_for_run("killed", name) == "failed"
    installation.until("the mails", lambda: len(sink.mails) >= 2)
    nothing_open(installation)
    subjects = sorted(mail.subject for mail in sink.mails)
    assert subjects == [
        f"Airflow alert: <TaskInstance: killed.{task_id} {name} [failed]>" for task_id in ("dies", "fails")
    ]
    assert {mail.recipients[0] for mail in sink.mails} == {"me@x.org"}
    told = sorted(line.split()[0] for line in lines(tmp_path, "failure"))
    assert told == ["dies", "fails"]
    (log,) = installation.home.glob("logs/dag_id=killed/**/task_id=dies/*callback*.log")
    assert "Fails failed to send" in log.read_text()


def test_a_retry_after_a_kill_is_told_and_mailed_once(
    installation: Installation, sink: MailSink, tmp_path: Path
) -> None:
    installation.write("told.py", (installation.dags / "told.py").read_text().replace("time.sleep(600)", "pass"))
    installation.start()
    name = installation.trigger("killed")
    assert installation.wait_for_run("killed", name) == "failed"  # because of `fails`
    installation.until("the mails", lambda: len(sink.mails) >= 2)
    nothing_open(installation)
    states = {mail.subject.split("[")[1] for mail in sink.mails}
    assert (len(sink.mails), states) == (2, {"up_for_retry]>", "failed]>"})
    assert lines(tmp_path, "retry") == ["1"]
    assert [line.split()[0] for line in lines(tmp_path, "failure")] == ["fails"]


def test_a_task_whose_worker_is_killed_is_mailed_once(
    installation: Installation, sink: MailSink, tmp_path: Path
) -> None:
    installation.start()
    name = installation.trigger("killed")
    installation.until("the task", lambda: (tmp_path / "task").exists())
    installation.until("the first mail", lambda: sink.mails)
    installation.signal("agent")
    assert installation.wait_for_run("killed", name) == "failed"
    installation.until("the mails", lambda: len(sink.mails) >= 2)
    nothing_open(installation)
    assert sorted(mail.subject.split(".")[1].split()[0] for mail in sink.mails) == ["dies", "fails"]
    assert sorted(line.split()[0] for line in lines(tmp_path, "failure")) == ["dies", "fails"]


@pytest.mark.parametrize("whom", ["agent", "scheduler"])
def test_a_mail_under_way_is_not_sent_again_when_a_process_around_it_is_killed(
    installation: Installation, sink: MailSink, whom: str
) -> None:
    sink.goes_on.clear()
    installation.start()
    installation.trigger("killed")
    installation.until("the mail", lambda: sink.mails)
    assert [row["state"] for row in installation.rows("SELECT state FROM callback")] == ["begun"]
    installation.signal(whom)
    if whom == "agent":
        begun = "SELECT * FROM callback WHERE state = 'begun' AND task_id = 'fails'"
        installation.until("the mail to be given up", lambda: not installation.rows(begun))
    else:
        installation.until("its end", lambda: not installation.is_listening())
        installation.request("status")
    sink.goes_on.set()
    nothing_open(installation)
    tasks = [mail.subject.split(".")[1].split()[0] for mail in sink.mails]
    assert tasks.count("fails") == 1
    assert set(tasks) <= {"fails", "dies"}, "a task that was lost with its agent is mailed as well"


def test_a_callback_that_is_killed_is_started_again(installation: Installation, tmp_path: Path) -> None:
    installation.start()
    assert installation.run("calls") == "failed"
    nothing_open(installation)
    assert len(lines(tmp_path, "died")) >= 1
    assert len(lines(tmp_path, "dies")) >= 3, "once killed, once again, and once for the Dag"
    assert lines(tmp_path, "after") == ["task_failure"]


def test_a_mail_server_that_is_not_there_is_one_line_and_changes_no_task(tmp_path: Path) -> None:
    environment = {"AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1", "AIRFLOW__SMTP__SMTP_PORT": "9"}
    text = DAGS.replace("FOLDER", repr(str(tmp_path))).replace("time.sleep(600)", "pass")
    with Installation({"told.py": text}, **environment) as installation:
        installation.start()
        assert installation.run("killed") == "failed"
        nothing_open(installation)
        rows = installation.rows("SELECT task_id, state FROM task_instance")
        assert {row["task_id"]: row["state"] for row in rows} == {
            "dies": "success", "tries": "success", "fails": "failed"
        }  # fmt: skip
        (log,) = installation.home.glob("logs/dag_id=killed/**/task_id=fails/*callback*.log")
        assert log.read_text().count("127.0.0.1:9 did not take the mail for me@x.org") >= 1


def test_a_deadline_is_told_once_although_the_scheduler_is_killed_before_it(
    installation: Installation, tmp_path: Path
) -> None:
    installation.start()
    name = installation.trigger("late")
    installation.until("the deadlines", lambda: len(installation.rows("SELECT * FROM deadline")) == 3)
    installation.signal("scheduler")
    installation.until("the callbacks", lambda: len(lines(tmp_path, "late")) >= 2)
    nothing_open(installation)
    own, told = sorted(lines(tmp_path, "late"), reverse=True)
    assert told.startswith("late: late 20")
    assert own.startswith("own: late 20")
    assert [row["name"] for row in installation.rows("SELECT name FROM deadline")] == ["deadline:1"]
    (tmp_path / "go").touch()
    assert installation.wait_for_run("late", name) == "success"
    assert installation.rows("SELECT * FROM deadline") == []
    assert len(installation.rows("SELECT * FROM event WHERE name = 'run.deadline_missed'")) == 2
    assert lines(tmp_path, "never") == []
