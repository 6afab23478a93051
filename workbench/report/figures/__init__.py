"""The figures of a report: frozen values in, SVG and CSV text out. Importing a kind of figure imports matplotlib."""
