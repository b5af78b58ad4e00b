"""Real and reproducible inputs for the bundled pipelines: a messy CSV at any scale, a database, a flaky HTTP API."""
