"""From examples to tokens, whatever their format. Needs a tokenizer, not torch."""

from collections.abc import Iterator, Sequence

from workbench.data.chat import tokenize_chats
from workbench.data.example import Example
from workbench.data.rows import MOST_PROBLEMS, Fault
from workbench.data.tokens import TokenizedExample, TokenizedSet, Tokenizer, cut, encode, marked, opening
from workbench.errors import InvalidError, Problem


def tokenize(examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, what: str) -> TokenizedSet:
    """Whole examples cut at `max_length` tokens; those that keep no target are left out. `what` names the part.

    Raises InvalidError when a conversation does not fit the chat template, or no example keeps a target token.
    """
    whole, faults = tokenize_whole(examples, tokenizer)
    if faults:
        problems = tuple(Problem(f"{what} data, line {f.line}", f.message, f.hint) for f in faults[:MOST_PROBLEMS])
        count = "1 conversation does" if len(faults) == 1 else f"{len(faults)} conversations do"
        raise InvalidError(f"{count} not fit the chat template ({what} data)", problems=problems)
    return cut(whole, max_length, what)


def tokenize_whole(
    examples: Sequence[Example], tokenizer: Tokenizer
) -> tuple[list[TokenizedExample], tuple[Fault, ...]]:
    """All examples at their full length, and those that the chat template cannot express.

    Raises InvalidError when there are conversations and the tokenizer has no chat template.
    """
    if any(example.messages for example in examples):
        return tokenize_chats(examples, tokenizer)
    return list(_tokenize_pairs(examples, tokenizer)), ()


def _tokenize_pairs(examples: Sequence[Example], tokenizer: Tokenizer) -> Iterator[TokenizedExample]:
    # Prompt and completion are tokenized apart, so that the prompt is what a generation would start from.
    before = opening(tokenizer)
    prompts = encode(tokenizer, [example.prompt for example in examples])
    completions = encode(tokenizer, [example.completion for example in examples])
    for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        ids = [*before, *prompt, *completion, tokenizer.eos_token_id]
        yield marked(ids, [(len(before) + len(prompt), len(ids))], index)
