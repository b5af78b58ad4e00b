"""Where alerts go: the log, e-mail, Slack, any webhook, and what Apprise knows.

A channel's `send` returns when the other side took the notice and raises when it did not. Passwords and addresses that
hold a key are its `secrets`; they are in no message of ours.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import smtplib
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Protocol, runtime_checkable

from tradewind.data.alert_rules import Alert
from tradewind.data.problems import BadSetting, DataError

log = logging.getLogger("tradewind.data.alerts")

TIMEOUT_SECONDS = 10.0
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR, "critical": logging.CRITICAL}
COLOURS = {"info": "#2f7ed8", "warning": "#e0a100", "error": "#d9480f", "critical": "#c92a2a"}


class DeliveryFailed(DataError):
    """A channel did not take a notice."""


@runtime_checkable
class Channel(Protocol):
    """One way to tell people. `name` is what rules call it."""

    name: str
    secrets: tuple[str, ...]

    def send(self, alert: Alert) -> None: ...


class LogChannel:
    """The log of whoever evaluates: the task's log inside a task."""

    secrets: tuple[str, ...] = ()

    def __init__(self, name: str = "log") -> None:
        self.name = name

    def send(self, alert: Alert) -> None:
        level = LEVELS[alert.severity] if alert.status == "firing" else logging.INFO
        log.log(level, "%s", alert.text.replace("\n", "; "))


class EmailChannel:
    """E-mail by SMTP; `security` is `starttls`, `ssl` or `none`."""

    def __init__(
        self,
        host: str,
        to: str | Iterable[str],
        *,
        port: int = 0,
        sender: str = "tradewind@localhost",
        user: str = "",
        password: str = "",
        security: str = "none",
        name: str = "email",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        if security not in ("none", "starttls", "ssl"):
            raise BadSetting(f"The channel {name!r} has security={security!r}; use none, starttls or ssl.")
        self.name = name
        self.host = host
        self.port = port or {"none": 25, "starttls": 587, "ssl": 465}[security]
        self.to = _addresses(to)
        if not self.to:
            raise BadSetting(f"The channel {name!r} has no recipient; give `to`.")
        self.sender = sender
        self.security = security
        self.timeout_seconds = timeout_seconds
        self._user = user
        self._password = password
        self.secrets: tuple[str, ...] = (password,) if password else ()

    def __repr__(self) -> str:
        return f"EmailChannel({self.host!r}, to={list(self.to)!r}, port={self.port}, security={self.security!r})"

    def send(self, alert: Alert) -> None:
        with self._connect() as smtp:
            if self.security == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if self._user:
                smtp.login(self._user, self._password)
            smtp.send_message(self._message(alert), self.sender, list(self.to))

    def _connect(self) -> smtplib.SMTP:
        here = socket.gethostname()
        if self.security == "ssl":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, here, timeout=self.timeout_seconds, context=context)
        return smtplib.SMTP(self.host, self.port, here, timeout=self.timeout_seconds)

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = alert.title
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Date"] = formatdate(localtime=False)
        message["Message-ID"] = make_msgid(domain="tradewind.invalid")
        message["X-Alert-Id"] = alert.id
        if alert.severity == "critical" and alert.status == "firing":
            message["Importance"] = "high"
        message.set_content(alert.text + "\n")
        return message


