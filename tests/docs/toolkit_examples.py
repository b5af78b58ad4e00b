"""The examples of docs/reference/data-toolkit.md, one function a name; `test_toolkit_page.py` runs each."""

# ruff: noqa: PT017 -- they show errors as a reader would catch them

from __future__ import annotations


def example_of_DataProcessor():
    from pathlib import Path

    from tradewind.data import DataProcessor

    Path("sales.csv").write_text("city,price\n" + "Seoul,3.5\n" * 1000)
    processor = DataProcessor(chunk_size=500, memory_limit_gb=1)
    frame = processor.pandas_optimized_read_csv("sales.csv", columns=["city", "price"])
    assert frame["price"].dtype == "float32"
    assert frame.attrs["memory"]["after"] < frame.attrs["memory"]["before"]


def example_of_DataSettings():
    from tradewind.data import DataProcessor, DataSettings

    settings = DataSettings.from_env({"TRADEWIND_DATA": "/srv/data", "MEMORY_LIMIT_GB": "2"})
    assert str(settings.raw) == "/srv/data/raw"
    assert DataProcessor.from_settings(settings).memory_limit_gb == 2


def example_of_CsvJob():
    from pathlib import Path

    from tradewind.data import DataProcessor
    from tradewind.data.jobs import CsvJob, Derived, GroupBy, Rule, Type
    from tradewind.data.transform import TransformResult

    Path("sales.csv").write_text("city,price,units\nSeoul,3.5,2\nSeoul,,1\nBusan,4.0,1\n")
    job = CsvJob(
        columns={"city": Type.TEXT, "price": Type.DOUBLE, "units": Type.INTEGER},
        keep=(Rule("has a price", "price > 0"),),
        derived=(Derived("revenue", "price * units"),),
        summary=GroupBy(groups=(Derived("city", "city"),), measures=(Derived("revenue", "sum(revenue)"),)),
        key=("city",),
    )
    done: TransformResult = DataProcessor().stream_csv_to_parquet("sales.csv", "sales.parquet", job)
    assert (done.rows_in, done.rows_kept, done.rejected) == (3, 2, {"has a price": 1})
    assert done.summary == [{"city": "Busan", "revenue": 4.0}, {"city": "Seoul", "revenue": 7.0}]
    assert done.samples == {"has a price": ["city=Seoul"]}


def example_of_check_csv():
    from pathlib import Path

    from tradewind.data import BadInput
    from tradewind.data.csv_check import CsvFacts, check_csv

    Path("sales.csv").write_text("city,price\nSeoul,3.5\n")
    facts: CsvFacts = check_csv(Path("sales.csv"), ["city", "price"])
    assert (facts.rows, facts.size) == (1, 21)
    try:
        check_csv(Path("sales.csv"), ["city", "price", "units"])
    except BadInput as error:
        assert str(error) == "sales.csv, line 1, column 'units': wrong columns (missing: units)"


def example_of_sqlite_table_to_parquet():
    import sqlite3
    from contextlib import closing
    from pathlib import Path

    from tradewind.data.sources.database import sqlite_table_to_parquet

    with closing(sqlite3.connect("shop.db")) as database, database:
        database.execute("CREATE TABLE orders (id INTEGER, total REAL)")
        database.execute("INSERT INTO orders VALUES (1, 9.5), (2, 3.0)")
    assert sqlite_table_to_parquet(Path("shop.db"), "orders", Path("orders.parquet"), chunk_size=1000) == 2


def example_of_pages_to_parquet():
    import json
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from pathlib import Path
    from threading import Thread

    from tradewind.data.sources.http import Patience, pages_to_parquet

    Path("items").write_text(json.dumps({"items": [{"id": 1}, {"id": 2}], "total": 2}))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=".")) as server:
        Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/items"
        rows = pages_to_parquet(url, Path("items.parquet"), page_size=100, patience=Patience(tries=3))
        server.shutdown()
    assert rows == 2


