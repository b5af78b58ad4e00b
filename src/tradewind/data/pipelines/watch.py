"""The steps of `pipeline_monitoring_system`: measure the machine, the services and another pipeline, judge, tell.

Each step is a plain function of a `Watch` and of what the steps before it returned; it returns a small dict. The clock
is an argument. A step that is run again replaces what it made before.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tradewind.data.alert_rules import AlertRule, Metrics, verdict
from tradewind.data.alerts import AlertManager, at_least, below
from tradewind.data.arguments import percent
from tradewind.data.files import write_json
from tradewind.data.monitoring import PrometheusMetrics, prometheus_metrics
from tradewind.data.pipelines.run import partition
from tradewind.data.pipelines.watch_report import render
from tradewind.data.problems import BadSetting
from tradewind.data.settings import DataSettings
from tradewind.data.system_monitor import Probe, http_service, tcp_service
from tradewind.data.system_readings import SystemReadings

Facts = dict[str, Any]
DAG_ID = "pipeline_monitoring_system"
SECONDS_OF_CPU = 0.5
"""How long the processor is watched for a sample."""


@dataclass(frozen=True)
class Options:
    """What a person can choose for a run; the Dag's parameters. Each limit is where its rule begins to fire."""

    watched_dag: str = "large_data_etl_pipeline"
    services: Mapping[str, str] = field(default_factory=dict)
    """Name → `http://…` or `host:port`; those that MONITORED_SERVICES names (`api=http://… db=host:port`) as well."""
    max_failure_percent: float = 10.0
    max_minutes: float = 60.0
    min_quality: float = 80.0
    max_memory_percent: float = 90.0
    max_disk_percent: float = 90.0
    max_data_age_hours: float = 3.0
    """Older results of the watched pipeline are a missed deadline."""
    window_hours: float = 24.0
    """The failure rate is that of the runs that ended within this time."""
    keep_reports: int = 48
    keep_samples: int = 1000

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Options:
        """Options from a run's parameters; other parameters are not looked at."""
        options = cls(**{name: params[name] for name in cls.__dataclass_fields__ if name in params})
        for name in ("max_failure_percent", "min_quality", "max_memory_percent", "max_disk_percent"):
            percent(f"The parameter {name}", getattr(options, name))
        if not isinstance(options.services, Mapping):
            raise BadSetting(
                f"The parameter services must be an object of names and addresses, not {options.services!r}."
            )
        return options


@dataclass(frozen=True)
class Watch:
    """Everything a step needs to know about the run that it belongs to."""

    run_id: str
    settings: DataSettings
    options: Options = Options()
    metrics: PrometheusMetrics = prometheus_metrics

    @classmethod
    def of(cls, run_id: str, params: Mapping[str, Any] | None = None) -> Watch:
        """The run with this id, with settings from the environment and options from its parameters."""
        return cls(run_id, DataSettings.from_env(), Options.from_params(params or {}))

    @property
    def folder(self) -> Path:
        return self.settings.processed / "monitoring"

    @property
    def history(self) -> Path:
        return self.folder / "history.json"

    @property
    def report(self) -> Path:
        return self.folder / "reports" / f"{partition(self.run_id)}.html"

    def services(self, env: Mapping[str, str] = os.environ) -> dict[str, Probe]:
        """A probe for each service. Raises BadSetting for what is no address."""
        named = dict(part.partition("=")[::2] for part in env.get("MONITORED_SERVICES", "").split())
        return {name: _probe(name, str(address)) for name, address in {**named, **self.options.services}.items()}


def collect_system_metrics(watch: Watch, now: datetime) -> Facts:
    """CPU, memory, disk and load of this machine; the disk is that of the data folder."""
    disk = next(path for path in (watch.settings.root, *watch.settings.root.parents) if path.exists())
    readings = SystemReadings(disk)
    time.sleep(SECONDS_OF_CPU)
    sample = readings.read().as_metrics()
    watch.metrics.record("cpu_usage_ratio", sample["cpu_percent"] / 100)
    watch.metrics.record("memory_usage_ratio", sample["memory_percent"] / 100)
    watch.metrics.record("disk_usage_ratio", sample["disk_percent"] / 100, {"path": str(disk)})
    watch.metrics.record("load_average", sample["load_1m"])
    return {"at": now.isoformat(), **{name: round(value, 3) for name, value in sample.items()}}


