"""Intel's GPUs: not there. Seeds are accepted; what needs a device raises PyTorch's error."""

from __future__ import annotations

from typing import Any, NoReturn


def _unavailable(*args: Any, **kwargs: Any) -> NoReturn:
    raise AssertionError("Torch not compiled with XPU enabled")


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def manual_seed(seed: int) -> None:
    """Accepted; there is no generator to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Accepted; there is no generator to seed."""
    int(seed)


def empty_cache() -> None:
    """Does nothing."""


def memory_allocated(device: Any = None) -> int:
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device: Any = None) -> None:
    """Does nothing."""


init = synchronize = current_device = set_device = get_device_name = _unavailable
get_device_properties = get_device_capability = current_stream = _unavailable
