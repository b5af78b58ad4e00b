from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import json
import logging
import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewind.data import (
    Alert,
    AlertManager,
    AlertRule,
    AppriseChannel,
    EmailChannel,
    FileState,
    LogChannel,
    MemoryState,
    SlackChannel,
    WebhookChannel,
    standard_rules,
)
from tradewind.data.alert_channels import Channel, channels_from_env
from tradewind.data.problems import BadSetting
from tradewind.testing.servers import free_port

SPAWN = multiprocessing.get_context("spawn")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Recorder:
    """A channel that keeps what it is sent, and can be down."""

    secrets: tuple[str, ...] = ("hidden",)

    def __init__(self, name: str = "people") -> None:
        self.name = name
        self.got: list[Alert] = []
        self.is_down = False

    def send(self, alert: Alert) -> None:
        if self.is_down:
            raise ConnectionError("no way to https://x/hidden")
        self.got.append(alert)

    @property
    def told(self) -> list[str]:
        return [f"{alert.rule} {alert.status}" for alert in self.got]


class MailSink:
    """A small SMTP server on a loopback port; `is_down` makes it turn every message away."""

    def __init__(self, password: str = "") -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.logins: list[str] = []
        self.is_down = False
        self._password = password
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        """In the loop's own thread: connections that end there meanwhile change what is closed."""
        self._server.close()
        await self._server.wait_closed()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        to: list[str] = []
        while line := (await reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    writer.write(b"250-sink\r\n250 AUTH PLAIN\r\n" if self._password else b"250 sink\r\n")
                case "AUTH":
                    self.logins.append(base64.b64decode(rest.split()[1]).decode())
                    right = self.logins[-1].endswith(f"\0{self._password}")
                    writer.write(b"235 ok\r\n" if right else f"535 not {self.logins[-1]!r}\r\n".encode())
                case "RCPT":
                    to.append(rest.partition("<")[2].rstrip(">"))
                    writer.write(b"451 not now\r\n" if self.is_down else b"250 ok\r\n")
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    body = await reader.readuntil(b"\r\n.\r\n")
                    self.got.append((to, email.message_from_bytes(body[:-5], policy=email.policy.default)))
                    writer.write(b"250 ok\r\n")
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                case _:
                    writer.write(b"250 ok\r\n")
        writer.close()


class HttpSink:
    """A webhook receiver on a loopback port, which answers with `status`."""

    def __init__(self) -> None:
        sink = self
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if sink.status == 200:
                    sink.got.append((self.path, dict(self.headers), body))
                self.send_response(sink.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people() -> Recorder:
    return Recorder()


@pytest.fixture
def manager(clock: Clock, people: Recorder) -> AlertManager:
    return AlertManager([people], storage=MemoryState(clock))


@pytest.fixture
def mail() -> Iterator[MailSink]:
    sink = MailSink(password="hidden")
    yield sink
    sink.close()


@pytest.fixture
def http() -> Iterator[HttpSink]:
    sink = HttpSink()
    yield sink
    sink.close()


def failure_rate(**options: Any) -> AlertRule:
    return AlertRule(
        name="high_failure_rate", condition=lambda m: m.get("failure_rate", 0) > 0.1, severity="critical", **options
    )


BAD, GOOD = {"failure_rate": 0.5}, {"failure_rate": 0.0}


def test_the_rule_fires_at_0_11_and_not_at_0_10(manager: AlertManager) -> None:
    manager.add_alert_rule(
        AlertRule(name="high_failure_rate", condition=lambda m: m.get("failure_rate", 0) > 0.1, severity="critical")
    )
    assert manager.evaluate({"failure_rate": 0.10}) == []
    (alert,) = manager.evaluate({"failure_rate": 0.11})
    assert (alert.rule, alert.severity, alert.status) == ("high_failure_rate", "critical", "firing")
    assert (alert.values, alert.notified) == ({"failure_rate": 0.11}, ("people",))


@pytest.mark.parametrize(
    ("name", "value", "quiet", "loud"),
    [
        ("high_failure_rate", "failure_rate", 0.099, 0.1),
        ("long_run", "duration_seconds", 3599, 3600),
        ("low_data_quality", "quality_score", 80, 79),
        ("high_memory", "memory_percent", 89.9, 90),
        ("high_disk", "disk_percent", 89.9, 90),
        ("sla_missed", "sla_misses", 0, 1),
    ],
)
def test_the_standard_rules_fire_and_recover_at_their_edges(
    manager: AlertManager, people: Recorder, name: str, value: str, quiet: float, loud: float
) -> None:
    for rule in standard_rules():
        manager.add_alert_rule(rule)
    assert manager.evaluate({value: quiet}) == []
    assert [alert.rule for alert in manager.evaluate({value: loud})] == [name]
    assert manager.evaluate({value: quiet}) == []
    assert people.told == [f"{name} firing", f"{name} recovered"]


def test_a_firing_rule_is_told_once_a_window_and_its_end_once(
    manager: AlertManager, people: Recorder, clock: Clock
) -> None:
    manager.add_alert_rule(failure_rate(dedupe_window=timedelta(minutes=30)))
    for _ in range(30):
        assert [alert.rule for alert in manager.evaluate(BAD)] == ["high_failure_rate"]
        clock.now += 60
    assert len(people.told) == 1
    manager.evaluate(BAD)
    for _ in range(3):
        assert manager.evaluate(GOOD) == []
    assert people.told == ["high_failure_rate firing"] * 2 + ["high_failure_rate recovered"]
    first, reminder, end = people.got
    assert first.id == reminder.id == end.id
    assert len({first.notice_id, reminder.notice_id, end.notice_id}) == 3
    assert end.values == GOOD
    manager.evaluate(BAD)
    assert people.got[-1].status == "firing"
    assert people.got[-1].id != first.id


def test_without_recovery_notices_the_window_covers_later_episodes_too(
    manager: AlertManager, people: Recorder, clock: Clock
) -> None:
    manager.add_alert_rule(failure_rate(notify_recovery=False))
    for metrics in (BAD, GOOD, BAD, GOOD):
        manager.evaluate(metrics)
        clock.now += 60
    assert people.told == ["high_failure_rate firing"]
    clock.now += 3600
    manager.evaluate(BAD)
    assert len(people.told) == 2


def test_a_rule_with_a_duration_fires_only_when_it_has_held_that_long(
    manager: AlertManager, people: Recorder, clock: Clock
) -> None:
    manager.add_alert_rule(failure_rate(for_duration=timedelta(minutes=5), recover_after=timedelta(minutes=2)))
    for metrics, passed in ((BAD, 299), (GOOD, 1), (BAD, 299)):
        assert manager.evaluate(metrics) == []
        clock.now += passed
    clock.now += 1
    assert manager.evaluate(BAD)
    for metrics in (GOOD, BAD, GOOD):
        # It flickers: still firing.
        assert manager.evaluate(metrics)
        clock.now += 60
    clock.now += 60
    assert manager.evaluate(GOOD) == []
    assert people.told == ["high_failure_rate firing", "high_failure_rate recovered"]


def test_metrics_that_say_nothing_about_a_rule_leave_it_as_it_is(manager: AlertManager, people: Recorder) -> None:
    manager.add_alert_rule(failure_rate())
    manager.add_alert_rule(AlertRule("strict", lambda m: m["failure_rate"] > 0.1))
    manager.evaluate(BAD)
    assert [alert.rule for alert in manager.evaluate({"cpu_percent": 12})] == ["high_failure_rate", "strict"]
    assert manager.active() == ["high_failure_rate", "strict"]
    assert all(status.endswith("firing") for status in people.told)


def test_a_condition_that_fails_is_logged_and_stops_nobody(
    manager: AlertManager, caplog: pytest.LogCaptureFixture
) -> None:
    manager.add_alert_rule(AlertRule("broken", lambda m: 1 / m.get("zero", 0) > 1))
    manager.add_alert_rule(failure_rate())
    assert [alert.rule for alert in manager.evaluate({"zero": 0, **BAD})] == ["high_failure_rate"]
    assert "condition of the alert rule 'broken' failed: ZeroDivisionError" in caplog.text


def test_each_set_of_labels_has_alerts_of_its_own(
    manager: AlertManager, people: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.add_alert_rule(failure_rate())
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "etl")
    manager.evaluate(BAD)
    monkeypatch.setenv("AIRFLOW_CTX_DAG_ID", "weather")
    assert manager.evaluate(GOOD) == []
    manager.evaluate(BAD, labels={"dag_id": "spark"})
    assert [alert.labels["dag_id"] for alert in people.got] == ["etl", "spark"]
    assert people.got[0].title == "[CRITICAL] high_failure_rate (dag_id=etl)"


def test_a_silenced_rule_is_evaluated_but_not_told_until_the_silence_is_over(
    manager: AlertManager, people: Recorder, clock: Clock
) -> None:
    manager.add_alert_rule(failure_rate())
    manager.add_alert_rule(AlertRule("other", lambda m: m.get("failure_rate", 0) > 0.1))
    manager.silence("high_*", timedelta(hours=1))
    assert [(alert.rule, alert.notified) for alert in manager.evaluate(BAD)] == [
        ("high_failure_rate", ()),
        ("other", ("people",)),
    ]
    clock.now += 3600
    manager.evaluate(BAD)
    assert "high_failure_rate firing" in people.told
    manager.silence("*", timedelta(hours=1))
    manager.evaluate(GOOD)
    assert len(people.told) == len(set(people.told)) + 1  # `other` was repeated when its window was over
    manager.unsilence("*")
    manager.evaluate({})
    assert people.told[-2:] == ["high_failure_rate recovered", "other recovered"]


def test_a_channel_that_is_down_raises_nothing_and_gets_its_notices_later_once(
    manager: AlertManager, people: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    healthy = Recorder("healthy")
    manager.add_channel(healthy)
    manager.add_alert_rule(failure_rate())
    people.is_down = True
    assert [alert.notified for alert in manager.evaluate(BAD)] == [("healthy",)]
    manager.evaluate(BAD)
    people.is_down = False
    manager.evaluate(BAD)
    manager.evaluate(BAD)
    assert (people.told, healthy.told) == (["high_failure_rate firing"], ["high_failure_rate firing"])
    people.is_down = True
    manager.evaluate(GOOD)
    people.is_down = False
    manager.evaluate({})
    manager.evaluate({})
    assert people.told == healthy.told == ["high_failure_rate firing", "high_failure_rate recovered"]
    assert "was not delivered to 'people'" in caplog.text
    assert "hidden" not in caplog.text


def test_a_rule_goes_only_to_its_channels(
    manager: AlertManager, people: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    pager = Recorder("pager")
    manager.add_channel(pager)
    manager.add_alert_rule(failure_rate(channels=("pager", "fax")))
    manager.evaluate(BAD)
    assert (people.told, pager.told) == ([], ["high_failure_rate firing"])
    assert "names the channel 'fax', which does not exist" in caplog.text


def test_what_was_told_is_known_to_the_next_process(tmp_path: Path) -> None:
    told = []
    for metrics in (BAD, BAD, GOOD, GOOD):
        # Each is the manager of another task's process.
        people = Recorder()
        state = FileState(tmp_path / "shared.db")
        AlertManager([people], storage=state, rules=[failure_rate()]).evaluate(metrics)
        told.append(people.told)
    assert told == [["high_failure_rate firing"], [], ["high_failure_rate recovered"], []]


def _evaluate_together(path: str, url: str, all_ready: Any) -> None:
    rule = AlertRule("high_failure_rate", _is_bad)
    manager = AlertManager([WebhookChannel(url)], storage=FileState(path), rules=[rule])
    all_ready.wait(30)
    manager.evaluate(BAD)


def _is_bad(metrics: Any) -> bool:
    return bool(metrics.get("failure_rate", 0) > 0.1)


def test_of_several_processes_that_see_it_one_tells(tmp_path: Path, http: HttpSink) -> None:
    all_ready = SPAWN.Barrier(4)
    arguments = (str(tmp_path / "shared.db"), http.url, all_ready)
    workers = [SPAWN.Process(target=_evaluate_together, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    assert len(http.got) == 1


def test_a_notice_whose_sender_died_is_sent_again(
    manager: AlertManager, people: Recorder, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.add_alert_rule(failure_rate())

    def die(_: Alert) -> None:
        raise SystemExit

    monkeypatch.setattr(people, "send", die)
    with pytest.raises(SystemExit):
        manager.evaluate(BAD)
    monkeypatch.undo()
    manager.evaluate(BAD)
    assert people.told == []
    clock.now += 121
    manager.evaluate(BAD)
    assert people.told == ["high_failure_rate firing"]


def test_without_its_storage_the_manager_goes_on(
    tmp_path: Path, people: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    manager = AlertManager([people], storage=FileState(tmp_path / "file" / "shared.db"), rules=[failure_rate()])
    for metrics in (BAD, BAD, GOOD):
        manager.evaluate(metrics)
    assert people.told == ["high_failure_rate firing", "high_failure_rate recovered"]
    assert caplog.text.count("remembers for itself meanwhile") == 1


def test_email_slack_and_webhook_each_get_one_message(mail: MailSink, http: HttpSink, clock: Clock) -> None:
    manager = AlertManager(
        [
            EmailChannel(
                "127.0.0.1", "a@example.org, b@example.org", port=mail.port, user="me", password="hidden", sender="t@w"
            ),
            SlackChannel(f"{http.url}/services/T0/B0/key"),
            WebhookChannel(f"{http.url}/hook", headers={"Authorization": "Bearer hidden"}),
        ],
        storage=MemoryState(clock),
        rules=[failure_rate(description="Too many <runs> failed & more.", labels={"team": "데이터"})],
    )
    (alert,) = manager.evaluate(BAD, labels={})
    manager.evaluate(BAD, labels={})
    assert alert.notified == ("email", "slack", "webhook")

    ((recipients, message),) = mail.got
    assert recipients == ["a@example.org", "b@example.org"]
    assert message["Subject"] == "[CRITICAL] high_failure_rate (team=데이터)"
    assert "failure_rate = 0.5\nsince 2027-01-15 08:00:00 UTC" in message.get_content().replace("\r\n", "\n")
    assert mail.logins == ["\0me\0hidden"]

    (slack_path, _, slack), (hook_path, headers, hook) = http.got
    assert (slack_path, hook_path) == ("/services/T0/B0/key", "/hook")
    assert slack["attachments"][0]["text"] == "Too many &lt;runs&gt; failed &amp; more."
    assert {"title": "failure_rate", "value": "0.5", "short": True} in slack["attachments"][0]["fields"]
    assert headers["Authorization"] == "Bearer hidden"
    assert headers["Idempotency-Key"] == hook["notice_id"] != ""
    assert (hook["rule"], hook["status"], hook["values"]) == ("high_failure_rate", "firing", BAD)


def test_receivers_that_were_down_get_each_notice_once_and_no_secret_is_logged(
    mail: MailSink, http: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channels: list[Channel] = [
        EmailChannel("127.0.0.1", "a@example.org", port=mail.port, user="me", password="hidden"),
        SlackChannel(f"{http.url}/services/T0/B0/slack-key"),
        WebhookChannel(f"{http.url}/hook?key=hook-key"),
    ]
    manager = AlertManager(channels, storage=MemoryState(), rules=[failure_rate()])
    mail.is_down, http.status = True, 503
    manager.evaluate(BAD)
    http.status = 302
    manager.evaluate(BAD)
    assert (mail.got, http.got) == ([], [])
    assert caplog.text.count("was not delivered") == 6
    assert "127.0.0.1 answered 503" in caplog.text
    mail.is_down, http.status = False, 200
    for _ in range(3):
        manager.evaluate(BAD)
    assert (len(mail.got), len(http.got)) == (1, 2)
    text = caplog.text + repr(channels)
    assert not any(secret in text for secret in ("hidden", "slack-key", "hook-key", "/services"))


def test_a_refused_login_does_not_repeat_the_password_in_the_log(
    mail: MailSink, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = EmailChannel("127.0.0.1", "a@example.org", port=mail.port, user="me", password="mistyped")
    assert AlertManager([wrong], storage=MemoryState(), rules=[failure_rate()]).evaluate(BAD)
    assert "SMTPAuthenticationError" in caplog.text
    assert "mistyped" not in caplog.text


def test_a_server_without_starttls_gets_nothing_in_the_clear(mail: MailSink) -> None:
    channel = EmailChannel(
        "127.0.0.1", "a@example.org", port=mail.port, user="me", password="hidden", security="starttls"
    )
    (alert,) = AlertManager([channel], storage=MemoryState(), rules=[failure_rate()]).evaluate(BAD)
    assert (alert.notified, mail.got, mail.logins) == ((), [], [])


def test_a_receiver_that_is_not_there_costs_no_more_than_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    channels: list[Channel] = [
        EmailChannel("127.0.0.1", "a@b", port=port),
        WebhookChannel(f"http://127.0.0.1:{port}/key"),
    ]
    (alert,) = AlertManager(channels, storage=MemoryState(), rules=[failure_rate()]).evaluate(BAD)
    assert alert.notified == ()
    assert caplog.text.count("Connection refused") == 2


def test_the_log_channel_logs_at_the_level_of_the_severity(caplog: pytest.LogCaptureFixture) -> None:
    manager = AlertManager([LogChannel()], storage=MemoryState(), rules=[failure_rate()])
    manager.evaluate(BAD)
    assert ("tradewind.data.alerts", logging.CRITICAL) in [(name, level) for name, level, _ in caplog.record_tuples]
    assert "[CRITICAL] high_failure_rate; failure_rate = 0.5; since " in caplog.text


def test_a_rule_name_cannot_add_headers_and_may_be_in_any_script(mail: MailSink, http: HttpSink) -> None:
    channels: list[Channel] = [EmailChannel("127.0.0.1", "a@example.org", port=mail.port), WebhookChannel(http.url)]
    rule = AlertRule("실패율\r\nBcc: all@example.org", _is_bad)
    assert AlertManager(channels, storage=MemoryState(), rules=[rule]).evaluate(BAD)[0].notified == ("email", "webhook")
    ((recipients, message),) = mail.got
    assert (recipients, message["Bcc"]) == (["a@example.org"], None)


def test_values_of_any_kind_can_be_sent(http: HttpSink) -> None:
    metrics = {"rate": float("nan"), "source": "https://u:pw@x/?key=hidden", "when": Clock()}
    rule = AlertRule("odd", lambda m: m.get("rate") != m.get("source") and m.get("when"))
    manager = AlertManager([WebhookChannel(http.url)], storage=MemoryState(), rules=[rule])
    assert manager.evaluate(metrics)[0].notified == ("webhook",)
    values = http.got[0][2]["values"]
    assert (values["rate"], values["source"]) == ("nan", "https://***@x/?***")


def test_channels_come_from_the_environment() -> None:
    env = {
        "ALERT_EMAIL_TO": "a@example.org;b@example.org",
        "AIRFLOW__SMTP__SMTP_HOST": "mail.example.org",
        "AIRFLOW__SMTP__SMTP_STARTTLS": "True",
        "SMTP_PASSWORD": "hidden",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/key",
        "ALERT_WEBHOOK_URL": "https://example.org/hook",
    }
    log, mail, slack, webhook = channels_from_env(env)
    assert [log.name, mail.name, slack.name, webhook.name] == ["log", "email", "slack", "webhook"]
    assert repr(mail) == (
        "EmailChannel('mail.example.org', to=['a@example.org', 'b@example.org'], port=587, security='starttls')"
    )
    assert [channel.name for channel in channels_from_env({})] == ["log"]


def test_a_wrong_environment_leaves_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "hooks.slack.com/services/key")
    assert list(AlertManager(storage=MemoryState()).channels) == ["log"]
    assert "Alerts go to the log only" in caplog.text


def test_the_manager_of_the_process_opens_nothing_until_it_evaluates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "home"))
    manager = AlertManager()
    manager.add_alert_rule(failure_rate())
    assert list(tmp_path.iterdir()) == []
    manager.evaluate(BAD)
    assert (tmp_path / "home" / "toolkit_state.db").exists()


def test_apprise_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(BadSetting, match="needs the package `apprise`"):
        AppriseChannel("json://localhost")


@pytest.mark.filterwarnings("ignore")  # Apprise's own
def test_apprise_delivers_where_it_is_installed(http: HttpSink) -> None:
    pytest.importorskip("apprise")
    channel = AppriseChannel(http.url.replace("http://", "json://") + "/apprise")
    manager = AlertManager([channel], storage=MemoryState(), rules=[failure_rate()])
    assert manager.evaluate(BAD)[0].notified == ("apprise",)
    assert http.got[0][2]["title"] == "[CRITICAL] high_failure_rate"
    http.status = 500
    manager.evaluate(GOOD)
    http.status = 200
    manager.evaluate(GOOD)
    assert [body["type"] for _, _, body in http.got] == ["failure", "success"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: AlertRule("", lambda m: True),
        lambda: AlertRule("x", "rate > 1"),  # type: ignore[arg-type]
        lambda: AlertRule("x", lambda m: True, severity="fatal"),
        lambda: EmailChannel("host", " , "),
        lambda: EmailChannel("host", "a@b", security="tls"),
        lambda: WebhookChannel("ftp://host"),
    ],
)
def test_what_cannot_work_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(BadSetting):
        make()
