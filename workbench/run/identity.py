"""What makes a run itself: the identifier over everything that its result depends on."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from workbench.canonical import canonical_json, digest
from workbench.data.load import DataSet
from workbench.plan.merge_target import check_target, read_target
from workbench.plan.plan import Plan, plan_to_dict, site_records
from workbench.run.recipe import Recipe
from workbench.run.record import RECORD_VERSION, RunRecord, SiteRecord

ID_LENGTH = 12


def run_id_of(sites: tuple[SiteRecord, ...], model_fingerprint: str, data_hash: str, recipe: Recipe, seed: int) -> str:
    """12 hex digits of the SHA-256 over resolved sites, model, data, recipe, seed and the record's version.

    Names, notes, paths, the device and the number of threads are left out.
    """
    texts = [canonical_json(asdict(site)) for site in sites]
    recipe_text = canonical_json(recipe.identity(any(site.dropout for site in sites)))
    return run_ids_of_texts(texts, model_fingerprint, data_hash, recipe_text, [seed])[0]


def run_ids_of_texts(
    sites: Sequence[str], model_fingerprint: str, data_hash: str, recipe: str, seeds: Iterable[int]
) -> list[str]:
    """The same for several seeds, of sites and a recipe that are canonical JSON already: in a study they repeat."""
    parts = {
        "v": str(RECORD_VERSION),
        "sites": f"[{','.join(sites)}]",
        "model": canonical_json(model_fingerprint),
        "data": canonical_json(data_hash),
        "recipe": recipe,
    }
    # Canonical JSON has its keys in order.
    before, after = (
        ",".join(f'"{key}":{parts[key]}' for key in sorted(parts) if (key < "seed") is first).encode()
        for first in (True, False)
    )
    texts = (b'{%b,"seed":%d,%b}' % (before, seed, after) for seed in seeds)
    return [hashlib.sha256(text).hexdigest()[:ID_LENGTH] for text in texts]


def make_record(
    plan: Plan,
    recipe_name: str,
    recipe: Recipe,
    data: DataSet,
    model_fingerprint: str,
    seed: int,
    predicted_bytes: dict[str, int],
    name: str = "",
) -> RunRecord:
    """The record of one run. The seed of a reference run is 0: nothing in it is drawn.

    Raises InvalidError where a target of the recipe's `merge_eval` does not fit a layer of the plan.
    """
    seed = 0 if plan.reference else seed
    sites = site_records(plan)
    for target in recipe.merge_eval:
        check_target(sites, read_target(target))
    return RunRecord(
        run_id=run_id_of(sites, model_fingerprint, data.hash, recipe, seed),
        name=name or (plan.name if plan.reference else f"{plan.name}-s{seed}"),
        plan=plan.name,
        plan_hash=plan.hash,
        plan_file=plan_to_dict(plan),
        model=plan.model,
        model_path=str(plan.map.path),
        model_fingerprint=model_fingerprint,
        recipe_name=recipe_name,
        recipe_hash=digest(recipe.identity(), ID_LENGTH),
        recipe=recipe.to_dict(),
        data=data.sources,
        data_hash=data.hash,
        seed=seed,
        reference=plan.reference,
        trainable_params=plan.trainable_params,
        base_params=plan.map.base_params,
        predicted_bytes=predicted_bytes,
        created=time.time(),
        sites=sites,
        groups=plan.groups_dict,
    )
