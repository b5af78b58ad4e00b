"""Delivery against servers that are really there, or really away for a while: nothing is lost, nothing comes twice."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tradewind.config import load_settings
from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import Notice
from tradewind.observability.alerts import delivery
from tradewind.observability.alerts.channels import NotDelivered, deliver
from tradewind.observability.alerts.delivery import UnknownChannel, deliver_until_taken, send_now
from tradewind.observability.alerts.notices import notice_from_json, notice_to_json
from tradewind.testing.mail_sink import MailSink
from tradewind.worker.alert_delivery import AlertDelivery

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NOTICE = Notice(
    key="0123456789ab-5f-firing",
    alert="0123456789ab-5f",
    rule="failures",
    severity="critical",
    status="firing",
    repeat=0,
    at=AT,
    since=AT - timedelta(minutes=5),
    subject=Subject("etl", "매일"),
    value=12.5,
    limit=10.0,
    sentence="failures: 1 of 8 runs of the Dag etl failed.",
)


@dataclass
class WebSink:
    """An HTTP server on a port of its own that can be away: nobody listens, or it answers 503."""

    port: int = 0
    taken: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    refuses: int = 0
    """So many requests are answered with 503."""
    asked: int = 0

    def open(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.asked += 1
                away = sink.refuses > 0
                sink.refuses -= away
                if not away:
                    sink.taken.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(503 if away else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[WebSink]:
    sink = WebSink()
    sink.open()
    yield sink
    sink.close()


def send(tmp_path: Path, channel: str, notice: Notice = NOTICE, **environ: str) -> None:
    rules = tmp_path / "alerts.yml"
    rules.write_text(f"channels:\n  there: {channel}\n", encoding="utf-8")
    send_now(notice, "there", rules, load_settings(tmp_path, environ))


# --- what each channel says ---


def test_a_mail_goes_through_the_servers_settings_and_bears_the_notices_key(tmp_path: Path) -> None:
    with MailSink() as sink:
        send(tmp_path, "{type: email, to: [a@example.com, b@example.com]}", **sink.settings())
    [mail] = sink.mails
    assert mail.recipients == ["a@example.com", "b@example.com"]
    assert mail.subject == "[CRITICAL] failures (dag_id=etl, run_id=매일)"
    assert mail.message["Message-ID"] == "<0123456789ab-5f-firing@tradewind.invalid>"
    assert mail.message["X-Alert-Id"] == NOTICE.alert
    assert NOTICE.sentence in str(mail.message.get_content())


def test_a_mail_may_have_a_server_of_its_own(tmp_path: Path) -> None:
    with MailSink() as sink:
        send(
            tmp_path, f"{{type: email, to: a@example.com, host: 127.0.0.1, port: {sink.port}, sender: tw@example.com}}"
        )
    assert sink.mails[0].sender == "tw@example.com"


def test_a_webhook_gets_every_fact_and_the_key_to_tell_a_repeat_by(tmp_path: Path, web: WebSink) -> None:
    send(tmp_path, f"{{type: webhook, url: 'http://127.0.0.1:{web.port}/hook', headers: {{X-Team: data}}}}")
    [(path, headers, body)] = web.taken
    assert path == "/hook"
    assert (headers["Idempotency-Key"], headers["X-Team"]) == (NOTICE.key, "data")
    assert (body["rule"], body["status"], body["severity"]) == ("failures", "firing", "critical")
    assert body["labels"] == {"dag_id": "etl", "run_id": "매일"}
    assert body["values"] == {"value": 12.5, "limit": 10.0, "repeat": 0}
    assert (body["notice_id"], body["description"]) == (NOTICE.key, NOTICE.sentence)


def test_slack_gets_a_message_and_the_address_comes_from_the_environment(
    tmp_path: Path, web: WebSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_URL", f"http://127.0.0.1:{web.port}/services/T0/s3cret")
    send(tmp_path, "{type: slack, url: {env: CHAT_URL}}", replace(NOTICE, status="recovered"))
    [(path, _, body)] = web.taken
    assert path == "/services/T0/s3cret"
    assert body["text"].startswith("[RECOVERED] failures")


def test_apprise_gets_title_text_and_kind_for_every_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[list[str], dict[str, str]]] = []

    class Apprise:
        def __init__(self) -> None:
            self.urls: list[str] = []

        def add(self, url: str) -> bool:
            self.urls.append(url)
            return True

        def notify(self, **facts: str) -> bool:
            told.append((self.urls, facts))
            return "down" not in self.urls[0]

    module = ModuleType("apprise")
    module.Apprise = Apprise  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)
    send(tmp_path, "{type: apprise, urls: ['mailto://a', 'tgram://b']}")
    assert told[0][0] == ["mailto://a", "tgram://b"]
    assert told[0][1]["notify_type"] == "failure"
    with pytest.raises(NotDelivered, match=r"'there' did not take the notice .* could not deliver to every address"):
        send(tmp_path, "{type: apprise, urls: 'tgram://down'}")


def test_secrets_of_a_channel_are_in_no_error(tmp_path: Path, web: WebSink, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "s3cret-token-of-them"

    class Rude:
        name, secrets = "rude", (f"https://example.com/{secret}", secret)

        def send(self, alert: object) -> None:
            raise OSError(f"cannot open https://example.com/{secret}?x=1")

    with pytest.raises(NotDelivered) as caught:
        deliver(Rude(), NOTICE)
    assert secret not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    web.refuses = 1
    with pytest.raises(NotDelivered, match="503") as caught:
        send(tmp_path, f"{{type: webhook, url: 'http://127.0.0.1:{web.port}/{secret}'}}")
    assert secret not in str(caught.value)


def test_a_channel_that_the_file_lost_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownChannel, match="no channel 'there' that works"):
        send(tmp_path, "{type: pigeon}")


def test_a_notice_travels_as_it_is() -> None:
    assert notice_from_json(notice_to_json(NOTICE)) == NOTICE
    endless = replace(NOTICE, limit=math.inf)
    assert notice_from_json(notice_to_json(endless)) == endless
    for text in ("{", "[]", "{}", notice_to_json(NOTICE).replace("2026", "year")):
        with pytest.raises(ValueError, match="this is no notice"):
            notice_from_json(text)


# --- who is away for a while ---


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def play(tmp_path: Path, channel: str, monkeypatch: pytest.MonkeyPatch, **environ: str) -> asyncio.Task[Any]:
    """Start the trigger as a trigger host does; pauses are short."""
    (tmp_path / "alerts.yml").write_text(f"channels:\n  there: {channel}\n", encoding="utf-8")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(delivery, "FIRST_PAUSE", timedelta(seconds=0.02))
    monkeypatch.setattr(delivery, "LONGEST_PAUSE", timedelta(seconds=0.1))
    fresh = replace(NOTICE, at=datetime.now(UTC))
    trigger = AlertDelivery(notice_to_json(fresh), "there", str(tmp_path), str(tmp_path / "alerts.yml"))
    classpath, arguments = trigger.serialize()
    assert classpath == "tradewind.worker.alert_delivery.AlertDelivery"

    async def first() -> Any:
        async for event in AlertDelivery(**json.loads(json.dumps(arguments))).run():
            return event.payload
        return None

    return asyncio.create_task(first())


def tries(caplog: pytest.LogCaptureFixture) -> int:
    return sum("is tried again" in record.message for record in caplog.records)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_webhook_that_is_away_gets_the_notice_once_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sink = WebSink(port=free_port(), refuses=2)

    async def scenario() -> None:
        task = play(tmp_path, f"{{type: webhook, url: 'http://127.0.0.1:{sink.port}/'}}", monkeypatch)
        await until(lambda: tries(caplog) >= 3)  # nobody listens
        assert not task.done()
        sink.open()
        assert await asyncio.wait_for(task, 20) == ""

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    sink.close()
    assert sink.asked == 3, "two were answered with 503"
    assert [headers["Idempotency-Key"] for _, headers, _ in sink.taken] == [NOTICE.key]


def test_a_mail_server_that_is_away_or_refuses_gets_the_mail_once_when_it_takes_mails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(sink: MailSink) -> None:
        task = play(tmp_path, "{type: email, to: a@example.com}", monkeypatch, **sink.settings())
        await until(lambda: tries(caplog) >= 4)
        assert sink.mails == []
        sink.refuses = ""
        assert await asyncio.wait_for(task, 20) == ""

    with MailSink(refuses="450 come again", hangs_up=2) as sink, caplog.at_level(logging.WARNING):
        asyncio.run(scenario(sink))
    assert [mail.message["X-Notice-Key"] for mail in sink.mails] == [NOTICE.key]


def test_a_channel_that_is_put_right_delivers_what_waited_for_it(
    tmp_path: Path, web: WebSink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        task = play(tmp_path, "{type: webhook, url: {env: NOT_THERE}}", monkeypatch)
        await until(lambda: tries(caplog) >= 2)
        text = f"channels:\n  there: {{type: webhook, url: 'http://127.0.0.1:{web.port}/'}}\n"
        (tmp_path / "alerts.yml").write_text(text, encoding="utf-8")
        assert await asyncio.wait_for(task, 20) == ""

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    assert len(web.taken) == 1


def test_pauses_double_up_to_the_longest_and_what_nobody_took_within_a_day_is_given_up() -> None:
    pauses: list[float] = []
    clock = [AT]

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += timedelta(seconds=seconds)

    def send() -> None:
        raise NotDelivered("Nobody is there.")

    said = asyncio.run(deliver_until_taken(NOTICE, send, now=lambda: clock[0], sleep=sleep))
    assert said == "Nobody is there. It was given up after 24 h."
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert sum(pauses) >= 86_400
