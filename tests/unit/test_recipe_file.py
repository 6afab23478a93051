from dataclasses import fields, replace
from pathlib import Path

import pytest

from workbench.canonical import digest
from workbench.data.example import Example
from workbench.data.load import DataSet
from workbench.errors import InvalidError, NotFoundError
from workbench.run.layout import Home
from workbench.run.recipe import EVALUATORS, OPTIMIZERS, RECIPE_KEYS, SCHEDULES, Recipe, Split, recipe_from_dict
from workbench.run.recipe_file import RecipeFile, load_recipe, resolve_steps, schema_text

SCHEMA = Path(__file__).parents[2] / "docs/schemas/recipe.schema.json"


def _data(count: int) -> DataSet:
    examples = tuple(Example("p", "c", i) for i in range(count))
    return DataSet(examples, examples[:1], "prompt_completion", "0" * 64, {})


def _write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


def test_the_file_and_the_value_have_the_same_keys_and_defaults() -> None:
    assert set(RecipeFile.model_fields) == set(RECIPE_KEYS)
    assert RecipeFile(data="x").value() == Recipe(data="x")
    for key, choices in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        for choice in choices:
            assert getattr(RecipeFile.model_validate({"data": "x", key: choice}).value(), key) == choice
    assert {field.name for field in fields(Recipe)} == set(RECIPE_KEYS)


def test_evaluators_come_in_their_usual_order_once_each() -> None:
    names = ["exact_match", "loss", "loss"]
    assert RecipeFile.model_validate({"data": "x", "evaluators": names}).value().evaluators == ("loss", "exact_match")
    assert EVALUATORS == ("loss", "token_accuracy", "exact_match", "choice_accuracy")


def test_the_demo_recipe_uses_the_data_that_ships(tmp_path: Path) -> None:
    name, recipe = load_recipe("demo", Home(tmp_path))
    assert name == "demo"
    assert Path(recipe.data).is_file()
    assert recipe.eval_data is not None
    assert Path(recipe.eval_data).is_file()
    _, split = load_recipe("demo", Home(tmp_path), ("split={fraction: 0.25, seed: 2}",))
    assert (split.eval_data, split.split) == (None, Split(0.25, 2))


def test_changes_win_over_the_file(tmp_path: Path) -> None:
    ref = _write(tmp_path, "data: demo\nlr: 1e-4\nsteps: 5\n")
    _, recipe = load_recipe(ref, Home(tmp_path), ("lr=5e-5", "batch=3", "evaluators=[exact_match]"))
    assert (recipe.lr, recipe.batch, recipe.steps, recipe.evaluators) == (5e-5, 3, 5, ("exact_match",))


@pytest.mark.parametrize("change", ["lr", "=3", "batch=0", "stepz=4", "lr=[", "epochs=2"])
def test_a_change_that_does_not_fit_is_refused(tmp_path: Path, change: str) -> None:
    ref = _write(tmp_path, "data: demo\nsteps: 5\n")
    with pytest.raises(InvalidError):
        load_recipe(ref, Home(tmp_path), (change,))


def test_a_path_is_seen_from_the_working_folder_or_from_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.jsonl").write_text("{}\n")
    ref = _write(tmp_path, "data: data.jsonl\n")
    assert load_recipe(ref, Home(tmp_path))[1].data == str(tmp_path / "data.jsonl")
    other = tmp_path / "other"
    other.mkdir()
    (other / "data.jsonl").write_text("{}\n")
    monkeypatch.chdir(other)
    assert load_recipe(ref, Home(tmp_path))[1].data == str(other / "data.jsonl")


def test_a_home_recipe_wins_over_a_built_in_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.recipes.mkdir(parents=True)
    (home.recipes / "demo.yaml").write_text("data: demo\nsteps: 7\n")
    assert load_recipe("demo", home)[1].steps == 7
    with pytest.raises(NotFoundError, match="no recipe 'demos'") as caught:
        load_recipe("demos", home)
    assert "did you mean 'demo'?" in caught.value.hint


@pytest.mark.parametrize(
    ("examples", "epochs", "steps"), [(100, None, 7), (100, 2.0, 13), (96, 1.0, 6), (3, 0.1, 1), (97, 1.0, 7)]
)
def test_epochs_become_whole_steps_that_cover_the_data(examples: int, epochs: float | None, steps: int) -> None:
    resolved = resolve_steps(Recipe("x", epochs=epochs, batch=4, accumulation=4), _data(examples))
    assert (resolved.steps, resolved.epochs, resolved.split) == (steps, None, Split())


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_what_makes_another_prompt_makes_another_experiment() -> None:
    recipe = Recipe("a.jsonl", columns=(("prompt", "question"),))
    assert recipe_from_dict(recipe.to_dict()) == recipe
    for other in ({"columns": ()}, {"prompt_template": "{q}"}, {"format": "alpaca"}, {"split": Split(0.2)}):
        assert replace(recipe, **other).identity() != recipe.identity()
    for same in ({"data": "b/c"}, {"revision": "v2"}, {"eval_data": "c.jsonl"}):
        assert replace(recipe, **same).identity() == recipe.identity()


