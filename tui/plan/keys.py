"""The keys of the Plan screen; those of the map itself are in layer_grid.py."""

from textual.binding import Binding, BindingType


def _key(keys: str, action: str, label: str, name: str, tooltip: str, show: bool = False) -> Binding:
    return Binding(keys, action, label, show=show, id=f"plan.{name}", tooltip=tooltip)


KEYS: list[BindingType] = [
    _key("colon", "rule", "Rule", "rule", "Write a rule; it shows what it would set", show=True),
    _key("space", "edit('paint')", "Paint", "paint", "Paint the brush on the chosen sites", show=True),
    _key("P", "pick", "Pick brush", "pick", "Take the cursor's settings as the brush"),
    _key("r", "ask('r=')", "Rank", "rank", "Set the rank of the chosen sites", show=True),
    _key("plus,equals_sign", "edit('double')", "Rank ×2", "rank_up", "Double the rank of the chosen sites"),
    _key("minus", "edit('halve')", "Rank ÷2", "rank_down", "Halve the rank of the chosen sites"),
    _key("m", "edit('method')", "Method", "method", "The next method for the chosen sites"),
    _key("b", "edit('base')", "Base", "base", "The next base format for the chosen sites"),
    _key("backspace,delete", "edit('off')", "Off", "off", "Adapt nothing at the chosen sites"),
    _key("full_stop", "edit('repeat')", "Repeat", "repeat", "The last edit again, at the chosen sites"),
    _key("n", "name", "Name group", "name", "Name the chosen sites as a layer group of the plan"),
    _key("p", "pattern", "Pattern", "pattern", "Adapt by depth, or by what a run measured"),
    _key("u", "undo", "Undo", "undo", "Take the last edit back", show=True),
    _key("U,ctrl+y", "redo", "Redo", "redo", "Make the last undone edit again"),
    _key("C", "colour", "Colour", "colour", "Colour by rank, method, base, parameters, what was measured"),
    _key("H", "heat", "Heat map", "heat", "Show what a finished run measured at every site"),
    _key("d", "diff", "Diff", "diff", "Mark what differs from another plan, or a run's"),
    _key("D", "device", "Device", "device", "Choose where the plan is to fit"),
    _key("M", "model", "Model", "model", "Choose another model; this draft is kept"),
    _key("O", "open", "Open plan", "open", "Open a plan of the home, or a file"),
    _key("Z", "fold", "Fold", "fold", "Four blocks in a row, or one"),
    _key("i", "drawer", "Inspect", "inspect", "Open the inspector on a narrow screen"),
    _key("e", "editor", "Edit file", "editor", "Write the plan's text in $EDITOR"),
    _key("y", "copy", "Copy selector", "copy", "Copy the selection as a selector"),
    _key("Y", "copy_command", "Copy command", "copy_command", "Copy the command that does the last edit"),
    _key("w", "save", "Write", "save", "Write the plan file"),
    _key("W", "save_as", "Write as", "save_as", "Write the draft as another plan, and go on with that"),
    _key("R", "run", "Run…", "run", "Launch runs of this plan", show=True),
]
