"""The mail that says how a try of a task ended, to the addresses that its author gave."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.sdk.compat_helpers import get_email_address_list
from tradewind.sdk.configuration import conf
from tradewind.sdk.execution.attempt import Attempt
from tradewind.sdk.execution.outcome import one_line

log = logging.getLogger("tradewind.task")

SUBJECT = "Airflow alert: {{ ti }}"
"""Filters of mail programs look for this text, so it is the one that people know."""

CONTENT = """\
<p>Task <b>{{ ti.task_id }}</b> of Dag <b>{{ ti.dag_id }}</b>, run {{ run_id }}, ended as {{ ti.state }}.<br>
Try {{ try_number }} of {{ max_tries + 1 }}.</p>
<p>{{ exception_html }}</p>
<p><a href="{{ ti.log_url }}">Log</a> · <a href="{{ ti.mark_success_url }}">Mark success</a></p>
"""


def send_alert(attempt: Attempt, event: str, may_begin: Callable[[], str]) -> list[str]:
    """Send the mail of `email_on_failure` or `email_on_retry`, if it has not gone out yet; what went wrong, in a line
    that is in the log as well."""
    to = getattr(attempt.task, "email", None)
    if not to or not getattr(attempt.task, event, False):
        log.info("No mail is sent: the task asks for none any more.")
        return []
    return send_once(event, to, lambda: composed(attempt), may_begin)


def send_once(event: str, to: Any, compose: Callable[[], tuple[str, str]], may_begin: Callable[[], str]) -> list[str]:
    """Send a mail, if it has not gone out yet; what went wrong, in a line that is in the log as well."""
    try:
        addresses = get_email_address_list(to)
        subject, content = compose()
    except Exception as error:
        return _not_sent(event, error)
    if refusal := may_begin():
        log.info("No mail is sent: %s.", refusal)
        return []
    from tradewind.sdk.mail import send_email

    try:
        send_email(addresses, subject, content)
    except Exception as error:
        return _not_sent(event, error)
    return []


def _not_sent(event: str, error: Exception) -> list[str]:
    own = isinstance(error, TradewindError)  # says by itself what it is and what to do
    line = str(error) if own else f"The mail for {event} could not be sent: {one_line(error)}"
    log.error("%s", line)
    return [line]


def composed(attempt: Attempt) -> tuple[str, str]:
    """Subject and HTML text, from the files that [email] subject_template and html_content_template name."""
    reason = str(attempt.context.get("exception") or "")
    further = {
        "exception_html": html.escape(reason).replace("\n", "<br>"),
        "max_tries": attempt.offer.max_tries,
        "try_number": attempt.offer.try_number,
    }
    for name, value in further.items():
        attempt.context[name] = value
    templates = attempt.prepared.templates(native=False)

    def rendered(path: str | None, default: str) -> str:
        return str(templates.render(templates.compiled(_template(path, default)), attempt.context))

    return (
        rendered(conf.get("email", "subject_template", None), SUBJECT),
        rendered(conf.get("email", "html_content_template", None), CONTENT),
    )


def _template(path: str | None, default: str) -> str:
    if not path:
        return default
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        log.warning("The mail's template %s cannot be read (%s); the usual text is sent.", path, error)
        return default
