"""Lenses: named SQL queries with a title and, if it helps, a chart, for the command line, screens and reports alike."""

from store.lenses.answer import LensResult, run
from store.lenses.chart import Chart
from store.lenses.lens import Lens
from store.lenses.saving import Saved, save
from store.lenses.shelf import Listed, find, known
from store.lenses.typed import run_text

__all__ = ["Chart", "Lens", "LensResult", "Listed", "Saved", "find", "known", "run", "run_text", "save"]
