"""How long a run of this model takes, from earlier runs in the home. For a thread."""

from dataclasses import dataclass
from statistics import median

from workbench.errors import WorkbenchError
from workbench.plan.fingerprint import model_fingerprint
from workbench.plan.model_map import ModelMap
from workbench.report.numbers import duration
from workbench.run.layout import Home
from workbench.run.record import read_record


@dataclass(frozen=True, slots=True)
class Pace:
    """The median seconds of finished runs with the recipe that was used last."""

    seconds: float
    steps: int
    recipe: str
    runs: int

    @property
    def said(self) -> str:
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        return f"{duration(self.seconds)} a run of {self.steps:,} steps ({self.recipe}; {runs} here)"


def pace_of(home: Home, model: ModelMap) -> Pace | None:
    """None where nothing is known. Weights are hashed only where runs of them were made before, and so hashed."""
    from store.pilots import speeds
    from store.sandbox import query

    name = model.model.replace("'", "''")
    try:
        if not query(home, f"from runs where model = '{name}' and status = 'finished'", 1).rows:
            return None
        known = speeds(home, model_fingerprint(model.path, home.cache))
        alike = [speed for speed in known if speed.recipe_hash == known[0].recipe_hash]
        recipe = read_record(home.run_dir(alike[0].run_id).record).recipe_name if alike else ""
    except (WorkbenchError, OSError):
        return None
    if not alike:
        return None
    return Pace(median(speed.device_seconds for speed in alike), alike[0].steps, recipe, len(alike))
