"""What an edited study file changes, against the members that the study has."""

from dataclasses import dataclass
from typing import Any

from workbench.run.layout import Home
from workbench.run.record import RunRecord, read_record
from workbench.study.expand import Arm, Expansion, Grounds, Member
from workbench.study.members import Members


@dataclass(frozen=True, slots=True)
class Changes:
    """Members that are new, that stay as they are, that are other runs now, and that the file has no more.

    `reasons` says for every arm that has other runs why. Old runs stay, with their results.
    """

    added: tuple[Member, ...]
    kept: tuple[Member, ...]
    replaced: tuple[Member, ...]
    dropped: tuple[Member, ...]
    reasons: dict[str, str]


def changes(home: Home, known: Members, expansion: Expansion, grounds: Grounds) -> Changes:
    """Compares by arm and seed."""
    before = {(member.arm, member.seed): member for member in known.current}
    now = {(member.arm, member.seed): member for member in expansion.members}
    arms = {arm.name: arm for arm in expansion.arms}
    replaced = [m for key, m in now.items() if key in before and before[key].run_id != m.run_id]
    reasons: dict[str, str] = {}
    for member in replaced:
        if member.arm not in reasons:
            old = before[member.arm, member.seed]
            reasons[member.arm] = _reason(home, old, arms[member.arm], grounds)
    return Changes(
        added=tuple(m for key, m in now.items() if key not in before),
        kept=tuple(m for key, m in now.items() if key in before and before[key].run_id == m.run_id),
        replaced=tuple(replaced),
        dropped=tuple(m for key, m in before.items() if key not in now),
        reasons=reasons,
    )


def _reason(home: Home, old: Member, arm: Arm, grounds: Grounds) -> str:
    try:
        record = read_record(home.run_dir(old.run_id).record)
    except FileNotFoundError:
        return f"its run {old.run_id} is gone"
    return "; ".join(_differences(record, arm, grounds)) or "written by another version"


def _differences(record: RunRecord, arm: Arm, grounds: Grounds) -> list[str]:
    found = [] if record.model_fingerprint == grounds.model_fingerprint else ["the model's files are others"]
    found += [] if record.data_hash == grounds.data_hash else ["the data are others"]
    recipe = arm.recipe.to_dict()
    left_out = {"data", "eval_data", "revision", "checkpoint_every", "checkpoint_keep"}
    for key in sorted(recipe.keys() - left_out):
        old, new = record.recipe.get(key), _plain(recipe[key])
        found += [] if _plain(old) == new else [f"{key} {old} → {new}"]
    if record.plan_hash != arm.plan.hash:
        old_params, new_params = f"{record.trainable_params:,}", f"{arm.plan.trainable_params:,}"
        found.append(f"the plan: {old_params} → {new_params} trainable parameters")
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
