"""The same rules on Polars, DuckDB and Spark: what each engine is asked, and how results are made of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tradewind.data.duck import LIMITED_SHARE, parquet
from tradewind.data.files import replacing
from tradewind.data.jobs import literal, quoted
from tradewind.data.problems import BadInput, DataProblem
from tradewind.data.quality import CheckResult, QualityResult
from tradewind.data.quality_rules import Drift, Fresh, OneOf, RowCount, RowRule, Rule, Schema, Unique, bins
from tradewind.data.runtime import metric
from tradewind.data.settings import DataSettings

if TYPE_CHECKING:
    import polars as pl

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BROKEN_RULES = "broken_rules"
SAID_BY_SPARK = frozenset(
    {"AnalysisException", "ParseException", "ArithmeticException", "DateTimeException", "NumberFormatException"}
)
"""Errors of a rule, and not of a cluster."""


class Engine(Protocol):
    """One data set on one engine."""

    def quote(self, name: str) -> str:
        """A column's name for SQL; a time with a zone is in UTC."""

    def condition(self, rule: RowRule) -> str:
        """SQL that is true for a row that breaks the rule."""

    def columns(self) -> dict[str, str]:
        """The columns, with types as in `quality_rules.TYPES`."""

    def measure(self, conditions: Sequence[str], times: Sequence[str]) -> tuple[int, list[int], list[int | None]]:
        """In one pass: the rows, those for which each condition is true, and the newest of each time, in µs."""

    def duplicates(self, columns: Sequence[str]) -> int:
        """The rows whose key another row before them has."""

    def quantiles(self, column: str, at: Sequence[float]) -> list[float]:
        """The values below which these shares of a column are."""

    def split(self, broken: Sequence[tuple[str, str]], good: Path, bad: Path) -> tuple[int, int]:
        """Write the rows that break no rule, and those that do with the names of these; gives how many."""


def check(data: Any, rules: Sequence[Rule], *, now: datetime | None = None) -> QualityResult:
    """All rules over the data: one pass, and one more for each `Unique`, which groups and may spill to disk.

    `data` is a Polars frame (lazy or not), a path of a Parquet file, a DuckDB relation, or a Spark frame.
    """
    engine = engine_of(data)
    found = engine.columns()
    rules = list(rules)
    usable = [rule for rule in rules if not _missing(rule, found)]
    row_rules = [rule for rule in usable if isinstance(rule, RowRule)]
    drifts = [rule for rule in usable if isinstance(rule, Drift)]
    times = [rule for rule in usable if isinstance(rule, Fresh)]
    conditions = [engine.condition(rule) for rule in row_rules]
    conditions += [condition for rule in drifts for condition in rule.bins(engine.quote)]
    rows, counts, newest = engine.measure(conditions, [rule.column for rule in times])
    bad = dict(zip(map(id, row_rules), counts, strict=False))
    left = iter(counts[len(row_rules) :])
    spread = {id(rule): [next(left) for _ in rule.shares] for rule in drifts}
    ages = {id(rule): _time(at) for rule, at in zip(times, newest, strict=True)}
    moment = now or datetime.now(UTC)

    def result(rule: Rule) -> CheckResult:
        missing = _missing(rule, found)
        if missing:
            weight = getattr(rule, "weight", 1.0)
            return CheckResult(rule.name, max(rows, 1), max(rows, 1), 0.0, weight, True, f"{missing} is missing")
        match rule:
            case Schema():
                return rule.result(found)
            case RowCount():
                return rule.result(rows)
            case Fresh():
                return rule.result(ages[id(rule)], moment)
            case Drift():
                return rule.result(spread[id(rule)])
            case Unique():
                twice = engine.duplicates(rule.columns)
                return CheckResult(rule.name, twice, rows, rule.allowed, rule.weight, rule.required)
            case RowRule():
                known: Any = rule
                return CheckResult(rule.name, bad[id(rule)], rows, known.allowed, known.weight, known.required)
        raise DataProblem(f"{type(rule).__name__} is no rule.")

    measured = QualityResult(tuple(result(rule) for rule in rules))
    metric("data_quality_score", measured.score)
    return measured