def example_of_QualityResult():
    from pathlib import Path

    import pandas

    from tradewind.data.duck import session
    from tradewind.data.problems import QualityGateFailed
    from tradewind.data.quality import (
        CheckResult,
        QualityResult,
        Rows,
        in_range,
        measure,
        not_null,
        one_of,
        row_count,
        unique,
    )

    file = Path("sales.parquet")
    pandas.DataFrame({"id": [1, 2, 3], "city": ["Seoul", "Busan", None], "price": [3.5, -1.0, 4.0]}).to_parquet(file)
    checks = [not_null("city", allowed=0.5), in_range("price", 0, 100), one_of("city", ["Seoul", "Busan"])]
    checks.append(Rows("a city has a price", bad="city IS NOT NULL AND price IS NULL", required=True))
    with session(memory_limit_gb=1, max_workers=2, spill=Path("spill")) as duck:
        measured: list[CheckResult] = [*measure(duck, file, checks), unique(duck, file, ["id"])]
    result = QualityResult((*measured, row_count("every row is there", found=3, expected=3)))
    assert [check.name for check in result.failed] == ["price is within 0 and 100"]
    assert result.score == 93.75
    try:
        result.gate(95)
    except QualityGateFailed as error:
        expected = "Data quality is 93.75 of 100 and it must be at least 95: price is within 0 and 100 (1 bad)."
        assert str(error) == expected


def example_of_schema():
    from pathlib import Path

    import pandas

    from tradewind.data.duck import session
    from tradewind.data.quality import schema

    pandas.DataFrame({"price": [3.5]}).to_parquet("sales.parquet")
    with session(memory_limit_gb=1, max_workers=1, spill=Path("spill")) as duck:
        check = schema(duck, Path("sales.parquet"), {"price": "DOUBLE", "city": "VARCHAR"})
    assert (check.passed, check.detail) == (False, "city is missing")


def example_of_fresh():
    from datetime import UTC, datetime, timedelta

    from tradewind.data.quality import at_least_one_row, fresh, rejection_rate

    made, now = datetime(2026, 3, 1, 6, tzinfo=UTC), datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert not fresh("sales", made, now, within=timedelta(hours=2)).passed
    assert at_least_one_row("sales", 12).passed
    assert rejection_rate(rows_in=1000, rejected=4, allowed=0.005).passed


def example_of_session():
    from pathlib import Path

    from tradewind.data.duck import Session, session

    duck: Session
    with session(memory_limit_gb=1, max_workers=2, spill=Path("spill")) as duck:
        assert duck.run("SELECT sum(n) FROM range(10) AS numbers(n)") == [(45,)]


def example_of_progress():
    from tradewind.data import metric, progress

    for done in range(1, 4):
        progress(done, 3, "files")
    metric("files_read_total", 3, {"source": "inbox"})


def example_of_PrometheusMetrics():
    from tradewind.data import PrometheusMetrics

    metrics = PrometheusMetrics()
    with metrics.processing("etl", "transform", "api") as work:
        work.record_count = 10_000
    assert (
        b'records_processed_total{dag_id="etl",data_source="api",task_id="transform"} 10000.0' in metrics.exposition()
    )


def example_of_prometheus_metrics():
    from tradewind.data import prometheus_metrics

    prometheus_metrics.record_quality_score("etl", "api", 97.5)
    server = prometheus_metrics.start_http_server(port=0)
    server.close()


def example_of_retry():
    from tradewind.data import RetryStrategy, retry

    tries = []

    @retry(max_retries=3, base_delay=0.01, strategy=RetryStrategy.JITTER, retryable_exceptions=(OSError,))
    def fetch():
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the line is busy")
        return "rows"

    assert fetch() == "rows"
    assert fetch.retry_handler.statistics.retries == 2


def example_of_RetryHandler():
    from tradewind.data import RetryEvent, RetryHandler, RetryStatistics, RetryStrategy

    events: list[RetryEvent] = []
    handler = RetryHandler(max_retries=1, base_delay=0.01, strategy=RetryStrategy.FIXED, on_retry=events.append)

    def fetch(name):
        raise ConnectionError(f"{name} is away")

    try:
        handler.execute(fetch, "api")
    except ConnectionError:
        pass
    done: RetryStatistics = handler.statistics
    assert (done.attempts, done.retries, done.failures, len(events)) == (2, 1, 1, 1)


def example_of_CircuitBreaker():
    from tradewind.data import CircuitBreaker, CircuitOpen, CircuitState, MemoryState

    breaker = CircuitBreaker("weather-api", failure_threshold=2, recovery_timeout=60, storage=MemoryState())

    def fetch():
        raise ConnectionError("away")

    for _ in range(2):
        try:
            breaker.call(fetch)
        except ConnectionError:
            pass
    assert breaker.state is CircuitState.OPEN
    try:
        breaker.call(fetch)
    except CircuitOpen as error:
        assert 59 < error.retry_after <= 60


def example_of_FileState():
    from tradewind.data import CircuitBreaker, FileState

    shared = FileState("breakers.db")
    CircuitBreaker("api", storage=shared).force_open()
    assert CircuitBreaker("api", storage=shared).state.name == "OPEN"


