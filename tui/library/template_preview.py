"""A template in little: what it would set on this model, or what the study asks."""

from pathlib import Path

from tui.library.plan_preview import summary_parts
from tui.library.preview import Part, Preview
from workbench.library.templates import plan_template
from workbench.plan.document import read_document
from workbench.plan.files import check_text, plan_or_raise
from workbench.run.layout import Home
from workbench.study.builtin_file import built_in_text


def template_preview(home: Home, name: str, model: str) -> Preview:
    """Raises InvalidError, NotFoundError for a model that cannot be read."""
    if template := plan_template(name):
        text = template.text(model)
        plan = plan_or_raise(check_text(text, Path(f"{name}.yaml"), home), name)
        opens = Part("", (template.title, "enter opens it as a draft; nothing is written until you save"))
        return Preview((opens, *summary_parts(plan), Part("rules", template.rules)))
    said = read_document(f"{name}.yaml", built_in_text(name)).data
    factors = said.get("factors") or {}
    told = tuple(f"{factor}: {', '.join(map(str, levels))}" for factor, levels in factors.items())
    return Preview(
        (
            Part("", (str(said.get("question", "")).strip(), "enter makes a study of it; nothing runs yet")),
            Part("factors", told),
            Part("found before", (str(said.get("finding", "")).strip(),)),
            Part("", (f"recipe {said.get('recipe')}, {len(said.get('seeds', ()))} seeds, by {said.get('metric')}",)),
        )
    )
