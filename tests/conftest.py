"""What holds for all tests: a known state of the generators, and of the settings tests change."""

import pytest

import tensorlite


@pytest.fixture(autouse=True)
def restored_state():
    """Seeds the default generator; puts settings back that a test left changed."""
    dtype, threads = tensorlite.get_default_dtype(), tensorlite.get_num_threads()
    if tensorlite.manual_seed:
        tensorlite.manual_seed(0)
    yield
    tensorlite.set_default_dtype(dtype)
    tensorlite.set_num_threads(threads)
