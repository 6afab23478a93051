"""Multiple-choice questions on the demo's string skills: the right choice is what the named skill makes of a word."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SKILLS: dict[str, Callable[[str], str]] = {
    "reverse": lambda text: text[::-1],
    "upper": str.upper,
    "double": lambda text: "".join(2 * letter for letter in text),
    "next2": lambda text: "".join(chr((ord(letter) - 95) % 26 + 97) for letter in text),
    "last": lambda text: text[-1],
}
WORDS = ("fbead", "qwer", "zyxab", "mnpo", "hgfjdk", "cat", "lamp")
RECIPE = """
data: demo
max_length: 32
steps: 2
batch: 16
lr: 3e-3
evaluators: [exact_match, choice_accuracy]
choices: questions.jsonl
choices_prompt: "{question}="
choices_answer: "{choice}"
merge_eval: [bf16]
"""


def rows() -> list[dict[str, Any]]:
    """35 questions, of every word every skill; choices differ in length."""
    found = []
    for at, word in enumerate(WORDS):
        choices = [skill(word) for skill in SKILLS.values()]
        turned = choices[at % 5 :] + choices[: at % 5]
        for name, skill in SKILLS.items():
            answer = turned.index(skill(word))
            found.append({"question": f"{name} {word}", "choices": turned, "answer": answer, "subject": name})
    return found


def write_questions(folder: Path) -> None:
    """`questions.jsonl`, and a recipe that asks them, as `recipe.yaml`."""
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    (folder / "recipe.yaml").write_text(RECIPE)
