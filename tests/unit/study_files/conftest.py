from pathlib import Path

import pytest

from workbench.run.layout import Home


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that nothing is written to."""
    return Home(Path(tmp_path_factory.mktemp("home")))
