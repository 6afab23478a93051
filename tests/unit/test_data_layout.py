"""Formats, columns and prompt templates."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.data.example import Example, Message
from workbench.data.load import Source, read_source
from workbench.data.template import read_template
from workbench.errors import InvalidError
from workbench.run.recipe import Recipe

QUESTIONS = [{"question": "1+1?", "answer": "2", "n": 7}, {"question": "2+2?", "answer": "4", "n": None}]
CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]


def _read(folder: Path, rows: list[Any], columns: dict[str, str] | None = None, **recipe: Any) -> Source:
    path = folder / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pairs = tuple((columns or {}).items())
    return read_source(str(path), Recipe(str(path), columns=pairs, **recipe))


@pytest.mark.parametrize(
    ("row", "said", "example"),
    [
        ({"text": "abc"}, "text (recognised from text)", Example("", "abc", 1)),
        (
            {"messages": CHAT},
            "chat (recognised from messages)",
            Example("", "", 1, (Message("user", "hi"), Message("assistant", "hello"))),
        ),
        (
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
            "chat (recognised from conversations)",
            Example("", "", 1, (Message("user", "hi"), Message("assistant", "hello"))),
        ),
        (
            {"instruction": "a", "input": None, "output": "b", "text": "all of it"},
            "alpaca (recognised from instruction, output)",
            Example("### Instruction:\na\n\n### Response:\n", "b", 1),
        ),
    ],
)
def test_formats_are_recognised_and_said(tmp_path: Path, row: dict[str, Any], said: str, example: Example) -> None:
    source = _read(tmp_path, [row])
    assert source.layout.said() == said
    assert source.examples == (example,)
    assert source.faults == ()


def test_one_odd_first_row_does_not_decide_the_format(tmp_path: Path) -> None:
    source = _read(tmp_path, [{"promt": "a"}, {"prompt": "a", "completion": "b"}])
    assert source.layout.format.name == "prompt_completion"
    assert [(fault.line, fault.message) for fault in source.faults] == [(1, "the key 'prompt' is missing")]


def test_columns_map_the_names_of_the_data(tmp_path: Path) -> None:
    source = _read(tmp_path, QUESTIONS, {"prompt": "question", "completion": "answer"})
    assert source.layout.said() == "prompt_completion (recognised from question → prompt, answer → completion)"
    assert source.examples == (Example("1+1?", "2", 1), Example("2+2?", "4", 2))


def test_columns_win_over_keys_of_other_formats(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "b", "better": "c"}]
    source = _read(tmp_path, rows, {"prompt": "instruction", "completion": "better"})
    assert source.examples == (Example("a", "c", 1),)


def test_a_template_builds_the_prompt(tmp_path: Path) -> None:
    source = _read(tmp_path, QUESTIONS, {"completion": "answer"}, prompt_template="{{{n}}} Q: {question}\nA: ")
    assert [example.prompt for example in source.examples] == ["{7} Q: 1+1?\nA: ", "{} Q: 2+2?\nA: "]
    assert [example.completion for example in source.examples] == ["2", "4"]
    alpaca = [{"instruction": "Add.", "input": "1 1", "output": "2"}]
    assert _read(tmp_path, alpaca, prompt_template="{instruction} {input}=").examples[0].prompt == "Add. 1 1="


@pytest.mark.parametrize(
    ("recipe", "title", "hint"),
    [
        ({"columns": {"prompt": "qestion", "completion": "answer"}}, "no column 'qestion'", "mean 'question'?"),
        ({"columns": {"promt": "question"}}, "columns: unknown key 'promt'", "did you mean 'prompt'?"),
        ({"columns": {"prompt": "question", "output": "answer"}}, "no format has prompt and output", "alpaca: "),
        ({"format": "chat"}, "no column 'messages' (format chat)", "`columns: {messages: NAME}` names another"),
        (
            {"columns": {"completion": "answer"}, "prompt_template": "{qestion}"},
            "prompt_template: no column 'qestion'",
            "did you mean 'question'?",
        ),
        ({"columns": {"completion": "answer"}, "prompt_template": "{question"}, "prompt_template: ", "{{ and }}"),
        ({"prompt_template": "{question:>3}"}, "'{question:>3}' is not a placeholder", "names of columns"),
        ({"prompt_template": "{question!r}"}, "'{question!r}' is not a placeholder", "names of columns"),
        ({"prompt_template": "{}"}, "'{}' is not a placeholder", "names of columns"),
        ({"prompt_template": "Q: "}, "it has no placeholder", "the same in every row"),
        ({"format": "chat", "prompt_template": "{a}"}, "does not fit the format chat", "leave it out"),
        ({}, "format not recognised from the keys question, answer, n", "`columns` says what they are called"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, recipe: dict[str, Any], title: str, hint: str) -> None:
    with pytest.raises(InvalidError) as caught:
        _read(tmp_path, QUESTIONS, **recipe)
    assert title in caught.value.title
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ("hi", "'messages' is str, a list of messages is expected"),
        ([], "'messages' has no message of the assistant: nothing to learn"),
        ([CHAT[0]], "'messages' has no message of the assistant: nothing to learn"),
        ([CHAT[1]], "'messages' starts with the assistant: a message of the user or the system comes first"),
        ([CHAT[0], "x"], "'messages[1]' is str, an object with role and content is expected"),
        ([CHAT[0], {"role": "assistant"}], "'messages[1]' lacks 'content'"),
        ([{"role": "user", "content": []}], "'messages[0].content' is list, a string is expected"),
        ([{"from": "gtp", "value": "a"}], "'messages[0].from' is 'gtp': did you mean 'gpt'?"),
        ([{"role": "user", "content": "\ud800"}], "'messages[0].content' holds half a character"),
    ],
)
def test_malformed_conversations_say_which_message(tmp_path: Path, messages: Any, message: str) -> None:
    source = _read(tmp_path, [{"messages": CHAT}, {"messages": messages}])
    (fault,) = source.faults
    assert fault.line == 2
    assert fault.message.startswith(message)
    assert len(source.examples) == 1


def test_a_placeholder_that_one_row_lacks_is_a_malformed_row(tmp_path: Path) -> None:
    rows = [*QUESTIONS, {"answer": "6"}]
    source = _read(tmp_path, rows, {"completion": "answer"}, prompt_template="{question}")
    assert [(fault.line, fault.message) for fault in source.faults] == [(3, "the key 'question' is missing")]


def test_a_template_renders_braces_and_names_once() -> None:
    template = read_template("{a}{{}}{b}{a}.")
    assert template.names == ("a", "b")
    assert template.render({"a": 1, "b": None}) == "1{}1."
