"""The user's own plans, recipes, studies and runs as things to keep: names, tags, copies, and a trash."""
