"""The HTTP server: health, metrics and the public REST API. Reads the database; asks the scheduler for the rest."""
