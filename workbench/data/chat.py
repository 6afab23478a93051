"""Conversations to tokens: the tokenizer's template renders them, and every turn of the assistant is a target.

Where a turn starts is found by prefix: the template, rendered up to before the turn and with the words that prompt the
assistant, must be the beginning of the whole, in tokens. A template for which that is not so cannot be masked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from workbench.data.example import ASSISTANT, Example, Message
from workbench.data.rows import Fault
from workbench.data.tokens import TokenizedExample, Tokenizer, encode, marked
from workbench.errors import InvalidError

_CHUNK = 500
_UNSTABLE = "the chat template is not prefix-stable: "
_WAYS_OUT = "use another model's template, one answer per row, or prompts and completions (format: prompt_completion)"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One answer: what the template writes `before` it, and all that it has written right `after` it.

    `after` is None where the answer is the last message: the whole conversation is written then.
    """

    content: str
    before: str
    after: str | None

    def kept_in(self, whole: str) -> bool:
        """Whether the whole begins with the answer as it is written when nothing follows it."""
        if self.after is None or (at := self.after.find(self.content, len(self.before))) < 0:
            return False
        return whole.startswith(self.after[: at + len(self.content)])


@dataclass(frozen=True, slots=True)
class _Rendered:
    example: Example
    index: int
    whole: str
    turns: tuple[_Turn, ...]

    def texts(self) -> Iterator[str]:
        yield self.whole
        for turn in self.turns:
            yield turn.before
            yield turn.after if turn.after is not None else ""


class _Unfit(Exception):
    """A conversation that the template cannot express, or not in a way that can be masked."""


def tokenize_chats(
    examples: Sequence[Example], tokenizer: Tokenizer
) -> tuple[list[TokenizedExample], tuple[Fault, ...]]:
    """Token ids of conversations with the assistant's content and end markers as targets, and those that do not fit.

    Raises InvalidError when the tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise InvalidError(
            f"{tokenizer.name_or_path}: the tokenizer has no chat template, and the data are conversations",
            "use a model with one (often named instruct or chat), or give prompts and completions: "
            "format: prompt_completion",
        )
    found: list[TokenizedExample] = []
    faults: list[Fault] = []
    special = _special_ids(tokenizer)
    for start in range(0, len(examples), _CHUNK):
        rendered = list(_render_all(examples[start : start + _CHUNK], start, tokenizer, faults))
        ids = iter(encode(tokenizer, list(chain.from_iterable(one.texts() for one in rendered))))
        for one in rendered:
            whole, turns = next(ids), [(turn, next(ids), next(ids)) for turn in one.turns]
            try:
                found.append(marked(whole, list(_targets(one, whole, turns, tokenizer, special)), one.index))
            except _Unfit as error:
                faults.append(Fault(one.example.line, str(error), _WAYS_OUT))
    return found, tuple(sorted(faults, key=lambda fault: fault.line))


def _special_ids(tokenizer: Tokenizer) -> frozenset[int]:
    marked_special = (i for i, token in tokenizer.added_tokens_decoder.items() if token.special)
    return frozenset((*tokenizer.all_special_ids, *marked_special))


def _render_all(
    examples: Sequence[Example], start: int, tokenizer: Tokenizer, faults: list[Fault]
) -> Iterator[_Rendered]:
    for index, example in enumerate(examples, start=start):
        try:
            yield _Rendered(example, index, _render(tokenizer, example.messages), tuple(_turns(example, tokenizer)))
        except _Unfit as error:
            faults.append(Fault(example.line, str(error), "change the messages, or use another model's template"))


def _turns(example: Example, tokenizer: Tokenizer) -> Iterator[_Turn]:
    for at, message in enumerate(example.messages):
        if message.role == ASSISTANT:
            last = at == len(example.messages) - 1
            before = _render(tokenizer, example.messages[:at], add_generation_prompt=True)
            yield _Turn(
                message.content.strip(), before, None if last else _render(tokenizer, example.messages[: at + 1])
            )


def _render(tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
    from jinja2 import TemplateError

    conversation = [{"role": message.role, "content": message.content} for message in messages]
    try:
        return str(
            tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=add_generation_prompt)
        )
    except (TemplateError, TypeError) as error:
        raise _Unfit(f"the chat template refuses it ({error})") from error


def _targets(
    one: _Rendered,
    whole: list[int],
    turns: Sequence[tuple[_Turn, list[int], list[int]]],
    tokenizer: Tokenizer,
    special: frozenset[int],
) -> Iterator[tuple[int, int]]:
    """The stretches of `whole` that the assistant says, each with the marker that ends it."""
    starts = [_start(one, whole, turn, before) for turn, before, _ in turns]
    limits = [*starts[1:], len(whole)]
    reaches = [*(len(turn.before) for turn, _, _ in turns[1:]), len(one.whole)]
    for (turn, _, after), start, limit, reach in zip(turns, starts, limits, reaches, strict=True):
        if turn.after is None:
            end = len(whole)
        elif turn.kept_in(one.whole):
            end = _with_marker(whole, start, _common(after, whole), limit, special)
        elif turn.content in one.whole[len(turn.before) : reach]:
            end = _marked_end(whole, after[start:], start, limit, special)
        else:
            raise _Unfit(f"{_UNSTABLE}it leaves out part of an answer once more messages follow")
        yield start, _without_space(whole, start, end, tokenizer, special)


def _start(one: _Rendered, whole: list[int], turn: _Turn, before: list[int]) -> int:
    if not one.whole.startswith(turn.before):
        raise _Unfit(f"{_UNSTABLE}what it writes before an answer is not how the whole conversation begins")
    if whole[: len(before)] != before:
        raise _Unfit(
            f"{_UNSTABLE}the answer's first characters form one token with the template's last ones "
            "(white space at the start of an answer does that)"
        )
    if len(before) == len(whole):
        raise _Unfit(f"{_UNSTABLE}it adds nothing for the last answer")
    return len(before)


def _marked_end(whole: list[int], own: list[int], start: int, limit: int, special: frozenset[int]) -> int:
    """The end of an answer that is written otherwise when it is the last one (as where thoughts are added to it).

    `own` is how it is written then: the marker that ends it there ends it here, too.
    """
    marker = next((token for token in reversed(own) if token in special), None)
    if marker not in whole[start:limit]:
        raise _Unfit(f"{_UNSTABLE}it ends an answer otherwise once more messages follow")
    return whole.index(marker, start, limit) + 1


def _with_marker(whole: list[int], start: int, end: int, limit: int, special: frozenset[int]) -> int:
    """The end with its marker, where a template has another one for the last answer than for those before."""
    closed = any(token in special for token in whole[start:end])
    return end + 1 if not closed and end < limit and whole[end] in special else end


def _common(one: list[int], other: list[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _without_space(ids: list[int], start: int, end: int, tokenizer: Tokenizer, special: frozenset[int]) -> int:
    """The end without the line break that many templates write after the end marker: nobody has to learn it."""
    last = next((at for at in range(end - 1, start - 1, -1) if ids[at] in special), None)
    if last is None or tokenizer.decode(ids[last + 1 : end]).strip():
        return end
    return last + 1
