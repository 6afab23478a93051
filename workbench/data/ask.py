"""Questions as a model gets them: the prompt and each choice in tokens, after the templates of a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.data.question import LETTERS, Question
from workbench.data.rows import MOST_PROBLEMS
from workbench.data.template import PromptTemplate, read_template
from workbench.data.tokens import TokenizedExample, Tokenizer, encode, marked, opening
from workbench.errors import InvalidError, Problem
from workbench.run.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its prompt; `choices` are the token ids of prompt and choice, the choice's the targets.

    Every choice stands after the same tokens. `truncated` tells that the prompt lost tokens at its left.
    """

    question: Question
    prompt: str
    answers: tuple[str, ...]
    choices: tuple[TokenizedExample, ...]
    truncated: bool


def ask(questions: Sequence[Question], tokenizer: Tokenizer, recipe: Recipe) -> tuple[Asked, ...]:
    """All questions in their order, each prompt cut from the left so that its longest choice fits `max_length`.

    A choice's tokens are those of prompt and choice together, after as many as the prompt alone has, as lm-eval counts
    them: a tokenizer may write a word otherwise in the middle of a text. Raises InvalidError where a template does not
    fit, or a choice has no tokens of its own or more than there is room for.
    """
    asked, problems = try_asking(questions, tokenizer, recipe)
    if problems:
        count = "1 question" if len(problems) == 1 else f"{len(problems)} questions"
        raise InvalidError(f"{count} cannot be asked", "mend or remove them", problems[:MOST_PROBLEMS])
    return asked


def try_asking(
    questions: Sequence[Question], tokenizer: Tokenizer, recipe: Recipe
) -> tuple[tuple[Asked, ...], tuple[Problem, ...]]:
    """The questions that can be asked, and what is wrong with the others. Raises InvalidError as `ask` does."""
    before = opening(tokenizer)
    asked: list[Asked] = []
    problems: list[Problem] = []
    for whole in _tokenized(questions, tokenizer, recipe):
        if wrong := _misfit(whole, len(before), recipe.max_length):
            problems.append(wrong)
        else:
            asked.append(_fitted(whole, before, recipe.max_length))
    return tuple(asked), tuple(problems)


@dataclass(frozen=True, slots=True)
class _Whole:
    """A question in tokens at full length: (prompt, choice) per choice."""

    question: Question
    prompt: str
    answers: tuple[str, ...]
    choices: tuple[tuple[list[int], list[int]], ...]


def _tokenized(questions: Sequence[Question], tokenizer: Tokenizer, recipe: Recipe) -> list[_Whole]:
    prompt, answer = _templates(recipe)
    prompts = [prompt.render(_prompt_values(question, prompt)) for question in questions]
    answers = [_answers(question, answer) for question in questions]
    # Spaces that end a prompt belong to the choice: most tokenizers have them in one token with the word that follows.
    stems = [text.rstrip() for text in prompts]
    lengths = [len(ids) for ids in encode(tokenizer, stems)]
    texts = [text + choice for text, choices in zip(prompts, answers, strict=True) for choice in choices]
    ids = iter(encode(tokenizer, texts))
    found = []
    for question, text, choices, length in zip(questions, prompts, answers, lengths, strict=True):
        both = [next(ids) for _ in choices]
        found.append(_Whole(question, text, choices, tuple((x[:length], x[length:]) for x in both)))
    return found


def _templates(recipe: Recipe) -> tuple[PromptTemplate, PromptTemplate]:
    answer = read_template(recipe.choices_answer, "choices_answer")
    answer.check(("choice", "letter"))
    return read_template(recipe.choices_prompt, "choices_prompt"), answer


def _prompt_values(question: Question, template: PromptTemplate) -> dict[str, str]:
    lettered = dict(zip(LETTERS, question.choices, strict=False))
    listed = "\n".join(f"{letter}. {text}" for letter, text in lettered.items())
    values = {"question": question.question, "choices": listed, "subject": question.subject, **lettered}
    if any(name in LETTERS and name not in values for name in template.names):
        hint = "write {choices}, which has all that there are"
        raise InvalidError(f"choices_prompt: {question.where} has {len(question.choices)} choices only", hint)
    template.check(values)
    return values


def _answers(question: Question, template: PromptTemplate) -> tuple[str, ...]:
    pairs = zip(LETTERS, question.choices, strict=False)
    return tuple(template.render({"choice": text, "letter": letter}) for letter, text in pairs)


def _misfit(whole: _Whole, opening_length: int, max_length: int) -> Problem | None:
    """Something must stand before a choice, or nothing predicts its first token."""
    before = opening_length or 1
    for letter, (_, choice) in zip(LETTERS, whole.choices, strict=False):
        if not choice:
            return Problem(whole.question.where, f"choice {letter} has no token of its own", "change choices_answer")
        if before + len(choice) > max_length:
            message = f"choice {letter} has {len(choice)} tokens, too many for max_length {max_length}"
            return Problem(whole.question.where, message, "raise max_length, or remove the question")
    if not opening_length and not whole.choices[0][0]:
        return Problem(whole.question.where, "its prompt has no token", "change choices_prompt")
    return None


def _fitted(whole: _Whole, before: list[int], max_length: int) -> Asked:
    room = max_length - len(before) - max(len(choice) for _, choice in whole.choices)
    examples = []
    for at, (prompt, choice) in enumerate(whole.choices):
        context = [*before, *prompt[max(0, len(prompt) - room) :]]
        ids = [*context, *choice]
        examples.append(marked(ids, [(len(context), len(ids))], at))
    truncated = any(len(prompt) > room for prompt, _ in whole.choices)
    return Asked(whole.question, whole.prompt, whole.answers, tuple(examples), truncated)
