"""The keys of the Compare screen; each of its panes has its own beside them."""

from textual.binding import Binding, BindingType

KEYS: list[BindingType] = [
    Binding("f5,alt+enter,ctrl+j", "run", "Run", id="compare.run", tooltip="Run the statement under the cursor"),
    Binding("s", "edit", "SQL", id="compare.edit", tooltip="Go to the editor; escape leaves it"),
    Binding("p", "values", "Values", id="compare.values", tooltip="Choose study, metric, baseline and group"),
    Binding("v", "chart", "Chart", id="compare.chart", tooltip="The chart alone, or back to the rows"),
    Binding("w", "export", "Export", id="compare.export", tooltip="Write CSV, JSON, Markdown, Parquet, or the chart"),
    Binding("e", "editor", "$EDITOR", show=False, id="compare.editor", tooltip="Write the SQL in $EDITOR"),
    Binding("S", "save", "Save lens", show=False, id="compare.save", tooltip="Keep the statement as a lens"),
    Binding("y", "copy", "Copy", show=False, id="compare.copy", tooltip="Copy the rows, with tabs between values"),
    Binding("Y", "copy_command", "Copy command", show=False, id="compare.command", tooltip="Copy what repeats this"),
    Binding("L", "all_rows", "All rows", show=False, id="compare.all", tooltip="Show all rows that were fetched"),
    Binding(
        "H", "heat", "Heat", show=False, id="compare.heat", tooltip="Paint the number under the cursor on the layers"
    ),
    Binding("t", "sample", "Sample", show=False, id="compare.sample", tooltip="Look at the study that ships with this"),
    Binding("z", "zoom", "Zoom", show=False, id="compare.zoom", tooltip="The result alone, or all panes"),
    Binding("i", "drawer", "List", id="compare.lenses", tooltip="The list of lenses; it opens on a narrow screen"),
    Binding("escape", "back", "Back", show=False, id="compare.back", tooltip="Stop the query; one level back"),
]
