"""The `tradewind` command: one module per noun, imported when it is asked for.

Commands read the database directly, read-only and without SQLAlchemy (except `db`), and change things by commands to
the scheduler. Author code is never imported here.
"""
