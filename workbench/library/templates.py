"""Plans and studies to begin with: texts of plan files for a model, and the studies that ship with the program."""

from dataclasses import dataclass

from workbench.plan.edit import new_plan_text
from workbench.study.study import built_in_studies


@dataclass(frozen=True, slots=True)
class PlanTemplate:
    """A plan by its rules. `name` is what the draft is called."""

    name: str
    title: str
    rules: tuple[str, ...]

    def text(self, model: str) -> str:
        """A plan file for this model."""
        return new_plan_text(self.name, model, rules=self.rules)

    def command(self, model: str) -> list[str]:
        """The words after `workbench` that write this plan into the home."""
        rules = [word for rule in self.rules for word in ("--rule", rule)]
        return ["plan", "new", self.name, "--model", model, *rules]


PLAN_TEMPLATES = (
    PlanTemplate("all-linear-r16", "every linear layer, rank 16", ("* all",)),
    PlanTemplate("attention-upper-half", "attention of the upper half of the blocks", ("last/2 attn",)),
    PlanTemplate("lower-third", "the lower third alone; with the next two a triple over depth", ("lower all",)),
    PlanTemplate("middle-third", "the middle third alone", ("middle all",)),
    PlanTemplate("upper-third", "the upper third alone", ("upper all",)),
)


def plan_template(name: str) -> PlanTemplate | None:
    """The plan template of that name; None for a study's."""
    return next((template for template in PLAN_TEMPLATES if template.name == name), None)


def study_templates() -> tuple[str, ...]:
    """The names of the studies that ship with the program."""
    return tuple(sorted(path.stem for path in built_in_studies().glob("*.yaml")))
