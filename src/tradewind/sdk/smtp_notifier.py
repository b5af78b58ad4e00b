"""SmtpNotifier: a mail as a callback."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tradewind.sdk.notifier import BaseNotifier


class SmtpNotifier(BaseNotifier):
    """Sends a mail whose fields are templates. Without a subject or text it says how the task ended."""

    template_fields: Collection[str] = (
        "from_email", "to", "subject", "html_content", "files", "cc", "bcc", "mime_subtype", "mime_charset",
        "custom_headers",
    )  # fmt: skip
    template_ext: Collection[str] = (".html",)

    def __init__(
        self,
        to: Any,
        from_email: str | None = None,
        subject: str | None = None,
        html_content: str | None = None,
        files: list[str] | None = None,
        cc: Any = None,
        bcc: Any = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        custom_headers: dict[str, Any] | None = None,
        smtp_conn_id: str = "smtp_default",
        auth_type: str = "basic",
        *,
        template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if template is not None and html_content is None:
            with open(template, encoding="utf-8") as file:
                html_content = file.read()
        self.to, self.from_email, self.subject, self.html_content = to, from_email, subject, html_content
        self.files, self.cc, self.bcc = files or [], cc, bcc
        self.mime_subtype, self.mime_charset, self.custom_headers = mime_subtype, mime_charset, custom_headers
        self.smtp_conn_id, self.auth_type = smtp_conn_id, auth_type

    def notify(self, context: Any) -> None:
        from tradewind.sdk.mail import send_email_smtp

        subject, content = self.subject, self.html_content
        if subject is None:
            subject = self.render_template(
                "{% if ti is defined and ti.task_id %}Task {{ ti.dag_id }}.{{ ti.task_id }}, run {{ run_id }}: "
                "{{ ti.state }}"
                "{% else %}Dag {{ dag_run.dag_id }}, run {{ dag_run.run_id }}: {{ reason | default('') }}{% endif %}",
                context,
            )  # fmt: skip
        if content is None:
            content = f"<p>{subject}</p>"
        send_email_smtp(
            self.to, subject, content, files=self.files, cc=self.cc, bcc=self.bcc, mime_subtype=self.mime_subtype,
            mime_charset=self.mime_charset, conn_id=self.smtp_conn_id, from_email=self.from_email,
            custom_headers=self.custom_headers,
        )  # fmt: skip


send_smtp_notification = SmtpNotifier
