"""What holds for all tests: a known state of the generators, and of the settings tests change."""

import re
import sys

import pytest

import tensorlite


def pytest_collection_modifyitems(items):
    """Skips what is said of CUDA beside a PyTorch that is built with it: the reference is its CPU build."""
    torch = sys.modules.get("torch")
    if torch is None or torch.version.cuda is None:
        return
    for item in items:
        if re.search(r"\[.*(cuda|cudnn|nccl|accelerator|pinned|ordinal)", item.nodeid):
            item.add_marker(pytest.mark.skip(reason="PyTorch is built with CUDA here"))


@pytest.fixture(autouse=True)
def restored_state():
    """Seeds the default generator; puts settings back that a test left changed."""
    dtype, threads = tensorlite.get_default_dtype(), tensorlite.get_num_threads()
    if tensorlite.manual_seed:
        tensorlite.manual_seed(0)
    yield
    tensorlite.set_default_dtype(dtype)
    tensorlite.set_num_threads(threads)
