"""Seeds for every random draw, derived from what the draw is for.

Adding a site or a purpose moves no other draw, so runs of different plans are paired by seed in truth.
"""

import hashlib


def derive_seed(seed: int, purpose: str, *parts: str | int) -> int:
    """A 63-bit seed from SHA-256 over (seed, purpose, parts), such as `derive_seed(1, "init", site)`."""
    text = "\x1f".join([str(seed), purpose, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