def test_recipes_keep_the_identity_they_had_before_mezo(tmp_path: Path) -> None:
    demo = load_recipe("demo", Home(tmp_path))[1]
    assert digest(demo.identity(), 12) == "2099227df2c1"  # as in runs of earlier versions, which answer for it
    assert replace(demo, mezo_epsilon=0.5).identity() == demo.identity()
    mezo = replace(demo, optimizer="mezo")
    assert mezo.identity()["mezo_epsilon"] == 1e-3
    assert replace(mezo, mezo_epsilon=0.5).identity() != mezo.identity()


def test_keeping_checkpoints_is_not_part_of_what_a_run_is(tmp_path: Path) -> None:
    demo = load_recipe("demo", Home(tmp_path))[1]
    other = replace(demo, checkpoint_every=0, checkpoint_keep=9)
    assert digest(other.identity(), 12) == digest(demo.identity(), 12) == "2099227df2c1"
    assert recipe_from_dict(other.to_dict()) == other
    old = {key: value for key, value in demo.to_dict().items() if not key.startswith("checkpoint")}
    assert recipe_from_dict(old) == demo
    assert (demo.checkpoint_every, demo.checkpoint_keep) == (500, 2)


@pytest.mark.parametrize("change", ["checkpoint_every=-1", "checkpoint_keep=0", "checkpoint_keep=1.5"])
def test_checkpoints_are_counted_in_whole_numbers(tmp_path: Path, change: str) -> None:
    with pytest.raises(InvalidError) as caught:
        load_recipe("demo", Home(tmp_path), (change,))
    assert change.partition("=")[0] in str(caught.value.problems[0])


def test_mezo_epsilon_goes_with_mezo_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert load_recipe("demo", home, ("optimizer=mezo",))[1].mezo_epsilon == 1e-3
    assert load_recipe("demo", home, ("optimizer=mezo", "mezo_epsilon=0.01"))[1].mezo_epsilon == 0.01
    ref = _write(tmp_path, "data: demo\nmezo_epsilon: 0.001\noptimizer: adamw_8bit\n")
    with pytest.raises(InvalidError) as caught:
        load_recipe(ref, home)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{ref}:2:1 mezo_epsilon: mezo_epsilon is 0.001: it goes with optimizer mezo, not adamw_8bit; "
        "leave it out, or set optimizer: mezo"
    ]
    for epsilon in ("0", "-1e-3", ".inf", ".nan", "far"):
        with pytest.raises(InvalidError, match="1 problem") as caught:
            load_recipe("demo", home, ("optimizer=mezo", f"mezo_epsilon={epsilon}"))
        assert "mezo_epsilon" in str(caught.value.problems[0])
    with pytest.raises(InvalidError) as caught:
        load_recipe("demo", home, ("optimizer=mezoo", "mezo_epsilon=0.01"))
    assert len(caught.value.problems) == 1
    assert "did you mean 'mezo'?" in str(caught.value.problems[0])


def test_a_hub_name_stays_a_name_and_its_commit_is_kept(tmp_path: Path) -> None:
    ref = _write(tmp_path, "data: acme/sums:main\neval_data: acme/sums:main#test\n")
    _, recipe = load_recipe(ref, Home(tmp_path))
    assert (recipe.data, recipe.eval_data) == ("acme/sums:main", "acme/sums:main#test")
    data = replace(_data(3), sources={"data": {"hub": "acme/sums:main#train", "revision": "c" * 40}})
    assert resolve_steps(recipe, data).revision == "c" * 40
    assert resolve_steps(recipe, _data(3)).revision is None


def test_questions_are_one_file_or_several_and_make_another_experiment(tmp_path: Path) -> None:
    demo = load_recipe("demo", Home(tmp_path))[1]
    assert digest(demo.identity(), 12) == "2099227df2c1"  # runs without questions answer for earlier versions'
    text = "data: demo\nevaluators: [loss, choice_accuracy]\n"
    _, one = load_recipe(_write(tmp_path, text + "choices: a.jsonl\n"), Home(tmp_path))
    _, two = load_recipe(_write(tmp_path, text + "choices: [a.jsonl, b/c, a.jsonl]\n"), Home(tmp_path))
    assert [Path(name).name for name in one.choices] == ["a.jsonl"]
    assert two.choices[1:] == ("b/c",)  # of the hub
    assert recipe_from_dict(two.to_dict()) == two
    assert one.identity() == two.identity()  # which files they are is in the hash of the data
    for other in ({"choices_prompt": "{question}"}, {"choices_answer": "{letter}"}, {"choices": ()}):
        assert replace(one, **other).identity() != one.identity()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("choices: a.jsonl\n", "choices are for the evaluator choice_accuracy: add it to evaluators"),
        ("evaluators: [choice_accuracy]\n", "choice_accuracy needs questions: add `choices: FILE`"),
        ("choices_prompt: '{question}'\n", "choices_prompt goes with choices"),
        ("choices: {a: b}\n", "choices is {'a': 'b'}: it should be a valid list"),
        ("choices: ['']\n", "should have at least 1 character"),
    ],
)
def test_questions_and_their_evaluator_belong_together(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidError) as caught:
        load_recipe(_write(tmp_path, "data: demo\n" + text), Home(tmp_path))
    assert message in "\n".join(map(str, caught.value.problems))
