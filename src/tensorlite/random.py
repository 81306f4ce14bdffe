"""The default random generator: seeding it, and keeping and restoring its state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._C import Generator, default_generator

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = [
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


def set_rng_state(new_state: Tensor) -> None:
    """Goes on where :func:`get_rng_state` was called."""
    default_generator.set_state(new_state)


def get_rng_state() -> Tensor:
    """The default generator's whole state, as a uint8 tensor in PyTorch's format."""
    return default_generator.get_state()


def manual_seed(seed: Any) -> Generator:
    """Starts the stream of ``seed``: after it, random numbers are PyTorch's after the same call.

    Args:
        seed: an integer in ``[-2**63, 2**64)``; a negative one stands for ``2**64 + seed``.
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Starts a stream from the system's entropy and returns its seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the running stream."""
    return default_generator.initial_seed()


@contextlib.contextmanager
def fork_rng(
    devices: Any = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str | None = None,
) -> Iterator[None]:
    """Inside the block the default generator runs on; after it, it stands where it stood before.

    ``devices`` and ``device_type`` name accelerators in PyTorch; here the cpu is all there is.
    """
    if not enabled:
        yield
        return
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
