"""SmtpHook: mail through the server of a connection of type `smtp`."""

from __future__ import annotations

import smtplib
from types import TracebackType
from typing import Any

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.mail import MailServer, send_email_smtp


class SmtpHook(BaseHook):
    """Mail through the connection's host. Its extra may say `disable_ssl`, `disable_tls`, `timeout`, `retry_limit` and
    `from_email`; without the connection the [smtp] settings hold. As a context manager it keeps a session open."""

    conn_name_attr = "smtp_conn_id"
    default_conn_name = "smtp_default"
    conn_type = "smtp"
    hook_name = "SMTP"

    def __init__(self, smtp_conn_id: str = default_conn_name, auth_type: str = "basic", **_: Any) -> None:
        super().__init__()
        if auth_type != "basic":
            raise AirflowException(
                f"auth_type={auth_type!r} needs apache-airflow-providers-smtp; leave it out for login and password."
            )
        self.smtp_conn_id = smtp_conn_id
        self.smtp_client: smtplib.SMTP | None = None

    def get_conn(self) -> SmtpHook:
        """Itself, with a session open."""
        if self.smtp_client is None:
            self.smtp_client = MailServer.configured(self.smtp_conn_id).connect()
        return self

    def __enter__(self) -> SmtpHook:
        return self.get_conn()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.smtp_client is not None:
            self.smtp_client.close()
            self.smtp_client = None

    def send_email_smtp(
        self, *, to: Any, subject: str | None = None, html_content: str | None = None, from_email: str | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        """Send a mail; `options` are those of `airflow.utils.email.send_email_smtp`."""
        options["conn_id"] = self.smtp_conn_id
        send_email_smtp(to, subject or "", html_content or "", from_email=from_email, **options)

    def test_connection(self) -> tuple[bool, str]:
        """Whether the server takes a session."""
        try:
            with self:
                return True, "The mail server answers."
        except Exception as error:
            return False, str(error)