class WebhookChannel:
    """An HTTP POST of the alert as JSON. `Idempotency-Key` is the same when one notice is sent again."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        name: str = "webhook",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadSetting(f"The address of the channel {name!r} is no http address.")
        self.name = name
        self.timeout_seconds = timeout_seconds
        self._url = url
        self._headers = dict(headers or {})
        self._loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
        self.host = parts.hostname
        path = parts.path if len(parts.path) > 1 else ""
        self.secrets = tuple(text for text in (url, path, parts.query, *self._headers.values()) if text)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(host={self.host!r})"

    def send(self, alert: Alert) -> None:
        request = urllib.request.Request(
            self._url,
            data=json.dumps(self.payload(alert), default=str).encode(),
            headers={
                "Content-Type": "application/json",
                "User-Agent": "tradewind",
                "Idempotency-Key": alert.notice_id,
                **self._headers,
            },
        )
        # A proxy cannot reach this machine's own loopback. A redirect would turn the POST into a GET: it is an error.
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self._loopback:
            handlers.append(urllib.request.ProxyHandler({}))
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=self.timeout_seconds) as response:
                response.read(1000)
        except urllib.error.HTTPError as error:
            with error:
                raise DeliveryFailed(f"{self.host} answered {error.code} {error.reason}") from None
        except urllib.error.URLError as error:
            raise DeliveryFailed(f"{self.host} could not be reached ({error.reason})") from None

    def payload(self, alert: Alert) -> dict[str, Any]:
        return alert.as_dict()


class SlackChannel(WebhookChannel):
    """A Slack incoming webhook."""

    def __init__(self, url: str, *, name: str = "slack", timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        super().__init__(url, name=name, timeout_seconds=timeout_seconds)

    def payload(self, alert: Alert) -> dict[str, Any]:
        fields = {**alert.labels, **alert.values}
        colour = COLOURS[alert.severity] if alert.status == "firing" else "#2b8a3e"
        return {
            "text": _slack(alert.title),
            "attachments": [
                {
                    "color": colour,
                    "fallback": _slack(alert.title),
                    "text": _slack(alert.description),
                    "fields": [
                        {"title": _slack(key), "value": _slack(value), "short": True} for key, value in fields.items()
                    ],
                    "ts": int(alert.since.timestamp()),
                }
            ],
        }


class AppriseChannel:
    """Any service that Apprise has an address form for; needs the `apprise` package."""

    def __init__(self, urls: str | Iterable[str], *, name: str = "apprise") -> None:
        try:
            apprise = importlib.import_module("apprise")
        except ImportError as error:
            raise BadSetting(f"The channel {name!r} needs the package `apprise`; install it.") from error
        self.name = name
        self.secrets = (urls,) if isinstance(urls, str) else tuple(urls)
        self._apprise: Any = apprise.Apprise()
        for position, url in enumerate(self.secrets, start=1):
            if not self._apprise.add(url):
                raise BadSetting(f"Apprise does not understand address {position} of the channel {name!r}.")

    def __repr__(self) -> str:
        return f"AppriseChannel(<{len(self.secrets)} addresses>)"

    def send(self, alert: Alert) -> None:
        kind = {"info": "info", "warning": "warning"}.get(alert.severity, "failure")
        if alert.status == "recovered":
            kind = "success"
        if not self._apprise.notify(title=alert.title, body=alert.text, notify_type=kind):
            raise DeliveryFailed("Apprise could not deliver to every address")


def channels_from_env(env: Mapping[str, str] = os.environ) -> list[Channel]:
    """The log, and a channel for each of ALERT_EMAIL_TO, SLACK_WEBHOOK_URL, ALERT_WEBHOOK_URL, ALERT_APPRISE_URLS.

    E-mail goes through SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD, SMTP_MAIL_FROM and SMTP_STARTTLS or SMTP_SSL,
    each also under Airflow's name (`AIRFLOW__SMTP__SMTP_HOST`, …).
    """
    channels: list[Channel] = [LogChannel()]
    if to := env.get("ALERT_EMAIL_TO", "").strip():
        channels.append(_email_from_env(env, to))
    if url := env.get("SLACK_WEBHOOK_URL", "").strip():
        channels.append(SlackChannel(url))
    if url := env.get("ALERT_WEBHOOK_URL", "").strip():
        channels.append(WebhookChannel(url))
    if urls := env.get("ALERT_APPRISE_URLS", "").split():
        channels.append(AppriseChannel(urls))
    return channels


def _email_from_env(env: Mapping[str, str], to: str) -> EmailChannel:
    def setting(name: str, default: str = "") -> str:
        return (env.get(name) or env.get(f"AIRFLOW__SMTP__{name}") or default).strip()

    def is_on(name: str) -> bool:
        return setting(name).lower() in ("true", "1", "yes", "on", "t")

    port = setting("SMTP_PORT", "0")
    if not port.isdigit():
        raise BadSetting(f"SMTP_PORT must be a whole number, not {port!r}.")
    return EmailChannel(
        setting("SMTP_HOST", "localhost"),
        to,
        port=int(port),
        sender=setting("SMTP_MAIL_FROM", "tradewind@localhost"),
        user=setting("SMTP_USER"),
        password=setting("SMTP_PASSWORD"),
        security="ssl" if is_on("SMTP_SSL") else "starttls" if is_on("SMTP_STARTTLS") else "none",
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _addresses(to: str | Iterable[str]) -> tuple[str, ...]:
    parts = to.replace(";", ",").split(",") if isinstance(to, str) else to
    return tuple(part.strip() for part in parts if part.strip())


def _slack(value: object) -> str:
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
