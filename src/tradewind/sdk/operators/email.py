"""EmailOperator: send a mail."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from tradewind.sdk.operator import BaseOperator


class EmailOperator(BaseOperator):
    """Sends an HTML mail through the connection, else through the [smtp] settings. A mail that is not taken fails the
    task."""

    template_fields: Collection[str] = (
        "to", "subject", "html_content", "from_email", "files", "cc", "bcc", "mime_subtype", "mime_charset", "conn_id",
        "custom_headers",
    )  # fmt: skip
    template_fields_renderers = {"html_content": "html"}
    template_ext: Sequence[str] = (".html",)
    ui_color = "#e6faf9"

    def __init__(
        self,
        *,
        to: list[str] | str,
        subject: str | None = None,
        html_content: str | None = None,
        from_email: str | None = None,
        files: list[str] | None = None,
        cc: list[str] | str | None = None,
        bcc: list[str] | str | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str | None = "smtp_default",
        custom_headers: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to, self.subject, self.html_content, self.from_email = to, subject, html_content, from_email
        self.files, self.cc, self.bcc = files or [], cc, bcc
        self.mime_subtype, self.mime_charset = mime_subtype, mime_charset
        self.conn_id, self.custom_headers = conn_id, custom_headers

    def execute(self, context: Any) -> None:
        from tradewind.sdk.mail import send_email

        send_email(
            self.to, self.subject or "", self.html_content or "", files=self.files, cc=self.cc, bcc=self.bcc,
            mime_subtype=self.mime_subtype, mime_charset=self.mime_charset, conn_id=self.conn_id,
            from_email=self.from_email, custom_headers=self.custom_headers,
        )  # fmt: skip