def check_services(watch: Watch, env: Mapping[str, str] = os.environ) -> Facts:
    """Whether each service answers: 1 or 0. One that does not is a fact here, and fails no task."""
    found = {}
    for name, probe in watch.services(env).items():
        try:
            found[name] = int(bool(probe()))
        except Exception:  # whatever it is, the service does not answer
            found[name] = 0
        watch.metrics.record_service(name, bool(found[name]))
    return found


def check_pipeline(watch: Watch, counts: Mapping[str, int], now: datetime) -> Facts:
    """How the watched Dag's runs end, how long the newest took, and how old its results are.

    `counts`: how many of its runs ever succeeded and failed, by state. What ended within the window is the difference
    to what was counted when it began, or as long after that as anybody looked.
    """
    since = now.timestamp() - watch.options.window_hours * 3600
    rows = [row for row in _rows(watch.history) if row["run_id"] != watch.run_id]
    earlier = [row for row in rows if row["time"] <= since]
    first = (earlier[-1:] or rows[:1] or [{"counts": {}}])[0]["counts"]
    ended = {state: max(0, counts.get(state, 0) - first.get(state, 0)) for state in ("success", "failed")}
    total = sum(ended.values())
    facts: Facts = {"counts": dict(counts), "ended": total, "failed": ended["failed"]}
    if total:
        facts["failure_rate"] = ended["failed"] / total
    newest = _newest(watch.settings.logs / watch.options.watched_dag, "*.json")
    if newest is not None:
        log = _read(newest)
        finished = datetime.fromisoformat(log["finished_at"])
        facts["data_age_hours"] = round((now - finished).total_seconds() / 3600, 3)
        if begun := _began(log):
            facts["duration_seconds"] = round((finished - begun).total_seconds(), 3)
        if rows := log.get("transform", {}).get("rows_in"):
            facts["rows"] = rows
    facts["sla_misses"] = int(facts.get("data_age_hours", 0) > watch.options.max_data_age_hours)
    return facts


def check_data_quality(watch: Watch) -> Facts:
    """The score of the watched pipeline's last validation, and the checks that failed; empty before there is one."""
    newest = _newest(watch.settings.processed / "reports", "run=*/validation.json")
    if newest is None:
        return {}
    found = _read(newest)
    watch.metrics.record_quality_score(watch.options.watched_dag, "warehouse", float(found["score"]))
    failed = [check["name"] for check in found.get("checks", ()) if not check["passed"]]
    return {"quality_score": float(found["score"]), "failed_checks": failed[:20], "run_id": found["run_id"]}


def rules_of(watch: Watch, services: Mapping[str, int]) -> list[AlertRule]:
    """The rules of this Dag, with the limits that were chosen, and one for each service."""
    chosen = watch.options
    rules = [
        AlertRule(
            "high_failure_rate", at_least("failure_rate", chosen.max_failure_percent / 100), "critical",
            f"{chosen.max_failure_percent:g} % of the runs or more failed.",
        ),
        AlertRule(
            "long_run", at_least("duration_seconds", chosen.max_minutes * 60), "warning",
            f"A run took {chosen.max_minutes:g} minutes or longer.",
        ),
        AlertRule(
            "low_data_quality", below("quality_score", chosen.min_quality), "error",
            f"The quality score is below {chosen.min_quality:g}.",
        ),
        AlertRule(
            "high_memory", at_least("memory_percent", chosen.max_memory_percent), "critical",
            f"{chosen.max_memory_percent:g} % of the memory or more is in use.",
        ),
        AlertRule(
            "high_disk", at_least("disk_percent", chosen.max_disk_percent), "critical",
            f"{chosen.max_disk_percent:g} % of the disk or more is in use.",
        ),
        AlertRule(
            "sla_missed", at_least("sla_misses", 1), "error",
            f"The newest results are older than {chosen.max_data_age_hours:g} hours.",
        ),
    ]  # fmt: skip
    rules += [
        AlertRule(f"service_down_{name}", below(f"service_up.{name}", 1), "critical", f"{name} does not answer.")
        for name in services
    ]
    return rules


