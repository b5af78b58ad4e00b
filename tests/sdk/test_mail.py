"""Mail: the message, the server, and the mail that says how a task ended; handed in to a real server on loopback."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from execution_attempts import DAY, FakeRuntime, attempt, clock, offer, refused

from tradewind.sdk import DAG, BaseNotifier
from tradewind.sdk.execution import prepare, run_callback
from tradewind.sdk.hooks.smtp import SmtpHook
from tradewind.sdk.mail import MailNotSent, build_mime_message, send_email, send_email_smtp
from tradewind.sdk.operators.email import EmailOperator
from tradewind.sdk.operators.empty import EmptyOperator
from tradewind.sdk.smtp_notifier import SmtpNotifier
from tradewind.testing.mail_sink import MailSink
from tradewind.wire.messages import Finished


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailSink]:
    with MailSink() as sink:
        for name, value in sink.settings().items():
            monkeypatch.setenv(name, value)
        yield sink


@pytest.fixture
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_PORT", str(port))
    return port


# --- messages and servers ------------------------------------------------------------------------------------------


def test_a_mail_reaches_everybody_and_carries_its_files(sink: MailSink, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("attached")
    send_email(
        "a@x.org; b@x.org", "Über", "<b>é</b>", files=[str(tmp_path / "a.txt")], cc=["c@x.org"], bcc="d@x.org",
        custom_headers={"X-Own": "1"},
    )  # fmt: skip
    (mail,) = sink.mails
    assert mail.recipients == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert (mail.sender, mail.subject, mail.html.strip()) == ("airflow@example.com", "Über", "<b>é</b>")
    assert (mail.message["To"], mail.message["CC"], mail.message["X-Own"]) == ("a@x.org, b@x.org", "c@x.org", "1")
    assert b"d@x.org" not in mail.data
    assert [part.get_filename() for part in mail.message.iter_attachments()] == ["a.txt"]


def test_a_line_end_in_a_subject_makes_no_header() -> None:
    message, _ = build_mime_message("me@x.org", "a@x.org", "one\r\nBcc: other@x.org", "text")
    assert message["Subject"] == "one Bcc: other@x.org"
    assert message["Bcc"] is None


def test_nothing_is_sent_in_a_dry_run(sink: MailSink) -> None:
    send_email("a@x.org", "s", "t", dryrun=True)
    assert sink.mails == []


def test_the_connection_says_where_before_the_settings(
    sink: MailSink, monkeypatch: pytest.MonkeyPatch, nobody_there: int
) -> None:
    extra = "disable_ssl=true&disable_tls=true&from_email=from%40x.org"
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{sink.port}/?{extra}")
    send_email("a@x.org", "s", "t")
    SmtpHook().send_email_smtp(to="b@x.org", subject="s", html_content="t", from_email="own@x.org")
    assert [(mail.sender, mail.recipients) for mail in sink.mails] == [
        ("from@x.org", ["a@x.org"]), ("own@x.org", ["b@x.org"])
    ]  # fmt: skip


def test_a_session_that_is_closed_at_once_is_tried_again_as_often_as_the_setting_says(
    sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_RETRY_LIMIT", "3")
    sink.hangs_up = 2
    send_email_smtp("a@x.org", "s", "t")
    assert len(sink.mails) == 1
    sink.hangs_up = 3
    with pytest.raises(MailNotSent, match="SMTPServerDisconnected"):
        send_email_smtp("a@x.org", "s", "t")
    assert len(sink.mails) == 1


def test_what_a_server_refuses_is_one_sentence(sink: MailSink, monkeypatch: pytest.MonkeyPatch) -> None:
    sink.refuses = "550 no such mailbox"
    with pytest.raises(MailNotSent, match=rf"127.0.0.1:{sink.port} did not take the mail for a@x.org: .*no such mail"):
        send_email("a@x.org", "s", "t")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_STARTTLS", "True")
    with pytest.raises(MailNotSent, match=r"offers no STARTTLS; set \[smtp\] smtp_starttls to False"):
        send_email("a@x.org", "s", "t")


def test_another_backend_is_called_with_airflows_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__EMAIL__EMAIL_BACKEND", f"{__name__}.backend")
    monkeypatch.setenv("AIRFLOW__EMAIL__FROM_EMAIL", "from@x.org")
    monkeypatch.setenv("AIRFLOW__EMAIL__EMAIL_CONN_ID", "mine")
    send_email("a@x.org, b@x.org", "s", "t")
    (to, subject, content), named = BACKEND.pop()
    assert (to, subject, content) == (["a@x.org", "b@x.org"], "s", "t")
    assert (named["conn_id"], named["from_email"], named["mime_subtype"]) == ("mine", "from@x.org", "mixed")


BACKEND: list[Any] = []


def backend(*args: Any, **kwargs: Any) -> None:
    BACKEND.append((args, kwargs))


# --- operator and notifier -----------------------------------------------------------------------------------------


def test_the_operator_sends_its_rendered_fields_and_fails_when_nobody_takes_them(
    sink: MailSink, caplog: pytest.LogCaptureFixture
) -> None:
    with DAG("d", schedule=None) as dag:
        EmailOperator(
            task_id="t", to="a@x.org", subject="of {{ ds }}", html_content="{{ run_id }}", from_email="m@x.org"
        )
    assert attempt(dag, "t").outcome == "success"
    (mail,) = sink.mails
    assert (mail.sender, mail.subject) == ("m@x.org", "of 2024-03-05")
    assert mail.html.strip() == "scheduled__2024-03-05T00:00:00+00:00"
    sink.refuses = "550 no"
    report = attempt(dag, "t")
    assert report.outcome == "failed"
    assert "did not take the mail" in report.error


def test_the_notifier_renders_its_fields_for_each_call(sink: MailSink) -> None:
    notifier = SmtpNotifier(to="a@x.org", subject="{{ ti.task_id }}", html_content="<i>{{ reason }}</i>")
    with DAG("d", schedule=None) as dag:
        for task_id in ("one", "two"):
            EmptyOperator(task_id=task_id, on_failure_callback=[notifier])
    prepared = prepare(dag)
    for task_id in ("one", "two"):
        run_callback(prepared, offer(task_id, callback="task:on_failure", reason="why"), FakeRuntime())
    assert [(mail.subject, mail.html.strip()) for mail in sink.mails] == [("one", "<i>why</i>"), ("two", "<i>why</i>")]
    run_callback(prepared, offer("one", callback="task:on_failure"), FakeRuntime())
    assert notifier.subject == "{{ ti.task_id }}"


class Failing(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        raise ConnectionError(f"no way to send {self.text}")


class Coroutine(BaseNotifier):
    async def async_notify(self, context: Any) -> None:
        BACKEND.append(context["run_id"])


def test_one_notifier_that_fails_is_logged_and_the_others_are_called(
    sink: MailSink, caplog: pytest.LogCaptureFixture
) -> None:
    several = [Failing("{{ ds }}"), SmtpNotifier(to="a@x.org"), Coroutine()]
    with DAG("d", schedule=None, on_failure_callback=several) as dag:
        EmptyOperator(task_id="t")
    report = run_callback(prepare(dag), offer("", callback="dag:on_failure", reason="task_failure"), FakeRuntime())
    assert report.outcome == "success"
    assert "Failing failed to send" in caplog.text
    assert "no way to send 2024-03-05" in caplog.text
    assert [mail.subject for mail in sink.mails] == [
        "Dag d, run scheduled__2024-03-05T00:00:00+00:00: task_failure"
    ]  # fmt: skip
    assert BACKEND.pop() == "scheduled__2024-03-05T00:00:00+00:00"


# --- the mail about a task -----------------------------------------------------------------------------------------


def mailing(**arguments: Any) -> DAG:
    with DAG("d", schedule=None) as dag:
        EmptyOperator(task_id="t", **{"email": "a@x.org, b@x.org", **arguments})
    return dag


def tell(dag: DAG, what: str = "email_on_failure", runtime: FakeRuntime | None = None, **fields: Any) -> Finished:
    order = offer(
        "t", callback=f"task:{what}", **{"reason": "ValueError: <no>", "try_number": 2, "max_tries": 3, **fields}
    )
    return run_callback(prepare(dag), order, runtime or FakeRuntime(), clock(), BEGUN.append)


BEGUN: list[int] = []


def test_a_failure_is_mailed_with_airflows_subject(sink: MailSink) -> None:
    report = tell(mailing())
    assert (report.outcome, report.error) == ("success", "")
    (mail,) = sink.mails
    assert mail.recipients == ["a@x.org", "b@x.org"]
    assert mail.subject == "Airflow alert: <TaskInstance: d.t scheduled__2024-03-05T00:00:00+00:00 [failed]>"
    assert "ValueError: &lt;no&gt;" in mail.html
    assert "Try 2 of 4" in mail.html
    assert "/dags/d/runs/" in mail.html


def test_a_retry_is_mailed_as_one_after_its_callbacks(sink: MailSink) -> None:
    seen: list[int] = []
    dag = mailing(on_retry_callback=lambda context: seen.append(len(sink.mails)))
    tell(dag, "on_retry+email_on_retry")
    assert seen == [0]
    (mail,) = sink.mails
    assert "[up_for_retry]" in mail.subject


def test_subject_and_text_come_from_the_files_that_the_settings_name(
    sink: MailSink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "subject").write_text("{{ ti.task_id }} try {{ try_number }}/{{ max_tries }}")
    (tmp_path / "content").write_text("{{ exception_html }} {{ exception }} {{ ds }}")
    monkeypatch.setenv("AIRFLOW__EMAIL__SUBJECT_TEMPLATE", str(tmp_path / "subject"))
    monkeypatch.setenv("AIRFLOW__EMAIL__HTML_CONTENT_TEMPLATE", str(tmp_path / "content"))
    tell(mailing())
    monkeypatch.setenv("AIRFLOW__EMAIL__SUBJECT_TEMPLATE", str(tmp_path / "gone"))
    tell(mailing())
    first, second = sink.mails
    assert (first.subject, first.html.strip()) == ("t try 2/3", "ValueError: &lt;no&gt; ValueError: <no> 2024-03-05")
    assert second.subject.startswith("Airflow alert: ")
    assert "cannot be read" in caplog.text


def test_a_mail_is_begun_once_and_only_when_the_engine_says_so(sink: MailSink, caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    BEGUN.clear()
    runtime = FakeRuntime(callback_begin="it was begun before, and is not done twice")
    assert tell(mailing(), runtime=runtime).outcome == "success"
    assert (sink.mails, BEGUN) == ([], [])
    assert "it was begun before" in caplog.text
    away = FakeRuntime(callback_begin=refused("The scheduler is away."))
    assert tell(mailing(), runtime=away).outcome == "not_started"
    assert (sink.mails, BEGUN) == ([], [])
    tell(mailing())
    assert (len(sink.mails), len(BEGUN)) == (1, 1)


def test_a_server_that_is_not_there_is_one_line_in_the_callbacks_log(
    nobody_there: int, caplog: pytest.LogCaptureFixture
) -> None:
    report = tell(mailing())
    assert report.outcome == "failed"
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert f"127.0.0.1:{nobody_there} did not take the mail for a@x.org, b@x.org" in line.getMessage()
    assert "Connection refused" in line.getMessage()
    assert "[smtp]" in line.getMessage()
    assert not hasattr(line, "author_trace")


def test_a_template_that_cannot_be_rendered_is_one_line_and_begins_nothing(
    sink: MailSink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    BEGUN.clear()
    (tmp_path / "subject").write_text("{{ nothing.like.it }}")
    monkeypatch.setenv("AIRFLOW__EMAIL__SUBJECT_TEMPLATE", str(tmp_path / "subject"))
    report = tell(mailing())
    assert report.outcome == "failed"
    assert "UndefinedError" in report.error
    assert (sink.mails, BEGUN) == ([], [])


def test_a_task_that_asks_for_no_mail_any_more_gets_none(sink: MailSink) -> None:
    assert tell(mailing(email=None)).outcome == "success"
    assert tell(mailing(email_on_failure=False)).outcome == "success"
    assert sink.mails == []


def test_a_missed_sla_is_mailed_once_with_what_blocks_its_run(sink: MailSink, caplog: Any) -> None:
    with DAG("d", schedule_interval="@daily", start_date=DAY) as dag:
        EmptyOperator(task_id="t", sla=timedelta(hours=1), email=["a@x.org", "b@x.org"], email_on_failure=False)
    states = {"scheduled__2024-03-05T00:00:00+00:00": {"t": "running", "s": "success"}}
    for begun in ("", "it was begun before, and is not done twice"):
        runtime = FakeRuntime(task_states=states, callback_begin=begun)
        assert tell(dag, "email_sla_miss", runtime, reason="2024-03-06T01:00:00+00:00").outcome == "success"
    (mail,) = sink.mails
    assert (mail.recipients, mail.subject) == (["a@x.org", "b@x.org"], "[airflow] SLA miss on DAG=d")
    assert "Not done by 2024-03-06T01:00:00+00:00" in mail.html
    assert mail.html.count("t on 2024-03-05T00:00:00+00:00") == 2
