"""Channels of the installation: those of the data toolkit, made from a rules file, telling a `Notice`.

Each `send` returns when the other side took the notice, and raises `NotDelivered` when it did not. What is secret is in
no message of ours.
"""

import os
from collections.abc import Iterable, Mapping
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from tradewind.core.alerts import Notice
from tradewind.core.errors import TradewindError
from tradewind.data.alert_channels import AppriseChannel, Channel, EmailChannel, SlackChannel, WebhookChannel
from tradewind.data.alert_rules import Alert
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting
from tradewind.observability.alerts.rules_file import ChannelSpec

if TYPE_CHECKING:
    from tradewind.config import Settings

LONGEST_FAULT = 300


class BadChannel(TradewindError):
    """A channel cannot be made as it is written."""


class NotDelivered(TradewindError):
    """A channel did not take a notice."""


class NoticeMail(EmailChannel):
    """E-mail whose Message-ID is that of the notice, so that a mailbox which gets it twice can tell."""

    def _message(self, alert: Alert) -> EmailMessage:
        message = super()._message(alert)
        del message["Message-ID"]
        message["Message-ID"] = f"<{alert.notice_id}@tradewind.invalid>"
        message["X-Notice-Key"] = alert.notice_id
        return message


def channel_of(spec: ChannelSpec, settings: "Settings", environ: Mapping[str, str] = os.environ) -> Channel:
    """The channel itself, with its secrets. Raises BadChannel, in one sentence without them."""
    values = {key: _looked_up(spec, key, value, environ) for key, value in spec.values.items()}
    try:
        match spec.kind:
            case "email":
                return _email(spec.name, values, settings)
            case "slack":
                return SlackChannel(_text(values, "url"), name=spec.name)
            case "webhook":
                return WebhookChannel(_text(values, "url"), headers=_headers(values.get("headers")), name=spec.name)
            case _:
                return AppriseChannel(_texts(values, "urls"), name=spec.name)
    except BadSetting as fault:
        raise BadChannel(f"{str(fault).rstrip('.')} (line {spec.line} of the rules file).") from None
    except ValueError as fault:
        raise BadChannel(f"The channel {spec.name!r} cannot be used: {fault} (line {spec.line} of its file).") from None


def fault_of(spec: ChannelSpec, settings: "Settings", environ: Mapping[str, str] = os.environ) -> str:
    """What is wrong with a channel, as far as can be said to who may not see the environment; empty for nothing.

    Of a channel that takes something from there it is only said whether that is set: what it holds could be read out of
    what is wrong with it.
    """
    names = list(_taken(list(spec.values.values())))
    hidden = {name: "set" for name in names if environ.get(name)}
    try:
        for key, value in spec.values.items():
            _looked_up(spec, key, value, hidden)
        if not names:
            channel_of(spec, settings, {})
    except BadChannel as fault:
        return str(fault)
    return ""


def _taken(value: Any) -> Iterable[str]:
    """Names of what is taken from the environment, anywhere in a value."""
    if isinstance(value, dict):
        if set(value) == {"env"}:
            yield str(value["env"])
        else:
            yield from _taken(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _taken(one)


def deliver(channel: Channel, notice: Notice) -> None:
    """Send a notice. Raises NotDelivered with the reason, without secrets."""
    try:
        channel.send(as_alert(notice))
    except Exception as error:  # whatever a service or its library raises: it did not take the notice
        reason = " ".join(masked(f"{type(error).__name__}: {error}", channel.secrets).split())
        raise NotDelivered(
            f"The channel {channel.name!r} did not take the notice {notice.key}: {reason[:LONGEST_FAULT]}."
        ) from None


def as_alert(notice: Notice) -> Alert:
    """A notice as the channels of the data toolkit have it."""
    names = ("dag_id", "run_id", "task_id", "subject")
    return Alert(
        id=notice.alert,
        rule=notice.rule,
        severity=notice.severity,
        status=notice.status,
        description=notice.sentence,
        labels={name: text for name, text in zip(names, notice.subject, strict=True) if text},
        values={"value": _rounded(notice.value), "limit": _rounded(notice.limit), "repeat": notice.repeat},
        since=notice.since,
        at=notice.at,
        notice_id=notice.key,
    )


def _rounded(value: float) -> float | None:
    return round(value, 6) if abs(value) < float("inf") else None


def _email(name: str, values: dict[str, Any], settings: "Settings") -> Channel:
    """Where the file names no server, that of the [smtp] settings."""
    smtp = settings.smtp
    own = "host" in values
    default = "none" if own else "ssl" if smtp.smtp_ssl else "starttls" if smtp.smtp_starttls else "none"
    port = values.get("port", 0 if own else smtp.smtp_port)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError("'port' is no whole number from 0 to 65535")
    return NoticeMail(
        _text(values, "host") if own else smtp.smtp_host,
        _texts(values, "to"),
        port=port,
        sender=_text(values, "sender", settings.email.from_email or smtp.smtp_mail_from),
        user=_text(values, "user", "" if own else smtp.smtp_user or ""),
        password=_text(values, "password", "" if own else smtp.smtp_password or ""),
        security=_text(values, "security", default),
        name=name,
    )


def _looked_up(spec: ChannelSpec, key: str, value: Any, environ: Mapping[str, str]) -> Any:
    """`{env: NAME}` is what the environment has under that name; anywhere in a list or mapping."""
    if isinstance(value, dict):
        if set(value) != {"env"}:
            return {name: _looked_up(spec, key, one, environ) for name, one in value.items()}
        found = environ.get(str(value["env"]))
        if not found:
            raise BadChannel(
                f"The channel {spec.name!r} takes its {key!r} from the environment variable {value['env']!r}, which is "
                f"not set; set it where Tradewind starts (line {spec.line} of the rules file)."
            )
        return found
    return [_looked_up(spec, key, one, environ) for one in value] if isinstance(value, list) else value


def _text(values: dict[str, Any], key: str, default: str = "") -> str:
    found = values.get(key, default)
    if not isinstance(found, str):
        raise ValueError(f"{key!r} is no text")
    return found


def _texts(values: dict[str, Any], key: str) -> list[str]:
    found = values.get(key)
    texts: Iterable[Any] = found if isinstance(found, list) else [found]
    if not all(isinstance(one, str) and one.strip() for one in texts):
        raise ValueError(f"{key!r} is neither a text nor a list of texts")
    return list(texts)


def _headers(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError("'headers' is no mapping of texts")
    return {str(name): text for name, text in value.items()}
