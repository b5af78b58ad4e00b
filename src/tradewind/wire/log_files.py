"""Where an attempt's log lies below the logs folder: known to who writes it, who reads it, and who finds it cut off."""

import re
from hashlib import sha1
from pathlib import Path
from urllib.parse import quote

from tradewind.wire.messages import Offer

_LONGEST_NAME = 200
_is_plain = re.compile(r"[A-Za-z0-9_+:@=,~ -][A-Za-z0-9_.+:@=,~ -]{0,199}").fullmatch
"""A name that is the same when it is quoted."""


def log_path(
    root: str | Path, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, leg: int = 0
) -> Path:
    """The file of one try. A try that reschedules itself goes on in the same file, so `leg` does not matter."""
    return Path(_of_try(root, dag_id, run_id, task_id, map_index, try_number))


def offer_log_path(root: str | Path, offer: Offer) -> str:
    """The log file of what this offer asks for; a callback has one of its own beside the attempts."""
    run = offer.run
    if offer.callback and not offer.task_id:
        return f"{root}/dag_id={safe_name(run.dag_id)}/run_id={safe_name(run.run_id)}/{_of_callback(offer)}.log"
    path = _of_try(root, run.dag_id, run.run_id, offer.task_id, offer.map_index, offer.try_number)
    return f"{path.removesuffix('.log')}.{_of_callback(offer)}.log" if offer.callback else path


def watcher_log_path(root: str | Path, id: str) -> Path:
    """The file of a trigger that watches assets, by its id."""
    return Path(root) / "watchers" / f"{safe_name(id)}.log"


def alert_log_path(root: str | Path, id: str) -> Path:
    """The file of an alert's delivery, by its id."""
    return Path(root) / "alerts" / f"{safe_name(id)}.log"


def _of_try(root: str | Path, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> str:
    index = f"map_index={map_index}/" if map_index >= 0 else ""
    folder = f"dag_id={safe_name(dag_id)}/run_id={safe_name(run_id)}/task_id={safe_name(task_id)}"
    return f"{root}/{folder}/{index}attempt={try_number}.log"


def _of_callback(offer: Offer) -> str:
    return f"callback={safe_name(offer.callback.replace(':', '_'))}"


def safe_name(name: str) -> str:
    """The name as one part of a path, the same for the same name and different for different ones."""
    if _is_plain(name):
        return name
    encoded = quote(name, safe="+:@=,~ ", errors="surrogatepass")
    if not encoded.strip("."):
        encoded = encoded.replace(".", "%2E")
    if len(encoded) <= _LONGEST_NAME:
        return encoded
    digest = sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:12]
    return f"{encoded[: _LONGEST_NAME - 13]}~{digest}"
