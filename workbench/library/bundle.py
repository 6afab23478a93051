"""The plan and the recipe of a run as files of their own, in a zip."""

import re
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

from workbench.errors import UsageError
from workbench.run.layout import RunDir
from workbench.run.recipe_file import RecipeFile
from workbench.run.record import RunRecord, read_record

_UNFIT = re.compile(r"[^\w.-]+")


def plan_text(record: RunRecord) -> str:
    """The plan file as the run kept it."""
    return f"# from run {record.run_id}\n{_yaml({'name': record.plan, 'model': record.model, **record.plan_file})}"


def recipe_text(record: RunRecord) -> str:
    """The recipe as it was resolved, without what is as by default."""
    fields = RecipeFile.model_fields
    kept = {key: value for key, value in record.recipe.items() if key in fields and value != fields[key].default}
    return f"# from run {record.run_id}\n{_yaml(kept)}"


def write_bundle(run_dir: RunDir, target: Path, force: bool = False) -> None:
    """Writes the zip. Raises UsageError where a file would be replaced, InvalidError for a damaged record, OSError."""
    if target.exists() and not (force and target.is_file()):
        raise UsageError(f"{target} exists", "name another file, or replace it with --force")
    record = read_record(run_dir.record)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{_fit(record.plan)}.yaml", plan_text(record))
            archive.writestr(f"{_fit(record.recipe_name)}-recipe.yaml", recipe_text(record))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _fit(name: str) -> str:
    return _UNFIT.sub("-", name).strip("-.") or "run"


def _yaml(values: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    written = StringIO()
    YAML().dump(values, written)
    return written.getvalue()