def example_of_RedisState():
    from tradewind.data import CircuitBreaker, RedisState

    breaker = CircuitBreaker("api", storage=RedisState("redis://cache.internal:6379/0"))
    assert breaker.name == "api"


def example_of_AlertManager():
    from datetime import timedelta

    from tradewind.data import Alert, AlertManager, AlertRule, LogChannel, MemoryState

    manager = AlertManager([LogChannel()], dedupe_window=timedelta(hours=4), storage=MemoryState())
    manager.add_alert_rule(
        AlertRule("high_failure_rate", lambda metrics: metrics.get("failure_rate", 0) > 0.1, severity="critical")
    )
    alert: Alert
    [alert] = manager.evaluate({"failure_rate": 0.2}, labels={"dag_id": "etl"})
    assert alert.title == "[CRITICAL] high_failure_rate (dag_id=etl)"
    assert manager.evaluate({"failure_rate": 0.0}, labels={"dag_id": "etl"}) == []


def example_of_standard_rules():
    from tradewind.data import AlertManager, LogChannel, MemoryState, standard_rules

    manager = AlertManager([LogChannel()], storage=MemoryState(), rules=standard_rules())
    assert [alert.rule for alert in manager.evaluate({"quality_score": 79})] == ["low_data_quality"]


def example_of_alert_manager():
    from datetime import timedelta

    from tradewind.data import alert_manager

    alert_manager.silence("high_*", lasting=timedelta(hours=1))
    alert_manager.unsilence("high_*")


def example_of_EmailChannel():
    from tradewind.data import AlertManager, EmailChannel, SlackChannel, WebhookChannel

    mail = EmailChannel("smtp.example.org", to=["oncall@example.org"])
    slack = SlackChannel("https://hooks.slack.com/services/T000/B000/XXXX")
    hook = WebhookChannel("https://alerts.example.org/tradewind", name="pager")
    assert set(AlertManager([mail, slack, hook]).channels) == {"email", "slack", "pager"}


def example_of_AppriseChannel():
    from tradewind.data import AppriseChannel

    channel = AppriseChannel(["ntfy://topic"])
    assert repr(channel) == "AppriseChannel(<1 addresses>)"


def example_of_SystemMonitor():
    from tradewind.data import SystemMonitor

    with SystemMonitor(interval=0.05, disk=".") as monitor:
        numbers = sum(range(1_000_000))
    assert numbers
    assert monitor.sample().as_metrics()["memory_percent"] > 0


def example_of_tcp_service():
    import socket

    from tradewind.data import AlertManager, LogChannel, MemoryState, SystemMonitor, http_service, tcp_service

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        services = {"database": tcp_service("127.0.0.1", port), "site": http_service("http://127.0.0.1:1/", 0.5)}
        alerts = AlertManager([LogChannel()], storage=MemoryState())
        SystemMonitor(disk=".", services=services, alerts=alerts).sample()
    assert "service_down_site" in alerts.active()
    assert "service_down_database" not in alerts.active()


def example_of_fetch_pages():
    from tradewind.data import DataError
    from tradewind.data.problems import SourceUnavailable
    from tradewind.data.sources.http import Patience, fetch_json, fetch_pages

    once = Patience(tries=1, timeout_seconds=0.5)
    try:
        fetch_json("http://127.0.0.1:1/items?key=secret", once)
    except SourceUnavailable as error:
        assert "secret" not in str(error)
    try:
        list(fetch_pages("http://127.0.0.1:1/items", 100, once))
    except DataError as error:
        assert isinstance(error, SourceUnavailable), "it may answer later: DiskFull and this are worth another try"


def example_of_MemoryLimitReached():
    from pathlib import Path

    from tradewind.data import DataProcessor
    from tradewind.data.problems import MemoryLimitReached

    Path("big.csv").write_text("n\n" + "\n".join(str(n) for n in range(100_000)))
    try:
        DataProcessor(memory_limit_gb=0.0001).pandas_optimized_read_csv("big.csv")
    except MemoryLimitReached as error:
        assert "raise MEMORY_LIMIT_GB, read fewer columns, or use stream_csv_to_parquet" in str(error)


def example_of_DiskFull():
    from pathlib import Path

    from tradewind.data.files import require_space
    from tradewind.data.problems import DiskFull

    try:
        require_space(Path("."), 10**18, "a copy of everything")
    except DiskFull as error:
        assert "a copy of everything" in str(error)


