"""Every column that the three services give, with its name here, its type and its unit; and the columns they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["moment", "whole", "number", "text"]


@dataclass(frozen=True)
class Field:
    """One column of a source: `code` is the source's name for it; a number is multiplied by `factor`."""

    code: str
    name: str
    kind: Kind = "number"
    unit: str = ""
    factor: float = 1.0
    missing_at: float = -9.0
    """Numbers at or below this mean "missing"; used for the hub's text only."""


def schema_of(fields: tuple[Field, ...]) -> dict[str, Any]:
    """The Polars types of these columns, by name."""
    import polars as pl

    types: dict[Kind, Any] = {
        "moment": pl.Datetime("us", "UTC"),
        "whole": pl.Int32(),
        "number": pl.Float64(),
        "text": pl.String(),
    }
    return {field.name: types[field.kind] for field in fields}


TEMPERATURE_MISSING = -99.0
"""A temperature of -9.0 is an ordinary winter morning, so only values this low mean "missing"."""

HUB = (
    Field("TM", "observed_at", "moment", "UTC"),
    Field("STN", "station", "whole"),
    Field("WD", "wind_direction_deg", unit="degrees, 360 is north, 0 is calm", factor=10),
    Field("WS", "wind_speed_ms", unit="m/s"),
    Field("GST_WD", "gust_direction_deg", unit="degrees", factor=10),
    Field("GST_WS", "gust_speed_ms", unit="m/s"),
    Field("GST_TM", "gust_time_hhmm", "whole", "KST, HHMM"),
    Field("PA", "station_pressure_hpa", unit="hPa"),
    Field("PS", "sea_level_pressure_hpa", unit="hPa"),
    Field("PT", "pressure_tendency_code", "whole"),
    Field("PR", "pressure_change_hpa", unit="hPa in three hours"),
    Field("TA", "temperature_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("TD", "dew_point_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("HM", "humidity_percent", unit="%"),
    Field("PV", "vapour_pressure_hpa", unit="hPa"),
    Field("RN", "precipitation_mm", unit="mm in the hour"),
    Field("RN_DAY", "precipitation_day_mm", unit="mm since midnight KST"),
    Field("RN_JUN", "precipitation_report_mm", unit="mm, as in the synoptic report"),
    Field("RN_INT", "precipitation_intensity_mm_h", unit="mm/h"),
    Field("SD_HR3", "new_snow_3h_cm", unit="cm"),
    Field("SD_DAY", "new_snow_day_cm", unit="cm"),
    Field("SD_TOT", "snow_depth_cm", unit="cm"),
    Field("WC", "present_weather_code", "whole"),
    Field("WP", "past_weather_code", "whole"),
    Field("WW", "weather_codes", "text"),
    Field("CA_TOT", "cloud_tenths", unit="tenths"),
    Field("CA_MID", "low_cloud_tenths", unit="tenths"),
    Field("CH_MIN", "cloud_base_m", unit="m", factor=100),
    Field("CT", "cloud_types", "text"),
    Field("CT_TOP", "high_cloud_code", "whole"),
    Field("CT_MID", "middle_cloud_code", "whole"),
    Field("CT_LOW", "low_cloud_code", "whole"),
    Field("VS", "visibility_m", unit="m", factor=10),
    Field("SS", "sunshine_h", unit="h"),
    Field("SI", "radiation_mj_m2", unit="MJ/m²"),
    Field("ST_GD", "ground_state_code", "whole"),
    Field("TS", "surface_temperature_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("TE_005", "soil_5cm_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("TE_01", "soil_10cm_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("TE_02", "soil_20cm_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("TE_03", "soil_30cm_c", unit="°C", missing_at=TEMPERATURE_MISSING),
    Field("ST_SEA", "sea_state_code", "whole"),
    Field("WH", "wave_height_m", unit="m"),
    Field("BF", "beaufort", "whole"),
    Field("IR", "precipitation_report_code", "whole", "3: no rain, 4: not observed"),
    Field("IX", "station_operation_code", "whole"),
)
"""The 46 columns of `kma_sfctm2.php` and `kma_sfctm3.php` in their order; several share a header, so order is all."""

ASOS = (
    Field("tm", "observed_at", "moment", "UTC"),
    Field("stnId", "station", "whole"),
    Field("stnNm", "station_name", "text"),
    Field("ta", "temperature_c", unit="°C"),
    Field("rn", "precipitation_mm", unit="mm in the hour"),
    Field("ws", "wind_speed_ms", unit="m/s"),
    Field("wd", "wind_direction_deg", unit="degrees, 360 is north, 0 is calm"),
    Field("hm", "humidity_percent", unit="%"),
    Field("pv", "vapour_pressure_hpa", unit="hPa"),
    Field("td", "dew_point_c", unit="°C"),
    Field("pa", "station_pressure_hpa", unit="hPa"),
    Field("ps", "sea_level_pressure_hpa", unit="hPa"),
    Field("ss", "sunshine_h", unit="h"),
    Field("icsr", "radiation_mj_m2", unit="MJ/m²"),
    Field("dsnw", "snow_depth_cm", unit="cm"),
    Field("hr3Fhsc", "new_snow_3h_cm", unit="cm"),
    Field("dc10Tca", "cloud_tenths", unit="tenths"),
    Field("dc10LmcsCa", "low_cloud_tenths", unit="tenths"),
    Field("clfmAbbrCd", "cloud_types", "text"),
    Field("lcsCh", "cloud_base_m", unit="m", factor=100),
    Field("vs", "visibility_m", unit="m", factor=10),
    Field("gndSttCd", "ground_state_code", "whole"),
    Field("dmstMtphNo", "phenomenon_code", "text"),
    Field("ts", "surface_temperature_c", unit="°C"),
    Field("m005Te", "soil_5cm_c", unit="°C"),
    Field("m01Te", "soil_10cm_c", unit="°C"),
    Field("m02Te", "soil_20cm_c", unit="°C"),
    Field("m03Te", "soil_30cm_c", unit="°C"),
    Field("", "flagged", "text", "columns that quality control called wrong, with commas"),
)
"""The values of `getWthrDataList`; the flags of its quality control become the column `flagged`."""

NOWCAST = (
    Field("", "observed_at", "moment", "UTC"),
    Field("", "station", "whole"),
    Field("T1H", "temperature_c", unit="°C"),
    Field("REH", "humidity_percent", unit="%"),
    Field("RN1", "precipitation_mm", unit="mm in the hour"),
    Field("PTY", "precipitation_kind_code", "whole", "0 none, 1 rain, 2 sleet, 3 snow, 5 to 7 the same in drops"),
    Field("UUU", "wind_east_ms", unit="m/s"),
    Field("VVV", "wind_north_ms", unit="m/s"),
    Field("VEC", "wind_direction_deg", unit="degrees"),
    Field("WSD", "wind_speed_ms", unit="m/s"),
)
"""The eight categories of `getUltraSrtNcst`: an analysis of a grid cell, given here for the station inside it."""

OBSERVATIONS = (
    Field("", "observed_at", "moment", "UTC"),
    Field("", "station", "whole", "KMA station number"),
    Field("", "temperature_c", unit="°C"),
    Field("", "dew_point_c", unit="°C"),
    Field("", "humidity_percent", unit="%"),
    Field("", "wind_direction_deg", unit="degrees, 360 is north, 0 is calm"),
    Field("", "wind_speed_ms", unit="m/s"),
    Field("", "gust_speed_ms", unit="m/s"),
    Field("", "precipitation_mm", unit="mm in the hour; 0 where no rain was reported"),
    Field("", "sea_level_pressure_hpa", unit="hPa"),
    Field("", "visibility_m", unit="m"),
    Field("", "source", "text", "hub, asos or nowcast"),
)
"""What the pipelines keep, whichever service gave it; a column that a service does not give is null."""


def observations(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """The columns `OBSERVATIONS` of any of the frames, ordered by hour and station."""
    import polars as pl

    wanted = schema_of(OBSERVATIONS)
    frame = frame.with_columns(pl.lit(source).alias("source"))
    columns = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in wanted.items()
    ]
    return frame.select(columns).sort("observed_at", "station")
