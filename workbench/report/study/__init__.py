"""The report of a study: one file with its question, its numbers, where they come from, and what they say."""
