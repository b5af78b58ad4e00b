"""Hooks: how tasks talk to other systems. Importing one imports no other, and no client library before it is used."""
