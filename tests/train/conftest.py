import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tests share the cores with each other's processes."""
    torch.set_num_threads(1)
