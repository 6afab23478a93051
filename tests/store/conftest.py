from pathlib import Path

import pytest

from workbench.run.layout import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / ".workbench")
    made.path.mkdir()
    return made
