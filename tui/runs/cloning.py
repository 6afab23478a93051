"""The plan of a run as a plan of its own, to go on from."""

import re
from io import StringIO
from pathlib import Path

from workbench.run.layout import RunDir
from workbench.run.record import RunRecord, read_record

_UNFIT = re.compile(r"[^\w.-]+")


def clone_of(run_dir: RunDir) -> tuple[str, str]:
    """A name that a plan file can have, and the text of the file. Raises InvalidError, OSError."""
    from ruamel.yaml import YAML

    record = read_record(run_dir.record)
    name = f"{_UNFIT.sub('-', record.plan).strip('-.') or 'plan'}-copy"
    written = StringIO()
    YAML().dump({**record.plan_file, "name": name, "model": _model(record)}, written)
    return name, f"# from run {run_dir.run_id}\n{written.getvalue()}"


def _model(record: RunRecord) -> str:
    """A folder by its whole path: the plan may have stood elsewhere."""
    model = str(record.plan_file.get("model", record.model))
    path = Path(record.model_path)
    is_folder = path.is_dir() and path.parts[-len(Path(model).parts) :] == Path(model).parts
    return str(path) if is_folder else model
