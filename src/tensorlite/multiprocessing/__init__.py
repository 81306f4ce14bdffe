"""Python's `multiprocessing`, with tensors that travel between processes as shared memory.

Everything of the standard module is here too. A tensor that is sent through a queue or a pipe, or handed to a
process, is moved into shared memory first: both sides then see the same numbers.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *

from .reductions import init_reductions
from .spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = [
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    *multiprocessing.__all__,  # type: ignore[attr-defined]
]

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """How the memory of sent tensors is found: "file_descriptor", or "file_system" (by a name)."""
    global _strategy
    if new_strategy not in _STRATEGIES:
        raise AssertionError(
            f"unknown sharing strategy {new_strategy!r}, not one of {sorted(_STRATEGIES)}"
        )
    _strategy = new_strategy


def get_sharing_strategy() -> str:
    """The strategy in use."""
    return _strategy


def get_all_sharing_strategies() -> set[str]:
    """The strategies there are."""
    return set(_STRATEGIES)


init_reductions()
