"""How fast the web UI is: a large installation, a browser before it, and one function for each goal."""
