"""The names under which Dag files look for retries and circuit breakers: `from utils.retry_handler import retry`."""

from tradewind.data import CircuitBreaker, CircuitOpen, CircuitState, RetryHandler, RetryStrategy, retry

__all__ = ["CircuitBreaker", "CircuitOpen", "CircuitState", "RetryHandler", "RetryStrategy", "retry"]
