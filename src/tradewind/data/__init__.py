"""The data toolkit: read, transform, check and load large data in bounded memory.

It lives beside the engine, not on it: nothing here imports the engine or its SDK, so that the same code runs in a
script, on Tradewind and on stock Apache Airflow. Polars, DuckDB, pandas and PyArrow are imported where they are used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tradewind.data.problems import BadInput, DataError, DataProblem
from tradewind.data.processor import DataProcessor
from tradewind.data.runtime import metric, progress
from tradewind.data.settings import DataSettings

if TYPE_CHECKING:
    from tradewind.data.alert_channels import AppriseChannel, EmailChannel, LogChannel, SlackChannel, WebhookChannel
    from tradewind.data.alert_rules import Alert, AlertRule
    from tradewind.data.alerts import AlertManager, alert_manager, standard_rules
    from tradewind.data.circuit import CircuitState
    from tradewind.data.circuit_breaker import CircuitBreaker, CircuitOpen
    from tradewind.data.cursors import Watermark
    from tradewind.data.monitoring import PrometheusMetrics, prometheus_metrics
    from tradewind.data.quality_engines import check, drift_reference, quarantine
    from tradewind.data.quality_gates import quality_gate
    from tradewind.data.retry_rules import RetryStrategy
    from tradewind.data.retry_statistics import RetryEvent, RetryStatistics
    from tradewind.data.retrying import RetryHandler, retry
    from tradewind.data.shared_state import FileState, MemoryState, RedisState
    from tradewind.data.sinks.delta import DeltaSink
    from tradewind.data.sinks.duck import DuckDBSink
    from tradewind.data.sinks.elasticsearch import ElasticsearchSink
    from tradewind.data.sinks.files import FilesSink, write_file
    from tradewind.data.sinks.table import TableSink
    from tradewind.data.sinks.writer import AsyncWriter
    from tradewind.data.sources.adbc import changed_since, query_stream
    from tradewind.data.sources.files import open_csv, open_file, open_json, open_json_lines, open_parquet
    from tradewind.data.sources.paging import Paging, RateLimit, open_api
    from tradewind.data.sources.xml import open_xml
    from tradewind.data.system_monitor import SystemMonitor, http_service, tcp_service

_LATER = {
    "alert_channels": ("AppriseChannel", "EmailChannel", "LogChannel", "SlackChannel", "WebhookChannel"),
    "alert_rules": ("Alert", "AlertRule"),
    "alerts": ("AlertManager", "alert_manager", "standard_rules"),
    "circuit": ("CircuitState",),
    "circuit_breaker": ("CircuitBreaker", "CircuitOpen"),
    "cursors": ("Watermark",),
    "monitoring": ("PrometheusMetrics", "prometheus_metrics"),
    "quality_engines": ("check", "drift_reference", "quarantine"),
    "quality_gates": ("quality_gate",),
    "retry_rules": ("RetryStrategy",),
    "retry_statistics": ("RetryEvent", "RetryStatistics"),
    "retrying": ("RetryHandler", "retry"),
    "shared_state": ("FileState", "MemoryState", "RedisState"),
    "sinks.delta": ("DeltaSink",),
    "sinks.duck": ("DuckDBSink",),
    "sinks.elasticsearch": ("ElasticsearchSink",),
    "sinks.files": ("FilesSink", "write_file"),
    "sinks.table": ("TableSink",),
    "sinks.writer": ("AsyncWriter",),
    "sources.adbc": ("changed_since", "query_stream"),
    "sources.files": ("open_csv", "open_file", "open_json", "open_json_lines", "open_parquet"),
    "sources.paging": ("Paging", "RateLimit", "open_api"),
    "sources.xml": ("open_xml",),
    "system_monitor": ("SystemMonitor", "http_service", "tcp_service"),
}
"""Imported when first asked for: the engine imports this package in each of its processes, and needs none of these."""
_HOME_OF = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


__all__ = [
    "Alert",
    "AlertManager",
    "AlertRule",
    "AppriseChannel",
    "AsyncWriter",
    "BadInput",
    "CircuitBreaker",
    "CircuitOpen",
    "CircuitState",
    "DataError",
    "DataProblem",
    "DataProcessor",
    "DataSettings",
    "DeltaSink",
    "DuckDBSink",
    "ElasticsearchSink",
    "EmailChannel",
    "FileState",
    "FilesSink",
    "LogChannel",
    "MemoryState",
    "Paging",
    "PrometheusMetrics",
    "RateLimit",
    "RedisState",
    "RetryEvent",
    "RetryHandler",
    "RetryStatistics",
    "RetryStrategy",
    "SlackChannel",
    "SystemMonitor",
    "TableSink",
    "Watermark",
    "WebhookChannel",
    "alert_manager",
    "changed_since",
    "check",
    "drift_reference",
    "http_service",
    "metric",
    "open_api",
    "open_csv",
    "open_file",
    "open_json",
    "open_json_lines",
    "open_parquet",
    "open_xml",
    "progress",
    "prometheus_metrics",
    "quality_gate",
    "quarantine",
    "query_stream",
    "retry",
    "standard_rules",
    "tcp_service",
    "write_file",
]
