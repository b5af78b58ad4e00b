"""Delivery of one notice over one channel: tried until the other side takes it, or until nobody needs it any more.

The rules file is read anew for each try, so that a channel which is put right delivers what waited for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.core.alerts import Notice
from tradewind.core.errors import TradewindError
from tradewind.observability.alerts.channels import channel_of, deliver
from tradewind.observability.alerts.rules_file import load_rules

if TYPE_CHECKING:
    from tradewind.config import Settings

log = logging.getLogger("tradewind.alerts")

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
SENDERS = ThreadPoolExecutor(8, thread_name_prefix="tw-alerts")
"""Its own threads: receivers that answer slowly keep no trigger beside them from its own."""
GIVEN_UP_AFTER = timedelta(days=1)
"""What no channel has taken by then is news no more."""


def wall_clock() -> datetime:
    return datetime.now(UTC)


async def deliver_until_taken(
    notice: Notice,
    send: Callable[[], None],
    *,
    now: Callable[[], datetime] = wall_clock,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> str:
    """Call `send`, in a thread, until it does not raise. Empty when it was taken; else why it was given up.

    Pauses double up to the longest. One notice is with the other side once at a time: a try ends before the next."""
    pause = FIRST_PAUSE
    while True:
        try:
            await asyncio.get_running_loop().run_in_executor(SENDERS, copy_context().run, send)
            return ""
        except TradewindError as fault:
            if now() - notice.at >= GIVEN_UP_AFTER:
                return f"{fault} It was given up after {GIVEN_UP_AFTER // timedelta(hours=1)} h."
            log.warning("%s It is tried again in %.0f s.", fault, pause.total_seconds())
        await sleep(pause.total_seconds())
        pause = min(2 * pause, LONGEST_PAUSE)


def send_now(notice: Notice, channel: str, rules_file: Path, settings: "Settings") -> None:
    """One try, by the rules file as it is now. Raises a TradewindError when the notice was not taken."""
    found = load_rules(rules_file, must_exist=True)
    if (spec := found.channels.get(channel)) is None:
        raise UnknownChannel(channel, rules_file)
    deliver(channel_of(spec, settings), notice)


class UnknownChannel(TradewindError):
    """The rules file does not have the channel any more, or it has a fault."""

    def __init__(self, channel: str, rules_file: Path) -> None:
        super().__init__(
            f"{rules_file} has no channel {channel!r} that works; `tradewind alerts check` says what is wrong."
        )
