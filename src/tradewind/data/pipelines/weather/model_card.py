"""The model card: what a version was made of, how good it is on hours that it had not seen, and what it is not for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.data import charts
from tradewind.data.web_page import facts, page, table

if TYPE_CHECKING:
    import polars as pl

Facts = dict[str, Any]


def render(manifest: Facts, evaluation: Facts, forecasts: dict[int, pl.DataFrame]) -> bytes:
    """The card as an HTML page; `forecasts` has those of the held-out hours by horizon."""
    own, persistence, rival = evaluation["model"], evaluation["persistence"], evaluation["production"]
    shown = max(forecasts)
    sections = [
        ("", _headline(manifest, own, persistence)),
        ("Mean error by horizon, °C", _errors(own, persistence, rival, evaluation["production_version"])),
        (f"Mean error of each held-out day, {shown} hours ahead, °C", _by_day(forecasts[shown])),
        (f"The last held-out week, {shown} hours ahead, °C", _last_week(forecasts[shown])),
        ("What it was made of", _made_of(manifest)),
        ("What it is for, and what not", _limits(manifest)),
    ]
    return page("Temperature model", manifest["version"], sections).encode()


def _headline(manifest: Facts, own: Facts, persistence: Facts) -> str:
    return facts(
        {
            "mean error": f"{own['mae']:.3f} °C",
            "persistence": f"{persistence['mae']:.3f} °C",
            "less error": f"{100 * (1 - own['mae'] / persistence['mae']):.1f} %",
            "hours collected": f"{manifest['hours']:,}",
        }
    )


def _errors(own: Facts, persistence: Facts, rival: Facts | None, name: str | None) -> str:
    rows = []
    bars: dict[str, float] = {}
    for horizon, measured in own["horizons"].items():
        held = persistence["horizons"][horizon]
        other = rival["horizons"][horizon]["mae"] if rival else None
        rest = ("–" if other is None else other, measured["rmse"], measured["bias"])
        rows.append((f"{horizon} h", measured["forecasts"], measured["mae"], held["mae"], *rest))
        bars |= {f"this model, {horizon} h": measured["mae"], f"persistence, {horizon} h": held["mae"]}
        if other is not None:
            bars[f"in production, {horizon} h"] = other
    header = ("ahead", "forecasts", "this model", "persistence", f"in production ({name or 'none'})", "RMSE", "bias")
    return charts.bars(bars, digits=3) + table(header, rows)


def _by_day(forecasts: pl.DataFrame) -> str:
    import polars as pl

    wrong = ((pl.col("said") - pl.col("came")).abs().mean()).alias("model")
    held = ((pl.col("persistence") - pl.col("came")).abs().mean()).alias("persistence")
    days = forecasts.group_by(pl.col("observed_at").dt.date().alias("day")).agg(wrong, held).sort("day")
    labels = [str(day) for day in days["day"]]
    series = {"this model": days["model"].to_list(), "persistence": days["persistence"].to_list()}
    return charts.lines(labels, series)


def _last_week(forecasts: pl.DataFrame) -> str:
    import polars as pl

    station = forecasts["station_number"].min()
    last = forecasts["observed_at"].max()
    assert isinstance(station, int)
    week = forecasts.filter(
        (pl.col("station_number") == station) & (pl.col("observed_at") > pl.lit(last) - pl.duration(days=7))
    ).sort("observed_at")
    labels = [f"{moment:%m-%d %H}h" for moment in week["observed_at"]]
    said = {f"forecast for station {station}": week["said"].to_list(), "observed": week["came"].to_list()}
    return charts.lines(labels, said)


def _made_of(manifest: Facts) -> str:
    rows = [
        ("learned from", f"{manifest['trained_from']} to {manifest['trained_until']}"),
        ("judged by", f"{manifest['held_out_from']} to {manifest['held_out_until']}, which it has not seen"),
        ("stations", ", ".join(map(str, manifest["stations"]))),
        ("kind", "gradient boosting of the change of temperature, one for each horizon"),
        ("inputs", ", ".join(manifest["features"])),
        ("libraries", ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())),
        ("data, SHA-256", manifest["data_sha256"]),
        ("file, SHA-256", manifest["sha256"]),
    ]
    return table(("", ""), rows)


def _limits(manifest: Facts) -> str:
    replayed = (
        " It learned from replayed weather of another place and year, so it says nothing about Korea."
        if manifest["replayed"]
        else ""
    )
    return (
        "<p>It forecasts the air temperature at the stations it learned from, for the hours named above, from the "
        "observations of the last day. It knows no forecast of anybody else, no clouds and no fronts, and it is no "
        f"basis for warnings.{replayed}</p>"
    )