def quarantine(data: Any, rules: Sequence[Rule], *, good: str | Path, bad: str | Path) -> tuple[int, int]:
    """Write the rows that keep every row-wise rule to `good` and the others to `bad`; gives how many there are of each.

    In `bad`, the column `broken_rules` names the rules that a row breaks. Both are Parquet: files, or with Spark
    folders; each is replaced as a whole. A share that a rule allows is quarantined too: the rows are bad all the same.
    """
    engine = engine_of(data)
    found = engine.columns()
    # A column that is not there tells no row from another: that is for `check` to say.
    telling = [rule for rule in rules if isinstance(rule, RowRule) and not _missing(rule, found)]
    broken = [(rule.name, engine.condition(rule)) for rule in telling]
    if not broken:
        raise DataProblem("There is no row-wise rule among these, so that no row can be told good from bad.")
    kept, lost = engine.split(broken, Path(good), Path(bad))
    metric("rows_quarantined", lost)
    return kept, lost


def drift_reference(data: Any, column: str, *, bins_wanted: int = 10, limit: float = 0.2) -> Drift:
    """A `Drift` rule whose reference are these data: bins with about as many values each, and each one's share."""
    engine = engine_of(data)
    if column not in engine.columns():
        raise DataProblem(f"The reference has no column {column!r}.")
    at = [n / bins_wanted for n in range(1, bins_wanted)]
    edges = sorted({edge for edge in engine.quantiles(column, at) if edge is not None and edge == edge})
    rows, counts, _ = engine.measure(bins(engine.quote(column), edges), [])
    if not rows:
        raise DataProblem(f"The reference has no rows, so that nothing can be compared with its {column!r}.")
    return Drift(column, tuple(edges), tuple(count / rows for count in counts), limit)


def engine_of(data: Any) -> Engine:
    """The engine for a data set, by its type."""
    package = type(data).__module__.split(".")[0]
    if isinstance(data, str | Path):
        return _DuckDB.of_file(Path(data))
    if package == "polars":
        return _Polars(data.lazy())
    if package in ("duckdb", "_duckdb") and hasattr(data, "query"):
        return _DuckDB(data)
    if package == "pyspark":
        return _Spark(data)
    raise DataProblem(f"Quality is checked on Polars, DuckDB and Spark, not on {type(data).__name__}.")


class _Polars:
    def __init__(self, frame: pl.LazyFrame) -> None:
        import polars as pl

        self.frame = frame
        zoned = [name for name, kind in frame.collect_schema().items() if getattr(kind, "time_zone", None)]
        self._in_utc = {name: f"{name} in UTC, without its zone" for name in zoned}
        """Times with a zone are compared in UTC, under names of their own: Polars compares them with no others."""
        self._seen = frame.with_columns(
            pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None).alias(shadow)
            for name, shadow in self._in_utc.items()
        )

    def quote(self, name: str) -> str:
        return quoted(self._in_utc.get(name, name))

    def condition(self, rule: RowRule) -> str:
        return rule.bad(self.quote)

    def columns(self) -> dict[str, str]:
        return {name: _polars_type(dtype) for name, dtype in self.frame.collect_schema().items()}

    def measure(self, conditions: Sequence[str], times: Sequence[str]) -> tuple[int, list[int], list[int | None]]:
        import polars as pl

        wanted = [pl.len().alias("rows")]
        wanted += [self._condition(text).sum().alias(f"bad{n}") for n, text in enumerate(conditions)]
        wanted += [
            pl.col(name).max().cast(pl.Datetime("us")).dt.epoch("us").alias(f"at{n}") for n, name in enumerate(times)
        ]
        row = _told(lambda: self._seen.select(wanted).collect(engine="streaming")).row(0)
        split = 1 + len(conditions)
        return row[0], [count or 0 for count in row[1:split]], list(row[split:])

    def duplicates(self, columns: Sequence[str]) -> int:
        import polars as pl

        groups = self.frame.group_by(list(columns)).agg(pl.len().alias("n"))
        return int(_told(lambda: groups.select((pl.col("n") - 1).sum()).collect(engine="streaming")).item() or 0)

    def quantiles(self, column: str, at: Sequence[float]) -> list[float]:
        import polars as pl

        wanted = [pl.col(column).quantile(share, "linear").alias(str(n)) for n, share in enumerate(at)]
        return list(self.frame.select(wanted).collect(engine="streaming").row(0))

    def split(self, broken: Sequence[tuple[str, str]], good: Path, bad: Path) -> tuple[int, int]:
        import polars as pl

        named = [pl.when(self._condition(text)).then(pl.lit(name)) for name, text in broken]
        reasons = pl.concat_str(named, separator="; ", ignore_nulls=True)
        frame = self._seen.with_columns(reasons.alias(BROKEN_RULES))
        is_good = pl.col(BROKEN_RULES) == ""
        frame = frame.drop(self._in_utc.values())
        with replacing(good) as kept, replacing(bad) as lost:
            _told(lambda: frame.filter(is_good).drop(BROKEN_RULES).sink_parquet(kept, compression="zstd"))
            _told(lambda: frame.filter(~is_good).sink_parquet(lost, compression="zstd"))
            return _rows(kept), _rows(lost)

    def _condition(self, text: str) -> pl.Expr:
        import polars as pl

        return _told(lambda: pl.sql_expr(text)).cast(pl.Boolean).fill_null(False)


