import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["model_map", "selector", "fingerprint", "plan", "resolve", "memory", "flops", "diff"]
)
def test_values_load_without_the_readers_of_files(module: str) -> None:
    heavy = ["pydantic", "ruamel.yaml", "importlib.resources", "torch", "transformers", "peft", "duckdb", "rich"]
    code = f"import sys, workbench.plan.{module}; print([name for name in {heavy} if name in sys.modules])"
    # -S keeps the interpreter's own start-up files, which may import things, out of the answer
    paths = [path for path in sys.path if path]
    code = f"import sys; sys.path[:] = {paths!r}; {code}"
    answer = subprocess.run([sys.executable, "-S", "-P", "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
