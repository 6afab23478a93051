"""Results: DuckDB schema, ingest, queries. A cache of the logs that can be rebuilt at any time."""
