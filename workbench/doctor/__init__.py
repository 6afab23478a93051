"""`workbench doctor`: what this machine, its packages and the home are fit for. Imports nothing heavy."""
