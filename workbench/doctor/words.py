"""Counts in the words of the checks."""


def several(count: int, thing: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
