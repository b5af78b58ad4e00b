"""Tradewind runs workflows written as Python code; see ARCHITECTURE.md for how the packages fit together.

PYTEST_DONT_REWRITE: it may well be imported before pytest, as in `python -m tradewind.compat -m pytest`; no assert here
could say more for it.
"""

__version__ = "0.1.0"
