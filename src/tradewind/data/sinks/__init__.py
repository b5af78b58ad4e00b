"""Where data are loaded: each sink takes a stream of Arrow batches and a load's name, and says what a rerun does."""
