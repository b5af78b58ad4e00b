"""A mail server on a loopback port that keeps what it is given, for tests."""

from __future__ import annotations

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType


@dataclass
class Mail:
    """One message as it was handed in."""

    sender: str
    recipients: list[str]
    data: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.data, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        assert part is not None
        return str(part.get_content())


@dataclass
class MailSink:
    """Speaks as much SMTP as it takes to hand a message in."""

    mails: list[Mail] = field(default_factory=list)
    refuses: str = ""
    """The answer to every recipient, instead of taking them."""
    hangs_up: int = 0
    """So many sessions are closed before a word."""
    goes_on: threading.Event = field(default_factory=threading.Event)
    """While it is not set, messages are kept and not acknowledged."""

    def __post_init__(self) -> None:
        self.goes_on.set()

    def __enter__(self) -> MailSink:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                sink._serve(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def settings(self) -> dict[str, str]:
        """Environment variables that send mail here."""
        return {
            "AIRFLOW__SMTP__SMTP_HOST": "127.0.0.1",
            "AIRFLOW__SMTP__SMTP_PORT": str(self.port),
            "AIRFLOW__SMTP__SMTP_STARTTLS": "False",
        }

    def _serve(self, session: socketserver.StreamRequestHandler) -> None:
        if self.hangs_up:
            self.hangs_up -= 1
            return

        def say(line: str) -> None:
            try:
                session.wfile.write(line.encode() + b"\r\n")
            except OSError:
                pass  # who handed it in is gone

        sender, recipients = "", list[str]()
        say("220 sink")
        while line := session.rfile.readline():
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "EHLO" | "HELO" | "NOOP" | "RSET":
                    say("250 sink")
                case "MAIL":
                    sender = _address(rest)
                    say("250 OK")
                case "RCPT" if self.refuses:
                    say(self.refuses)
                case "RCPT":
                    recipients.append(_address(rest))
                    say("250 OK")
                case "DATA":
                    say("354 go on")
                    lines = []
                    while (text := session.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(text[1:] if text.startswith(b".") else text)
                    self.mails.append(Mail(sender, recipients, b"".join(lines)))
                    recipients = []
                    self.goes_on.wait()
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("502 unknown")


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]
