"""The data toolkit: read, transform, check and load large data in bounded memory.

It lives beside the engine, not on it: nothing here imports the engine or its SDK, so that the same code runs in a
script, on Tradewind and on stock Apache Airflow. Polars, DuckDB, pandas and PyArrow are imported where they are used.
"""

from __future__ import annotations

from tradewind.data.problems import BadInput, DataError, DataProblem
from tradewind.data.processor import DataProcessor
from tradewind.data.runtime import metric, progress
from tradewind.data.settings import DataSettings

__all__ = ["BadInput", "DataError", "DataProblem", "DataProcessor", "DataSettings", "metric", "progress"]
