"""The device that is there."""

from __future__ import annotations

import importlib
from typing import Any


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """Always "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Does nothing."""


def synchronize(device: Any = None) -> None:
    """Does nothing: a call has run when it returns."""


def __getattr__(name: str) -> Any:
    if name == "amp":
        return importlib.import_module("..amp", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
