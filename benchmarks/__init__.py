"""Figures that can be measured again: each file is one command that prints JSON; `results/` keeps dated ones."""
