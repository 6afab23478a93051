"""The keys at the foot of every screen."""

from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer


class KeyLine(Footer):
    """Makes its keys anew only where they are others; Textual's footer does at every change of focus."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: list[tuple[Binding, bool, str]] | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Whatever may have changed the keys: the focus, a class of the screen, an action that is not to be had now."""
        if not (screen.app.app_focus and self.is_attached and screen is self.screen):
            return
        shown = [
            (binding, enabled, tooltip)
            for _, binding, enabled, tooltip in screen.active_bindings.values()
            if binding.show
        ]
        if shown != self._shown:
            self._shown = shown
            super().bindings_changed(screen)
