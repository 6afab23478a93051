"""The lines of the methods benchmark: for every method a plan of the demo base with nearly the same parameters.

The demo base is 128 wide. A change that merges into int4 without loss is constant in groups of at least 32 inputs,
which leaves four values of 128: no pooled plan can carry the parameters of plain LoRA at rank 8. So the pooled plans
are measured against plain LoRA at rank 2. Plain LoRA at rank 8 is there once more on int4, to tell the bases apart.
"""

from dataclasses import dataclass

NF4 = ("nf4", ())
INT4 = ("int4", ("* all blocksize=32",))


@dataclass(frozen=True, slots=True)
class Line:
    """A plan of the benchmark. `defaults` are those of the plan file, `against` is the line with whose trainable
    parameters it is compared, `rate` the learning rate in the middle, `note` what has to be said beside its figures.
    """

    name: str
    method: str
    base: tuple[str, tuple[str, ...]]
    defaults: str
    against: str
    rate: float
    rules: tuple[str, ...] = ()
    note: str = ""

    @property
    def plan(self) -> str:
        """The plan file."""
        base, base_rules = self.base
        rules = "".join(f'  - "{rule}"\n' for rule in ("* all", *self.rules, *base_rules))
        defaults = f"{{method: {self.method}, alpha: 2r, {self.defaults}}}"
        return f"name: {self.name}\nmodel: demo\nbase: {base}\ndefaults: {defaults}\nrules:\n{rules}"


LINES = (
    Line("lora", "lora", NF4, "r: 8", "lora", 3e-3),
    Line("rslora", "rslora", NF4, "r: 8", "lora", 6e-3),
    Line("dora", "dora", NF4, "r: 8", "lora", 3e-3, ("* mlp r=7",)),
    Line("blora", "blora", NF4, "r: 8, balance: 2", "lora", 6e-3),
    Line("irqlora", "irqlora", NF4, "r: 8", "lora", 3e-3),
    Line("lora-int4", "lora", INT4, "r: 8", "lora", 6e-3),
    Line("lora-int4-r2", "lora", INT4, "r: 2", "lora-int4-r2", 12e-3),
    Line("qalora", "qalora", INT4, "r: 3, pool: 32", "lora-int4-r2", 48e-3, ("* mlp r=4",)),
    Line(
        "qablora",
        "qablora",
        INT4,
        "r: 3, pool: 32, balance: 2",
        "lora-int4-r2",
        48e-3,
        ("* mlp r=4",),
        note="its inner sizes of 6 and 8 are more than the pooled shapes of most sites can carry (4): some of its "
        "parameters are without effect",
    ),
    Line("qahira", "qahira", INT4, "r: 8, pool: 32, balance: 1", "lora-int4-r2", 48e-3, ("* attn balance=4",)),
)
