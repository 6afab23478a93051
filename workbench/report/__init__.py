"""Tables as text, markdown, CSV and JSON."""
