"""Seeds of CUDA's generators: accepted, as in PyTorch, and without effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def manual_seed(seed: int) -> None:
    """Accepted for the sake of scripts; there is no generator to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Accepted for the sake of scripts; there is no generator to seed."""
    int(seed)


def seed() -> None:
    """Does nothing."""


def seed_all() -> None:
    """Does nothing."""


def initial_seed() -> int:
    """Raises: there is no generator."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def get_rng_state(device: Any = "cuda") -> NoReturn:
    """Raises: there is no generator."""
    raise AssertionError("Torch not compiled with CUDA enabled")


def get_rng_state_all() -> list[Any]:
    """The states of all devices: an empty list."""
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Does nothing."""


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Does nothing."""
