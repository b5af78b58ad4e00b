"""Sensors: tasks that wait until something is true. Importing one imports no other."""
