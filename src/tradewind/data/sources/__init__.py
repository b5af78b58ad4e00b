"""Readers of the sources a pipeline extracts from, each writing Parquet in bounded memory."""
