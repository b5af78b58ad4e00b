"""Logging of the services: one line an event on stderr, with its facts as key=value."""

import logging
import sys

from tradewind.config import Settings

if "rich" in sys.modules:
    import structlog
else:
    # structlog would load rich (4 MB), where that is installed, for a console that a service does not have.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]


logger = structlog.get_logger
"""The log of a part of a service, by its name."""


def configure_logging(settings: Settings) -> None:
    """Set structlog up for this process. Code hosts and task children never do this."""
    level = logging.getLevelNamesMapping().get(settings.logging.logging_level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
