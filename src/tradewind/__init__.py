"""Tradewind runs workflows written as Python code; see ARCHITECTURE.md for how the packages fit together."""

__version__ = "0.1.0"
