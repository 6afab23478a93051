"""What a report is written from: gathered once, by the command, from files and the results database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.study.analysis import Analysis
from workbench.study.bootstrap import ExampleInterval
from workbench.study.study_file import StudyFile

if TYPE_CHECKING:
    from store.lenses import LensResult
    from store.study_layers import SiteMeans, TrainingCurve
    from store.study_results import StudyResults


@dataclass(frozen=True, slots=True)
class Source:
    """A study and everything that its report says.

    `analyses` are by metric, the study's own first; `examples` are intervals over evaluation examples by metric and
    arm; `lenses` are by name. `notes` are what a reader must know of the data: what is missing, what was merged.
    """

    file: StudyFile
    text: str
    results: "StudyResults"
    analyses: Mapping[str, Analysis]
    examples: Mapping[str, Mapping[str, ExampleInterval]]
    curves: "tuple[TrainingCurve, ...]"
    sites: "tuple[SiteMeans, ...]"
    lenses: Mapping[str, "LensResult"]
    merged: Mapping[str, str]
    notes: tuple[str, ...]
    version: str
    written: str

    @property
    def analysis(self) -> Analysis:
        """By the study's own metric."""
        return self.analyses[self.results.metric]
