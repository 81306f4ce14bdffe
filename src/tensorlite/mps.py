"""Apple's GPUs: not there. Seeds are accepted; what needs the device raises PyTorch's error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn


def _needs_device(call: str) -> Callable[..., NoReturn]:
    def raises(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"Cannot execute {call}() without MPS backend.")

    return raises


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Accepted; there is no generator to seed."""
    int(seed)


def seed() -> None:
    """Does nothing."""


synchronize = _needs_device("deviceSynchronize")
empty_cache = _needs_device("emptyCache")
current_allocated_memory = _needs_device("getCurrentAllocatedMemory")
driver_allocated_memory = _needs_device("getDriverAllocatedMemory")
recommended_max_memory = _needs_device("getRecommendedMaxMemory")
set_per_process_memory_fraction = _needs_device("setMemoryFraction")
get_rng_state = set_rng_state = _needs_device("getDefaultGenerator")
