"""The Library screen: studies, plans, recipes, runs and templates, each with a preview."""
