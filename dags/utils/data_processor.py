"""The name under which Dag files look for the data processor: `from utils.data_processor import DataProcessor`."""

from tradewind.data import DataProcessor

__all__ = ["DataProcessor"]
