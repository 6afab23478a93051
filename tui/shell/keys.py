"""The keys that hold on every screen."""

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("question_mark", "keys", "Keys", id="app.keys", tooltip="Keys of what has the focus"),
    Binding("f1", "guide", "Guide", show=False, id="app.guide", tooltip="Five pages on how all this is used"),
    Binding("f", "jump", "Jump", show=False, id="app.jump", tooltip="A letter over each pane; it takes you there"),
    Binding(
        "ctrl+p,f2",
        "command_palette",
        "Palette",
        show=False,
        priority=True,
        id="app.palette",
        tooltip="Every command, found by its name",
    ),
    Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit", tooltip="Leave; runs go on"),
]
