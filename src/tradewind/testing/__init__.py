"""For tests, ours and other people's: builders, virtual time, real servers on loopback ports. Nothing imports this."""
