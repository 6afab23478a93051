"""The catalogue of failure classes holds every class that anything here can write."""

from pathlib import Path

from workbench.run.endings import classify
from workbench.run.failures import FAILURE_CLASSES, failure_class

NAMES = {
    *("cuda_oom", "host_oom", "nan", "killed_by_user", "killed", "preempted", "disk_full"),
    *("bad_plan", "bad_data", "missing_model", "audit_mismatch", "crash", "lost"),
}


def test_every_class_has_one_sentence_of_cause_and_one_to_three_fixes() -> None:
    assert set(FAILURE_CLASSES) == NAMES
    for name, found in FAILURE_CLASSES.items():
        assert found.name == name
        assert found.cause.endswith(".")
        assert found.cause.count(". ") == 0
        assert 1 <= len(found.fixes) <= 3
        assert all(fix.strip() for fix in found.fixes)
    assert len({found.cause for found in FAILURE_CLASSES.values()}) == len(NAMES)


def test_a_class_of_a_later_version_gets_the_fixes_of_a_crash() -> None:
    found = failure_class("eaten_by_a_grue")
    assert found.name == "eaten_by_a_grue"
    assert found.fixes == FAILURE_CLASSES["crash"].fixes


def test_what_the_supervisor_writes_is_in_the_words_of_the_catalogue(tmp_path: Path) -> None:
    killed = classify(-9, False, False, tmp_path / "out.1.log")
    assert killed["message"] == FAILURE_CLASSES["killed"].cause
    assert killed["hint"] == FAILURE_CLASSES["killed"].fixes[0]
    out = tmp_path / "out.2.log"
    out.write_text("Traceback\nKeyError: 'x'\n")
    assert classify(1, False, False, out)["message"].endswith("KeyError: 'x'")
