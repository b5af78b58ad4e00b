"""From what a task leaves to what is stored, and back, wherever the value lies."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.execution import xcom_codec
from tradewind.sdk.execution.xcom_errors import XComDecodeError, XComEncodeError
from tradewind.wire.messages import Offer
from tradewind.wire.xcom_files import XComFileLost, XComFiles

_files = XComFiles("", inline_bytes=-1)


def keep_large_values_in(files: XComFiles) -> None:
    """Where the large values of this process go, and where those of others are; until then all stay in their rows."""
    global _files
    _files = files


def store(value: Any, offer: Offer) -> bytes:
    """The value as its row will hold it. Raises XComEncodeError when it cannot be kept."""
    encoded = xcom_codec.encode(value)
    try:
        return _files.store(encoded, run=offer.run.number, task_id=offer.task_id, map_index=offer.map_index)
    except OSError as error:
        raise XComEncodeError(
            f"its {len(encoded):,} bytes could not be written below {_files.folder}: {error.strerror}."
        ) from None


def load(stored: bytes) -> Any:
    """The value that `store` kept."""
    try:
        return xcom_codec.decode(_files.read(stored))
    except XComFileLost as lost:
        raise XComDecodeError(str(lost)) from None


def forget_earlier_tries(offer: Offer) -> None:
    """Remove the files of earlier tries, whose rows were dropped when this try was given out."""
    _files.forget_earlier_tries(offer)
