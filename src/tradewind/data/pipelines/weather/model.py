"""The temperature model: one gradient boosting for each horizon, kept as a skops file.

A skops file names every type that it holds before anything of it is built. One that holds another type than a
temperature model has is refused by that name, so a file that somebody changed runs no code here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tradewind.data.pipelines.weather import features
from tradewind.data.problems import DataProblem
from tradewind.data.runtime import progress

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

ALLOWED = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
"""Types of a model beyond those that skops knows to be harmless."""

ROUNDS = 150
Numbers = Any


class ModelRefused(DataProblem):
    """A model's file is not what a temperature model is; nothing of it was used."""


def require_libraries() -> None:
    """Raise `DataProblem` with what to install, where something is missing."""
    needed = {"sklearn": "scikit-learn", "skops": "skops", "scipy": "scipy", "polars": "polars"}
    if missing := [name for module, name in needed.items() if find_spec(module) is None]:
        raise DataProblem(
            f"The weather model takes {', '.join(missing)}, missing here; run `pip install 'tradewind[data,mlops]'`."
        )


@dataclass(frozen=True)
class TemperatureModel:
    """Forecasts the temperature some hours ahead."""

    columns: tuple[str, ...]
    estimators: dict[int, Any]

    @property
    def horizons(self) -> tuple[int, ...]:
        return tuple(self.estimators)

    @classmethod
    def fit(cls, table_of: Callable[[int], pl.DataFrame], rounds: int = ROUNDS) -> TemperatureModel:
        """A model that learned from `table_of(horizon)`, the rows of `features.table` to learn from."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        estimators = {}
        with one_thread():
            for done, horizon in enumerate(features.HORIZONS, 1):
                rows = table_of(horizon)
                estimator = HistGradientBoostingRegressor(
                    max_iter=rounds, learning_rate=0.08, min_samples_leaf=40, l2_regularization=1.0, random_state=0
                )
                estimator.fit(_inputs(rows, features.COLUMNS), rows[features.target(horizon)].to_numpy())
                estimators[horizon] = estimator
                progress(done, len(features.HORIZONS), "horizons")
        return cls(features.COLUMNS, estimators)

    def change(self, rows: pl.DataFrame, horizon: int) -> np.ndarray[Any, Any]:
        """By how much the temperature will have changed, for each row."""
        if rows.is_empty():
            import numpy as np

            return np.empty(0)
        with one_thread():
            said: np.ndarray[Any, Any] = self.estimators[horizon].predict(_inputs(rows, self.columns))
        return said

    def to_bytes(self) -> bytes:
        import skops.io

        content: bytes = skops.io.dumps(
            {
                "kind": "weather temperature model",
                "columns": list(self.columns),
                "estimators": {str(horizon): estimator for horizon, estimator in self.estimators.items()},
            }
        )
        return content

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> TemperatureModel:
        """The model kept in `content`; `ModelRefused` calls it by its `name` and says what is wrong."""
        import skops.io

        try:
            unknown = set(skops.io.get_untrusted_types(data=content))
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''}"
            raise ModelRefused(f"{name} is no skops file ({reason}); it is not loaded.") from error
        if strange := sorted(unknown - ALLOWED):
            message = f"{name} holds {', '.join(strange[:5])}, which no temperature model has; it is not loaded."
            raise ModelRefused(message)
        try:
            kept = skops.io.loads(content, trusted=sorted(unknown))
        except Exception as error:
            raise ModelRefused(f"{name} cannot be built ({type(error).__name__}: {str(error)[:120]}).") from error
        return cls._checked(kept, name)

    @classmethod
    def _checked(cls, kept: Any, name: str) -> TemperatureModel:
        from sklearn.ensemble import HistGradientBoostingRegressor

        if not isinstance(kept, dict) or kept.get("kind") != "weather temperature model":
            raise ModelRefused(f"{name} holds a {type(kept).__name__} that is no temperature model; it is not loaded.")
        columns, estimators = kept.get("columns"), kept.get("estimators")
        if not isinstance(columns, list) or not isinstance(estimators, dict) or not estimators:
            raise ModelRefused(f"{name} lacks its columns or its estimators; it is not loaded.")
        for horizon, estimator in estimators.items():
            if type(estimator) is not HistGradientBoostingRegressor or not str(horizon).isdigit():
                strange = type(estimator).__name__
                raise ModelRefused(f"{name} holds a {strange} where a HistGradientBoostingRegressor belongs.")
            if getattr(estimator, "n_features_in_", None) != len(columns):
                raise ModelRefused(f"{name} has {len(columns)} columns, and an estimator of another number.")
        return cls(tuple(columns), {int(horizon): estimator for horizon, estimator in estimators.items()})


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for OpenMP. With several, each round waits for all of them, and on a machine that has other work
    to do this takes many times as long."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def _inputs(rows: pl.DataFrame, columns: tuple[str, ...]) -> Numbers:
    return rows.select(columns).to_numpy()
