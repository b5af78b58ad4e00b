"""A whole installation played in one thread on virtual time, with workload and faults drawn from a seed."""
