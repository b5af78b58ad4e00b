"""The work of the bundled pipelines, one module per Dag, as plain functions that any engine can call in order."""
