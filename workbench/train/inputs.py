"""The data of a run, tokenized, after a check that it is what the run was made with."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from workbench.data.ask import Asked, ask
from workbench.data.example import Example
from workbench.data.load import DataSet, load_data
from workbench.data.tokenize import tokenize
from workbench.data.tokens import TokenizedSet
from workbench.run.record import RunRecord
from workbench.train.failure import RunFailure, failing_as
from workbench.train.session import Session
from workbench.train.tokenizer import load_tokenizer


@dataclass(frozen=True, slots=True)
class Inputs:
    """Both parts as tokens, the evaluation's examples as they were read, and the questions of `choices` as asked."""

    tokenizer: PreTrainedTokenizerBase
    training: TokenizedSet
    evaluation: TokenizedSet
    eval_examples: Sequence[Example]
    asked: Sequence[Asked] = ()


def load_inputs(session: Session) -> Inputs:
    """Reads and tokenizes both parts, with a warning for what `max_length` cuts.

    Raises RunFailure: `bad_data` where the data cannot be used or has changed, `missing_model` without a tokenizer.
    """
    recipe = session.recipe
    with failing_as("bad_data"):
        data = load_data(recipe)
        _check_unchanged(session.record, data)
    for line in data.said:
        session.say(line)
    for warning in data.warnings:
        session.warn(warning)
    with failing_as("missing_model"):
        tokenizer = load_tokenizer(session.record.model_path)
    with failing_as("bad_data"):
        training = tokenize(data.training, tokenizer, recipe.max_length, "training")
        evaluation = tokenize(data.evaluation, tokenizer, recipe.max_length, "evaluation")
        asked = ask(data.questions, tokenizer, recipe)
    for part, tokens in (("training", training), ("evaluation", evaluation)):
        if tokens.truncated:
            session.warn(
                f"{tokens.truncated} {part} examples are cut at max_length {recipe.max_length}; "
                f"{tokens.dropped} of them keep no target and are left out"
            )
    if cut := sum(question.truncated for question in asked):
        session.warn(f"{cut} of {len(asked)} questions lose the left of their prompt at max_length {recipe.max_length}")
    return Inputs(tokenizer, training, evaluation, data.evaluation, asked)


def _check_unchanged(record: RunRecord, data: DataSet) -> None:
    if data.hash != record.data_hash:
        raise RunFailure(
            "bad_data", "the data files changed since this run was made", "start it again: a new run will be made"
        )
