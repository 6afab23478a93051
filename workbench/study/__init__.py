"""Factors into runs, and statistics."""
