"""How the services speak about themselves: logs, and later metrics, alerts and traces."""
