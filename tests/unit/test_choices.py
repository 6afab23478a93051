"""Questions in MMLU's shape: what is read of each kind of file, and what is said of rows that are none."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import workbench.demo
from workbench.cli.launching import records_of
from workbench.data.choices import oddities, read_choices
from workbench.data.load import load_data
from workbench.data.question import Question
from workbench.errors import InvalidError, NotFoundError
from workbench.plan.files import check_text
from workbench.run.layout import Home
from workbench.run.recipe import Recipe
from workbench.run.recipe_file import load_recipe

ROWS: list[dict[str, Any]] = [
    {"question": "1 + 1?", "choices": ["1", "2", "3", "4"], "answer": 1, "subject": "sums"},
    {"question": "Said\n\"B\"?", "choices": ["a", "b, c", "d", "e"], "answer": 3, "subject": "letters"},
]  # fmt: skip
LISTED = """question,A,B,C,D,answer,subject
1 + 1?,1,2,3,4,B,sums
"Said
""B""?",a,"b, c",d,e,3,letters
"""


def _recipe(folder: Path, *names: str) -> Recipe:
    return Recipe("data.jsonl", choices=tuple(str(folder / name) for name in names))


def _read(folder: Path, name: str, content: str) -> tuple[Question, ...]:
    (folder / name).write_text(content, encoding="utf-8")
    (source,) = read_choices(_recipe(folder, name)).values()
    source.check()
    return source.questions


def _jsonl(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _row(**changes: Any) -> dict[str, Any]:
    return {**ROWS[0], **changes}


def test_every_kind_of_file_gives_the_same_questions(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    (parquet,) = read_choices(_recipe(tmp_path, "a.parquet")).values()
    found = [
        _read(tmp_path, "a.jsonl", _jsonl(*ROWS)),
        _read(tmp_path, "a.json", json.dumps(ROWS, indent=1)),
        _read(tmp_path, "a.csv", LISTED),
        parquet.questions,
    ]
    for questions in found:
        assert [(q.question, list(q.choices), q.answer, q.subject) for q in questions] == [
            (row["question"], row["choices"], row["answer"], row["subject"]) for row in ROWS
        ]
    assert [q.where.rpartition("/")[2] for q in found[2]] == ["a.csv:2", "a.csv:3"]
    assert found[3][1].where == f"{tmp_path}/a.parquet row 2"
    assert parquet.said() == f"{tmp_path}/a.parquet: 2 questions, 2 subjects"


@pytest.mark.parametrize(("answer", "place"), [(0, 0), (3, 3), ("A", 0), (" d ", 3), ("b", 1), ("2", 2)])
def test_an_answer_is_a_place_or_a_letter(tmp_path: Path, answer: Any, place: int) -> None:
    (question,) = _read(tmp_path, "a.jsonl", _jsonl(_row(answer=answer)))
    assert question.answer == place


@pytest.mark.parametrize(
    ("row", "message", "hint"),
    [
        (_row(answer=4), "answer 4 is none of the 4 choices", "0 to 3, or its letter, A to D"),
        (_row(answer="E"), "answer 'E' is none of the 4 choices", "A to D"),
        (_row(answer=-1), "answer -1 is none", "0 to 3"),
        (_row(answer=True), "answer True is none", "0 to 3"),
        (_row(answer=1.0), "answer 1.0 is none", "0 to 3"),
        (_row(answer=None), "answer None is none", "0 to 3"),
        (_row(answer="2²"), "answer '2²' is none", "0 to 3"),
        (_row(answer="²"), "answer '²' is none", "0 to 3"),
        (_row(answer=""), "answer '' is none", "0 to 3"),
        (_row(choices=[]), "the choices are missing", "a list of texts"),
        (_row(choices=["1"]), "1 choices, at least two", "a list of texts"),
        (_row(choices=["1", ""]), "'choice B' is empty", "a list of texts"),
        (_row(choices=["1", None]), "'choice B' is NoneType", "a list of texts"),
        (_row(choices=["1", 2]), "'choice B' is int", "a list of texts"),
        (_row(choices=["x"] * 27), "27 choices", "a list of texts"),
        (_row(choices="1,2"), "'choices' is str, a list of texts is expected", "columns A, B, C"),
        (_row(question=" "), "'question' is empty", "question, choices"),
        (_row(question=3), "'question' is int", "question, choices"),
        (_row(question="\ud800"), "half a character", "question, choices"),
        (_row(subject=3), "'subject' is int", "question, choices"),
        ({"choices": ["1", "2"], "answer": 0}, "the key 'question' is missing", "question, choices"),
        ({"question": "?", "choices": ["1", "2"]}, "the key 'answer' is missing", "question, choices"),
        ({"question": "?", "answer": 0}, "the choices are missing", "question, choices"),
        ({"question": "?", "answer": 0, "A": "1"}, "1 choices, at least two", "question, choices"),
        ([1], "not a JSON object", "one JSON object per line"),
    ],
)
def test_a_row_that_is_no_question_is_named_with_its_line(tmp_path: Path, row: Any, message: str, hint: str) -> None:
    with pytest.raises(InvalidError) as caught:
        _read(tmp_path, "a.jsonl", _jsonl(ROWS[0], row, ROWS[1]))
    assert "a.jsonl: 1 malformed row" in caught.value.title
    (problem,) = caught.value.problems
    assert problem.where == f"{tmp_path}/a.jsonl:2"
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("name", "content", "title", "hint"),
    [
        (
            "a.jsonl",
            _jsonl({"query": "?", "choices": ["1"], "answer": 0}),
            "no column 'question'",
            "a row has question",
        ),
        ("a.csv", "1 + 1?,1,2,3,4,B\nx,5,6,7,8,A\n", "no column 'question'", "MMLU's own .csv files need a first line"),
        ("a.csv", "question,answer,B\n1,A,3\n", "no column 'choices', and none 'A'", "columns A, B, C"),
        ("a.jsonl", "", "no examples in it", "empty"),
        ("a.jsonl", "x\n", "1 malformed row", "mend"),
    ],
)
def test_a_file_without_questions_is_one_mistake(
    tmp_path: Path, name: str, content: str, title: str, hint: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        _read(tmp_path, name, content)
    assert title in caught.value.title
    assert hint in caught.value.hint


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such data file"):
        read_choices(_recipe(tmp_path, "a.jsonl"))


def test_of_several_files_without_subjects_each_is_one(tmp_path: Path) -> None:
    plain = [{key: value for key, value in row.items() if key != "subject"} for row in ROWS]
    for name, rows in (("astronomy_test.jsonl", plain), ("b.jsonl", [plain[0], ROWS[1]])):
        (tmp_path / name).write_text(_jsonl(*rows))
    sources = read_choices(_recipe(tmp_path, "astronomy_test.jsonl", "b.jsonl"))
    assert {key: source.subjects for key, source in sources.items()} == {
        "choices": ("astronomy",),
        "choices 2": ("b", "letters"),
    }
    assert read_choices(_recipe(tmp_path, "astronomy_test.jsonl"))["choices"].subjects == ()


def test_repeated_questions_and_equal_choices_are_told(tmp_path: Path) -> None:
    same = {"question": "Which?", "choices": ["x", "y", "x"], "answer": 1}
    rows = [ROWS[0], _row(choices=["4", "3", "2", "1"], answer=2), _row(answer=0), _row(choices=["1", "2"]), same]
    questions = _read(tmp_path, "a.jsonl", _jsonl(*rows))
    assert [text.replace(f"{tmp_path}/", "") for text in oddities(questions)] == [
        "a.jsonl:2: the same question as a.jsonl:1",
        "a.jsonl:3: the same question as a.jsonl:1, with another answer",
        "a.jsonl:5: two choices are the same ('x'): the first of them is chosen",
    ]
    many = oddities([questions[0]] + [replace(questions[0]) for _ in range(9)])
    assert (len(many), many[-1]) == (6, "4 more like that")
    assert oddities(questions[:1]) == ()


def test_questions_belong_to_the_hash_of_the_data_and_nothing_changes_without_them(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(_jsonl(*({"prompt": str(i), "completion": "x"} for i in range(20))))
    (tmp_path / "a.jsonl").write_text(_jsonl(*ROWS, ROWS[0]))
    recipe = Recipe(str(tmp_path / "data.jsonl"))
    without = load_data(recipe)
    assert (
        without.hash == "8a4458113a497ad754e40d3b7a6d4fd5d699ec89ade3ac116eafcb0d6cdbf214"
    )  # as before there were questions
    data = load_data(replace(recipe, choices=(str(tmp_path / "a.jsonl"),)))
    assert data.hash != without.hash
    assert data.format == without.format == "prompt_completion"
    assert [question.answer for question in data.questions] == [1, 3, 1]
    assert data.sources["choices"]["examples"] == 3
    assert (without.questions, without.warnings, list(without.sources)) == ((), (), ["data"])
    assert data.warnings == (f"{tmp_path}/a.jsonl:3: the same question as {tmp_path}/a.jsonl:1",)


def test_a_run_without_questions_keeps_the_identifier_that_it_had(tmp_path: Path) -> None:
    home = Home(tmp_path)
    text = (Path(workbench.demo.__file__).parent / "plans/demo-baseline.yaml").read_text()
    plan = check_text(text, Path("plan.yaml"), home).plan
    assert plan is not None
    _, recipe = load_recipe("demo", home, ("compute_dtype=fp32",))
    (record,) = records_of(home, (plan,), "demo", recipe, (1,))
    assert (record.run_id, record.recipe_hash) == ("8079cfad1b9b", "fb4d664b42d7")
