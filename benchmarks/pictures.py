"""The pictures of the screens in the README, taken from the program over the sample study.

`python -m benchmarks.pictures` writes `docs/pictures/*.svg`.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import ROOT
from tui.app import WorkbenchApp
from workbench.run.layout import Home
from workbench.sample.home import sample_home

FOLDER = ROOT / "docs" / "pictures"
SIZE = (120, 32)
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # from another site; every viewer has a monospaced one


async def take(name: str, home: Home, keys: Sequence[str]) -> None:
    """Presses the keys, lets the threads answer, and keeps what is on the screen."""
    app = WorkbenchApp(home)
    async with app.run_test(size=SIZE, notifications=False) as pilot:
        await pilot.pause(0.5)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(1.0)
        await pilot.pause(3.0)
        picture = _FONTS.sub("", app.export_screenshot(title="adapter workbench"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


def main() -> None:
    sample = sample_home()
    with TemporaryDirectory() as folder:
        own = Home(Path(folder) / ".workbench")
        own.path.mkdir()
        plan = ("G", "v", "k", "right", "right", "right", "minus", "minus", "escape", "g", "end", "b", "b")
        asyncio.run(take("plan", own, plan))
    asyncio.run(take("runs", sample, ("2", "G", "p", *["k"] * 4, "space", *["k"] * 6, "space")))
    asyncio.run(take("compare", sample, ("3", "j", "enter")))
    asyncio.run(take("library", sample, ("4",)))


if __name__ == "__main__":
    main()
