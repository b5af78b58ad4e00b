"""The rows of the table, by topic. Each is a function from a Site to figures."""
