"""`members.jsonl`: only ever added to, whole lines, and what is current told from their order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.study.expand import Member
from workbench.study.members import add_members, read_members

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
MEMBERS = st.lists(
    st.builds(
        Member,
        arm=NAMES,
        levels=st.lists(st.tuples(NAMES, NAMES), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
        seed=st.integers(0, 2**31 - 1),
        run_id=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    ),
    max_size=5,
    unique_by=(lambda m: (m.arm, m.seed), lambda m: m.run_id),
)


def member(arm: str, seed: int, run_id: str) -> Member:
    return Member(arm, (("cut", "2"), ("at", "mlp")), seed, run_id)


ONE, TWO = member("a", 1, "000000000001"), member("a", 2, "000000000002")


@given(members=MEMBERS)
@settings(max_examples=40)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, members: list[Member]) -> None:
    path = tmp_path_factory.mktemp("study") / "members.jsonl"
    assert add_members(path, "d", "baseline", "loss", members) == members
    known = read_members(path)
    assert list(known.current) == members
    assert (known.design, known.baseline, known.metric, known.bad_lines) == ("d", "baseline", "loss", 0)
    before = path.read_bytes()
    assert add_members(path, "d", "baseline", "loss", members) == []
    assert path.read_bytes() == before


def test_more_seeds_are_added_and_nothing_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "s" / "members.jsonl"
    add_members(path, "d", "baseline", "loss", [ONE])
    first = path.read_bytes()
    assert add_members(path, "d", "baseline", "loss", [ONE, TWO]) == [TWO]
    assert path.read_bytes().startswith(first)
    assert read_members(path).current == (ONE, TWO)
    assert read_members(path).earlier == ()


def test_members_of_another_design_stay_and_do_not_mix(tmp_path: Path) -> None:
    path, other = tmp_path / "members.jsonl", member("a", 1, "000000000009")
    add_members(path, "old", "baseline", "loss", [ONE, TWO])
    add_members(path, "new", "baseline", "loss", [other])
    assert read_members(path).current == (other,)
    assert read_members(path).earlier == (ONE, TWO)
    assert add_members(path, "old", "baseline", "loss", [ONE, TWO]) == [ONE, TWO]  # the edit was taken back
    assert read_members(path).current == (ONE, TWO)
    assert read_members(path).earlier == (other,)


def test_another_run_for_an_arm_and_seed_replaces_it_and_another_metric_replaces_none(tmp_path: Path) -> None:
    path, other = tmp_path / "members.jsonl", member("a", 1, "000000000009")
    add_members(path, "d", "baseline", "loss", [ONE, TWO])
    add_members(path, "d", "baseline", "exact_match", [other, TWO])
    known = read_members(path)
    assert (set(known.current), known.earlier, known.metric) == ({other, TWO}, (ONE,), "exact_match")


def test_a_torn_line_is_counted_and_the_next_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "members.jsonl"
    add_members(path, "d", "baseline", "loss", [ONE])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind":"member","arm":"b","se')
    add_members(path, "d", "baseline", "loss", [ONE, TWO])
    with path.open("a", encoding="utf-8") as file:
        file.write('["a list"]\nnull\n{"kind":"member","t":1}\n{"kind":"other","t":1}\n')
    assert read_members(path).current == (ONE, TWO)
    assert read_members(path).bad_lines == 5


def test_a_file_that_is_not_there_has_no_members(tmp_path: Path) -> None:
    assert read_members(tmp_path / "members.jsonl").current == ()
    assert read_members(tmp_path / "members.jsonl").created is None


_WRITER = """
import sys
from pathlib import Path
from workbench.study.expand import Member
from workbench.study.members import add_members
for seed in range(40):
    members = [Member("arm", (), n, f"{n:012x}") for n in range(seed + 1)]
    add_members(Path(sys.argv[1]), "d", "baseline", "loss", members)
"""


def test_programs_that_write_at_once_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "members.jsonl"
    running = [subprocess.Popen([sys.executable, "-P", "-c", _WRITER, str(path)]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert all(json.loads(line)["v"] == 1 for line in path.read_text(encoding="utf-8").splitlines())
    known = read_members(path)
    assert sorted(m.seed for m in known.current) == list(range(40))
    assert (known.bad_lines, known.earlier) == (0, ())
