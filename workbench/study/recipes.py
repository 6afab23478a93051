"""The recipes of a study's arms: the study's own, with other values for some keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.canonical import canonical_json
from workbench.errors import InvalidError
from workbench.run.recipe import Recipe
from workbench.run.recipe_file import RecipeSource
from workbench.study.levels import level_text, relative, scaled

Resolve = Callable[[Recipe], Recipe]
Settings = tuple[tuple[str, Any], ...]


class SettingError(InvalidError):
    """A value that a key of the recipe does not take; `key` is that key, or "" for what concerns several."""

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.key = key


@dataclass(frozen=True, slots=True)
class Recipes:
    """Recipes by their settings, each made once. `common` are the keys that the study sets for all arms.

    A value such as `*2` is relative to what stands before it: the study's to the recipe file, an arm's to the study's.

    `resolve` turns a recipe into what a run has: steps for epochs, the dtype that `auto` means.
    """

    source: RecipeSource
    common: Mapping[str, Any]
    resolve: Resolve
    _made: dict[str, Recipe] = field(default_factory=dict)
    _texts: dict[tuple[int, bool], str] = field(default_factory=dict)

    def recipe(self, settings: Settings = ()) -> Recipe:
        """The resolved recipe with these settings. Raises SettingError for what a key does not take."""
        key = repr(settings)  # not JSON: YAML has dates and no-numbers, and what is wrong with them is said on reading
        if key not in self._made:
            self._made[key] = self.resolve(self._read(settings))
        return self._made[key]

    def identity_text(self, recipe: Recipe, dropout: bool) -> str:
        """What of a recipe made here belongs to a run's identity, as canonical JSON."""
        key = (id(recipe), dropout)  # what was made here is kept, so no other object can have its id
        if key not in self._texts:
            self._texts[key] = canonical_json(recipe.identity(dropout))
        return self._texts[key]

    def plain(self) -> Recipe:
        """The study's recipe as it is written, before anything is resolved."""
        return self._read(())

    def _read(self, settings: Settings) -> Recipe:
        values: dict[str, Any] = {}
        for key, value in (*self.common.items(), *settings):
            values[key] = self._absolute(key, value, values)
        try:
            return self.source.recipe(values)
        except InvalidError as error:
            problem = error.problems[0]
            raise SettingError(_key_of(problem.where, values), problem.message, problem.hint) from error

    def _absolute(self, key: str, value: Any, values: Mapping[str, Any]) -> Any:
        factor = relative(value)
        if factor is None:
            return value
        before = getattr(self.source.recipe(values), key, None)
        if isinstance(before, bool) or not isinstance(before, int | float):
            hint = f"write {key} as a number there, or give the recipe one"
            raise SettingError(key, f"{level_text(value)} of {key} {before}: there is nothing to multiply", hint)
        return scaled(before, factor)


def _key_of(where: str, values: Mapping[str, Any]) -> str:
    last = where.rpartition(" ")[2]
    return last if last in values else ""
