"""Packs the sample study: `python -m benchmarks.sample_home HOME` writes workbench/sample/study.zip.

HOME is one in which `workbench study run same-discount` has finished. What tells about the machine beyond processor and
versions is taken out: paths, process ids, locks; so are adapters and checkpoints. It stops at anything that is left.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.common import ROOT
from workbench.run.layout import Home
from workbench.run.record import read_record
from workbench.sample.home import STUDY
from workbench.sample.mark import MARK

TARGET = ROOT / "workbench" / "sample" / "study.zip"
MOST_BYTES = 1_500_000
KEPT = ("run.json", "meta.json", "events.jsonl", "attempt.*.json", "repro.*.json", "out.*.log", "predictions.*.jsonl")
_MOMENT = (2026, 1, 1, 0, 0, 0)  # the archive is the same whenever it is made
_PACKAGE_PATH = re.compile(r"/[^\s\"]*/(workbench/demo/)")
_MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:home|root|tmp|work|mnt|opt|usr|Users|var)\b[^\s\"]*|\"pid\"")
_NOTE = f"""# Sample

The real logs of the study `{STUDY}` of the demo base, as it ran on one machine. This home can be looked at, not
changed. Delete this file to make it a home of your own.
"""


def main(source: Path) -> None:
    home = Home(source.absolute())
    packed = dict(sorted(_files(home)))
    for name, text in packed.items():
        if left := _MACHINE_PATH.search(text):
            sys.exit(f"{name} still tells about the machine: {left[0]}")
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in packed.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), text, zipfile.ZIP_DEFLATED, 9)
    size = TARGET.stat().st_size
    print(f"{TARGET}: {len(packed)} files, {size:,} bytes")
    if size > MOST_BYTES:
        sys.exit(f"more than {MOST_BYTES:,} bytes")


def _files(home: Home) -> Iterator[tuple[str, str]]:
    """Names and texts of all that is packed."""
    study = home.studies / STUDY
    yield MARK, _NOTE
    for name in ("study.yaml", "members.jsonl"):
        yield f"studies/{STUDY}/{name}", (study / name).read_text("utf-8")
    members = [json.loads(line) for line in (study / "members.jsonl").read_text("utf-8").splitlines()]
    for run_id in dict.fromkeys(member["run_id"] for member in members if "run_id" in member):
        run_dir = home.run_dir(run_id)
        record = read_record(run_dir.record)
        plan_name = re.sub(r"[^\w.]+", "-", record.plan)
        yield f"plans/{plan_name}.yaml", _yaml({**record.plan_file, "name": plan_name})
        for path in sorted(path for pattern in KEPT for path in run_dir.path.glob(pattern)):
            yield f"runs/{run_id}/{path.name}", _cleaned(path)


def _yaml(value: dict[str, Any]) -> str:
    text = io.StringIO()
    YAML().dump(value, text)
    return text.getvalue()


def _cleaned(path: Path) -> str:
    text = _PACKAGE_PATH.sub(r"\1", path.read_text("utf-8"))
    if not path.name.startswith("repro."):
        return text
    repro = json.loads(text)
    repro["executable"] = "python"
    repro["command"] = re.sub(r"^\S+", "workbench", repro["command"])
    repro["hardware"]["platform"] = "Linux"
    return json.dumps(repro, indent=1) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
