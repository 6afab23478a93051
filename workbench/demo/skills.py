"""The string skills of the demo: what its base was pretrained on and what it is fine-tuned to learn.

The base knows `BASE_SKILLS`. `HELD_OUT_SKILLS` combine or stretch them under names that the base has never
seen, so an adapter has something real to learn and a held-out evaluation something real to measure.
"""

import random
from collections.abc import Callable
from string import ascii_lowercase

Skill = Callable[[str], str]

MIN_LETTERS, MAX_LETTERS = 3, 9


def _shift(text: str, by: int) -> str:
    return "".join(ascii_lowercase[(ascii_lowercase.index(c) + by) % 26] for c in text)


def _swap_ends(text: str) -> str:
    return text[-1] + text[1:-1] + text[0]


def _mask_vowels(text: str) -> str:
    return "".join("*" if c in "aeiou" else c for c in text)


BASE_SKILLS: dict[str, Skill] = {
    "copy": lambda text: text,
    "reverse": lambda text: text[::-1],
    "upper": str.upper,
    "sort": lambda text: "".join(sorted(text)),
    "next": lambda text: _shift(text, 1),
    "rotate": lambda text: text[1:] + text[0],
    "swap": _swap_ends,
    "tail": lambda text: text[1:],
    "head": lambda text: text[:-1],
    "mask": _mask_vowels,
}

HELD_OUT_SKILLS: dict[str, Skill] = {
    "revup": lambda text: text[::-1].upper(),
    "down": lambda text: "".join(sorted(text, reverse=True)),
    "next2": lambda text: _shift(text, 2),
    "prev": lambda text: _shift(text, -1),
    "rotate2": lambda text: text[2:] + text[:2],
    "skip": lambda text: text[::2],
}


def draw_example(skills: dict[str, Skill], rng: random.Random) -> dict[str, str]:
    """One example `{"prompt": "reverse abc=", "completion": "cba"}` of a randomly drawn skill and string."""
    name = rng.choice(list(skills))
    length = rng.randint(MIN_LETTERS, MAX_LETTERS)
    text = "".join(rng.choice(ascii_lowercase) for _ in range(length))
    return {"prompt": f"{name} {text}=", "completion": skills[name](text)}


def draw_distinct(skills: dict[str, Skill], count: int, seed: int) -> list[dict[str, str]]:
    """`count` examples with different prompts, the same ones for the same seed."""
    rng = random.Random(seed)
    examples: dict[str, dict[str, str]] = {}
    while len(examples) < count:
        example = draw_example(skills, rng)
        examples.setdefault(example["prompt"], example)
    return list(examples.values())
