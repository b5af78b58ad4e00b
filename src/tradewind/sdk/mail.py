"""E-mail: what a message is made of, and the server that takes it, by the names that Airflow has for them."""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.compat_helpers import get_email_address_list, import_string
from tradewind.sdk.configuration import conf
from tradewind.sdk.exceptions import AirflowNotFoundException

log = logging.getLogger("tradewind.task")

Addresses = str | Iterable[str]
DEFAULT_BACKEND = "airflow.utils.email.send_email_smtp"
_FALSE = ("false", "0", "no", "off", "")


class MailNotSent(TradewindError):
    """A mail server could not be reached, or did not take the message."""


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    use_ssl: bool = False
    starttls: bool = False
    login: str | None = None
    password: str | None = None
    timeout_seconds: float = 30.0
    retry_limit: int = 5
    """How often a connection is tried that the server closes at once. A message is handed in once."""
    verify: bool = True
    mail_from: str | None = None
    """The sender that the connection names."""

    @classmethod
    def configured(cls, conn_id: str | None) -> MailServer:
        """The server of the connection, where there is one and it names a host; else that of the [smtp] settings, with
        the connection's login."""
        connection = _connection(conn_id)
        verify = str(conf.get("email", "ssl_context", "default")).strip().lower() != "none"
        if connection is not None and connection.host:
            return cls._of_connection(connection, verify)
        own = connection if connection is not None and connection.login else None
        return cls(
            host=str(conf.get("smtp", "smtp_host")),
            port=conf.getint("smtp", "smtp_port"),
            use_ssl=conf.getboolean("smtp", "smtp_ssl"),
            starttls=conf.getboolean("smtp", "smtp_starttls"),
            login=own.login if own else conf.get("smtp", "smtp_user", None),
            password=own.password if own else conf.get("smtp", "smtp_password", None),
            timeout_seconds=conf.getfloat("smtp", "smtp_timeout"),
            retry_limit=conf.getint("smtp", "smtp_retry_limit"),
            verify=verify,
        )

    @classmethod
    def _of_connection(cls, connection: Any, verify: bool) -> MailServer:
        extra: Mapping[str, Any] = connection.extra_dejson
        use_ssl = not _is_true(extra.get("disable_ssl", False))
        return cls(
            host=connection.host,
            port=int(connection.port or (465 if use_ssl else 25)),
            use_ssl=use_ssl,
            starttls=not use_ssl and not _is_true(extra.get("disable_tls", False)),
            login=connection.login or None,
            password=connection.password or None,
            timeout_seconds=float(extra.get("timeout", 30)),
            retry_limit=int(extra.get("retry_limit", 5)),
            verify=verify and str(extra.get("ssl_context", "default")).lower() != "none",
            mail_from=extra.get("from_email") or None,
        )

    def send(self, sender: str, recipients: list[str], message: str) -> None:
        """Hand the message in. Raises MailNotSent, in one sentence, for whatever keeps the server from taking it."""
        try:
            with self.connect() as smtp:
                smtp.sendmail(sender, recipients, message)
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(
                f"The mail server {self.host}:{self.port} did not take the mail for {', '.join(recipients)}: "
                f"{_reason(error)}; see the [smtp] settings and the connection smtp_default."
            ) from error

    def connect(self) -> smtplib.SMTP:
        """A session that is encrypted and logged in as it should be."""
        for left in range(max(self.retry_limit, 1) - 1, -1, -1):
            try:
                smtp = self._greeted()
                break
            except smtplib.SMTPServerDisconnected:
                if not left:
                    raise
        try:
            if self.starttls and not self.use_ssl:
                smtp.starttls(context=self._context())
            if self.login and self.password:
                smtp.login(self.login, self.password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _greeted(self) -> smtplib.SMTP:
        if self.use_ssl:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout_seconds, context=self._context())
        return smtplib.SMTP(self.host, self.port, timeout=self.timeout_seconds)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if not self.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


def send_email(
    to: Addresses,
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """Send a mail through the backend that [email] email_backend names."""
    path = str(conf.get("email", "email_backend", DEFAULT_BACKEND))
    backend: Any = send_email_smtp if path == DEFAULT_BACKEND else import_string(path)
    backend(
        get_email_address_list(to),
        subject,
        html_content,
        files=files,
        dryrun=dryrun,
        cc=cc,
        bcc=bcc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        conn_id=conn_id or conf.get("email", "email_conn_id"),
        from_email=kwargs.pop("from_email", None) or conf.get("email", "from_email", None),
        custom_headers=custom_headers,
        **kwargs,
    )


def send_email_smtp(
    to: Addresses,
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    dryrun: bool = False,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str = "smtp_default",
    from_email: str | None = None,
    custom_headers: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Send a mail through the server of the connection or the [smtp] settings."""
    server = MailServer.configured(conn_id)
    sender = from_email or server.mail_from or str(conf.get("smtp", "smtp_mail_from"))
    message, recipients = build_mime_message(
        sender, to, subject, html_content, files, cc, bcc, mime_subtype, mime_charset, custom_headers
    )
    if not dryrun:
        server.send(sender, recipients, message.as_string())
        log.info("The mail %r went to %s.", subject, ", ".join(recipients))


def send_mime_email(
    e_from: str, e_to: str | list[str], mime_msg: MIMEMultipart, conn_id: str = "smtp_default", dryrun: bool = False
) -> None:
    """Send a message that is made already."""
    if not dryrun:
        MailServer.configured(conn_id).send(e_from, get_email_address_list(e_to), mime_msg.as_string())


def build_mime_message(
    mail_from: str | None,
    to: Addresses,
    subject: str,
    html_content: str,
    files: list[str] | None = None,
    cc: Addresses | None = None,
    bcc: Addresses | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: dict[str, Any] | None = None,
) -> tuple[MIMEMultipart, list[str]]:
    """The message, and everybody who is to get it."""
    recipients = get_email_address_list(to)
    message = MIMEMultipart(mime_subtype)
    message["Subject"] = " ".join(str(subject).split())  # a line end would begin another header
    message["From"] = mail_from or ""
    message["To"] = ", ".join(recipients)
    if cc:
        copies = get_email_address_list(cc)
        message["CC"] = ", ".join(copies)
        recipients = recipients + copies
    if bcc:
        recipients = recipients + get_email_address_list(bcc)
    message["Date"] = formatdate(localtime=True)
    message.attach(MIMEText(html_content, "html", mime_charset))
    for path in files or ():
        with open(path, "rb") as file:
            name = os.path.basename(path)
            part = MIMEApplication(file.read(), Name=name)
        part["Content-Disposition"] = f'attachment; filename="{name}"'
        part["Content-ID"] = f"<{name}>"
        message.attach(part)
    for header, value in (custom_headers or {}).items():
        message[header] = value
    return message, recipients


def _connection(conn_id: str | None) -> Any:
    if not conn_id:
        return None
    from tradewind.sdk.connection import Connection
    from tradewind.sdk.execution.runtime import NoRuntime

    try:
        return Connection.get(conn_id)
    except (AirflowNotFoundException, NoRuntime):
        return None  # the settings say where, then


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() not in _FALSE


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPNotSupportedError) and "STARTTLS" in str(error):
        return "it offers no STARTTLS; set [smtp] smtp_starttls to False if it needs none"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
