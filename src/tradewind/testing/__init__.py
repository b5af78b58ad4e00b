"""For tests, ours and other people's: Dags in memory and virtual time, builders, real servers on loopback ports.

Nothing imports this. People's own tests want `DagBag`, `run_dag`, `play` and `Reply`; the rest is for the engine's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.testing.dag_bag import DagBag
    from tradewind.testing.names import airflow_names
    from tradewind.testing.playing import play, run_dag
    from tradewind.testing.replies import Reply
    from tradewind.testing.results import Played, PlayedRun, PlayedTask

_HOME_OF = {
    "DagBag": "dag_bag", "Played": "results", "PlayedRun": "results", "PlayedTask": "results", "Reply": "replies",
    "airflow_names": "names", "play": "playing", "run_dag": "playing",
}  # fmt: skip

__all__ = ["DagBag", "Played", "PlayedRun", "PlayedTask", "Reply", "airflow_names", "play", "run_dag"]


def __getattr__(name: str) -> Any:
    # The pytest plugin lives here too, and costs nothing where nobody uses it.
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
