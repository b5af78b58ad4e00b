"""Short names for Dag files beside this folder."""
