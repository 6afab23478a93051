"""The Runs screen: what is at work, what was, and what it wrote."""
