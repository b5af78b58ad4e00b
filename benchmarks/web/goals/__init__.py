"""The goals, by what a reader does. Each is a function from a Sight to figures."""