def evaluate_rules(
    watch: Watch, system: Facts, services: Mapping[str, int], pipeline: Facts, quality: Facts, now: datetime
) -> Facts:
    """What each rule says of what was measured, and the sample in the history. Nobody is told yet."""
    values = _values(system, services, pipeline, quality)
    rules = rules_of(watch, services)
    firing = [rule.name for rule in rules if verdict(rule, values)[0]]
    row = {
        "run_id": watch.run_id, "time": now.timestamp(), "counts": pipeline["counts"], "values": values,
        "firing": firing,
    }  # fmt: skip
    rows = [other for other in _rows(watch.history) if other["run_id"] != watch.run_id]
    rows = sorted([*rows, row], key=lambda one: one["time"])[-watch.options.keep_samples :]
    write_json(watch.history, rows)
    return {"values": values, "firing": firing, "rules": [rule.name for rule in rules]}


def write_report(watch: Watch, evaluated: Facts, now: datetime) -> Facts:
    """One HTML page with the history in charts."""
    services = _services_of(evaluated["values"])
    descriptions = {rule.name: rule.description for rule in rules_of(watch, services)}
    render(watch.report, watch.run_id, now, evaluated, descriptions, _rows(watch.history), watch.options.min_quality)
    return {"report": str(watch.report)}


def send_alerts(watch: Watch, evaluated: Facts, manager: AlertManager | None = None) -> Facts:
    """Tell people, over the channels of the environment, what has begun to fire and what is over: each once."""
    rules = rules_of(watch, _services_of(evaluated["values"]))
    # A manager of its own: rules that other code of this process added are not this Dag's.
    manager = manager or AlertManager()
    for rule in rules:
        manager.add_alert_rule(rule)
    alerts = manager.evaluate(evaluated["values"], labels={"dag_id": watch.options.watched_dag})
    return {"firing": [alert.rule for alert in alerts], "notified": {a.rule: list(a.notified) for a in alerts}}


def clean_up(watch: Watch) -> Facts:
    """Remove the oldest reports beyond `keep_reports`; 0 keeps all."""
    keep = watch.options.keep_reports
    reports = sorted(watch.report.parent.glob("run=*.html"), key=lambda path: path.stat().st_mtime, reverse=True)
    old = [path for path in reports[keep:] if path != watch.report] if keep else []
    for path in old:
        path.unlink(missing_ok=True)
    return {"removed": len(old), "kept": len(reports) - len(old)}


def _values(system: Facts, services: Mapping[str, int], pipeline: Facts, quality: Facts) -> dict[str, float]:
    numbers: dict[str, Any] = {**system, **pipeline, **quality}
    values = {name: value for name, value in numbers.items() if isinstance(value, int | float)}
    return {**values, **{f"service_up.{name}": float(up) for name, up in services.items()}}


def _services_of(values: Metrics) -> dict[str, int]:
    return {name.removeprefix("service_up."): int(up) for name, up in values.items() if name.startswith("service_up.")}


def _probe(name: str, address: str) -> Probe:
    if address.startswith(("http://", "https://")):
        return http_service(address)
    parts = urlsplit(f"//{address.removeprefix('tcp://')}")
    try:
        if parts.hostname and parts.port:
            return tcp_service(parts.hostname, parts.port)
    except ValueError:
        pass
    raise BadSetting(f"The service {name!r} has the address {address!r}; give http://… or host:port.")


def _began(log: Facts) -> datetime | None:
    """When the watched run was at work first, as far as its log says."""
    moments = [step["extracted_at"] for step in log.values() if isinstance(step, dict) and "extracted_at" in step]
    return min(map(datetime.fromisoformat, moments), default=None)


def _newest(folder: Path, pattern: str) -> Path | None:
    return max(folder.glob(pattern), key=lambda path: path.stat().st_mtime, default=None)


def _rows(path: Path) -> list[Facts]:
    try:
        found: list[Facts] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none yet, or somebody wrote into it: a new one begins
        return []
    return found


def _read(path: Path) -> Facts:
    found: Facts = json.loads(path.read_text(encoding="utf-8"))
    return found