class _DuckDB:
    def __init__(self, relation: Any) -> None:
        self.relation = relation
        self._kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))

    def quote(self, name: str) -> str:
        # In UTC, as the rules say, and not in the zone of the connection.
        column = quoted(name)
        return f"make_timestamp(epoch_us({column}))" if "WITH TIME ZONE" in self._kinds.get(name, "") else column

    def condition(self, rule: RowRule) -> str:
        return rule.bad(self.quote)

    @classmethod
    def of_file(cls, path: Path) -> _DuckDB:
        import duckdb

        if not path.exists():
            raise BadInput(path, "does not exist")
        try:
            limit = DataSettings.from_env().memory_limit_gb * LIMITED_SHARE
            connection = duckdb.connect(config={"memory_limit": f"{int(limit * 1000)}MB"})
            return cls(connection.sql(f"SELECT * FROM {parquet(path)}"))
        except duckdb.Error as error:
            raise BadInput(path, str(error).strip().split("\n")[0]) from error

    def columns(self) -> dict[str, str]:
        return {
            name: _sql_type(str(kind)) for name, kind in zip(self.relation.columns, self.relation.types, strict=True)
        }

    def measure(self, conditions: Sequence[str], times: Sequence[str]) -> tuple[int, list[int], list[int | None]]:
        wanted = ["count(*)", *(f"count(*) FILTER (WHERE {text})" for text in conditions)]
        for name in times:
            instant = f"max({quoted(name)})" + ("" if "WITH TIME ZONE" in self._kinds[name] else "::TIMESTAMP")
            wanted.append(f"epoch_us({instant})")
        row = self._ask(f"SELECT {', '.join(wanted)} FROM data")[0]
        split = 1 + len(conditions)
        return row[0], list(row[1:split]), list(row[split:])

    def duplicates(self, columns: Sequence[str]) -> int:
        keys = ", ".join(map(quoted, columns))
        return int(
            self._ask(f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM (SELECT count(*) n FROM data GROUP BY {keys})")[0][
                0
            ]
        )

    def quantiles(self, column: str, at: Sequence[float]) -> list[float]:
        shares = ", ".join(map(str, at))
        found = self._ask(f"SELECT quantile_cont({quoted(column)}::DOUBLE, [{shares}]) FROM data")[0][0]
        return list(found or [])

    def split(self, broken: Sequence[tuple[str, str]], good: Path, bad: Path) -> tuple[int, int]:
        named = ", ".join(f"CASE WHEN {text} THEN {literal(name)} END" for name, text in broken)
        judged = f"SELECT *, concat_ws('; ', {named}) AS {BROKEN_RULES} FROM data"
        with replacing(good) as kept, replacing(bad) as lost:
            for path, columns, which in ((kept, f"* EXCLUDE ({BROKEN_RULES})", "="), (lost, "*", "<>")):
                query = f"SELECT {columns} FROM ({judged}) WHERE {BROKEN_RULES} {which} ''"
                self._written(query, path)
            return _rows(kept), _rows(lost)

    def _written(self, query: str, path: Path) -> None:
        _told(lambda: self.relation.query("data", query).write_parquet(str(path), compression="zstd"))

    def _ask(self, query: str) -> list[Any]:
        found: list[Any] = _told(lambda: self.relation.query("data", query).fetchall())
        return found


