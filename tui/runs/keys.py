"""The keys of the Runs screen; those of its list move in it."""

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("space", "mark", "Mark", id="runs.mark", tooltip="Draw this run's curve beside others, up to six"),
    Binding("p", "pin", "Pin", id="runs.pin", tooltip="Compare all with this run"),
    Binding("slash", "filter", "Filter", id="runs.filter", tooltip="Filter the runs, or the output where the focus is"),
    Binding("x", "stop", "Stop", id="runs.stop", tooltip="Stop this run; asks how"),
    Binding("enter", "open", "Open", id="runs.open", tooltip="All about this run; of a failed one, what to do"),
    Binding("v", "view", "View", id="runs.view", tooltip="Its output, or its answers to the examples"),
    Binding("P", "ask('pause')", "Pause", show=False, id="runs.pause", tooltip="Save and free the slot"),
    Binding("r", "ask('resume')", "Resume", show=False, id="runs.resume", tooltip="Go on from the checkpoint"),
    Binding("R", "ask('retry')", "Retry", show=False, id="runs.retry", tooltip="Another attempt from step 0"),
    Binding("m", "metric(1)", "Number", show=False, id="runs.metric", tooltip="Draw the next number"),
    Binding("M", "metric(-1)", "Number back", show=False, id="runs.metric_back", tooltip="Draw the number before"),
    Binding("L", "axis", "Log y", show=False, id="runs.log", tooltip="Logarithmic or linear axis"),
    Binding("s", "smooth", "Smooth", show=False, id="runs.smooth", tooltip="Smoother curves, or raw ones"),
    Binding("t", "tail", "Tail", show=False, id="runs.tail", tooltip="Hold the output still, or follow it"),
    Binding("W", "wrong", "Wrong", show=False, id="runs.wrong", tooltip="Wrong answers only, or all"),
    Binding("z", "zoom", "Zoom", show=False, id="runs.zoom", tooltip="One pane on the whole screen, or all panes"),
    Binding(
        "left_square_bracket",
        "app.focus_previous",
        "Pane before",
        show=False,
        id="runs.pane_before",
        tooltip="The pane before",
    ),
    Binding(
        "right_square_bracket",
        "app.focus_next",
        "Next pane",
        show=False,
        id="runs.pane_next",
        tooltip="The next pane",
    ),
    Binding("y", "copy", "Copy", show=False, id="runs.copy", tooltip="Copy the run's identifier"),
    Binding(
        "Y",
        "copy_command",
        "Copy command",
        show=False,
        id="runs.copy_command",
        tooltip="Copy the command of what was asked last, else of what is shown",
    ),
    Binding("escape", "back", "Back", show=False, id="runs.back", tooltip="All panes, then all runs"),
]
