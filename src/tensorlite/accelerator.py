"""The accelerator beside the CPU: there is none."""

from __future__ import annotations

from typing import Any, NoReturn


def _unavailable(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator."""
    return None


synchronize = current_device_index = set_device_index = current_stream = set_stream = _unavailable
