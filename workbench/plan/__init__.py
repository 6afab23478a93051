"""The plan as a value: model map, selector, methods, cost, files, diff."""
