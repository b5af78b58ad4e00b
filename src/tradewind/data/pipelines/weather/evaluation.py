"""How good a model is on hours that it has not seen, and whether it may go into production."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.data.pipelines.weather import features
from tradewind.data.pipelines.weather.model import TemperatureModel
from tradewind.data.pipelines.weather.registry import Production

if TYPE_CHECKING:
    import polars as pl

Facts = dict[str, Any]


def scores(model: TemperatureModel | None, made: pl.DataFrame, split: datetime) -> Facts:
    """The errors in °C of forecasts made at `split` or later, by horizon and as their mean. No model: persistence."""
    import numpy as np

    of_horizon: Facts = {}
    for horizon in features.HORIZONS:
        rows = features.since(made, split, horizon)
        actual = rows[features.target(horizon)].to_numpy()
        said = np.zeros(len(actual)) if model is None else model.change(rows, horizon)
        wrong = said - actual
        of_horizon[str(horizon)] = {
            "forecasts": len(actual),
            "mae": round(float(np.abs(wrong).mean()), 4) if len(wrong) else None,
            "rmse": round(float(np.sqrt((wrong**2).mean())), 4) if len(wrong) else None,
            "bias": round(float(wrong.mean()), 4) if len(wrong) else None,
        }
    known = [facts["mae"] for facts in of_horizon.values() if facts["mae"] is not None]
    return {"mae": round(sum(known) / len(known), 4) if known else None, "horizons": of_horizon}


def forecasts(model: TemperatureModel, made: pl.DataFrame, split: datetime, horizon: int) -> pl.DataFrame:
    """Each forecast made at `split` or later beside what came: `observed_at`, `station_number`, `said`, `came`."""
    import polars as pl

    rows = features.since(made, split, horizon)
    present = rows["temperature_c"]
    return rows.select(
        (pl.col("observed_at") + pl.duration(hours=horizon)),
        "station_number",
        (present + pl.Series(model.change(rows, horizon))).alias("said"),
        (present + rows[features.target(horizon)]).alias("came"),
        present.alias("persistence"),
    )


@dataclass(frozen=True)
class Verdict:
    """Whether a model goes into production, and why or why not in one sentence."""

    deploy: bool
    reason: str
    is_there: bool = False
    """It is in production already."""


def verdict(evaluation: Facts, production: Production | None, min_gain_percent: float) -> Verdict:
    """It goes there when it beats persistence at every horizon, and what is in production by `min_gain_percent`."""
    version, own, persistence = evaluation["version"], evaluation["model"], evaluation["persistence"]
    present = production.version if production is not None else None
    if present == version:
        return Verdict(True, f"{version} is in production already.", is_there=True)
    if production is not None and version in production.withdrawn:
        return Verdict(False, f"{version} was rolled back by a person, so it is not deployed by itself.")
    if present != evaluation["production_version"]:
        return Verdict(
            False,
            f"{present} has come into production since {version} was compared with {evaluation['production_version']}; "
            "clear evaluate_model to compare again.",
        )
    worse = [h for h, facts in own["horizons"].items() if not _is_better(facts, persistence["horizons"][h])]
    if worse:
        at = _spoken(worse)
        return Verdict(
            False, f"{version} does not beat persistence {at} hours ahead, so it is not deployed; {_kept(present)}."
        )
    beats = f"{version} errs by {own['mae']:.3f} °C, persistence by {persistence['mae']:.3f} °C"
    if present is None:
        return Verdict(True, f"{beats}, and nothing was in production: it is deployed.")
    rival = evaluation["production"]
    if rival is None:
        return Verdict(True, f"{beats}, and {present} cannot be used ({evaluation['production_problem']}): deployed.")
    if evaluation["production_trained_until"] > evaluation["trained_until"]:
        return Verdict(False, f"{version} learned from older hours than {present}, so it is not deployed.")
    gain = 100 * (1 - own["mae"] / rival["mae"])
    compared = f"on the same hours {version} errs by {own['mae']:.3f} °C and {present} by {rival['mae']:.3f} °C"
    if gain <= 0 or gain < min_gain_percent:
        needed = f"at least {min_gain_percent:g} % less" if min_gain_percent else "less"
        return Verdict(False, f"It is not deployed: {compared}, and it has to be {needed}.")
    return Verdict(True, f"It is deployed: {compared}, and persistence by {persistence['mae']:.3f} °C.")


def _is_better(own: Facts, other: Facts) -> bool:
    return own["mae"] is not None and other["mae"] is not None and own["mae"] < other["mae"]


def _spoken(horizons: list[str]) -> str:
    return " and ".join(horizons) if len(horizons) < 3 else ", ".join(horizons)


def _kept(present: str | None) -> str:
    return f"{present} stays in production" if present else "nothing is in production"
