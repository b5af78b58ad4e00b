"""Users, secrets and what must not be seen. Nothing here decides what runs."""
