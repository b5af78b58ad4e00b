"""Where an attempt's log lies below the logs folder: known to who writes it, who reads it, and who finds it cut off."""

from hashlib import sha1
from pathlib import Path
from urllib.parse import quote

from tradewind.wire.messages import Offer

_LONGEST_NAME = 200


def log_path(
    root: str | Path, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int, leg: int = 0
) -> Path:
    """The file of one try. A try that reschedules itself goes on in the same file, so `leg` does not matter."""
    index = f"map_index={map_index}/" if map_index >= 0 else ""
    folder = f"dag_id={_safe(dag_id)}/run_id={_safe(run_id)}/task_id={_safe(task_id)}"
    return Path(f"{root}/{folder}/{index}attempt={try_number}.log")


def offer_log_path(root: str | Path, offer: Offer) -> Path:
    """The log file of what this offer asks for; a callback has one of its own beside the attempts."""
    run = offer.run
    if not offer.callback:
        return log_path(root, run.dag_id, run.run_id, offer.task_id, offer.map_index, offer.try_number)
    name = f"callback={_safe(offer.callback.replace(':', '_'))}.log"
    if not offer.task_id:
        return Path(f"{root}/dag_id={_safe(run.dag_id)}/run_id={_safe(run.run_id)}/{name}")
    path = log_path(root, run.dag_id, run.run_id, offer.task_id, offer.map_index, offer.try_number)
    return path.with_name(f"{path.stem}.{name}")


def _safe(name: str) -> str:
    encoded = quote(name, safe="+:@=,~ ", errors="surrogatepass")
    if not encoded.strip("."):
        encoded = encoded.replace(".", "%2E")
    if len(encoded) <= _LONGEST_NAME:
        return encoded
    digest = sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:12]
    return f"{encoded[: _LONGEST_NAME - 13]}~{digest}"