def example_of_DataError():
    from tradewind.data import BadInput, DataProblem, DataProcessor

    try:
        DataProcessor().polars_optimized_read_csv("nothing.csv")
    except DataProblem as error:
        assert isinstance(error, BadInput)
        assert str(error) == "nothing.csv: does not exist"


def example_of_BadSetting():
    from tradewind.data import DataProcessor
    from tradewind.data.problems import BadSetting

    try:
        DataProcessor(chunk_size=0)
    except BadSetting as error:
        assert str(error) == "chunk_size must be a whole number of at least 1, not 0."


def example_of_open_file():
    from pathlib import Path

    from tradewind.data import open_csv, open_file, open_json, open_json_lines, open_parquet, open_xml, write_file

    Path("sales.csv").write_text("id,amount\n1,10\n2,20\n")
    assert write_file(open_csv("sales.csv", types={"id": "int64"}), "sales.parquet") == 2
    assert open_parquet("sales.parquet", columns=["amount"]).read_all().column("amount").to_pylist() == [10, 20]
    Path("sales.json").write_text('{"data": {"rows": [{"id": 1}, {"id": 2}]}}')
    Path("sales.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    Path("sales.xml").write_text('<sales><sale id="1"/><sale id="2"/></sales>')
    streams = [
        open_json("sales.json", items="data.rows"),
        open_json_lines("sales.jsonl"),
        open_xml("sales.xml", "sale"),
    ]
    assert [stream.read_all().num_rows for stream in (*streams, open_file("sales.csv"))] == [2, 2, 2, 2]


def example_of_open_api():
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from tradewind.data import Paging, RateLimit, open_api

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"items": [{"id": 1}] if "page=1" in self.path else []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/items"
        stream = open_api(url, Paging(by="page", size=1), rate=RateLimit(per_second=50))
        assert stream.read_all().column("id").to_pylist() == [1]
        server.shutdown()


def example_of_TableSink():
    import sqlite3
    from contextlib import closing

    from tradewind.data import DataProcessor, DuckDBSink, TableSink, Watermark, changed_since, query_stream

    with closing(sqlite3.connect("shop.db")) as shop:
        shop.execute("CREATE TABLE orders (id INTEGER, amount INTEGER)")
        shop.executemany("INSERT INTO orders VALUES (?, ?)", [(1, 10), (2, 20)])
        shop.commit()
    processor, sink = DataProcessor(), TableSink("copy.db", "orders", mode="merge", key=["id"])
    for _ in range(2):  # the same load again doubles nothing
        processor.load(query_stream("shop.db", "SELECT * FROM orders"), sink, load_id="first")
    assert query_stream("copy.db", "SELECT * FROM orders").read_all().num_rows == 2

    newest = Watermark("orders", "id")
    stored = DuckDBSink("mart.duckdb", "orders")
    loaded, _ = processor.load(changed_since("shop.db", "orders", newest), stored, load_id="today", watermark=newest)
    assert loaded.rows == 2


def example_of_AsyncWriter():
    import asyncio

    import pyarrow as pa

    from tradewind.data import AsyncWriter, FilesSink

    async def write():
        schema = pa.schema([("id", pa.int64())])
        async with AsyncWriter(FilesSink("out"), schema, load_id="2025-11-26") as writer:
            for n in range(3):
                await writer.write(pa.record_batch([[n]], schema=schema))
        return writer.loaded.rows

    assert asyncio.run(write()) == 3


def example_of_DeltaSink():
    from tradewind.data import DeltaSink, ElasticsearchSink

    lake = DeltaSink("lake/sales", mode="merge", key=["id"], partition_by=["day"])
    search = ElasticsearchSink("http://127.0.0.1:9200", "sales", key=["id"], api_key="…")
    assert [type(sink).__name__ for sink in (lake, search)] == ["DeltaSink", "ElasticsearchSink"]


def example_of_check():
    import polars as pl

    from tradewind.data import check, drift_reference, quality_gate, quarantine
    from tradewind.data.problems import QualityGateFailed
    from tradewind.data.quality_rules import InRange

    sales = pl.DataFrame({"id": [1, 2, 2], "amount": [10, -5, 20]})
    rules = [{"rule": "unique", "columns": ["id"]}, {"rule": "in_range", "column": "amount", "low": 0}]
    try:
        quality_gate(sales, rules, minimum=99)
    except QualityGateFailed as error:
        assert "unique" in str(error)
    drift = drift_reference(sales, "amount")
    assert check(sales, [drift]).score == 100
    assert quarantine(sales, [InRange("amount", low=0)], good="good.parquet", bad="bad.parquet") == (2, 1)
