"""What each face imports, seen from a clean process: contracts on paper do not see lazy imports that went eager."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "duckdb",
    "textual",
    "datasets",
    "huggingface_hub",
    "matplotlib",
)
FACES = {
    "workbench.plan.files": (*HEAVY, "rich", "pydantic"),
    "workbench.plan.model_map": (*HEAVY, "rich", "pydantic", "ruamel"),
    "workbench.plan.selector": (*HEAVY, "rich", "pydantic", "ruamel"),
    "workbench.plan.cost": (*HEAVY, "rich"),
    "workbench.run.foreground": (*HEAVY, "rich", "pydantic", "ruamel"),
    "workbench.run.shim": (*HEAVY, "rich", "pydantic", "ruamel", "typer"),
    "workbench.run.nvml": (*HEAVY, "rich", "pydantic", "ruamel", "typer", "pynvml"),
    "workbench.doctor.examine": (*HEAVY, "rich", "pydantic", "ruamel", "typer", "pynvml"),
    "workbench.run.recipe_file": (*HEAVY, "rich"),
    "workbench.data.check": (*HEAVY, "pyarrow", "rich", "pydantic", "ruamel"),
    "workbench.study.statistics": (*HEAVY, "rich"),
    "workbench.cli.main": (*HEAVY, "pydantic", "ruamel", "typer", "rich"),
    "workbench.cli.app": (*HEAVY, "pydantic", "ruamel"),
    "store.ingest": tuple(name for name in (*HEAVY, "rich") if name != "duckdb"),
    "store.lenses": tuple(name for name in (*HEAVY, "rich") if name != "duckdb"),
    "store.compare": tuple(name for name in (*HEAVY, "rich") if name != "duckdb"),
    "workbench.train.train_run": ("duckdb", "textual", "matplotlib", "store", "tui"),
    "tui": HEAVY,
    "tui.plan.screen": tuple(name for name in (*HEAVY, "pydantic") if name != "textual"),
    "tui.compare.screen": tuple(name for name in HEAVY if name != "textual"),
}


@pytest.mark.parametrize("face", FACES)
def test_a_face_imports_nothing_that_it_must_not(face: str) -> None:
    code = f"import sys, {face}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-P", "-c", code], text=True, capture_output=True, check=True)
    loaded = set(done.stdout.split())
    assert face.split(".")[0] in loaded
    assert loaded.isdisjoint(FACES[face])
