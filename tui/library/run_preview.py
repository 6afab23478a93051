"""A run in little: its state, what it ended with, tags, size, and the map of what it adapted."""

from tui.library.final_numbers import final_lines
from tui.library.mini_map import maps, record_spots
from tui.library.preview import Part, Preview
from tui.library.run_rows import Row, Runs
from workbench.report.numbers import count, seconds, size
from workbench.run.layout import Home
from workbench.run.record import read_record

_KEYS = ("steps", "epochs", "batch", "accumulation", "lr", "schedule", "optimizer", "max_length")


def run_preview(home: Home, run_id: str, row: Row, runs: Runs) -> Preview:
    """Raises InvalidError for a damaged record, OSError where the folder is gone."""
    run_dir = home.run_dir(run_id)
    record = read_record(run_dir.record)
    tags = runs.tags.get(run_id, ())
    recipe = ", ".join(f"{key} {record.recipe[key]}" for key in _KEYS if record.recipe.get(key) is not None)
    found = maps(record_spots(record))
    return Preview(
        (
            Part("", tuple(_state(row))),
            Part("tags", (" ".join(f"#{tag}" for tag in tags),) if tags else ()),
            Part("after the last step", tuple(final_lines(run_dir, int(row["attempt"])) or ["nothing evaluated yet"])),
            Part("", (f"trainable {count(record.trainable_params)} parameters", *_costs(row))),
            *(Part(one.legend, one.lines) for one in found),
            Part(f"recipe {record.recipe_name}", (recipe,)),
            Part("folder", (str(run_dir.path),)),
        )
    )


def _state(row: Row) -> list[str]:
    steps = f"step {row['step'] or 0} of {row['steps'] or '?'}"
    failure = row.get("failure")
    lines = [f"run {row['run_id']}, plan {row['plan']}, seed {row['seed']}, model {row['model']}"]
    lines.append(f"{row['status']}, attempt {row['attempt']}, {steps}, made {row['created']}")
    return [*lines, f"failed: {failure['class']}: {failure['message']}"] if failure else lines


def _costs(row: Row) -> tuple[str, ...]:
    adapter = f", adapter {size(row['adapter_bytes'])}" if row.get("adapter_bytes") else ""
    took = (f"took {seconds(row['device_seconds'])} on {row['device']}",) if row.get("device_seconds") else ()
    return (f"on disk {size(row['disk_bytes'])}{adapter}", *took)
