"""Training and evaluation data: reading files and hub data sets, row formats, splits, tokens. No torch here."""
