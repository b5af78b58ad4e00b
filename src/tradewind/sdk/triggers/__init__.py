"""Triggers: what a deferred task waits for, as coroutines of which thousands fit in one process. Importing one imports
no other."""
