"""The keys of the Library screen; those of its tree move in it."""

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("enter", "open", "Open", id="library.open", tooltip="Open a plan, run or study; edit a recipe, or a copy"),
    Binding("space", "mark", "Mark", id="library.mark", tooltip="Mark two of a kind, to see how they differ"),
    Binding("d", "diff", "Diff", id="library.diff", tooltip="How the two marked ones differ"),
    Binding("slash", "filter", "Filter", id="library.filter", tooltip="Show what has these words in its name or tags"),
    Binding("w", "export", "Export", id="library.export", tooltip="Write a study's report; a plan or a run as files"),
    Binding("D", "trash", "Trash", show=False, id="library.trash", tooltip="Into the trash; u takes it back"),
    Binding("R", "run_missing", "Run missing", show=False, id="library.run", tooltip="Run what the study misses"),
    Binding("c", "ask('CLONE')", "Clone", show=False, id="library.clone", tooltip="A copy under another name"),
    Binding("r", "ask('RENAME')", "Rename", show=False, id="library.rename", tooltip="Another name"),
    Binding("T", "ask('TAGS')", "Tags", show=False, id="library.tags", tooltip="Set the tags of a run"),
    Binding(
        "e",
        "edit",
        "Edit file",
        show=False,
        id="library.edit",
        tooltip="Its file in $EDITOR",
    ),
    Binding(
        "I", "import", "Import", show=False, id="library.import", tooltip="Take a file into the library by its path"
    ),
    Binding("u", "undo", "Undo", show=False, id="library.undo", tooltip="Take back out of the trash what went last"),
    Binding("i", "drawer", "Preview", show=False, id="library.drawer", tooltip="The preview, on a narrow screen"),
    Binding("z", "zoom", "Zoom", show=False, id="library.zoom", tooltip="One pane on the whole screen, or both"),
    Binding("y", "copy", "Copy", show=False, id="library.copy", tooltip="Copy the name"),
    Binding(
        "Y",
        "copy_command",
        "Copy command",
        show=False,
        id="library.copy_command",
        tooltip="Copy the command of what was done last, else of what is shown",
    ),
    Binding("escape", "back", "Back", show=False, id="library.back", tooltip="Close what was opened last"),
]
