"""Alerts of the installation: rules as a file, histories to try them on, and the channels that tell people.

What a rule means is decided in `core.alerts`. Nothing here is imported by who only schedules.
"""
