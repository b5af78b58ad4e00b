"""The names under which Dag files look for metrics and alerts: `from utils.monitoring import alert_manager`."""

from tradewind.data import (
    AlertManager,
    AlertRule,
    EmailChannel,
    LogChannel,
    SlackChannel,
    SystemMonitor,
    WebhookChannel,
    alert_manager,
    prometheus_metrics,
    standard_rules,
)

__all__ = [
    "AlertManager",
    "AlertRule",
    "EmailChannel",
    "LogChannel",
    "SlackChannel",
    "SystemMonitor",
    "WebhookChannel",
    "alert_manager",
    "prometheus_metrics",
    "standard_rules",
]
