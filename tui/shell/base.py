"""The app without its screens: what is the same everywhere."""

from collections import deque
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.notifications import SeverityLevel
from textual.widget import Widget

from tui.shell import guard, settings
from tui.shell.ascii import AsciiFilter
from tui.shell.errors import ErrorLedger, cause_of
from tui.shell.in_turn import HELD, Hold, InTurn, LetGo, Passed, Typed
from tui.shell.keys import KEYS
from tui.shell.palette import Commands
from tui.shell.registry import actions_of
from tui.shell.safe import SafeFilter
from tui.shell.themes import OURS
from tui.shell.too_small import TooSmall, is_too_small
from workbench.errors import WorkbenchError
from workbench.nearest import nearest
from workbench.report.plain import visible
from workbench.run.layout import Home

if TYPE_CHECKING:
    from tui.shell.report import Report

_MOST_UNTOLD = 10  # toasts
_OVER_SCREENS = ("doctor", "error_screen", "guide", "jump", "key_help")  # imported when they are asked for
FATAL = 70  # as in sysexits.h: an internal software error


class ShellApp(App[None]):
    """`home` is the folder that all screens look at; with `only_ascii` no other glyph reaches the terminal."""

    TITLE = "adapter workbench"
    COMMANDS = {Commands}  # noqa: RUF012 (as in Textual)
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, home: Home, only_ascii: bool = False) -> None:
        super().__init__()
        self.home = home
        self.stays_up_in_tests = False
        self._ledger = ErrorLedger()
        self._untold: deque[Callable[[], None]] = deque(maxlen=_MOST_UNTOLD)
        self._in_turn = InTurn(self, super().on_event)
        guard.install()
        self._settings_file = home.path / settings.NAME
        for theme in OURS:
            self.register_theme(theme)
        self._filters.append(SafeFilter())
        self._only_ascii = only_ascii
        if only_ascii:
            self._filters.append(AsciiFilter())

    def on_load(self) -> None:
        """Before anything is drawn."""
        found = settings.read_settings(self._settings_file)
        wrong = list(found.problems)
        if found.keymap:
            wrong += self._take_keys(found.keymap)
        if found.theme in self.available_themes:
            self.theme = found.theme
        elif found.theme:
            wrong.append(
                f"{self._settings_file}: theme: {found.theme!r}: {nearest(found.theme, self.available_themes)}"
            )
        if wrong:
            said = "\n".join([*wrong, "the built-in keys and colours are used there"])
            self.call_later(
                self.notify, "\n".join(map(visible, said.splitlines())), severity="warning", markup=False, timeout=20
            )

    def _take_keys(self, keymap: dict[str, str]) -> list[str]:
        """Gives actions the keys of the settings, and says which cannot be used."""
        from tui.shell.keymap import known_bindings, usable

        self.import_screens()
        usable_keys, problems = usable(keymap, known_bindings())
        self.set_keymap(usable_keys)
        return [f"{self._settings_file}: keymap: {problem}" for problem in problems]

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, Typed) and not event.is_forwarded:
            await self._in_turn.take(event)
        else:
            await super().on_event(event)

    @on(Passed)
    async def _passed(self, event: Passed) -> None:
        await self._in_turn.passed(event)

    def hold_keys(self, seconds: float = HELD) -> Hold:
        """What is typed behind the key at hand waits for a `LetGo` of this, but no longer than that."""
        return self._in_turn.hold(seconds)

    @on(LetGo)
    def _let_go(self, event: LetGo) -> None:
        self._in_turn.let_go(event.hold)

    def import_screens(self) -> None:
        """Has the keys of all screens known; here there are those that open over others."""
        for name in _OVER_SCREENS:
            import_module(f"tui.shell.{name}")

    def action_choose_theme(self, name: str) -> None:
        """From now on, and when the program is opened again."""
        self.theme = name
        try:
            settings.keep_theme(self._settings_file, name)
        except (OSError, ValueError) as error:
            said = f"{self._settings_file}: {error}; the theme holds until you leave"
            self.notify(visible(said), severity="warning", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        self.fit_to(event.size)

    def fit_to(self, size: Size) -> None:
        """Where a window is too small, it says so instead of showing anything."""
        if not is_too_small(size):
            while self._untold:
                self._untold.popleft()()
        elif not isinstance(self.screen, TooSmall):
            self._put_off_toasts()
            self.push_screen(TooSmall())

    def _put_off_toasts(self) -> None:
        """Those that stand there would cover what the small window says."""
        for told in list(self._notifications):
            say = partial(super().notify, told.message, title=told.title, severity=told.severity)
            self._untold.append(partial(say, timeout=told.timeout, markup=told.markup))
        self.clear_notifications()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """What comes while the window shows nothing is said when it has grown."""
        say = partial(super().notify, message, title=title, severity=severity, timeout=timeout, markup=markup)
        if is_too_small(self.size):
            self._untold.append(say)
        else:
            say()

    def get_key_display(self, binding: Binding) -> str:
        """Keys by their names where their signs would be others in ASCII."""
        shown = super().get_key_display(binding)
        return shown if shown.isascii() or not self._only_ascii else binding.key

    def action_keys(self) -> None:
        from tui.shell.key_help import KeyHelp, in_order

        self.push_screen(KeyHelp(in_order(actions_of(self.screen))))

    def action_guide(self) -> None:
        from tui.shell.guide import Guide

        self.push_screen(Guide())

    def action_jump(self) -> None:
        from tui.shell.jump import Jump, panes_of

        self.push_screen(Jump(panes_of(self.screen)), self._jumped)

    def _jumped(self, pane: Widget | None) -> None:
        if pane is not None and pane.is_attached:
            pane.focus()

    def action_doctor(self) -> None:
        from tui.shell.doctor import DoctorScreen

        self.push_screen(DoctorScreen(self.home))

    # -- errors nobody expected

    @property
    def goes_on(self) -> bool:
        """A test ends at the first error, unless it is about errors."""
        return self.is_running and (self.stays_up_in_tests or not self.is_headless)

    def tell_error(self, error: Exception) -> None:
        """Shows the error and keeps a report of it; one that was foreseen says itself what to do."""
        from tui.shell.error_screen import ErrorScreen

        if isinstance(error, WorkbenchError):
            self.notify(visible(f"{error.title}: {error.hint}"), severity="error", markup=False)
            return
        if self._ledger.is_storm():
            self._give_up(error)
            return
        report = self._report(cause_of(error))
        if not self._ledger.is_new(report.where):
            self.notify(f"once more: {visible(report.summary)}", severity="error", markup=False)
        elif isinstance(self.screen, ErrorScreen):
            self.notify(f"and: {visible(report.summary)}", severity="error", markup=False)
        else:
            self.push_screen(ErrorScreen(self._kept(report)))

    def _handle_exception(self, error: Exception) -> None:
        if self.goes_on:
            self.tell_error(error)
        else:
            super()._handle_exception(error)

    def _report(self, error: Exception) -> "Report":
        from tui.shell.report import report_of

        columns, rows = self.size
        facts = {"home": str(self.home.path), "screen": f"{type(self.screen).__name__} {columns}x{rows}"}
        return report_of(error, facts)

    def _kept(self, report: "Report") -> "Report":
        from tui.shell.report import written

        return written(report, self.home.path / "reports")

    def _give_up(self, error: Exception) -> None:
        """Textual would print the values of all variables; the report has no secrets."""
        report = self._kept(self._report(cause_of(error)))
        place = f"report: {report.path}" if report.path else f"not kept: {report.problem}"
        self.exit(return_code=FATAL, message=Text(f"{report.text}\ntoo many errors; {place}"))  # a string is markup
