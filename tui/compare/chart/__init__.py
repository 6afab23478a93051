"""Charts of a result as lines of text."""
