"""What the threads of the Compare screen say."""

from textual.message import Message

from tui.compare.asking import Answer, Shelf
from tui.compare.layer_heat import LayerHeat
from workbench.errors import LockedError, WorkbenchError


class Looked(Message):
    """The lenses and names of the results."""

    def __init__(self, shelf: Shelf, locked: LockedError | None = None) -> None:
        super().__init__()
        self.shelf, self.locked = shelf, locked


class Answered(Message):
    """What the query of that number gave, or how it failed."""

    def __init__(self, number: int, answer: Answer | WorkbenchError) -> None:
        super().__init__()
        self.number, self.answer = number, answer


class Done(Message):
    """Something was written; or it was not, and `said` is why."""

    def __init__(self, said: str, problem: bool) -> None:
        super().__init__()
        self.said, self.problem = said, problem


class Painted(Message):
    """The layers of a result's rows, for the answer that was asked about."""

    def __init__(self, answer: Answer, heat: LayerHeat) -> None:
        super().__init__()
        self.answer, self.heat = answer, heat
