"""A run on disk and in processes: directory, event log, launching, supervision, liveness."""