class _Spark:
    """Needs PySpark, which is imported by whoever made the frame."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame

    @staticmethod
    def quote(name: str) -> str:
        return "`" + name.replace("`", "``") + "`"

    def condition(self, rule: RowRule) -> str:
        if isinstance(rule, OneOf):
            rule = replace(rule, values=[_escaped(value) for value in rule.values])
        return rule.bad(self.quote)

    def columns(self) -> dict[str, str]:
        return {field.name: _sql_type(field.dataType.simpleString().upper()) for field in self.frame.schema.fields}

    def measure(self, conditions: Sequence[str], times: Sequence[str]) -> tuple[int, list[int], list[int | None]]:
        wanted = ["count(*)", *(f"count_if({text})" for text in conditions)]
        wanted += [f"unix_micros(CAST(max({self.quote(name)}) AS TIMESTAMP))" for name in times]
        with self._in_utc():
            row = _told(lambda: self.frame.selectExpr(*wanted).collect())[0]
        split = 1 + len(conditions)
        return row[0], list(row[1:split]), list(row[split:])

    def duplicates(self, columns: Sequence[str]) -> int:
        groups = self.frame.groupBy(*map(self.quote, columns)).count()
        return int(groups.selectExpr("coalesce(sum(count - 1), 0)").collect()[0][0])

    def quantiles(self, column: str, at: Sequence[float]) -> list[float]:
        shares = ", ".join(f"{share}D" for share in at)
        return list(self.frame.selectExpr(f"percentile({self.quote(column)}, array({shares}))").collect()[0][0] or [])

    def split(self, broken: Sequence[tuple[str, str]], good: Path, bad: Path) -> tuple[int, int]:
        named = ", ".join(f"CASE WHEN {text} THEN {literal(_escaped(name))} END" for name, text in broken)
        with self._in_utc():
            judged = _told(lambda: self.frame.selectExpr("*", f"concat_ws('; ', {named}) AS {BROKEN_RULES}"))
            kept, lost = judged.where(f"{BROKEN_RULES} = ''").drop(BROKEN_RULES), judged.where(f"{BROKEN_RULES} <> ''")
            for frame, path in ((kept, good), (lost, bad)):
                frame.write.mode("overwrite").parquet(str(path))
            return kept.count(), lost.count()

    @contextmanager
    def _in_utc(self) -> Iterator[None]:
        """As on the other engines, times are in UTC."""
        conf, zone = self.frame.sparkSession.conf, "spark.sql.session.timeZone"
        before = conf.get(zone)
        try:
            conf.set(zone, "UTC")
            yield
        finally:
            conf.set(zone, before)


def _escaped(value: Any) -> Any:
    """In Spark's SQL a backslash in a text stands for what comes after it."""
    return value.replace("\\", "\\\\") if isinstance(value, str) else value


def _missing(rule: Rule, found: dict[str, str]) -> str:
    columns = getattr(rule, "columns", None) if isinstance(rule, Unique) else [getattr(rule, "column", None)]
    return next((name for name in columns or () if name is not None and name not in found), "")


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else EPOCH + timedelta(microseconds=microseconds)


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _told(work: Any) -> Any:
    """The work's result; what an engine says of a rule that it cannot work out, as one sentence."""
    try:
        return work()
    except Exception as error:
        package = type(error).__module__.split(".")[0]
        is_said = package in ("polars", "duckdb", "_duckdb", "builtins") and not isinstance(error, OSError)
        if is_said or (package == "pyspark" and type(error).__name__ in SAID_BY_SPARK):
            first = str(error).strip().split("\n")[0]
            raise DataProblem(f"A quality rule cannot be worked out on these data: {first}") from error
        raise


def _polars_type(dtype: Any) -> str:
    import polars as pl

    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    names = {pl.Boolean: "boolean", pl.Date: "date", pl.String: "text", pl.Categorical: "text", pl.Enum: "text"}
    if dtype.base_type() in names:
        return names[dtype.base_type()]
    if dtype.is_decimal():
        return "decimal"
    return "timestamp" if dtype.base_type() == pl.Datetime else "other"


def _sql_type(name: str) -> str:
    """The common name of a type that DuckDB or Spark calls so."""
    if name.startswith("TIMESTAMP"):
        return "timestamp"
    if name.startswith(("DECIMAL", "NUMERIC")):
        return "decimal"
    if name.startswith("ENUM") or name in ("VARCHAR", "STRING"):
        return "text"
    if name in ("FLOAT", "DOUBLE", "REAL"):
        return "float"
    if name.lstrip("U") in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "INT"):
        return "integer"
    return {"BOOLEAN": "boolean", "DATE": "date"}.get(name, "other")
