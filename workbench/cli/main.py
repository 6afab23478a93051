"""The command `workbench`: runs what was typed, and says what went wrong as every command does."""

import errno
import gc
import sys

from workbench.cli.errors import show_error
from workbench.cli.often import answer_at_once
from workbench.errors import WorkbenchError

INTERRUPTED = 130


def main() -> None:
    """Runs a command and maps every expected error to its exit code."""
    # Imports make objects that stay: to look through them for garbage again and again takes a tenth of a short command.
    gc.set_threshold(20_000, 20)
    try:
        _answer(sys.argv[1:])
    except WorkbenchError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read stdout went away (`| head`): not an error, and nothing more can be said there.
            sys.stderr.close()
            sys.exit(0)
        show_error(WorkbenchError(f"{error.filename or 'the system'}: {error.strerror or error}", _advice(error)))
        sys.exit(WorkbenchError.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _answer(words: list[str]) -> None:
    """Without words, and on a terminal, opens the screens."""
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not answer_at_once(words or ["tui"] if on_terminal else words):
        from workbench.cli.app import app

        app()


def _advice(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "free some space; nothing half-written was kept"
    return "check the path, its permissions and --home"


if __name__ == "__main__":
    main()
